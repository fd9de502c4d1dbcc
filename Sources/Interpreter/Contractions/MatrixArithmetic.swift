import Tensors

/// How the matrix kernel multiplies and adds: the type of the factors, of the sums over one block of depth, and of the
/// sums over all blocks.
protocol MatrixArithmetic {
  associatedtype Factor: TensorElement, SIMDScalar
  associatedtype Sum: TensorElement, SIMDScalar
  static var zero: Factor { get }
  static var zeroSum: Sum { get }
  static func multiplyAdd(_ sum: inout SIMD8<Factor>, _ b: SIMD8<Factor>, _ a: Factor)
  static func multiplyAdd(_ sum: inout SIMD8<Factor>, _ b: SIMD8<Factor>, _ a: SIMD8<Factor>)
  static func multiplyAdd(_ sum: inout Factor, _ b: Factor, _ a: Factor)
  /// The sum over one block, as it goes into the result.
  static func sum(_ block: SIMD8<Factor>) -> SIMD8<Sum>
  static func sum(_ block: Factor) -> Sum
  static func add(_ a: SIMD8<Sum>, _ b: SIMD8<Sum>) -> SIMD8<Sum>
}

/// Multiplication and addition are rounded each (there is no fused instruction on every CPU), so that all machines
/// give the same bits.
enum RealArithmetic<Number: BinaryFloatingPoint & TensorElement & SIMDScalar>: MatrixArithmetic {
  typealias Factor = Number
  typealias Sum = Number
  static var zero: Number { 0 }
  static var zeroSum: Number { 0 }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Number>, _ b: SIMD8<Number>, _ a: Number) {
    sum += b * a
  }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Number>, _ b: SIMD8<Number>, _ a: SIMD8<Number>) {
    sum += b * a
  }
  @inline(__always) static func multiplyAdd(_ sum: inout Number, _ b: Number, _ a: Number) { sum += b * a }
  @inline(__always) static func sum(_ block: SIMD8<Number>) -> SIMD8<Number> { block }
  @inline(__always) static func sum(_ block: Number) -> Number { block }
  @inline(__always) static func add(_ a: SIMD8<Number>, _ b: SIMD8<Number>) -> SIMD8<Number> { a + b }
}

/// Wraps around.
enum IntegerArithmetic<Number: FixedWidthInteger & TensorElement & SIMDScalar>: MatrixArithmetic {
  typealias Factor = Number
  typealias Sum = Number
  static var zero: Number { 0 }
  static var zeroSum: Number { 0 }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Number>, _ b: SIMD8<Number>, _ a: Number) {
    sum &+= b &* a
  }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Number>, _ b: SIMD8<Number>, _ a: SIMD8<Number>) {
    sum &+= b &* a
  }
  @inline(__always) static func multiplyAdd(_ sum: inout Number, _ b: Number, _ a: Number) { sum &+= b &* a }
  @inline(__always) static func sum(_ block: SIMD8<Number>) -> SIMD8<Number> { block }
  @inline(__always) static func sum(_ block: Number) -> Number { block }
  @inline(__always) static func add(_ a: SIMD8<Number>, _ b: SIMD8<Number>) -> SIMD8<Number> { a &+ b }
}

/// Small integers carried as float32: while the sum over one block stays within ±2^24 every step is exact, and
/// float32 multiplies several times faster than int32 on SSE2 (no `pmulld`). Blocks are added as int32.
enum SmallIntegerArithmetic: MatrixArithmetic {
  typealias Factor = Float
  typealias Sum = Int32
  static var zero: Float { 0 }
  static var zeroSum: Int32 { 0 }
  /// Whether products of such factors may be added up over `depth` of them.
  static func isExact(magnitudes a: UInt64, _ b: UInt64, depth: Int) -> Bool {
    let (product, overflow) = a.multipliedReportingOverflow(by: b)
    return !overflow && product <= (1 << 24) / UInt64(max(depth, 1))
  }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Float>, _ b: SIMD8<Float>, _ a: Float) { sum += b * a }
  @inline(__always) static func multiplyAdd(_ sum: inout SIMD8<Float>, _ b: SIMD8<Float>, _ a: SIMD8<Float>) {
    sum += b * a
  }
  @inline(__always) static func multiplyAdd(_ sum: inout Float, _ b: Float, _ a: Float) { sum += b * a }
  @inline(__always) static func sum(_ block: SIMD8<Float>) -> SIMD8<Int32> {
    var result = SIMD8<Int32>()
    for lane in 0..<8 { result[lane] = Int32(block[lane]) }
    return result
  }
  @inline(__always) static func sum(_ block: Float) -> Int32 { Int32(block) }
  @inline(__always) static func add(_ a: SIMD8<Int32>, _ b: SIMD8<Int32>) -> SIMD8<Int32> { a &+ b }
}
