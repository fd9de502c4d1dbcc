import GraphIR
import Interpreter
import Tensors
import Testing

/// Windows drawn from a seed, and their elements by definition.
private struct WindowCase {
  var x: Shape
  var window: Window
  var low: [Int]
  var high: [Int]
  var output: [Int]

  init(_ generator: inout SeededGenerator) {
    let rank = generator.integer(1...3)
    let spatial = (0..<rank).map { _ in generator.integer(1...(rank == 3 ? 5 : 9)) }
    let size = (0..<rank).map { _ in generator.integer(1...3) }
    let strides = (0..<rank).map { _ in generator.integer(1...3) }
    let dilations = (0..<rank).map { _ in generator.integer(1...2) }
    let padding = generator.integer(0...4)
    let roundsUp = padding == 0
    var low = [Int](repeating: 0, count: rank)
    var (high, output) = (low, low)
    for axis in 0..<rank {
      let span = (size[axis] - 1) * dilations[axis] + 1
      let extent = spatial[axis]
      if padding < 3 {
        (low[axis], high[axis]) = (generator.integer(0...(size[axis] - 1)), generator.integer(0...(size[axis] - 1)))
        let slack = Double(extent + low[axis] + high[axis] - span) / Double(strides[axis])
        output[axis] = max(0, Int(slack.rounded(roundsUp ? .up : .down)) + 1)
        if roundsUp, output[axis] > 0, (output[axis] - 1) * strides[axis] >= extent + low[axis] { output[axis] -= 1 }
      } else {
        output[axis] = (extent + strides[axis] - 1) / strides[axis]
        let total = max(0, (output[axis] - 1) * strides[axis] + span - extent)
        low[axis] = padding == 3 ? total / 2 : (total + 1) / 2
        high[axis] = total - low[axis]
      }
    }
    (self.low, self.high, self.output) = (low, high, output)
    x = Shape([generator.integer(1...2)] + spatial + [generator.pick([1, 3, 8, 13])])
    window = Window(
      size: size, strides: strides, dilations: dilations,
      padding: padding == 3 ? .sameUpper : padding == 4 ? .sameLower : .explicit(low: low, high: high),
      roundsUp: roundsUp)
  }

  var rank: Int { output.count }
  var result: Shape { Shape([x[0]] + output + [x[rank + 1]]) }

  /// For each result element: positions in the operand, and how many more lie in the padding.
  var elements: [(inside: [[Int]], padding: Int)] {
    positions(result.dimensions).map { position in
      var inside: [[Int]] = []
      var padding = 0
      for tap in positions(window.size) {
        let source = (0..<rank).map { (axis: Int) -> Int in
          position[axis + 1] * window.strides[axis] - low[axis] + tap[axis] * window.dilations[axis]
        }
        if (0..<rank).allSatisfy({ 0 <= source[$0] && source[$0] < x[$0 + 1] }) {
          inside.append([position[0]] + source + [position[rank + 1]])
        } else if (0..<rank).allSatisfy({ source[$0] < x[$0 + 1] + high[$0] }) {
          padding += 1
        }
      }
      return (inside, padding)
    }
  }
}

@Suite("windows")
struct WindowTests {
  @Test("reductions over any window", arguments: 0..<60)
  func random(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let test = WindowCase(&generator)
    let x = generator.floats(test.x)
    let numbers = x.elements(of: Float.self).map(Double.init)
    let elements = test.elements
    func check(_ reduction: WindowReduction, _ expected: ([Double], Int) -> Double) throws {
      let found = try Primitive(.reduceWindow(reduction, test.window), threadCount: 2)(x)
      #expect(found.shape == test.result)
      let values = elements.map { expected($0.inside.map { numbers[test.x.offset($0)] }, $0.padding) }
      #expect(difference(found.elements(), values) < 1e-5, "\(reduction)")
    }
    try check(.maximum) { numbers, _ in numbers.max() ?? -.infinity }
    try check(.sum) { numbers, _ in numbers.reduce(0, +) }
    try check(.average(countsPadding: false)) { numbers, _ in numbers.reduce(0, +) / Double(max(1, numbers.count)) }
    try check(.average(countsPadding: true)) { numbers, padding in
      numbers.reduce(0, +) / Double(max(1, numbers.count + padding))
    }
    try check(.norm(p: 1)) { numbers, _ in numbers.reduce(0) { $0 + abs($1) } }
    try check(.norm(p: 2)) { numbers, _ in numbers.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  }

  @Test("maxima of integers with positions", arguments: 100..<140)
  func positionsOfMaxima(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let test = WindowCase(&generator)
    let x = generator.integers(test.x, of: Int8.self)
    let numbers = x.elements(of: Int8.self)
    let rank = test.rank
    let spatial = Array(test.x.dimensions[1...rank])
    // One element per position: its value and flat position in [N, C, spatial…], for both orders.
    for columnMajor in [false, true] {
      let order = columnMajor ? Array(spatial.reversed()) : spatial
      let layout = Shape([test.x[0], test.x[rank + 1]] + order)
      let expected = test.elements.map { element -> (Int8, Int64) in
        var best: (Int8, Int64)?
        for position in element.inside {
          let value = numbers[test.x.offset(position)]
          let within = Array(position[1...rank])
          let place = layout.offset([position[0], position[rank + 1]] + (columnMajor ? within.reversed() : within))
          if best == nil || value > best!.0 { best = (value, Int64(place)) }
        }
        return best ?? (.min, -1)
      }
      let found = try Primitive(.maxPoolWithIndices(test.window, columnMajor: columnMajor)).results(x)
      #expect(found[0].elements(of: Int8.self) == expected.map(\.0))
      #expect(found[1].elements(of: Int64.self) == expected.map(\.1))
      #expect(try Primitive(.reduceWindow(.maximum, test.window))(x).elements(of: Int8.self) == expected.map(\.0))
    }
  }

  @Test("NaN is the maximum")
  func nan() throws {
    let x = Tensor([1, 4, 1], [1, .nan, 2, 3] as [Float])
    let window = Window(size: [2], strides: [1], dilations: [1], padding: .explicit(low: [0], high: [0]))
    let found = try Primitive(.reduceWindow(.maximum, window))(x).elements(of: Float.self)
    #expect(found[0].isNaN && found[1].isNaN && found[2] == 3)
    let indices = try Primitive(.maxPoolWithIndices(window, columnMajor: false)).results(x)[1]
    #expect(indices.elements() == [1, 1, 3] as [Int64])
  }

  @Test("float16 is pooled in float32")
  func halves() throws {
    let x = try Tensor([1, 3, 1], [2048, 1, 1] as [Float]).converted(to: .float16)
    let window = Window(size: [3], strides: [1], dilations: [1], padding: .explicit(low: [0], high: [0]))
    let found = try Primitive(.reduceWindow(.sum, window))(x)
    #expect(found.elementType == .float16)
    #expect(try found.converted(to: .float32).elements() == [2050] as [Float])
  }

  @Test("windows that do not fit are errors")
  func errors() {
    let x = Tensor([1, 4, 4, 1], [Float](repeating: 0, count: 16))
    func pool(
      size: [Int] = [2, 2], strides: [Int] = [1, 1], low: [Int] = [0, 0], reduction: WindowReduction = .maximum
    ) throws {
      let window = Window(size: size, strides: strides, dilations: [1, 1], padding: .explicit(low: low, high: [0, 0]))
      _ = try Primitive(.reduceWindow(reduction, window))(x)
    }
    #expect(throws: EvaluationError.self) { try pool(size: [2]) }
    #expect(throws: EvaluationError.self) { try pool(size: [0, 1]) }
    #expect(throws: EvaluationError.self) { try pool(strides: [1, 0]) }
    #expect(throws: EvaluationError.self) { try pool(low: [.min, 0]) }
    #expect(throws: EvaluationError.self) { try pool(low: [0]) }
    #expect(throws: EvaluationError.self) { try pool(reduction: .norm(p: 0)) }
    // A window as large as a hostile file may claim costs no more than the operand.
    #expect(throws: Never.self) { try pool(size: [1 << 30, 1 << 30], low: [1 << 30, 1 << 30]) }
  }
}
