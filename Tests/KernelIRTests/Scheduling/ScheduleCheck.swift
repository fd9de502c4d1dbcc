import GraphIR
import Interpreter
import KernelIR
import Tensors
import Testing

/// Runs a graph as the interpreter does and as its schedule does.
enum ScheduleCheck {
  /// The schedule, after both ways gave the same.
  @discardableResult
  static func agrees(
    _ graph: Graph, _ inputs: [Tensor], target: ScheduleTarget = .everything, _ note: String = ""
  ) throws -> Schedule {
    let schedule = Scheduler.schedule(graph, target: target)
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
}
