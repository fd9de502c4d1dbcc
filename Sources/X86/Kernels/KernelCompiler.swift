import KernelIR
import Tensors

/// From a kernel to machine code: the one door to the code generator.
public struct KernelCompiler: Sendable {
  public let instructionSet: InstructionSet
  private let contractions: ContractionCompiler
  private let packer: Packer

  public init(instructionSet: InstructionSet) {
    self.instructionSet = instructionSet
    contractions = ContractionCompiler(instructionSet: instructionSet)
    packer = Packer(instructionSet: instructionSet)
  }

  /// Throws `LoopCompilerError` or `VectorError` for what there is no code for.
  public func compile(_ kernel: Kernel) throws -> CompiledKernel {
    try compile(KernelForm(kernel))
  }

  /// The same for a form of a kernel.
  public func compile(_ form: KernelForm) throws -> CompiledKernel {
    guard case .loops(let loops) = form.kernel else { return try contractions.compile(form) }
    return CompiledKernel(
      name: "\(loops.name)_\(instructionSet)",
      code: try LoopCompiler.compile(loops, instructionSet),
      units: WorkUnits(
        constant: loops.unitsPerPosition,
        factors: loops.parallelCount > 0 ? [WorkUnits.Factor(parameter: 0)] : []),
      scratchByteCount: loops.scratchSizeInBytes)
  }

  // MARK: Constants

  public func packedByteCount(_ packing: Packing) -> Int { packer.byteCount(packing) }

  /// Lays a constant out as the kernels read it. `target` has `packedByteCount` bytes. Bytes of the constant that do not
  /// exist yet do so only meanwhile; throws `TensorError.outOfMemory` when there is no room for them.
  public func pack(
    _ packing: Packing, from constant: Tensor, into target: UnsafeMutableRawPointer
  ) throws(TensorError) {
    if constant.elementType == .float32, let element = constant.repeatedElement {
      let count = packer.byteCount(packing) / MemoryLayout<Float>.stride
      let floats = target.bindMemory(to: Float.self, capacity: count)
      if packer.pack(packing, repeating: element.elements(of: Float.self)[0], into: floats) { return }
    }
    if case .zeroPoints = packing, constant.elementType != .float32 {
      let wide = try constant.elementType.isPacked ? constant.widened() : constant
      return try pack(packing, from: wide.converted(to: .float32), into: target)
    }
    try constant.readingBytes { packer.pack(packing, from: $0, into: target) }
  }

  // MARK: Scheduling

  /// What a model runs at that asks for this precision.
  public func running(_ precision: Precision) -> Precision {
    if precision == .fast, instructionSet >= .amx { return .fast }
    return precision.running(multipliesBFloat16: Products.hasBFloat16(instructionSet))
  }

  /// What the scheduler may ask for.
  public func scheduleTarget(_ precision: Precision = .float32) -> ScheduleTarget {
    let instructionSet = self.instructionSet
    var target = ScheduleTarget(
      kernels: ContractionCompiler.kinds, lanes: instructionSet >= .avx512 ? 16 : 8,
      calculates: { operation, type in LoopCompiler.supports(operation, type, instructionSet) },
      hasTerm: { ContractionCompiler.supports($0) })
    target.factors = precision.factors(multipliesBFloat16: Products.hasBFloat16(instructionSet))
    return target
  }
}

extension LoopCompiler {
  static func supports(
    _ operation: ScheduleTarget.LoopOperation, _ type: ElementType, _ instructionSet: InstructionSet
  ) -> Bool {
    switch operation {
    case .unary(let function): supports(function, type, instructionSet)
    case .binary(let function): supports(function, type, instructionSet)
    case .reduce(let reduction): supports(reduction, type, instructionSet)
    case .convert(let source):
      if let to = LoopKernel.computeType(type) {
        supports(conversionOf: source, to: to, through: type, instructionSet)
      } else {
        false
      }
    case .compare, .select, .access, .indirect, .carry: LoopKernel.computeType(type) != nil
    }
  }
}
