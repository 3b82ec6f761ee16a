import AppParts
import Foundation
#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// The program that plays the chain, the Esplora server and the channel partner; it ends with its standard input.
final class Testkit {
    private let process = Process()
    private let input = Pipe()
    /// Where the Esplora server answers.
    let url: String

    init() throws {
        guard let program = ProcessInfo.processInfo.environment["TESTKIT_SERVER"] else {
            throw Failure("TESTKIT_SERVER names no program: run scripts/test-swift.sh")
        }
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw Failure("the testkit did not start") }
            line += more
        }
        url = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines)
            .replacingOccurrences(of: "listening ", with: "")
    }

    func close() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    func get(_ path: String) async throws -> Json {
        try await send(URLRequest(url: URL(string: "\(url)/control\(path)")!))
    }

    func post(_ path: String, _ body: String = "{}") async throws -> Json {
        var request = URLRequest(url: URL(string: "\(url)/control\(path)")!)
        request.httpMethod = "POST"
        request.httpBody = Data(body.utf8)
        return try await send(request)
    }

    private func send(_ request: URLRequest) async throws -> Json {
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            throw Failure("\(request.url!.path): \(String(decoding: data, as: UTF8.self))")
        }
        return Json(try JSONSerialization.jsonObject(with: data))
    }

    /// Pays an address in a block of its own.
    func pay(_ address: String, sat: Int) async throws {
        _ = try await post("/fund", #"{"script": "\#(address)", "value_sat": \#(sat)}"#)
    }

    /// Mines, the waiting transactions first.
    func mine(_ blocks: Int) async throws {
        _ = try await post("/mine", #"{"blocks": \#(blocks)}"#)
    }

    /// What is confirmed at a script and unspent.
    func balanceSat(_ script: Data) async throws -> UInt64 {
        try await get("/address/\(script.hex)")["confirmed_sat"].number
    }

    /// The txids that wait for a block.
    func mempool() async throws -> [String] {
        try await get("/state")["mempool"].list.map(\.text)
    }
}

/// What a test cannot go on without.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// An answer of the testkit; a field that is not as expected ends the test.
struct Json {
    private let value: Any?
    init(_ value: Any?) { self.value = value }

    subscript(name: String) -> Json { Json((value as? [String: Any])?[name]) }
    var isNull: Bool { value == nil || value is NSNull }
    var text: String { value as! String }
    var number: UInt64 { (value as! NSNumber).uint64Value }
    var list: [Json] { (value as! [Any]).map { Json($0) } }
    var bytes: Data { Data(hex: text)! }
}
