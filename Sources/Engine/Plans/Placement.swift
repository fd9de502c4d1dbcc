import GraphIR
import KernelIR
import Tensors

/// A plan in a session's memory: made once, run many times. Everything that a run reads is flat and trivial, so that a
/// step costs a call and no reference counting.
final class Placement {
  /// One step. Ranges are positions in the arrays below.
  struct Step {
    enum Kind: UInt8 { case kernel, interpretedKernel, node, view }

    var kind: Kind
    /// A kernel that is worth more than one thread.
    var isParallel: Bool
    var function: Machine.Placed.Function?
    var arguments: UnsafeMutablePointer<UInt64>
    var unitCount: Int
    var phaseCount: Int
    /// The argument that is the phase's number, nil for kernels of one phase.
    var phase: UnsafeMutablePointer<UInt64>?
    var patches: Range<Int32>
    var dying: Range<Int32>
  }

  /// An argument that is known only when the step runs: the address of a value's tensor.
  struct Patch {
    var argument: UnsafeMutablePointer<UInt64>
    var value: Int
    var byteOffset: Int
  }

  let steps: UnsafeMutableBufferPointer<Step>
  let patches: UnsafeMutableBufferPointer<Patch>
  /// Values that leave the workspace.
  let dying: UnsafeMutableBufferPointer<Int>
  /// Tensors of the values that have a place in the arena.
  let tensors: [RuntimeValue?]
  /// For each step that the interpreter evaluates, where its results go.
  let slots: [[TensorStorage?]]
  /// For each step that is a node with regions, how these are run.
  let regions: [RegionPlans?]

  private let arguments: UnsafeMutablePointer<UInt64>
  /// Owns what the addresses point into.
  private let arena: TensorStorage

  /// - Parameters:
  ///   - threads: which kernels are cut into units for several threads.
  ///   - earlier: the plan in other memory, whose plans for regions go on.
  init(_ plan: Plan, in arena: TensorStorage, threads: ThreadUse, replacing earlier: Placement? = nil) {
    self.arena = arena
    let graph = plan.graph
    let storages = Self.storages(plan, arena)
    let tensors = Self.tensors(plan, storages)
    self.tensors = tensors
    slots = plan.schedule.steps.map { step in
      if case .node = step.work { step.results.map { storages[Int($0.index)] } } else { [] }
    }
    regions =
      earlier?.regions
      ?? plan.schedule.steps.map { step in
        guard case .node(let id) = step.work, !graph[id].regions.isEmpty else { return nil }
        return RegionPlans(graph[id], plan.machine, threads)
      }

    let argumentCount = plan.steps.reduce(0) { $0 + ($1.call?.arguments.count ?? 0) }
    arguments = .allocate(capacity: max(1, argumentCount))
    arguments.initialize(repeating: 0, count: max(1, argumentCount))
    var steps: [Step] = []
    var patches: [Patch] = []
    var dying: [Int] = []
    var next = arguments
    for step in plan.steps {
      let firstPatch = patches.count
      let firstArgument = next
      for argument in step.call?.arguments ?? [] {
        switch argument {
        case .parameter(let value): next.pointee = UInt64(bitPattern: Int64(value))
        case .address(let address): next.pointee = UInt64(UInt(bitPattern: address))
        case .value(let id, let byteOffset):
          if let tensor = tensors[Int(id.index)]?.tensor {
            next.pointee = UInt64(UInt(bitPattern: tensor.base + byteOffset))
          } else {
            patches.append(Patch(argument: next, value: Int(id.index), byteOffset: byteOffset))
          }
        }
        next += 1
      }
      let firstDying = dying.count
      // What lies in the arena is never in the workspace.
      dying += step.dying.filter { tensors[$0] == nil }
      let call = step.call
      steps.append(
        Step(
          kind: step.kind,
          isParallel: call.map(threads.areWorth) ?? false,
          function: call?.placed?.function, arguments: firstArgument, unitCount: call?.unitCount ?? 0,
          phaseCount: call?.phaseCount ?? 1, phase: call?.placed?.phases == nil ? nil : next - 1,
          patches: Int32(firstPatch)..<Int32(patches.count), dying: Int32(firstDying)..<Int32(dying.count)))
    }
    self.steps = Self.copy(steps)
    self.patches = Self.copy(patches)
    self.dying = Self.copy(dying)
  }

  deinit {
    arguments.deallocate()
    steps.deallocate()
    patches.deallocate()
    dying.deallocate()
  }

  private static func copy<Element>(_ elements: [Element]) -> UnsafeMutableBufferPointer<Element> {
    let buffer = UnsafeMutableBufferPointer<Element>.allocate(capacity: elements.count)
    _ = buffer.initialize(from: elements)
    return buffer
  }

  /// For each value that owns a buffer of the arena, the buffer.
  private static func storages(_ plan: Plan, _ arena: TensorStorage) -> [TensorStorage?] {
    plan.buffers.enumerated().map { index, buffer in
      guard let buffer, let byteCount = plan.graph.byteCount(of: ValueID(index)) else { return nil }
      return TensorStorage(
        borrowing: arena.base + plan.memory.offsets[buffer], byteCount: byteCount, owner: arena)
    }
  }

  /// For each value that a kernel writes to the arena, and views of such, the tensor. What the interpreter computes may
  /// end up elsewhere.
  private static func tensors(_ plan: Plan, _ storages: [TensorStorage?]) -> [RuntimeValue?] {
    let graph = plan.graph
    var isPlaced = [Bool](repeating: false, count: graph.values.count)
    for step in plan.schedule.steps {
      switch step.work {
      case .kernel: for result in step.results { isPlaced[Int(result.index)] = true }
      case .view:
        if case .value(let operand)? = step.operands.first {
          isPlaced[Int(step.results[0].index)] = isPlaced[Int(operand.index)]
        }
      case .node: break
      }
    }
    return graph.values.indices.map { index in
      guard isPlaced[index], let storage = storages[plan.roots[index]], let type = graph.values[index].type.tensor,
        let shape = type.constantShape
      else { return nil }
      return .tensor(Tensor(type.elementType, shape, storage: storage))
    }
  }
}
