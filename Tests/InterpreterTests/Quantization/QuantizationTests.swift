import GraphIR
import Interpreter
import Tensors
import Testing

@Suite("quantisation")
struct QuantizationTests {
  /// saturate(round(x / scale) + zero point), by definition.
  private func quantized(_ x: Float, _ scale: Float, _ zero: Int, _ range: ClosedRange<Int>) -> Int {
    let rounded = (x / scale).rounded(.toNearestOrEven)
    if rounded.isNaN { return range.lowerBound }
    return min(max(Int(min(max(rounded, -1e9), 1e9)) + zero, range.lowerBound), range.upperBound)
  }

  private static let targets: [(ElementType, ClosedRange<Int>)] = [
    (.int8, -128...127), (.uint8, 0...255), (.int16, -32768...32767), (.uint16, 0...65535), (.int4, -8...7),
    (.uint4, 0...15), (.int2, -2...1), (.uint2, 0...3),
  ]

  @Test("all integer types, per tensor, axis and block", arguments: targets.indices, 0..<6)
  func integers(index: Int, seed: Int) throws {
    let (type, range) = Self.targets[index]
    var generator = SeededGenerator(seed * 10 + index)
    let dimensions = [2, 6, 5]
    let shape = Shape(dimensions)
    let axis = generator.integer(0...2)
    let block = generator.pick([2, 3, 4])
    let kind = seed % 3
    var scaleShape: Shape = .scalar
    if kind == 1 { scaleShape = [dimensions[axis]] }
    if kind == 2 {
      var blocks = dimensions
      blocks[axis] = (blocks[axis] + block - 1) / block
      scaleShape = Shape(blocks)
    }
    // Halves of the scale, so that ties occur; some saturate.
    let scales = (0..<scaleShape.elementCount).map { _ in generator.pick([0.5, 0.25, 3] as [Float]) }
    let span = range.count
    let zeros = scales.map { _ in generator.integer(range) }
    let reach = span
    let x = (0..<shape.elementCount).map { _ in Float(generator.integer(-reach * 2...reach * 2)) / 4 }
    let scaleOf = positions(dimensions).map { position in
      switch kind {
      case 0: return 0
      case 1: return position[axis]
      default:
        var blockPosition = position
        blockPosition[axis] /= block
        return scaleShape.offset(blockPosition)
      }
    }
    let expected = x.indices.map { quantized(x[$0], scales[scaleOf[$0]], zeros[scaleOf[$0]], range) }
    let quantization = QuantizationAxis(axis: axis, blockSize: kind == 2 ? block : 0)
    let scale = Tensor(scaleShape, scales)
    let zeroPoint = try Tensor(scaleShape, zeros.map(Int32.init)).converted(to: type)
    let found = try Primitive(.quantize(quantization, to: type))(Tensor(shape, x), scale, zeroPoint)
    #expect(found.elementType == type && found.shape == shape)
    #expect(try found.converted(to: .int32).elements(of: Int32.self).map(Int.init) == expected)
    // And back.
    let back = try Primitive(.dequantize(quantization, to: .float32))(found, scale, zeroPoint)
    #expect(
      back.elements(of: Float.self)
        == x.indices.map { Float(expected[$0] - zeros[scaleOf[$0]]) * scales[scaleOf[$0]] })
    // Without zero points.
    let plain = try Primitive(.quantize(quantization, to: type))(Tensor(shape, x), scale)
    #expect(
      try plain.converted(to: .int32).elements(of: Int32.self).map(Int.init)
        == x.indices.map { quantized(x[$0], scales[scaleOf[$0]], 0, range) })
  }

  @Test("ties go to even, the rest saturates")
  func rounding() throws {
    let x = Tensor([8], [0.5, 1.5, 2.5, -0.5, -1.5, .infinity, -.infinity, .nan] as [Float])
    let found = try Primitive(.quantize(QuantizationAxis(), to: .int8))(x, Tensor(scalar: Float(1)))
    #expect(found.elements() == [0, 2, 2, 0, -2, 127, -128, -128] as [Int8])
  }

  @Test("narrow and integer operands, narrow results")
  func otherTypes() throws {
    let x = Tensor([4], [1, 2.5, -3, 448] as [Float])
    let scale = Tensor(scalar: Float(0.5))
    for type in [ElementType.float16, .bfloat16] {
      let found = try Primitive(.quantize(QuantizationAxis(), to: .int8))(
        x.converted(to: type), scale.converted(to: type))
      #expect(found.elements() == [2, 5, -6, 127] as [Int8])
    }
    let counts = Tensor([2], [5, -7] as [Int32])
    #expect(
      try Primitive(.quantize(QuantizationAxis(), to: .int8))(counts, Tensor(scalar: Float(2))).elements()
        == [2, -4] as [Int8])
    let eights = try Primitive(.quantize(QuantizationAxis(), to: .float8E4M3FN))(x, scale)
    #expect(try eights.converted(to: .float32).elements() == [2, 5, -6, 448] as [Float])
    let fours = try Primitive(.quantize(QuantizationAxis(), to: .float4E2M1))(x, scale)
    #expect(try fours.converted(to: .float32).elements() == [2, 4, -6, 6] as [Float])
    let half = try Primitive(.dequantize(QuantizationAxis(), to: .float16))(eights, scale.converted(to: .float16))
    #expect(half.elementType == .float16)
    #expect(try half.converted(to: .float32).elements() == [1, 2.5, -3, 224] as [Float])
    let sums = try Primitive(.dequantize(QuantizationAxis(), to: .float32))(
      Tensor([2], [1000, -1000] as [Int32]), Tensor(scalar: Float(0.25)))
    #expect(sums.elements() == [250, -250] as [Float])
  }

  @Test("scales that do not fit are errors; nothing to quantise is not")
  func errors() throws {
    let x = Tensor([2, 3], [Float](repeating: 0, count: 6))
    func quantize(_ scale: Shape, axis: Int = 1, block: Int = 0, zero: Shape? = nil, to: ElementType = .int8) throws {
      let axis = QuantizationAxis(axis: axis, blockSize: block)
      _ = try Primitive(.quantize(axis, to: to))(
        x, Tensor(scale, [Float](repeating: 1, count: scale.elementCount)),
        Tensor(zero ?? scale, [Int8](repeating: 0, count: (zero ?? scale).elementCount)))
    }
    #expect(throws: EvaluationError.self) { try quantize([2]) }
    #expect(throws: EvaluationError.self) { try quantize([3], axis: 2) }
    #expect(throws: EvaluationError.self) { try quantize([3], axis: -1) }
    #expect(throws: EvaluationError.self) { try quantize([2, 3], axis: 1, block: 2) }
    #expect(throws: EvaluationError.self) { try quantize([3], zero: [2]) }
    #expect(throws: EvaluationError.self) { try quantize([3], to: .int32) }
    #expect(throws: Never.self) { try quantize([2, 2], axis: 1, block: 2) }
    let empty = try Primitive(.quantize(QuantizationAxis(axis: 0), to: .int8))(
      Tensor(.float32, [0, 3]), Tensor(.float32, [0]))
    #expect(empty.shape == [0, 3])
  }
}
