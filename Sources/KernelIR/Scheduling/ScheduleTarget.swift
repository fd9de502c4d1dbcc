import GraphIR
import Tensors

/// What a code generator can do: everything else is left to the interpreter.
public struct ScheduleTarget: Sendable {
  /// One thing that a loop does with values of a type.
  public enum LoopOperation: Hashable, Sendable {
    case unary(UnaryFunction)
    case binary(BinaryFunction)
    case compare(Comparison)
    case select
    case convert(from: ElementType)
    case reduce(LoopReduction.Operation)
    /// Reads and writes elements as they are stored, narrow types included.
    case access
    /// Indirect positions, carried values.
    case indirect
    case carry
  }

  public enum KernelKind: Hashable, Sendable, CaseIterable {
    case gemm, convolution, transposedConvolution, depthwise, attention, recurrence, trees
  }

  /// Whether loops have an operation on values of a compute type; for `access` and the target of `convert`, of a stored
  /// type.
  public var calculates: @Sendable (LoopOperation, ElementType) -> Bool
  public var kernels: Set<KernelKind>
  /// float32 lanes of a vector.
  public var lanes: Int
  /// Whether an epilogue has a term.
  public var hasTerm: @Sendable (Epilogue.Term) -> Bool
  /// What contractions of float32 numbers multiply: float32 or bfloat16.
  public var factors = Factors.float32

  public init(
    kernels: Set<KernelKind> = Set(KernelKind.allCases), lanes: Int = 16,
    calculates: @escaping @Sendable (LoopOperation, ElementType) -> Bool,
    hasTerm: @escaping @Sendable (Epilogue.Term) -> Bool = { _ in true }
  ) {
    self.kernels = kernels
    self.lanes = lanes
    self.calculates = calculates
    self.hasTerm = hasTerm
  }

  /// Everything that the kernel IR can say.
  public static let everything = ScheduleTarget(calculates: { operation, type in
    LoopKernel.computeType(type) != nil && isDefined(operation, type)
  })

  private static func isDefined(_ operation: LoopOperation, _ type: ElementType) -> Bool {
    switch operation {
    case .unary(let function): function.kernelResult(type) != nil
    case .binary(let function): function.kernelResult(type) != nil
    case .reduce(let reduction): reduction.isDefined(for: type)
    case .compare, .select, .convert, .access, .indirect, .carry: true
    }
  }
}
