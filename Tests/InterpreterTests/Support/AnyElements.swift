import Tensors

@testable import GraphIR
@testable import Interpreter

extension ElementType {
  /// One type of each width and layout: what code that only moves elements can tell apart.
  static let layouts: [ElementType] = [.bool, .float16, .int32, .float64, .complex128, .int4, .uint2, .string]
  static let integers: [ElementType] = allCases.filter(\.isInteger)
  static let wideFloats: [ElementType] = [.float32, .float64]
  /// Floats with enough digits that arithmetic in float32 or float64 and one rounding is the exact result rounded.
  static let floats: [ElementType] = [.float32, .float64, .float16, .bfloat16, .float8E4M3FN, .float8E5M2]
  static let reals: [ElementType] = integers + floats
}

extension SeededGenerator {
  /// Rank 0 to 4, extents 1 to 5, now and then 0.
  mutating func shape(rank: ClosedRange<Int> = 0...4, allowsEmpty: Bool = true) -> Shape {
    Shape(
      (0..<integer(rank)).map { _ in allowsEmpty && integer(0...24) == 0 ? 0 : integer(1...5) })
  }

  /// Any bits, or short strings.
  mutating func anything(_ type: ElementType, _ shape: Shape) throws -> Tensor {
    if type == .string {
      return Tensor(shape, strings: (0..<shape.elementCount).map { _ in "s\(integer(0...99))" })
    }
    let tensor = try Tensor(type, shape)
    for index in 0..<tensor.byteCount {
      let byte = UInt8(truncatingIfNeeded: next())
      tensor.base.storeBytes(of: type == .bool ? byte & 1 : byte, toByteOffset: index, as: UInt8.self)
    }
    return tensor
  }

  /// Small whole numbers and, for floats, halves, so that products and sums of few are exact.
  mutating func smallNumbers(_ type: ElementType, _ shape: Shape, _ range: ClosedRange<Int> = -4...4) throws -> Tensor {
    let low = type.kind == .unsignedInteger ? 0 : range.lowerBound
    let values = (0..<shape.elementCount).map { _ in Int64(integer(low...max(low, range.upperBound))) }
    return try Tensor(shape, values).converted(to: type)
  }

  /// Two shapes that broadcast to one another.
  mutating func broadcastableShapes() -> (Shape, Shape) {
    let full = shape(rank: 0...4)
    func part() -> Shape {
      let dimensions = full.dimensions.map { integer(0...2) == 0 ? 1 : $0 }
      return Shape(Array(dimensions.dropFirst(integer(0...2) == 0 ? integer(0...full.rank) : 0)))
    }
    return (part(), part())
  }
}

extension Tensor {
  /// The bits of each element, or the string itself: for comparing elements that merely moved.
  var tokens: [String] {
    if elementType == .string { return strings }
    let width = elementType.bitWidth
    return (0..<elementCount).map { index in
      if width < 8 { return String(PackedElements.bits(at: index, of: base, bitWidth: width)) }
      return (0..<width / 8).map { String(base.load(fromByteOffset: index * width / 8 + $0, as: UInt8.self)) }
        .joined(separator: ".")
    }
  }

  var doubles: [Double] { get throws { try converted(to: .float64).elements(of: Double.self) } }

  /// Elements of an integer or bool tensor.
  var wholes: [Int128] {
    get throws {
      if elementType == .uint64 { return elements(of: UInt64.self).map { Int128($0) } }
      return try converted(to: .int64).elements(of: Int64.self).map { Int128($0) }
    }
  }

  var int64s: [Int64] { elements(of: Int64.self) }

  /// The same elements under names: what to compare floats by, since NaN equals nothing.
  var descriptions: [String] { get throws { try doubles.map { $0.isNaN ? "nan" : "\($0)" } } }

  /// Whole numbers as a type, each with its low bits only.
  static func wrapping(_ values: [Int128], _ shape: Shape, _ type: ElementType) throws -> Tensor {
    try Tensor(shape, values.map { Int64(truncatingIfNeeded: $0) }).converted(to: type)
  }

  /// Positions and other parameters.
  static func positions(_ values: [Int]) -> Tensor { Tensor([values.count], values.map(Int64.init)) }
}

extension Shape {
  /// Where the element that stands for `position` of a broadcast result lies.
  func broadcastOffset(_ position: [Int]) -> Int {
    let own = position.suffix(rank)
    return offset(zip(own, dimensions).map { $1 == 1 ? 0 : $0 })
  }
}
