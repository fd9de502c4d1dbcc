import GraphIR
import Tensors

/// Elementwise work on the accumulators of a contraction while they are in registers: bias, residual, scale,
/// activation, clip, conversion.
///
/// The accumulators are a matrix of rows (pixels of all images, rows of a matrix) and columns (channels).
public struct Epilogue: Hashable, Sendable {
  /// A buffer that terms read. Its strides say what it is: (0, 1) a bias, (stride, 1) a residual, (1, 0) a scale for each
  /// row, (0, 0) a scalar.
  public struct Operand: Hashable, Sendable {
    public var elementType: ElementType
    public var rowStride: Int
    /// 0 or 1
    public var columnStride: Int
    /// Strides over the batch axes of a Gemm, one each; empty elsewhere.
    public var batchStrides: [Int]

    public init(_ elementType: ElementType, rowStride: Int, columnStride: Int, batchStrides: [Int] = []) {
      self.elementType = elementType
      self.rowStride = rowStride
      self.columnStride = columnStride
      self.batchStrides = batchStrides
    }
  }

  /// Each term may use the ones before it, by position. They are float32, int32 or, comparisons, bool.
  public enum Term: Hashable, Sendable {
    /// Of the type that the contraction adds up.
    case accumulator
    /// int32, uint8 and int8 in memory are int32, bfloat16 is float32.
    case operand(Int)
    /// Bits of a float32.
    case constant(UInt32)
    case integer(Int32)
    /// An int32 as float32, to nearest even.
    case float(Int)
    /// Two int32 give an int32: sums, differences, products, maxima and minima. Otherwise all is float32.
    case unary(UnaryFunction, Int)
    case binary(BinaryFunction, Int, Int)
    case compare(Comparison, Int, Int)
    case select(Int, Int, Int)
  }

  public var operands: [Operand]
  /// The last one is the result: what it is converted to, int32, uint8 or int8, holds it already. bfloat16 is the nearest
  /// one, ties to even.
  public var terms: [Term]
  public var resultType: ElementType

  public init(operands: [Operand] = [], terms: [Term] = [.accumulator], resultType: ElementType = .float32) {
    self.operands = operands
    self.terms = terms
    self.resultType = resultType
  }

  public static let none = Epilogue()
}
