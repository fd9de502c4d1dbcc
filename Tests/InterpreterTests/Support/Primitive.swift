import Tensors

@testable import GraphIR
@testable import Interpreter

/// One primitive by itself: no graph, no type rules.
struct Primitive {
  var operation: GraphIR.Operation
  var threadCount = 1
  var regions: [Graph] = []

  init(_ operation: GraphIR.Operation, threadCount: Int = 1, regions: [Graph] = []) {
    self.operation = operation
    self.threadCount = threadCount
    self.regions = regions
  }

  func results(_ operands: [RuntimeValue]) throws -> [RuntimeValue] {
    let node = Node(operation: operation, operands: [], results: [], regions: regions, source: nil)
    return try Interpreter.evaluate(node, operands, EvaluationContext(threadCount: threadCount))
  }

  func results(_ operands: Tensor...) throws -> [Tensor] {
    try results(operands.map(RuntimeValue.tensor)).compactMap(\.tensor)
  }

  /// The first result.
  func callAsFunction(_ operands: Tensor...) throws -> Tensor {
    guard let tensor = try results(operands.map(RuntimeValue.tensor)).first?.tensor else {
      throw NoTensor()
    }
    return tensor
  }

  struct NoTensor: Error {}
}

/// SplitMix64: the same numbers on every run and machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func integer(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[integer(0...(choices.count - 1))] }

  /// Uniform in -1 ..< 1.
  mutating func floats(_ shape: Shape) -> Tensor {
    Tensor(shape, (0..<shape.elementCount).map { _ in Float.random(in: -1..<1, using: &self) })
  }

  mutating func doubles(_ shape: Shape) -> Tensor {
    Tensor(shape, (0..<shape.elementCount).map { _ in Double.random(in: -1..<1, using: &self) })
  }

  /// Any bits.
  mutating func integers<Number: FixedWidthInteger & TensorElement>(_ shape: Shape, of: Number.Type) -> Tensor {
    Tensor(shape, (0..<shape.elementCount).map { _ in Number.random(in: .min ... .max, using: &self) })
  }
}

/// Positions of a row-major walk over `extents`.
func positions(_ extents: [Int]) -> [[Int]] {
  var all: [[Int]] = [[]]
  for extent in extents { all = all.flatMap { position in (0..<extent).map { position + [$0] } } }
  return all
}

extension Shape {
  func offset(_ position: [Int]) -> Int { zip(position, strides).reduce(0) { $0 + $1.0 * $1.1 } }
}

/// Largest difference, relative to the larger of 1 and the expected value. Infinite for NaN against a number.
func difference(_ found: [Float], _ expected: [Double]) -> Double {
  if found.count != expected.count { return .infinity }
  return zip(found, expected).reduce(0) { largest, pair in
    let (a, b) = (Double(pair.0), pair.1)
    if a == b || (a.isNaN && b.isNaN) { return largest }
    let relative = abs(a - b) / max(1, abs(b))
    return relative.isNaN ? .infinity : max(largest, relative)
  }
}
