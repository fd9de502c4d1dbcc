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
    let phases: WorkPhases?
    let scratchByteCount: Int
    /// Keeps the code, also when the machine has gone on to another region.
    let region: CodeRegion
  }

  let instructionSet: InstructionSet
  /// What the model asks for.
  let precision: Precision
  private let isBatchInvariant: Bool
  private let compiler: KernelCompiler
  private let regionCapacity: Int
  private let state: Mutex<State>

  private struct State {
    /// Made with the first kernel.
    var region: CodeRegion?
    /// Nil for kernels that the code generator refused: no plan asks again.
    var kernels: [KernelForm: Placed?] = [:]
    var packed: [PackingKey: Packed] = [:]
    var packedTrees: [PackedTrees] = []
  }

  /// Kernels that are known at a time. A client that sends ever new shapes makes ever new ones: past this, or past the
  /// region's size, all are forgotten; plans keep what they use.
  private static let maximumKernelCount = 1 << 14

  private struct PackingKey: Hashable {
    /// Constants are equal when they are the same part of a storage.
    var storage: ObjectIdentifier
    var byteOffset: Int
    var packing: Packing
  }

  private struct PackedTrees {
    var kernel: TreeKernel
    var trees: TreeConstants
    weak var storage: TensorStorage?
  }

  /// Lives as long as a plan uses it. `source` tells a storage from an earlier one that lay at its address.
  private struct Packed {
    weak var source: TensorStorage?
    weak var storage: TensorStorage?
  }

  /// Nil where no code is generated: `APUS_CPU=interpreter`, or a CPU without AVX2. Throws `EngineError.machine` for an
  /// APUS_CPU that this CPU cannot do.
  static func current(
    _ precision: Precision = .float32, isBatchInvariant: Bool = false
  ) throws(EngineError) -> Machine? {
    do {
      let instructionSet = try InstructionSet.current()
      guard instructionSet >= .avx2 else { return nil }
      return Machine(instructionSet, precision: precision, isBatchInvariant: isBatchInvariant)
    } catch {
      throw .machine("\(error)")
    }
  }

  /// - Parameter regionCapacity: bytes of code that are known at a time; small ones are for tests.
  init(
    _ instructionSet: InstructionSet, precision: Precision = .float32, isBatchInvariant: Bool = false,
    regionCapacity: Int = 64 << 20
  ) {
    self.instructionSet = instructionSet
    self.precision = precision
    self.isBatchInvariant = isBatchInvariant
    self.regionCapacity = regionCapacity
    compiler = KernelCompiler(instructionSet: instructionSet)
    state = Mutex(State())
  }

  var scheduleTarget: ScheduleTarget { compiler.scheduleTarget(precision) }
  /// What comes of `precision` on this CPU.
  var runningPrecision: Precision { compiler.running(precision) }

  /// Bytes of a packed constant.
  func packedByteCount(_ packing: Packing) -> Int { compiler.packedByteCount(packing) }

  /// A kernel as calls with these parameters need it.
  func form(of kernel: Kernel, parameters: [Int]) -> KernelForm {
    // What is left of float32 beside bfloat16 needs no six products.
    let floats: FloatProducts = isBatchInvariant ? .batchInvariant : precision == .float32 ? .float32 : .fast
    return KernelForm(kernel, parameters: parameters, instructionSet, floats: floats)
  }

  /// The code of a kernel; nil when it has none. Generated at its first use, unless `prepare` has done that.
  func code(for form: KernelForm) -> Placed? {
    if let known = state.withLock({ $0.kernels[form] }) { return known }
    return place(form, compiled(form))
  }

  /// Generates the code of kernels and packs constants, several at once. What was packed lives only as long as the
  /// result, or a step that has asked for it since.
  func prepare(
    _ forms: [KernelForm], _ constants: [(Tensor, Packing)], threadCount: Int
  ) -> [TensorStorage] {
    let forms = state.withLock { state in Array(Set(forms.filter { state.kernels[$0] == nil })) }
    // The largest first: their other forms are in memory meanwhile, better while little else is.
    let constants = constants.sorted { $0.0.byteCount > $1.0.byteCount }
    let jobCount = forms.count + constants.count
    guard jobCount > 1, threadCount > 1 else { return [] }
    // Jobs are large and small: threads take one at a time.
    let next = Atomic(0)
    let packed = Mutex<[TensorStorage]>([])
    ThreadTeam.shared.run(units: threadCount, threadCount: threadCount) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if index < forms.count {
          _ = self.place(forms[index], self.compiled(forms[index]))
        } else if index < jobCount {
          let (constant, packing) = constants[index - forms.count]
          // What finds no memory here finds none below either, where it is reported.
          guard let storage = try? self.packed(constant, packing) else { continue }
          packed.withLock { $0.append(storage) }
        } else {
          return
        }
      }
    }
    return packed.withLock { $0 }
  }

  /// Nil for a kernel that the code generator refuses.
  private func compiled(_ form: KernelForm) -> CompiledKernel? {
    do {
      let compiled = try compiler.compile(form)
      KernelDump.write(form.kernel, compiled)
      return compiled
    } catch {
      KernelDump.write(form.kernel, refusedFor: "\(error)")
      return nil
    }
  }

  private func place(_ form: KernelForm, _ compiled: CompiledKernel?) -> Placed? {
    state.withLock { state in
      if let known = state.kernels[form] { return known }
      if state.kernels.count >= Self.maximumKernelCount { (state.region, state.kernels) = (nil, [:]) }
      let placed = compiled.flatMap { compiled in
        if let placed = add(compiled, to: &state) { return placed }
        (state.region, state.kernels) = (nil, [:])
        return add(compiled, to: &state)
      }
      state.kernels[form] = .some(placed)
      return placed
    }
  }

  /// Nil when the region is full.
  private func add(_ compiled: CompiledKernel, to state: inout State) -> Placed? {
    guard let region = state.region ?? (try? CodeRegion(capacity: regionCapacity)) else { return nil }
    state.region = region
    guard let entry = try? region.add(name: compiled.name, compiled.code) else { return nil }
    return Placed(
      function: entry.function(), units: compiled.units, phases: compiled.phases,
      scratchByteCount: compiled.scratchByteCount, region: region)
  }

  /// A constant in the layout that kernels read, made unless a plan has it already. The caller keeps the constant and
  /// the result together.
  func packed(_ constant: Tensor, _ packing: Packing) throws(TensorError) -> TensorStorage {
    let key = PackingKey(
      storage: ObjectIdentifier(constant.storage), byteOffset: constant.byteOffset, packing: packing)
    if let known = state.withLock({ Self.known(key, constant, $0) }) { return known }
    let byteCount = compiler.packedByteCount(packing)
    let storage = try TensorStorage(byteCount: byteCount, zeroed: false)
    try compiler.pack(packing, from: constant, into: storage.base)
    // Two plans made at once may both have packed; one result stays.
    return state.withLock { state in
      if let known = Self.known(key, constant, state) { return known }
      state.packed = state.packed.filter { $0.value.storage != nil }
      state.packed[key] = Packed(source: constant.storage, storage: storage)
      return storage
    }
  }

  /// Trees in the layout that their kernel reads, made unless a plan has them already.
  func packed(_ trees: TreeConstants, _ kernel: TreeKernel) throws(TensorError) -> TensorStorage {
    func known(_ state: borrowing State) -> TensorStorage? {
      state.packedTrees.first { $0.kernel == kernel && $0.trees.isSame(as: trees) }?.storage
    }
    if let known = state.withLock({ known($0) }) { return known }
    let storage = try kernel.pack(trees).storage
    return state.withLock { state in
      if let known = known(state) { return known }
      state.packedTrees.removeAll { $0.storage == nil }
      state.packedTrees.append(PackedTrees(kernel: kernel, trees: trees, storage: storage))
      return storage
    }
  }

  private static func known(_ key: PackingKey, _ constant: Tensor, _ state: borrowing State) -> TensorStorage? {
    guard let known = state.packed[key], known.source === constant.storage else { return nil }
    return known.storage
  }
}
