/// The input channels of several groups, spread over a vector of their output channels.
struct GroupSpread {
  let builder: VectorBuilder
  private let inputs: Int
  private let outputs: Int

  /// - Parameters:
  ///   - inputs, outputs: channels of a group.
  init(_ builder: VectorBuilder, inputs: Int, outputs: Int) throws(ContractionError) {
    guard inputs <= outputs, builder.lanes % outputs == 0 else {
      throw .unsupported("groups of \(inputs) and \(outputs) channels in vectors of \(builder.lanes)")
    }
    self.builder = builder
    self.inputs = inputs
    self.outputs = outputs
  }

  /// The lanes of input channels that belong to so many output channels; nil for a whole vector.
  func mask(channels: Int) -> Value? {
    let count = channels / outputs * inputs
    return count < builder.lanes ? builder.laneMask(count: count) : nil
  }

  /// Input channel `channel` of each group in all lanes of the group. `address` is that of the first group's first
  /// channel.
  func load(_ address: Address, channel: Int, mask: Value?) -> Value {
    let kind = builder.vectorKind
    if outputs == 1 { return mask.map { builder.load(address, mask: $0) } ?? builder.load(address) }
    let source = mask.map { VectorOperand.value(builder.load(address, mask: $0)) } ?? .memory(address)
    let lanes = (0..<builder.lanes).map { $0 / outputs * inputs + channel }
    if let pattern = Self.pattern(lanes) {
      return builder.define(.vpermilps, kind, source, .immediate(Int64(pattern)))
    }
    return builder.define(.vpermps, kind, .value(builder.constant(elements: lanes.map { Int32($0) })), source)
  }

  /// For lanes that come from their own 128 bits, everywhere in the same way: two bits for each of four.
  private static func pattern(_ lanes: [Int]) -> Int? {
    let first = lanes.prefix(4)
    guard first.allSatisfy({ $0 < 4 }),
      lanes.indices.allSatisfy({ lanes[$0] == $0 / 4 * 4 + first[$0 % 4] })
    else { return nil }
    return first.reversed().reduce(0) { $0 << 2 | $1 }
  }
}
