import GraphIR
import Tensors

extension Images {
  /// ONNX Resize, one axis after the other. Nearest neighbours are copied and may be of any type with bytes; other
  /// modes interpolate floats in float32 and all else in float64, round integers to nearest even and saturate.
  static func resize(
    _ node: Node, _ x: Tensor, parameters: Tensor, region: Tensor?, _ resize: Resize, _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.elementType != .string else { throw EvaluationError(node, "strings", expected: "numbers") }
    let axes = try ResizeAxis.all(node, x.shape, parameters: parameters, region: region, resize)
    if axes.isEmpty || axes.contains(where: { $0.output == 0 }) {
      guard let shape = ResizeAxis.result(x.shape, axes) else {
        throw EvaluationError(node, "axes \(axes.map(\.output))", expected: "a tensor that fits in memory")
      }
      if axes.isEmpty { return x }
      return try context.makeTensor(x.elementType, shape)
    }
    let threads = context.threadCount
    if resize.mode == .nearest {
      var result = try x.widened()
      let fill = try Tensor(scalar: resize.extrapolationValue).converted(to: result.elementType)
      for axis in axes { result = try axis.copyNearest(node, result, fill: fill) }
      return try result.narrowed(to: x.elementType)
    }
    guard x.elementType.isNumeric || x.elementType == .bool else {
      throw EvaluationError(node, x.elementType.name, expected: "numbers")
    }
    func interpolated<Real: SampleReal & SIMDScalar>(_: Real.Type) throws -> Tensor {
      var result = try x.converted(to: Real.elementType)
      for axis in axes {
        result = try axis.interpolate(node, result, fill: Real(resize.extrapolationValue), threads: threads)
      }
      return result
    }
    let isSingle = x.elementType.isFloat && x.elementType != .float64
    let result = try isSingle ? interpolated(Float.self) : interpolated(Double.self)
    return try saturated(result, to: x.elementType)
  }

  /// Integers round to nearest even and saturate, floats are rounded.
  static func saturated(_ x: Tensor, to target: ElementType) throws -> Tensor {
    func integers<Number: FixedWidthInteger & TensorElement>(_: Number.Type) throws -> Tensor {
      let result = try Tensor(Number.elementType, x.shape, zeroed: false)
      try x.converted(to: .float64).withElements(of: Double.self) { numbers in
        result.withMutableElements(of: Number.self) { result in
          for (index, number) in numbers.enumerated() {
            let rounded = number.rounded(.toNearestOrEven)
            result[index] = Number(exactly: rounded) ?? (rounded > 0 ? .max : rounded < 0 ? .min : 0)
          }
        }
      }
      return result
    }
    switch target {
    case .int8: return try integers(Int8.self)
    case .int16: return try integers(Int16.self)
    case .int32: return try integers(Int32.self)
    case .int64: return try integers(Int64.self)
    case .uint8: return try integers(UInt8.self)
    case .uint16: return try integers(UInt16.self)
    case .uint32: return try integers(UInt32.self)
    case .uint64: return try integers(UInt64.self)
    default: return try x.converted(to: target)
    }
  }
}
