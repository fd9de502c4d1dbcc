import GraphIR
import Tensors

/// Quantise and dequantise, after ONNX QuantizeLinear and DequantizeLinear.
enum Quantization {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    let zeroPoint = x.count > 2 ? x[2] : nil
    switch node.operation {
    case .quantize(let axis, let target, let saturating):
      let scales = try ScaleLayout(node, x[0].shape, scale: x[1], zeroPoint: zeroPoint, axis)
      return [try quantize(node, x[0], x[1], zeroPoint, scales, to: target, saturating: saturating, context)]
    case .dequantize(let axis, let target):
      let scales = try ScaleLayout(node, x[0].shape, scale: x[1], zeroPoint: zeroPoint, axis)
      return [try dequantize(node, x[0], x[1], zeroPoint, scales, to: target, context)]
    default:
      preconditionFailure("not a quantisation: \(node.operation)")
    }
  }

  /// saturate(round(x / scale) + zero point), rounded to nearest even. Division is in float32, for int32 and float64
  /// operands in float64. NaN gives the least number. Narrow floats are x / scale + zero point, converted.
  private static func quantize(
    _ node: Node, _ x: Tensor, _ scale: Tensor, _ zeroPoint: Tensor?, _ layout: ScaleLayout, to target: ElementType,
    saturating: Bool, _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.elementType.isNumeric, scale.elementType.isFloat else {
      throw EvaluationError(
        node, "\(x.elementType.name) with scale \(scale.elementType.name)", expected: "numbers and a float scale")
    }
    func quantized<Real: QuantizationReal>(_ real: Real.Type) throws -> Tensor {
      let operands = try QuantizationOperands<Real>(x, scale, zeroPoint)
      func integers<Number: FixedWidthInteger & TensorElement>(_: Number.Type, _ range: ClosedRange<Real>) throws
        -> Tensor
      {
        let isDirect = Number.elementType == target
        let result =
          try isDirect
          ? context.makeTensor(target, x.shape) : Tensor(Number.elementType, x.shape, zeroed: false)
        operands.forEachRun(layout, into: result, of: Number.self) { number, scale, zeroPoint in
          let rounded = Real.rounded(number / scale) + zeroPoint
          return Number(min(max(rounded, range.lowerBound), range.upperBound))
        }
        return try isDirect ? result : result.narrowed(to: target)
      }
      switch target {
      case .int8: return try integers(Int8.self, -128...127)
      case .uint8: return try integers(UInt8.self, 0...255)
      case .int16: return try integers(Int16.self, -32768...32767)
      case .uint16: return try integers(UInt16.self, 0...65535)
      case .int4: return try integers(Int8.self, -8...7)
      case .uint4: return try integers(UInt8.self, 0...15)
      case .int2: return try integers(Int8.self, -2...1)
      case .uint2: return try integers(UInt8.self, 0...3)
      case _ where target.isFloat:
        let result = try Tensor(Real.elementType, x.shape, zeroed: false)
        operands.forEachRun(layout, into: result, of: Real.self) { number, scale, zeroPoint in
          number / scale + zeroPoint
        }
        return try result.converted(to: target, saturating: saturating)
      default:
        throw EvaluationError(node, target.name, expected: "an integer of at most 16 bits or a float")
      }
    }
    switch x.elementType {
    case .int32, .uint32, .int64, .uint64, .float64: return try quantized(Double.self)
    default: return try quantized(Float.self)
    }
  }

  /// (x - zero point) · scale, in float32 (float64 when that is asked for), converted once.
  private static func dequantize(
    _ node: Node, _ x: Tensor, _ scale: Tensor, _ zeroPoint: Tensor?, _ layout: ScaleLayout, to target: ElementType,
    _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.elementType.isNumeric, scale.elementType.isFloat, target.isFloat else {
      throw EvaluationError(
        node, "\(x.elementType.name) with scale \(scale.elementType.name) to \(target.name)",
        expected: "numbers, a float scale and a float result")
    }
    func dequantized<Real: QuantizationReal>(_: Real.Type) throws -> Tensor {
      let operands = try QuantizationOperands<Real>(x, scale, zeroPoint)
      let isDirect = Real.elementType == target
      let result =
        try isDirect ? context.makeTensor(target, x.shape) : Tensor(Real.elementType, x.shape, zeroed: false)
      operands.forEachRun(layout, into: result, of: Real.self) { number, scale, zeroPoint in
        (number - zeroPoint) * scale
      }
      return try isDirect ? result : result.narrowed(to: target)
    }
    return target == .float64 ? try dequantized(Double.self) : try dequantized(Float.self)
  }
}

/// What quantisation calculates with.
private protocol QuantizationReal: BinaryFloatingPoint, TensorElement {
  /// To nearest even; anything beyond ±2^20, where every target saturates, comes out as that.
  static func rounded(_ value: Self) -> Self
}

extension QuantizationReal {
  /// Adding 1.5·2^(mantissa bits) pushes the fraction out of the number. SSE2 has no instruction that rounds, and this
  /// vectorises.
  @inline(__always) fileprivate static func rounded(_ value: Self, magic: Self) -> Self {
    let limit: Self = 1_048_576
    // Written so that NaN gives -limit.
    let raised = value > -limit ? value : -limit
    let clamped = raised < limit ? raised : limit
    return (clamped + magic) - magic
  }
}

extension Float: QuantizationReal {
  @inline(__always) static func rounded(_ value: Float) -> Float { rounded(value, magic: 0x1.8p23) }
}
extension Double: QuantizationReal {
  @inline(__always) static func rounded(_ value: Double) -> Double { rounded(value, magic: 0x1.8p52) }
}

/// The three operands as reals.
private struct QuantizationOperands<Real: QuantizationReal> {
  let x: Tensor
  let scale: Tensor
  let zeroPoint: Tensor

  init(_ x: Tensor, _ scale: Tensor, _ zeroPoint: Tensor?) throws {
    self.x = try x.converted(to: Real.elementType)
    self.scale = try scale.converted(to: Real.elementType)
    self.zeroPoint = try zeroPoint?.converted(to: Real.elementType) ?? Tensor(Real.elementType, scale.shape)
  }

  /// result = body(x, scale, zero point) for every element.
  @inline(__always)
  func forEachRun<Number: TensorElement>(
    _ layout: ScaleLayout, into result: Tensor, of: Number.Type, _ body: (Real, Real, Real) -> Number
  ) {
    x.withElements(of: Real.self) { x in
      scale.withElements(of: Real.self) { scale in
        zeroPoint.withElements(of: Real.self) { zeroPoint in
          result.withMutableElements(of: Number.self) { result in
            guard let x = x.baseAddress, let scale = scale.baseAddress, let zeroPoint = zeroPoint.baseAddress,
              let result = result.baseAddress
            else { return }
            for outer in 0..<layout.outer {
              for position in 0..<layout.extent {
                let start = (outer * layout.extent + position) * layout.inner
                let first = layout.scale(outer, position)
                let zero = layout.hasZeroPoints ? first : 0
                if layout.isBlocked {
                  for index in 0..<layout.inner {
                    result[start + index] = body(
                      x[start + index], scale[first + index], zeroPoint[layout.hasZeroPoints ? zero + index : 0])
                  }
                } else {
                  let (scale, zeroPoint) = (scale[first], zeroPoint[zero])
                  for index in 0..<layout.inner {
                    result[start + index] = body(x[start + index], scale, zeroPoint)
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}

/// Which scale belongs to which element of an operand [outer, extent, inner].
private struct ScaleLayout {
  let outer: Int
  let extent: Int
  let inner: Int
  /// Neighbours along the axis that share a scale; 0 when there is one scale for each position.
  private let blockSize: Int
  private let isPerTensor: Bool
  /// One zero point for each scale, not one for all.
  let hasZeroPoints: Bool

  var isBlocked: Bool { blockSize > 0 }

  init(_ node: Node, _ x: Shape, scale: Tensor, zeroPoint: Tensor?, _ axis: QuantizationAxis) throws {
    if let zeroPoint, zeroPoint.elementCount != 1, zeroPoint.shape != scale.shape {
      throw EvaluationError(node, "zero point \(zeroPoint.shape)", expected: "the scale's shape \(scale.shape)")
    }
    hasZeroPoints = zeroPoint.map { $0.elementCount != 1 } ?? (scale.elementCount > 1)
    isPerTensor = scale.elementCount == 1 && scale.shape.rank <= 1
    if isPerTensor {
      (outer, extent, inner, blockSize) = (1, 1, x.elementCount, 0)
      return
    }
    guard 0 <= axis.axis, axis.axis < x.rank, axis.blockSize >= 0 else {
      throw EvaluationError(
        node, "axis \(axis.axis), block \(axis.blockSize) of \(x)", expected: "an axis of the operand")
    }
    blockSize = axis.blockSize
    var expected = [x[axis.axis]]
    if blockSize > 0 {
      expected = x.dimensions
      expected[axis.axis] = expected[axis.axis] / blockSize + (expected[axis.axis] % blockSize == 0 ? 0 : 1)
    }
    guard scale.shape.dimensions == expected else {
      throw EvaluationError(node, "scale \(scale.shape) for \(x)", expected: "\(expected)")
    }
    extent = x[axis.axis]
    outer = x.elementCount == 0 ? 0 : x.dimensions[..<axis.axis].reduce(1, *)
    inner = x.elementCount == 0 ? 0 : x.dimensions[(axis.axis + 1)...].reduce(1, *)
  }

  /// Index of the scale of the first element at a position along the axis.
  @inline(__always) func scale(_ outer: Int, _ position: Int) -> Int {
    if isPerTensor { return 0 }
    if blockSize == 0 { return position }
    let blocks = (extent + blockSize - 1) / blockSize
    return (outer * blocks + position / blockSize) * inner
  }
}
