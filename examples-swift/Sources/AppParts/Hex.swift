import Foundation

extension Data {
    /// Nil unless `hex` is pairs of hex digits.
    public init?(hex: String) {
        let digits = Array(hex.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        self.init(capacity: digits.count / 2)
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) else { return nil }
            append(byte)
        }
    }

    public var hex: String { map { String(format: "%02x", $0) }.joined() }
}
