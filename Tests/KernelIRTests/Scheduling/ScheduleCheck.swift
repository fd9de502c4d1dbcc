import GraphIR
import Interpreter
import KernelIR
import Tensors
import TestSupport
import Testing

/// Runs a graph as the interpreter does and as its schedule does.
enum ScheduleCheck {
  /// The schedule, after both ways gave the same.
  @discardableResult
  static func agrees(
    _ graph: Graph, _ inputs: [Tensor], target: ScheduleTarget = .everything, _ note: String = ""
  ) throws -> Schedule {
    let schedule = Scheduler.schedule(graph, target: target)
    try schedule.verify()
    let expected = try Interpreter.run(graph, inputs: inputs.map(RuntimeValue.tensor))
    let found = try ScheduleInterpreter(schedule).run(inputs.map(RuntimeValue.tensor))
    for (number, pair) in zip(expected, found).enumerated() {
      guard let a = pair.0.tensor, let b = pair.1.tensor else { continue }
      if let difference = difference(a, b) {
        Issue.record("\(note) output \(number): \(difference)\n\(graph)\n\(schedule)")
        break
      }
    }
    return schedule
  }

  /// Where two tensors differ by more than rounding, or nil.
  static func difference(_ a: Tensor, _ b: Tensor) -> String? {
    guard a.elementType == b.elementType, a.shape == b.shape else {
      return "\(a.elementType)\(a.shape) and \(b.elementType)\(b.shape)"
    }
    guard let x = try? a.converted(to: .float64).elements(of: Double.self),
      let y = try? b.converted(to: .float64).elements(of: Double.self)
    else { return nil }
    let tolerance = a.elementType == .float16 ? 2e-3 : a.elementType == .bfloat16 ? 1e-2 : 2e-5
    let scale = x.reduce(1.0) { $1.isFinite ? max($0, abs($1)) : $0 }
    for index in x.indices {
      if x[index] == y[index] || x[index].isNaN && y[index].isNaN { continue }
      if abs(x[index] - y[index]) <= tolerance * min(scale, 1 + 8 * abs(x[index])) { continue }
      return "element \(index) of \(a.shape): \(x[index]) and \(y[index])"
    }
    return nil
  }

  // MARK: Written graphs

  /// Inputs and constants of a graph in the making.
  final class Values {
    let builder: GraphBuilder
    private var random = SeededGenerator(7)
    private(set) var inputs: [Tensor] = []

    init(_ builder: GraphBuilder) { self.builder = builder }

    func input(_ shape: Shape) -> ValueID {
      inputs.append(random.floats(shape))
      return builder.input("x\(inputs.count)", .tensor(TensorType(.float32, constant: shape.dimensions)))
    }

    func constant(_ shape: Shape) -> ValueID { builder.constant(random.floats(shape)) }
  }

  /// The schedule of a graph with these outputs, which gives what the graph gives.
  static func schedule(_ outputs: (GraphBuilder, Values) throws -> [ValueID]) throws -> Schedule {
    let builder = GraphBuilder(name: "test")
    let values = Values(builder)
    builder.setOutputs(try outputs(builder, values))
    return try agrees(builder.graph, values.inputs)
  }

  /// The text of the schedule, values numbered in the order of their appearance.
  static func gives(_ text: String, _ outputs: (GraphBuilder, Values) throws -> [ValueID]) throws {
    let found = try schedule(outputs).description
    #expect(normal(found) == normal(text), "\(found)")
  }

  /// The loop kernels as text.
  static func kernels(_ schedule: Schedule) -> [String] {
    schedule.steps.compactMap { if case .kernel(.loops(let kernel), _) = $0.work { kernel.description } else { nil } }
  }

  /// Numbers of values depend on how many constants a builder made on the way.
  private static func normal(_ text: String) -> String {
    var numbers: [Substring: Int] = [:]
    return text.replacing(/%[0-9]+/) { match in
      let number = numbers[match.output] ?? numbers.count
      numbers[match.output] = number
      return "%\(number)"
    }
  }
}

extension GraphBuilder {
  func convolve(
    _ x: ValueID, _ filter: ValueID, padding: Int = 0, stride: Int = 1, groups: Int = 1
  ) throws -> ValueID {
    let convolution = Convolution(
      strides: [stride, stride], dilations: [1, 1],
      padding: .explicit(low: [padding, padding], high: [padding, padding]), groups: groups)
    return try one(.convolution(convolution, result: .float32), [x, filter])
  }
}
