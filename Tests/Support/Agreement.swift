import GraphIR
import Interpreter
import Tensors

/// Whether results are the interpreter's: numbers within float32 rounding, everything else exactly.
package struct Agreement {
  package let graph: Graph
  package let inputs: [RuntimeValue]
  package let expected: [RuntimeValue]
  /// Elements further off than rounding of the result, but no further than rounding on the way to it explains.
  package private(set) var amplifiedCount = 0
  private var spreads: [[Double]]?

  package init(_ graph: Graph, _ inputs: [RuntimeValue]) throws {
    self.graph = graph
    self.inputs = inputs
    expected = try Interpreter.run(graph, inputs: inputs)
  }

  /// Where results differ by more than rounding; nil when they agree.
  package mutating func difference(_ found: [RuntimeValue]) throws -> String? {
    guard found.count == expected.count else { return "\(found.count) outputs instead of \(expected.count)" }
    for number in expected.indices {
      guard let a = expected[number].tensor, let b = found[number].tensor else { return "output \(number): no tensor" }
      guard a.elementType == b.elementType, a.shape == b.shape else {
        return "output \(number): \(b.elementType)\(b.shape) instead of \(a.elementType)\(a.shape)"
      }
      let (x, y) = try (a.doubles, b.doubles)
      let scale = x.reduce(1.0) { $1.isFinite ? max($0, abs($1)) : $0 }
      for index in x.indices where !Self.areNear(x[index], y[index], a.elementType, scale: scale) {
        let spread = try spread(number, index)
        // A sample of what rounding does, not its bound.
        guard abs(x[index] - y[index]) <= 8 * spread || spread == .infinity else {
          return "output \(number), element \(index) of \(a.elementType)\(a.shape): \(y[index]) instead of \(x[index])"
            + " (rounding on the way explains \(spread))"
        }
        amplifiedCount += 1
      }
    }
    return nil
  }

  private static func areNear(_ x: Double, _ y: Double, _ type: ElementType, scale: Double) -> Bool {
    if x == y || x.isNaN && y.isNaN { return true }
    let tolerance: Double? =
      switch type {
      case .float32, .float64: 1e-5
      case .float16: 2e-3
      case .bfloat16: 1e-2
      default: nil
      }
    return tolerance.map { abs(x - y) <= $0 * min(scale, 1 + 8 * abs(x)) } ?? false
  }

  private mutating func spread(_ output: Int, _ element: Int) throws -> Double {
    if spreads == nil { spreads = try RoundingNoise.spreads(graph, inputs, expected) }
    return spreads?[output][element] ?? 0
  }
}

/// Runs a graph with every rounded result moved by a few units in the last place: how far the outputs move is what
/// rounding may do to them. Steps (floor, comparisons, conversions to integers) and cancellation make much of little.
/// Some runs move to the nearest of a few numbers instead, so that what is equal but for rounding is equal.
enum RoundingNoise {
  /// Relative to the element: about eight units in the last place.
  private static let amplitudes = [Float](repeating: 0x1p-20, count: 12)
  /// Relative to the largest element, of a sum's terms too.
  private static let grids: [Float] = (0..<24).map { 0x1p-22 * Float($0 % 4 + 4) / 4 * Float(1 << ($0 / 4)) }

  private enum Movement {
    case random(Float)
    /// One element of eight: results that depend on many have some left as they were.
    case sparse(Float)
    case toGrid(Float)
  }

  /// For each output and element.
  static func spreads(_ graph: Graph, _ inputs: [RuntimeValue], _ expected: [RuntimeValue]) throws -> [[Double]] {
    let exact = try expected.map { try $0.tensor?.doubles ?? [] }
    var spreads = exact.map { [Double](repeating: 0, count: $0.count) }
    var random = SeededGenerator(0)
    let movements = amplitudes.map(Movement.random) + amplitudes.map(Movement.sparse) + grids.map(Movement.toGrid)
    for movement in movements {
      for (output, value) in try run(graph, inputs, movement, &random).enumerated() {
        for (index, moved) in try (value.tensor?.doubles ?? []).enumerated() {
          let x = exact[output][index]
          if moved == x || moved.isNaN && x.isNaN { continue }
          let distance = abs(moved - x)
          spreads[output][index] = max(spreads[output][index], distance.isNaN ? .infinity : distance)
        }
      }
    }
    return spreads
  }

  private static func run(
    _ graph: Graph, _ inputs: [RuntimeValue], _ movement: Movement, _ random: inout SeededGenerator
  ) throws -> [RuntimeValue] {
    let context = EvaluationContext()
    var values: [ValueID: RuntimeValue] = [:]
    for (id, input) in zip(graph.inputs, inputs) { values[id] = input }
    func value(_ id: ValueID) -> RuntimeValue { values[id] ?? graph[id].constant.map(RuntimeValue.tensor)! }
    for node in graph.nodes {
      let operands = node.operands.map(value)
      let results = try Interpreter.evaluate(node, operands, context)
      let cancelled = cancels(node.operation) ? operands.map(largest).max() ?? 0 : 0
      for (id, result) in zip(node.results, results) {
        values[id] = moved(result, rounding(of: node.operation), movement, cancelled, &random)
      }
    }
    return graph.outputs.map(value)
  }

  /// Operations whose results may be far smaller than what was rounded on the way to them.
  private static func cancels(_ operation: Operation) -> Bool {
    switch operation {
    case .binary(.add), .binary(.subtract), .reduce(.sum, _), .cumulative(.sum, _, _, _): true
    default: false
    }
  }

  private static func largest(_ value: RuntimeValue) -> Float {
    guard let tensor = value.tensor, tensor.elementType == .float32 else { return 0 }
    return tensor.elements(of: Float.self).reduce(0) { $1.isFinite ? max($0, abs($1)) : $0 }
  }

  private enum Rounding {
    case never
    /// Sums and products of short binary fractions are exact in any order.
    case unlessShort
    case always
  }

  private static func rounding(of operation: Operation) -> Rounding {
    switch operation {
    case .unary(let function): [.negate, .absolute, .floor, .ceil].contains(function) ? .never : .always
    case .binary(let function):
      switch function {
      case .add, .subtract, .multiply: .unlessShort
      case .maximum, .minimum: .never
      default: .always
      }
    case .reduce(let reduction, _):
      switch reduction {
      case .sum, .product: .unlessShort
      case .mean: .always
      default: .never
      }
    case .dot, .convolution, .transposedConvolution, .cumulative: .unlessShort
    case .reduceWindow(let reduction, _): reduction == .maximum ? .never : .always
    case .resize: .always
    default: .never
    }
  }

  private static func moved(
    _ value: RuntimeValue, _ rounding: Rounding, _ movement: Movement, _ cancelled: Float,
    _ random: inout SeededGenerator
  ) -> RuntimeValue {
    guard rounding != .never, let tensor = value.tensor, tensor.elementType == .float32 else { return value }
    let elements = tensor.elements(of: Float.self)
    // Each term was moved by as much.
    let largest = max(largest(value), 8 * cancelled)
    let moved = elements.map { x in
      // A short fraction has at most 16 significant bits. What is left of cancelled terms has few, whatever they had.
      if rounding == .unlessShort, x.bitPattern & 0xFF == 0, abs(x) >= cancelled * 0x1p-16 { return x }
      switch movement {
      case .random(let amplitude): return x * (1 + Float.random(in: -amplitude...amplitude, using: &random))
      case .sparse(let amplitude):
        return random.chance(12) ? x * (1 + Float.random(in: -amplitude...amplitude, using: &random)) : x
      case .toGrid(let part):
        let grid = part * largest.binade
        return grid > 0 && x.isFinite ? (x / grid).rounded() * grid : x
      }
    }
    return .tensor(Tensor(tensor.shape, moved))
  }
}

extension Tensor {
  package var doubles: [Double] {
    get throws { try elementType == .float64 ? elements(of: Double.self) : converted(to: .float64).elements() }
  }

  /// The elements as they lie in memory.
  package var bytes: [UInt8] {
    [UInt8](UnsafeRawBufferPointer(start: base, count: elementType.byteCount(of: elementCount) ?? 0))
  }
}
