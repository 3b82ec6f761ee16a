//! HTTP by hand, to see exactly what comes over the wire.

use std::io::{Read, Write};
use std::net::TcpStream;

/// What came before the connection ended.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

pub fn get(url: &str, path: &str) -> Answer {
    try_get(url, path).unwrap()
}

/// `None` if the connection ended without an answer.
pub fn try_get(url: &str, path: &str) -> Option<Answer> {
    exchange(url, &format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n"))
}

pub fn post(url: &str, path: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n");
    exchange(url, &(head + body)).unwrap()
}

fn exchange(url: &str, request: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        if let Some(answer) = complete(&received) {
            return Some(answer);
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => received.extend_from_slice(&piece[..length]),
        }
    }
    parse(&received)
}

fn parse(received: &[u8]) -> Option<Answer> {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&received[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Some(Answer {
        status,
        headers,
        body: received[end + 4..].to_vec(),
    })
}

/// The answer once its announced length, or the last chunk, is there.
fn complete(received: &[u8]) -> Option<Answer> {
    let answer = parse(received)?;
    let done = match answer.header("content-length") {
        Some(length) => answer.body.len() == length.parse::<usize>().unwrap(),
        None => answer.body.ends_with(b"0\r\n\r\n"),
    };
    done.then_some(answer)
}
