import GraphIR
import KernelIR
import Tensors

/// Loop kernels as machine code.
///
///     prologue     constants, masks, addresses of the buffers
///     units        one loop over begin..<end; the positions on the parallel axes count up like an odometer
///     body         statements in order; a vector axis runs in groups of several vectors, the rest under masks
///
/// Folder: `LoopEmitter` walks through the statements, `Lanes` has the arithmetic on one vector of each type.
public enum LoopCompiler {
  /// A function for the calling convention of `Kernel`.
  public static func compile(
    _ kernel: LoopKernel, _ instructionSet: InstructionSet
  ) throws(LoopCompilerError) -> MachineCode {
    let emitter = try emit(kernel, instructionSet)
    do {
      return try emitter.builder.build()
    } catch {
      throw .vector(error)
    }
  }

  /// The vector IR as text.
  public static func vectorText(
    _ kernel: LoopKernel, _ instructionSet: InstructionSet
  ) throws(LoopCompilerError) -> String {
    try emit(kernel, instructionSet).builder.text
  }

  private static func emit(
    _ kernel: LoopKernel, _ instructionSet: InstructionSet
  ) throws(LoopCompilerError) -> LoopEmitter {
    do {
      try kernel.verify()
    } catch {
      throw .kernel(error)
    }
    guard instructionSet >= .avx2 else { throw .unsupported("code for the interpreter") }
    let emitter = LoopEmitter(kernel, instructionSet)
    do {
      try emitter.emitFunction()
    } catch let error as LoopCompilerError {
      throw error
    } catch {
      throw .unsupported("\(error)")
    }
    return emitter
  }

  // MARK: What there is code for

  public static func supports(
    _ function: UnaryFunction, _ type: ElementType, _ instructionSet: InstructionSet
  ) -> Bool {
    guard function.kernelResult(type) != nil, instructionSet >= .avx2 else { return false }
    switch function {
    case .absolute, .negate, .sign, .ceil, .floor, .roundNearestEven, .not, .squareRoot, .reciprocal, .isNaN,
      .isInfinite, .isPositiveInfinite, .isNegativeInfinite:
      return true
    default: return type == .float32 && LoopEmitter.hasMathematics(function)
    }
  }

  public static func supports(
    _ function: BinaryFunction, _ type: ElementType, _ instructionSet: InstructionSet
  ) -> Bool {
    guard function.kernelResult(type) != nil, instructionSet >= .avx2 else { return false }
    switch function {
    case .add, .subtract, .multiply, .maximum, .minimum, .and, .or, .exclusiveOr, .shiftLeft, .shiftRight: return true
    case .divide: return type != .uint64
    case .remainder, .floorModulo: return type.isInteger && type != .uint64
    case .power, .arcTangent2: return type == .float32 && LoopEmitter.hasMathematics(function)
    case .complex: return false
    }
  }

  /// Whether a value of compute type `source` can become one of `target` by way of the stored type `through`.
  public static func supports(
    conversionOf source: ElementType, to target: ElementType, through: ElementType, _ instructionSet: InstructionSet
  ) -> Bool {
    guard instructionSet >= .avx2, let middle = LoopKernel.computeType(through) else { return false }
    // A float64 is rounded to a narrow float once, which a float32 in between would not do.
    if source == .float64 && (through == .float16 || through == .bfloat16) { return false }
    return Lanes.converts(source, to: middle, instructionSet) && Lanes.converts(middle, to: target, instructionSet)
  }

  public static func supports(
    _ operation: LoopReduction.Operation, _ type: ElementType, _ instructionSet: InstructionSet
  ) -> Bool {
    instructionSet >= .avx2 && operation.isDefined(for: type)
  }

  /// Whether there is code for the whole kernel: what `compile` would say without doing it. Nil if so, else the reason.
  public static func obstacle(_ kernel: LoopKernel, _ instructionSet: InstructionSet) -> String? {
    do {
      _ = try emit(kernel, instructionSet)
      return nil
    } catch {
      return "\(error)"
    }
  }
}

/// Why there is no machine code for a kernel.
public enum LoopCompilerError: Error, CustomStringConvertible {
  /// The kernel is none.
  case kernel(LoopError)
  /// It has to be left to the interpreter.
  case unsupported(String)
  case vector(VectorError)

  public var description: String {
    switch self {
    case .kernel(let error): "\(error)"
    case .unsupported(let what): "no code for \(what)"
    case .vector(let error): "\(error)"
    }
  }
}
