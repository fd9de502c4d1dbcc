/// Loops over the window positions that lie inside the image.
struct WindowTaps {
  let builder: VectorBuilder
  let window: ConvolutionShape

  /// Window positions along one axis that lie inside the image for one output position.
  struct Range {
    var first: IntegerOperand
    var end: IntegerOperand
    /// Bytes from the image's start to window position 0 along this axis; may be negative.
    var origin: Value
  }

  /// - Parameter bytes: from one input position to the next.
  func range(_ axis: Int, output: Value, bytes: Int) -> Range {
    let position = builder.subtract(
      builder.multiply(output, by: window.strides[axis]), .immediate(window.padding[axis]))
    let origin = builder.multiply(position, by: bytes)
    guard window.clips(axis) else {
      return Range(first: .immediate(0), end: .immediate(window.window[axis]), origin: origin)
    }
    let dilation = window.dilations[axis]
    // Position + tap·dilation is in 0 ..< input. Quotients of negative numbers come out as 0 or more negative, which
    // the bounds cut off.
    func positions(_ distance: Value) -> Value {
      builder.divide(builder.add(distance, .immediate(dilation - 1)), by: dilation).quotient
    }
    let before = builder.subtract(builder.integer(0), .value(position))
    let behind = builder.subtract(builder.integer(window.input[axis]), .value(position))
    return Range(
      first: .value(builder.maximum(positions(before), .immediate(0))),
      end: .value(builder.minimum(positions(behind), .immediate(window.window[axis]))), origin: origin)
  }

  /// Carries accumulators over the positions of a range; the body gets the addresses of A and B for each.
  func forEach(
    _ axis: Int, _ range: Range, carrying accumulators: [Value], _ a: Value, _ b: Value, aBytes: Int, bBytes: Int,
    _ body: ([Value], Value, Value) -> [Value]
  ) -> [Value] {
    if window.window[axis] == 1, !window.clips(axis) { return body(accumulators, a, b) }
    return builder.loop(from: range.first, to: range.end, carrying: accumulators) { tap, carried in
      body(
        carried, builder.add(a, .value(builder.multiply(tap, by: window.dilations[axis] * aBytes))),
        builder.add(b, .value(builder.multiply(tap, by: bBytes))))
    }
  }
}
