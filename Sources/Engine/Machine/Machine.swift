import Glibc
import KernelIR
import Synchronization
import Tensors
import Threads
import X86

/// What a model's kernels are generated for and kept in: shared by all its plans and sessions, gone with the model.
final class Machine: Sendable {
  /// A generated function at its place.
  struct Placed: Sendable {
    typealias Function = @convention(c) (UnsafeRawPointer?, Int, Int, UnsafeMutableRawPointer?) -> Void

    let function: Function
    let units: WorkUnits
    let scratchByteCount: Int
  }

  let instructionSet: InstructionSet
  private let compiler: KernelCompiler
  private let state: Mutex<State>

  private struct State {
    /// Made with the first kernel.
    var region: CodeRegion?
    /// Nil for kernels that the code generator refused: no plan asks again.
    var kernels: [Kernel: Placed?] = [:]
    var packed: [PackingKey: TensorStorage] = [:]
  }

  private struct PackingKey: Hashable {
    /// Constants are equal when they are the same memory.
    var address: UInt
    var packing: Packing
  }

  /// Nil where no code is generated: `APUS_CPU=interpreter`, or a CPU without AVX2. Throws `EngineError.machine` for an
  /// APUS_CPU that this CPU cannot do.
  static func current() throws(EngineError) -> Machine? {
    do {
      let instructionSet = try InstructionSet.current()
      return instructionSet >= .avx2 ? Machine(instructionSet) : nil
    } catch {
      throw .machine("\(error)")
    }
  }

  init(_ instructionSet: InstructionSet) {
    self.instructionSet = instructionSet
    compiler = KernelCompiler(instructionSet: instructionSet)
    state = Mutex(State())
  }

  var scheduleTarget: ScheduleTarget { compiler.scheduleTarget }

  /// The code of a kernel; nil when it has none. Generated at its first use, unless `prepare` has done that.
  func code(for kernel: Kernel) -> Placed? {
    if let known = state.withLock({ $0.kernels[kernel] }) { return known }
    return place(kernel, compiled(kernel))
  }

  /// Generates the code of kernels and packs constants, several at once.
  func prepare(_ kernels: [Kernel], _ constants: [(Tensor, Packing)], threadCount: Int) {
    let kernels = state.withLock { state in Array(Set(kernels.filter { state.kernels[$0] == nil })) }
    let jobCount = kernels.count + constants.count
    guard jobCount > 1, threadCount > 1 else { return }
    // Jobs are large and small: threads take one at a time.
    let next = Atomic(0)
    ThreadTeam.shared.run(units: threadCount, threadCount: threadCount) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if index < kernels.count {
          _ = self.place(kernels[index], self.compiled(kernels[index]))
        } else if index < jobCount {
          let (constant, packing) = constants[index - kernels.count]
          // What finds no memory here finds none below either, where it is reported.
          _ = try? self.packed(constant, packing)
        } else {
          return
        }
      }
    }
  }

  /// Nil for a kernel that the code generator refuses.
  private func compiled(_ kernel: Kernel) -> CompiledKernel? {
    do {
      let compiled = try compiler.compile(kernel, keepingListing: KernelDump.isOn)
      KernelDump.write(kernel, compiled)
      return compiled
    } catch {
      KernelDump.write(kernel, refusedFor: "\(error)")
      return nil
    }
  }

  private func place(_ kernel: Kernel, _ compiled: CompiledKernel?) -> Placed? {
    state.withLock { state in
      if let known = state.kernels[kernel] { return known }
      var placed: Placed?
      if let compiled, let region = state.region ?? (try? CodeRegion()) {
        state.region = region
        if let entry = try? region.add(name: compiled.name, compiled.code) {
          placed = Placed(
            function: entry.function(), units: compiled.units, scratchByteCount: compiled.scratchByteCount)
        }
      }
      state.kernels[kernel] = .some(placed)
      return placed
    }
  }

  /// A constant in the layout that kernels read, made at its first use.
  func packed(_ constant: Tensor, _ packing: Packing) throws(TensorError) -> TensorStorage {
    let key = PackingKey(address: UInt(bitPattern: constant.base), packing: packing)
    if let known = state.withLock({ $0.packed[key] }) { return known }
    let byteCount = compiler.packedByteCount(packing)
    let storage = try TensorStorage(byteCount: byteCount, zeroed: false)
    compiler.pack(packing, from: constant.base.assumingMemoryBound(to: Float.self), into: storage.base)
    constant.storage.discardPages()
    // Two plans made at once may both have packed; one result stays.
    return state.withLock { state in
      if let known = state.packed[key] { return known }
      state.packed[key] = storage
      return storage
    }
  }
}
