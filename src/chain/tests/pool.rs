//! The built-in transport against a real socket that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use crate::chain::*;

/// A server on this machine that gives one connection after the other one prepared answer, byte for byte, then closes.
fn server_giving(answers: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    url
}

fn read_request(stream: &mut TcpStream) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

fn get(url: &str, max_body: usize, timeout: Duration) -> Result<HttpResponse, HttpError> {
    let pool = EsploraPool::new(url, 1).unwrap();
    let (method, path) = (HttpMethod::Get, "/anything".to_owned());
    let request = HttpRequest {
        method,
        path,
        body: Vec::new(),
        max_body,
        timeout,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(pool.exchange(request))
}

fn get_from(answer: &str) -> Result<HttpResponse, HttpError> {
    get(
        &server_giving(vec![answer.to_owned()]),
        1_000,
        Duration::from_secs(20),
    )
}

#[test]
fn an_answer_comes_with_its_status_and_the_pause_it_asks_for() {
    let response = get_from(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nslow",
    );
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(
        response,
        Ok(HttpResponse {
            status: 429,
            body: b"slow".to_vec(),
            retry_after
        })
    );
}

#[test]
fn an_answer_that_ends_before_its_announced_length_is_cut_off() {
    assert_eq!(
        get_from("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"),
        Err(HttpError::CutOff)
    );
}

#[test]
fn an_answer_above_the_cap_is_too_large_with_and_without_an_announced_length() {
    let body = "x".repeat(1_001);
    let announced = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(get_from(&announced), Err(HttpError::TooLarge));
    assert_eq!(
        get_from(&format!("HTTP/1.1 200 OK\r\n\r\n{body}")),
        Err(HttpError::TooLarge)
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
    assert!(matches!(get_from(elsewhere), Err(HttpError::Unusable(_))));
}

#[test]
fn a_closed_port_is_a_connection_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    assert!(matches!(
        get(&url, 1_000, Duration::from_secs(20)),
        Err(HttpError::Connection(_))
    ));
}

#[test]
fn a_server_that_accepts_and_says_nothing_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    assert_eq!(
        get(&url, 1_000, Duration::from_millis(30)),
        Err(HttpError::Timeout)
    );
}

#[test]
fn a_server_that_closes_after_each_answer_is_asked_again_over_a_new_connection() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned();
    let pool = EsploraPool::new(&server_giving(vec![answer; 3]), 1).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for _ in 0..3 {
        let request = HttpRequest {
            method: HttpMethod::Post,
            path: "/tx".to_owned(),
            body: b"00".to_vec(),
            max_body: 1_000,
            timeout: Duration::from_secs(20),
        };
        assert_eq!(
            runtime.block_on(pool.exchange(request)).unwrap().body,
            b"ok"
        );
    }
}

#[test]
fn only_web_urls_are_taken() {
    assert!(matches!(
        EsploraPool::new("ftp://somewhere", 8),
        Err(ChainError::Configuration(_))
    ));
}
