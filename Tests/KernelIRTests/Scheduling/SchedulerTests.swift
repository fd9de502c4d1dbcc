import GraphIR
import Interpreter
import KernelIR
import Passes
import Tensors
import Testing

@Suite struct SchedulerTests {
  @Test("Schedules of random graphs mean what the graphs mean", arguments: 0..<300)
  func random(seed: Int) throws {
    let random = try RandomGraph(seed: seed)
    try ScheduleCheck.agrees(random.graph, random.inputs, "seed \(seed)")
  }
}
