/// Builds protobuf messages for tests.
package struct MessageWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package init(_ build: (inout MessageWriter) -> Void) { build(&self) }

  package mutating func int(_ field: Int, _ value: Int) {
    tag(field, 0)
    varint(UInt64(bitPattern: Int64(value)))
  }

  package mutating func float(_ field: Int, _ value: Float) {
    tag(field, 5)
    append(value.bitPattern)
  }

  package mutating func double(_ field: Int, _ value: Double) {
    tag(field, 1)
    append(value.bitPattern)
  }

  package mutating func bytes(_ field: Int, _ value: [UInt8]) {
    tag(field, 2)
    varint(UInt64(value.count))
    bytes += value
  }

  package mutating func string(_ field: Int, _ value: String) { bytes(field, Array(value.utf8)) }

  package mutating func message(_ field: Int, _ value: MessageWriter) { bytes(field, value.bytes) }

  package mutating func message(_ field: Int, _ build: (inout MessageWriter) -> Void) {
    message(field, MessageWriter(build))
  }

  package mutating func packedInts(_ field: Int, _ values: [Int]) {
    var inner = MessageWriter()
    for value in values { inner.varint(UInt64(bitPattern: Int64(value))) }
    message(field, inner)
  }

  package mutating func packedFloats(_ field: Int, _ values: [Float]) {
    var inner = MessageWriter()
    for value in values { inner.append(value.bitPattern) }
    message(field, inner)
  }

  package mutating func packedDoubles(_ field: Int, _ values: [Double]) {
    var inner = MessageWriter()
    for value in values { inner.append(value.bitPattern) }
    message(field, inner)
  }

  package mutating func tag(_ field: Int, _ type: Int) { varint(UInt64(field << 3 | type)) }

  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest > 0x7F {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func append(_ bits: some FixedWidthInteger) {
    withUnsafeBytes(of: bits.littleEndian) { bytes += $0 }
  }
}

extension MessageWriter {
  /// A `TensorProto` without elements.
  package static func tensor(
    _ name: String, _ type: Int, _ dims: [Int], _ build: (inout MessageWriter) -> Void = { _ in }
  )
    -> Self
  {
    MessageWriter {
      if !dims.isEmpty { $0.packedInts(1, dims) }
      $0.int(2, type)
      $0.string(8, name)
      build(&$0)
    }
  }

  /// A `NodeProto`.
  package static func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ build: (inout MessageWriter) -> Void = { _ in }
  ) -> Self {
    MessageWriter {
      for input in inputs { $0.string(1, input) }
      for output in outputs { $0.string(2, output) }
      $0.string(4, type)
      build(&$0)
    }
  }

  /// A `ModelProto` around a graph.
  package static func model(_ graph: (inout MessageWriter) -> Void) -> Self {
    MessageWriter {
      $0.int(1, 10)
      $0.message(7, graph)
      $0.message(8) { $0.int(2, 21) }
    }
  }
}
