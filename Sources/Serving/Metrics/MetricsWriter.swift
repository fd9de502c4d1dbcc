import NIOCore

/// Prometheus's text exposition format, version 0.0.4.
///
///     # HELP name what it is
///     # TYPE name counter
///     name{label="value",other="value"} 1
struct MetricsWriter {
  enum Kind {
    case counter, gauge, histogram

    var line: StaticString {
      switch self {
      case .counter: " counter\n"
      case .gauge: " gauge\n"
      case .histogram: " histogram\n"
      }
    }
  }

  /// Labels of a sample, as they stand between braces: `model="digits",version="1"`.
  struct Labels: Sendable {
    let bytes: [UInt8]

    static let none = Labels([])

    init(_ labels: [(name: StaticString, value: String)], after others: Labels? = nil) {
      let text = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }.joined(separator: ",")
      let front = others?.bytes ?? []
      bytes = front + (front.isEmpty || text.isEmpty ? [] : [UInt8(ascii: ",")]) + Array(text.utf8)
    }

    /// Backslash, quotation mark and line feed are escaped, nothing else is.
    static func escaped(_ value: String) -> String {
      var result = ""
      for scalar in value.unicodeScalars {
        switch scalar {
        case "\\": result += "\\\\"
        case "\"": result += "\\\""
        case "\n": result += "\\n"
        default: result.unicodeScalars.append(scalar)
        }
      }
      return result
    }
  }

  private(set) var buffer: ByteBuffer

  init(_ buffer: ByteBuffer) { self.buffer = buffer }

  mutating func begin(_ name: StaticString, _ kind: Kind, _ help: StaticString) {
    buffer.writeStaticString("# HELP ")
    buffer.writeStaticString(name)
    buffer.writeStaticString(" ")
    buffer.writeStaticString(help)
    buffer.writeStaticString("\n# TYPE ")
    buffer.writeStaticString(name)
    buffer.writeStaticString(kind.line)
  }

  mutating func sample(
    _ name: StaticString, suffix: StaticString = "", _ labels: Labels = .none,
    _ label: (name: StaticString, value: StaticString)? = nil, _ value: Value
  ) {
    buffer.writeStaticString(name)
    buffer.writeStaticString(suffix)
    if !labels.bytes.isEmpty || label != nil {
      buffer.writeStaticString("{")
      buffer.writeBytes(labels.bytes)
      if let label {
        if !labels.bytes.isEmpty { buffer.writeStaticString(",") }
        buffer.writeStaticString(label.name)
        buffer.writeStaticString("=\"")
        buffer.writeStaticString(label.value)
        buffer.writeStaticString("\"")
      }
      buffer.writeStaticString("}")
    }
    buffer.writeStaticString(" ")
    value.write(to: &buffer)
    buffer.writeStaticString("\n")
  }

  /// - Parameter counts: observations in each bucket alone, the last being those beyond all bounds. The format wants
  ///   them cumulative; what it calls the count is the last of them, so that the two always agree.
  mutating func histogram(_ name: StaticString, _ labels: Labels, counts: [UInt64], nanoseconds: UInt64) {
    var total: UInt64 = 0
    for (index, count) in counts.enumerated() {
      total &+= count
      let bound = index < LatencyBuckets.count ? LatencyBuckets.labels[index] : "+Inf"
      sample(name, suffix: "_bucket", labels, ("le", bound), .count(total))
    }
    sample(name, suffix: "_sum", labels, nil, .nanoseconds(nanoseconds))
    sample(name, suffix: "_count", labels, nil, .count(total))
  }

  enum Value {
    case count(UInt64)
    /// Printed in seconds.
    case nanoseconds(UInt64)

    static func count(_ count: Int) -> Value { .count(UInt64(max(count, 0))) }

    func write(to buffer: inout ByteBuffer) {
      switch self {
      case .count(let count): Self.write(count, digitCount: 1, to: &buffer)
      case .nanoseconds(let nanoseconds):
        Self.write(nanoseconds / 1_000_000_000, digitCount: 1, to: &buffer)
        buffer.writeStaticString(".")
        Self.write(nanoseconds % 1_000_000_000, digitCount: 9, to: &buffer)
      }
    }

    /// With zeros in front up to `digitCount` digits.
    private static func write(_ number: UInt64, digitCount: Int, to buffer: inout ByteBuffer) {
      var digits = InlineArray<20, UInt8>(repeating: 0x30)
      var rest = number
      var at = 20
      while rest > 0 || 20 - at < digitCount {
        at -= 1
        digits[at] = UInt8(truncatingIfNeeded: rest % 10) + 0x30
        rest /= 10
      }
      buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 20) { bytes in
        for index in at..<20 { bytes[index - at] = digits[index] }
        return 20 - at
      }
    }
  }
}
