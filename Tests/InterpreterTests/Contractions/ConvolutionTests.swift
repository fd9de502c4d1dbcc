import GraphIR
import Interpreter
import Tensors
import Testing

/// A convolution drawn from a seed, and its definition.
private struct ConvolutionCase {
  var rank: Int
  var x: Shape
  var filter: Shape
  var convolution: Convolution
  var output: [Int]
  var low: [Int]

  init(_ generator: inout SeededGenerator) {
    rank = generator.integer(1...3)
    let largest = rank == 3 ? 6 : 11
    let groups = generator.pick([1, 1, 2, 3])
    let groupChannels = generator.pick([1, 2, 3, 9])
    let groupFeatures = generator.pick([1, 2, 4])
    let spatial = (0..<rank).map { _ in generator.integer(1...largest) }
    let size = (0..<rank).map { _ in generator.integer(1...3) }
    let strides = (0..<rank).map { _ in generator.integer(1...3) }
    let dilations = (0..<rank).map { _ in generator.integer(1...2) }
    let padding = generator.integer(0...3)
    var low = [Int](repeating: 0, count: rank)
    var output = low
    var high = low
    for axis in 0..<rank {
      let span = (size[axis] - 1) * dilations[axis] + 1
      if padding < 2 {
        (low[axis], high[axis]) = (generator.integer(0...2), generator.integer(0...2))
        let slack = spatial[axis] + low[axis] + high[axis] - span
        output[axis] = slack < 0 ? 0 : slack / strides[axis] + 1
      } else {
        output[axis] = (spatial[axis] + strides[axis] - 1) / strides[axis]
        let total = max(0, (output[axis] - 1) * strides[axis] + span - spatial[axis])
        low[axis] = padding == 2 ? total / 2 : (total + 1) / 2
      }
    }
    self.low = low
    self.output = output
    x = Shape([generator.integer(1...2)] + spatial + [groups * groupChannels])
    filter = Shape(size + [groupChannels, groups * groupFeatures])
    convolution = Convolution(
      strides: strides, dilations: dilations,
      padding: padding == 2 ? .sameUpper : padding == 3 ? .sameLower : .explicit(low: low, high: high), groups: groups)
  }

  var result: Shape { Shape([x[0]] + output + [filter[rank + 1]]) }

  /// Offsets of the factors of each result element.
  var terms: [[(Int, Int)]] {
    let features = filter[rank + 1] / convolution.groups
    return positions(result.dimensions).map { position in
      let group = position[rank + 1] / features
      return positions(Array(filter.dimensions[..<rank]) + [filter[rank]]).compactMap { tap in
        var source = [position[0]]
        for axis in 0..<rank {
          let at = position[axis + 1] * convolution.strides[axis] - low[axis] + tap[axis] * convolution.dilations[axis]
          if at < 0 || at >= x[axis + 1] { return nil }
          source.append(at)
        }
        source.append(group * filter[rank] + tap[rank])
        return (x.offset(source), filter.offset(tap + [position[rank + 1]]))
      }
    }
  }
}

@Suite("convolution")
struct ConvolutionTests {
  @Test("1, 2 and 3 axes, strides, dilations, groups, padding", arguments: 0..<80)
  func random(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let test = ConvolutionCase(&generator)
    let (x, filter) = (generator.floats(test.x), generator.floats(test.filter))
    let (p, q) = (x.elements(of: Float.self), filter.elements(of: Float.self))
    let expected = test.terms.map { $0.reduce(0.0) { $0 + Double(p[$1.0]) * Double(q[$1.1]) } }
    let found = try Primitive(.convolution(test.convolution, result: .float32))(x, filter)
    #expect(found.shape == test.result)
    #expect(difference(found.elements(), expected) < 1e-5)
    let threaded = try Primitive(.convolution(test.convolution, result: .float32), threadCount: 2)(x, filter)
    #expect(threaded.elements(of: Float.self) == found.elements())
  }

  @Test("8-bit integers give exact int32", arguments: 100..<130)
  func randomIntegers(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let test = ConvolutionCase(&generator)
    let x = generator.integers(test.x, of: UInt8.self)
    let filter = generator.integers(test.filter, of: Int8.self)
    let (p, q) = (x.elements(of: UInt8.self), filter.elements(of: Int8.self))
    let expected = test.terms.map { $0.reduce(Int32(0)) { $0 + Int32(p[$1.0]) * Int32(q[$1.1]) } }
    let found = try Primitive(.convolution(test.convolution, result: .int32))(x, filter)
    #expect(found.elements() == expected)
  }

  /// Many pixels and channels, so that rows, columns and depth all take several blocks, on two threads.
  @Test("larger images", arguments: [(1, 20, 20, 40, 70, 3, 1), (1, 28, 30, 64, 64, 1, 1), (2, 15, 15, 24, 24, 3, 24)])
  func large(_ n: Int, _ h: Int, _ w: Int, _ c: Int, _ m: Int, _ k: Int, _ groups: Int) throws {
    var generator = SeededGenerator(h * w * c)
    let x = generator.floats([n, h, w, c])
    let filter = generator.floats([k, k, c / groups, m])
    let convolution = Convolution(strides: [1, 1], dilations: [1, 1], padding: .sameUpper, groups: groups)
    let found = try Primitive(.convolution(convolution, result: .float32), threadCount: 2)(x, filter)
    let (p, q) = (x.elements(of: Float.self), filter.elements(of: Float.self))
    let values = found.elements(of: Float.self)
    // Some elements, not all: the definition takes long without optimisation.
    for _ in 0..<200 {
      let (b, y, z, f) = (
        generator.integer(0...(n - 1)), generator.integer(0...(h - 1)), generator.integer(0...(w - 1)),
        generator.integer(0...(m - 1))
      )
      var sum = 0.0
      for i in 0..<k {
        for j in 0..<k {
          let (v, u) = (y + i - k / 2, z + j - k / 2)
          if v < 0 || v >= h || u < 0 || u >= w { continue }
          for channel in 0..<(c / groups) {
            sum +=
              Double(p[((b * h + v) * w + u) * c + f / (m / groups) * (c / groups) + channel])
              * Double(q[((i * k + j) * (c / groups) + channel) * m + f])
          }
        }
      }
      #expect(abs(Double(values[((b * h + y) * w + z) * m + f]) - sum) < 1e-4)
    }
  }

  @Test("a transposed convolution is the transpose of a convolution", arguments: 200..<280)
  func transposed(seed: Int) throws {
    var generator = SeededGenerator(seed)
    var test = ConvolutionCase(&generator)
    if test.output.contains(0) || test.x.elementCount == 0 { return }
    // The forward convolution maps `x` to `result`; its transpose maps tensors like `result` to tensors like `x`.
    let rank = test.rank
    let groups = test.convolution.groups
    let y = generator.floats(test.result)
    // Forward filter [spatial, C/groups, M] is backward filter [spatial, M'/groups, C'] as it is.
    let filter = generator.floats(test.filter)
    var expected = [Double](repeating: 0, count: test.x.elementCount)
    let (p, q) = (y.elements(of: Float.self), filter.elements(of: Float.self))
    for (index, terms) in test.terms.enumerated() {
      for (source, tap) in terms { expected[source] += Double(p[index]) * Double(q[tap]) }
    }
    // Elements of `x` past the last window are output padding.
    var padding = [Int](repeating: 0, count: rank)
    var high = padding
    for axis in 0..<rank {
      let span = (test.filter[axis] - 1) * test.convolution.dilations[axis] + 1
      let reached = (test.output[axis] - 1) * test.convolution.strides[axis] + span - test.low[axis]
      padding[axis] = max(0, test.x[axis + 1] - reached)
      high[axis] = max(0, reached - test.x[axis + 1])
    }
    test.convolution.padding = .explicit(low: test.low, high: high)
    let found = try Primitive(.transposedConvolution(test.convolution, outputPadding: padding), threadCount: 2)(
      y, filter)
    #expect(found.shape == test.x, "groups \(groups)")
    #expect(difference(found.elements(), expected) < 1e-5)
  }

  /// Expected values: onnx 1.23.2's ConvTranspose, 1-D, x = 1…n, filter = 1…k, one channel.
  @Test("transposed padding follows ONNX")
  func transposedPadding() throws {
    func run(
      _ n: Int, _ k: Int, stride: Int, _ padding: WindowPadding, outputPadding: Int = 0, shape: Int64? = nil
    ) throws -> [Float] {
      let x = Tensor([1, n, 1], (1...n).map(Float.init))
      let filter = Tensor([k, 1, 1], (1...k).map(Float.init))
      let operation = Primitive(
        .transposedConvolution(
          Convolution(strides: [stride], dilations: [1], padding: padding, groups: 1), outputPadding: [outputPadding]))
      let result = try shape.map { try operation(x, filter, Tensor([1], [$0])) } ?? operation(x, filter)
      return result.elements()
    }
    // Everything: 1 2 3+2 4 6+3 6 9 for n = 3, k = 3, stride 2.
    let full: [Float] = [1, 2, 5, 4, 9, 6, 9]
    #expect(try run(3, 3, stride: 2, .explicit(low: [0], high: [0])) == full)
    #expect(try run(3, 3, stride: 2, .explicit(low: [1], high: [1])) == Array(full[1..<6]))
    #expect(try run(3, 3, stride: 2, .explicit(low: [0], high: [0]), outputPadding: 1) == full + [0])
    // Six of seven: SAME_UPPER cuts at the end, SAME_LOWER and explicit padding with a shape at the beginning.
    #expect(try run(3, 3, stride: 2, .sameUpper) == Array(full[..<6]))
    #expect(try run(3, 3, stride: 2, .sameLower) == Array(full[1...]))
    #expect(try run(3, 3, stride: 2, .explicit(low: [0], high: [0]), shape: 6) == Array(full[1...]))
    #expect(try run(3, 3, stride: 2, .sameUpper, shape: 4) == Array(full[1..<5]))
    // Larger than there are contributions.
    #expect(try run(3, 3, stride: 2, .explicit(low: [0], high: [0]), shape: 9) == full + [0, 0])
  }

  @Test("operands that do not fit are errors")
  func errors() {
    func convolve(
      _ x: Shape, _ filter: Shape, strides: [Int] = [1, 1], dilations: [Int] = [1, 1],
      padding: WindowPadding = .explicit(low: [0, 0], high: [0, 0]), groups: Int = 1
    ) throws {
      _ = try Primitive(
        .convolution(
          Convolution(strides: strides, dilations: dilations, padding: padding, groups: groups), result: .float32))(
          Tensor(x, [Float](repeating: 0, count: x.elementCount)),
          Tensor(filter, [Float](repeating: 0, count: filter.elementCount)))
    }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 2, 5]) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 5]) }
    #expect(throws: EvaluationError.self) { try convolve([4, 4], [4, 4]) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 3, 5], strides: [0, 1]) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 3, 5], strides: [1]) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 3, 5], dilations: [1, -1]) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 3], [3, 3, 3, 5], groups: 0) }
    #expect(throws: EvaluationError.self) { try convolve([1, 4, 4, 4], [3, 3, 2, 5], groups: 2) }
    #expect(throws: EvaluationError.self) {
      try convolve([1, 4, 4, 3], [3, 3, 3, 5], padding: .explicit(low: [.max, 0], high: [0, 0]))
    }
    #expect(throws: Error.self) {
      let huge = Int(Int32.max)
      try convolve([1, 4, 4, 3], [3, 3, 3, 5], padding: .explicit(low: [huge, huge], high: [huge, huge]))
    }
    #expect(throws: Never.self) { try convolve([0, 4, 4, 3], [3, 3, 3, 5]) }
    #expect(throws: Never.self) { try convolve([1, 4, 4, 0], [3, 3, 0, 5]) }
    #expect(throws: Never.self) { try convolve([1, 1, 1, 3], [3, 3, 3, 5]) }
  }
}
