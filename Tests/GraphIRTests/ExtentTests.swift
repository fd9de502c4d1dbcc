import GraphIR
import Tensors
import Testing

/// Extents by formula against extents by walking along the axis, for every small case; then the same formula with a
/// symbolic extent.
@Suite struct ExtentTests {
  private static let positions = [Int.min, -7, -3, -1, 0, 1, 2, 5, 9, Int.max]

  /// Constant extents, and the extent that a symbol bound to as much gives; nil when the rules leave it open.
  private func extents(
    _ extent: Int, _ rank: Int, axis: Int, add: (GraphBuilder, ValueID) throws -> ValueID
  ) throws -> (constant: Int?, symbolic: Int?) {
    func result(_ dimension: Dimension, _ builder: GraphBuilder) throws -> Dimension {
      var shape = [Dimension](repeating: .constant(1), count: rank)
      shape[axis] = dimension
      let y = try add(builder, builder.input("x", .tensor(TensorType(.float32, shape))))
      return try #require(builder.type(of: y).tensor).shape[axis]
    }
    let constant = try result(.constant(extent), GraphBuilder(name: "constant"))
    let builder = GraphBuilder(name: "symbolic")
    let symbol = builder.symbol(named: "D")
    let symbolic = try result(Dimension(symbol), builder).substituting { $0 == symbol ? .constant(extent) : nil }
    return (constant.constant, symbolic.constant)
  }

  @Test(arguments: 0...5, [-7, -3, -2, -1, 1, 2, 3, 7]) func slices(_ extent: Int, _ stride: Int) throws {
    for start in Self.positions {
      for limit in Self.positions {
        let found = try extents(extent, 1, axis: 0) { builder, x in
          try builder.slice(x, axis: 0, from: start, to: limit, step: stride)
        }
        // ONNX Slice: starts and limits clamp to where a walk in that direction may begin and end.
        func clamped(_ position: Int, _ low: Int, _ high: Int) -> Int {
          max(low, min(high, position < 0 ? position + extent : position))
        }
        var count = 0
        if stride > 0 {
          var position = clamped(start, 0, extent)
          while position < clamped(limit, 0, extent) { (count, position) = (count + 1, position + stride) }
        } else if extent > 0 {
          var position = clamped(start, 0, extent - 1)
          while position > clamped(limit, -1, extent - 1) { (count, position) = (count + 1, position + stride) }
        }
        #expect(found.constant == count, "[\(start):\(limit):\(stride)] of \(extent)")
        #expect(found.symbolic == nil || found.symbolic == count, "[\(start):\(limit):\(stride)] of \(extent)")
        if stride > 0 { #expect(found.symbolic != nil) }
      }
    }
  }

  @Test(arguments: 1...7, [1, 2, 3]) func windows(_ extent: Int, _ size: Int) throws {
    for (stride, dilation) in [(1, 1), (2, 1), (3, 1), (1, 2), (2, 2)] {
      for (low, high) in [(0, 0), (1, 0), (0, 1), (1, 1), (1, 2)] {
        for roundsUp in [false, true] {
          let reach = (size - 1) * dilation + 1
          if low >= reach || high >= reach { continue }
          // Whole windows; then, rounding up, one that starts in the operand or its low padding.
          var count = 0
          while -low + count * stride + reach <= extent + high { count += 1 }
          let coversAll = count > 0 && -low + (count - 1) * stride + reach == extent + high
          let isTooShort = extent + low + high < reach
          if isTooShort { continue }
          if roundsUp, !coversAll, -low + count * stride < extent { count += 1 }
          let window = Window(
            size: [size], strides: [stride], dilations: [dilation], padding: .explicit(low: [low], high: [high]),
            roundsUp: roundsUp)
          let found = try extents(extent, 3, axis: 1) { builder, x in
            try builder.one(.reduceWindow(.maximum, window), [x])
          }
          #expect(found.constant == count, "\(window) of \(extent)")
          #expect(found.symbolic == count, "\(window) of \(extent)")
        }
      }
    }
  }

  @Test(arguments: 1...9, 1...4) func sameWindows(_ extent: Int, _ stride: Int) throws {
    let window = Window(size: [3], strides: [stride], dilations: [1], padding: .sameUpper)
    let found = try extents(extent, 3, axis: 1) { builder, x in try builder.one(.reduceWindow(.sum, window), [x]) }
    #expect(found.constant == (extent + stride - 1) / stride)
    #expect(found.symbolic == found.constant)
  }

  /// A transposed convolution makes the extent from which the convolution makes the operand's.
  @Test(arguments: 1...6, 1...3) func transposedConvolutions(_ extent: Int, _ stride: Int) throws {
    for (size, dilation, low, high) in [(1, 1, 0, 0), (3, 1, 0, 0), (3, 1, 1, 1), (2, 2, 1, 0), (3, 2, 0, 2)] {
      let convolution = Convolution(
        strides: [stride], dilations: [dilation], padding: .explicit(low: [low], high: [high]), groups: 1)
      let filter = Tensor([size, 1, 1], [Float](repeating: 0, count: size))
      if (extent - 1) * stride + (size - 1) * dilation + 1 <= low + high { continue }
      let wide = try extents(extent, 3, axis: 1) { builder, x in
        try builder.one(.transposedConvolution(convolution, outputPadding: [0]), [x, builder.constant(filter)])
      }
      let back = try extents(try #require(wide.constant), 3, axis: 1) { builder, x in
        try builder.one(.convolution(convolution, result: .float32), [x, builder.constant(filter)])
      }
      #expect(back.constant == extent, "\(convolution) of \(extent)")
      #expect(wide.symbolic == wide.constant)
      #expect(back.symbolic == back.constant)
    }
  }
}
