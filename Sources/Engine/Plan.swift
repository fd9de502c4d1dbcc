import GraphIR
import KernelIR
import Passes
import Tensors

/// A graph bound to the shapes of its inputs: folded, scheduled, with code for its kernels and a place in the arena for
/// every result whose shape is known before the run and whose life ends within it.
package final class Plan {
  let graph: Graph
  let schedule: Schedule
  let memory: MemoryPlan
  let steps: [PlanStep]
  /// Most scratch bytes that a kernel wants of each thread.
  let scratchByteCount: Int
  /// Keeps the code and the packed weights that the steps point to.
  let machine: Machine?
  /// For each value, its buffer in `memory`; nil lives elsewhere.
  let buffers: [Int?]
  /// For each value, the one whose memory it is: itself, or what it is a view of or takes over.
  let roots: [Int]
  /// Outputs of the graph that kernels write: memory is made for each run.
  let freshOutputs: [ValueID]

  /// Binds `graph` to the shapes of these inputs. Throws `EngineError.invalidInput` when they contradict it.
  init(_ symbolic: Graph, inputs: [RuntimeValue], machine: Machine?) throws {
    let shapes = inputs.map { $0.tensor?.shape.dimensions.map(String.init).joined(separator: "x") ?? "_" }
    let path = [symbolic.name, shapes.joined(separator: ",")]
    let bound = try GraphDump.tracing(.bound, path).run(Self.bind(symbolic, inputs))
    schedule = machine.map { Scheduler.schedule(bound, target: $0.scheduleTarget) } ?? Schedule(interpreting: bound)
    graph = schedule.graph
    GraphDump.write(schedule.description, folder: path, name: "schedule")
    self.machine = machine
    let placement = PlanMemory(schedule)
    (memory, buffers, roots, freshOutputs) = (
      placement.memory, placement.buffers, placement.roots, placement.freshOutputs
    )
    steps = try PlanStep.steps(of: schedule, machine)
    scratchByteCount = steps.reduce(0) { max($0, $1.scratchByteCount) }
  }
}
