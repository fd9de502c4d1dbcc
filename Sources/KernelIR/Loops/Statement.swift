import GraphIR
import Tensors

/// What a kernel does, in order.
public enum Statement: Hashable, Sendable {
  case define(KernelValue, Expression)
  /// Converts the value to the buffer's element type (as graph `convert` with saturating false does; integers wrap)
  /// unless a guard of the index fails. Inside a vector axis the index moves with it, unless the value is the same for
  /// all lanes.
  case store(buffer: Int, Index, KernelValue)
  case loop(Loop)
}

/// A loop over all positions of an axis.
public struct Loop: Hashable, Sendable {
  public var axis: AxisID
  public var body: [Statement]
  /// What the loop gives besides its stores, defined behind it.
  public var reductions: [LoopReduction]
  /// State that goes from one position to the next; only in serial loops.
  public var carried: [Carried]

  public init(_ axis: AxisID, body: [Statement], reductions: [LoopReduction] = [], carried: [Carried] = []) {
    self.axis = axis
    self.body = body
    self.reductions = reductions
    self.carried = carried
  }
}

/// `result` = all the `operand`s of the body, combined; the neutral element when there are none. The order of a
/// floating-point sum is the code generator's choice, but depends on nothing except the kernel.
public struct LoopReduction: Hashable, Sendable {
  public enum Operation: String, Hashable, Sendable, CaseIterable {
    /// maximum and minimum: NaN when any is NaN. Their neutral elements are the least and greatest value of the type
    /// (infinities for floats).
    case sum, product, maximum, minimum, and, or
  }
  public var result: KernelValue
  public var operation: Operation
  public var operand: KernelValue

  public init(_ result: KernelValue, _ operation: Operation, _ operand: KernelValue) {
    self.result = result
    self.operation = operation
    self.operand = operand
  }
}

/// `parameter` is `initial` at the first position and what `next` was at the one before later on; `result`, behind the
/// loop, is the last `next` (`initial` if the axis is empty).
public struct Carried: Hashable, Sendable {
  public var parameter: KernelValue
  public var initial: KernelValue
  public var next: KernelValue
  public var result: KernelValue

  public init(parameter: KernelValue, initial: KernelValue, next: KernelValue, result: KernelValue) {
    self.parameter = parameter
    self.initial = initial
    self.next = next
    self.result = result
  }
}

/// How a value comes about. The elementwise functions are the graph's and mean the same.
public enum Expression: Hashable, Sendable {
  /// The bits of a value of the defined value's type, in the low bytes; see `Expression.constant(_:)`.
  case constantBits(UInt64)
  /// The number that an affine form gives, as int32 or int64.
  case position(Index)
  /// With guards that fail, `otherwise`, whose absence means zero.
  case load(buffer: Int, Index, otherwise: KernelValue? = nil)
  case unary(UnaryFunction, KernelValue)
  case binary(BinaryFunction, KernelValue, KernelValue)
  /// → bool
  case compare(Comparison, KernelValue, KernelValue)
  case select(KernelValue, KernelValue, KernelValue)
  /// To the defined value's type; `through` is a narrower stored type whose rounding or wrapping shows (int8 for a
  /// conversion to int8 and on).
  case convert(KernelValue, through: ElementType)
  /// Same bits, other type of the same width.
  case bitcast(KernelValue)
  /// first · second + third, rounded once.
  case multiplyAdd(KernelValue, KernelValue, KernelValue)

  public static func constant(_ value: Float) -> Expression { .constantBits(UInt64(value.bitPattern)) }
  public static func constant(_ value: Double) -> Expression { .constantBits(value.bitPattern) }
  /// For int32 and int64 (and bool as 0 or 1).
  public static func constant(_ value: Int) -> Expression { .constantBits(UInt64(bitPattern: Int64(value))) }
}

/// An element of a buffer: `constant` + Σ axis·stride + Σ value·stride, in elements.
public struct Index: Hashable, Sendable {
  public struct Term: Hashable, Sendable {
    public var axis: AxisID
    public var stride: Int
    public init(_ axis: AxisID, stride: Int) {
      self.axis = axis
      self.stride = stride
    }
  }
  /// Position that the data decides: an int32 or int64 value, already checked to be in range.
  public struct Indirect: Hashable, Sendable {
    public var value: KernelValue
    public var stride: Int
    public init(_ value: KernelValue, stride: Int) {
      self.value = value
      self.stride = stride
    }
  }
  /// 0 ≤ constant + Σ axis·stride < extent, or the element is not there.
  public struct Guard: Hashable, Sendable {
    public var constant: Int
    public var terms: [Term]
    public var extent: Int
    public init(constant: Int, terms: [Term], extent: Int) {
      self.constant = constant
      self.terms = terms
      self.extent = extent
    }
  }

  public var constant: Int
  /// No axis twice, no stride 0.
  public var terms: [Term]
  public var indirect: [Indirect]
  public var guards: [Guard]

  public init(constant: Int = 0, terms: [Term] = [], indirect: [Indirect] = [], guards: [Guard] = []) {
    self.constant = constant
    self.terms = terms
    self.indirect = indirect
    self.guards = guards
  }

  public func stride(of axis: AxisID) -> Int { terms.first { $0.axis == axis }?.stride ?? 0 }
}
