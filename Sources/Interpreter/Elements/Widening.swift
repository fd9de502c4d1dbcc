import GraphIR
import Tensors

/// Arithmetic on types that Swift does not calculate with.
enum Widening {
  /// Runs `body` on operands in their wide types (narrow floats as float32, 4- and 2-bit integers as bytes) and rounds
  /// a result of the wide type back, once.
  static func evaluate(
    _ x: [Tensor], _ context: EvaluationContext, _ body: ([Tensor], EvaluationContext) throws -> Tensor
  ) throws -> Tensor {
    guard let narrow = x.lazy.map(\.elementType).first(where: { $0.widened != nil }) else {
      return try body(x, context)
    }
    // Intermediate results must not lie where the result is going to.
    let heap = EvaluationContext(threadCount: context.threadCount)
    let result = try body(x.map { try $0.widened() }, heap)
    return result.elementType == narrow.widened ? try result.narrowed(to: narrow) : result
  }
}

extension EvaluationContext {
  /// Strings that one tensor may have (16 bytes each, at least): an array cannot refuse like an allocator does.
  static let maximumStringCount = 1 << 26

  /// `makeTensor` for extents that come from operands: negative ones, too many elements and too many strings are
  /// errors of `node`.
  func makeTensor(
    _ elementType: ElementType, checking dimensions: [Int], for node: Node, result: Int = 0
  ) throws -> Tensor {
    try makeTensor(elementType, checkedShape(dimensions, of: elementType, for: node), result: result)
  }

  func checkedShape(_ dimensions: [Int], of elementType: ElementType, for node: Node) throws -> Shape {
    guard let shape = Shape(checking: dimensions),
      elementType != .string || shape.elementCount <= Self.maximumStringCount
    else { throw EvaluationError(node, "result shape \(dimensions)", expected: "a shape that fits memory") }
    return shape
  }
}

extension EvaluationError {
  init(_ node: Node, unsupported type: ElementType) {
    self.init(node, type.name, expected: "an element type that the operation is defined for")
  }
}

extension Tensor {
  /// Elements of a parameter such as a shape or a list of positions.
  func integers() throws -> [Int] {
    switch elementType {
    case .int64: withElements(of: Int64.self) { $0.map(Int.init) }
    case .int32: withElements(of: Int32.self) { $0.map(Int.init) }
    default: try converted(to: .int64).elements(of: Int64.self).map(Int.init)
    }
  }

  /// A copy in memory that the engine gave for result `result` of the running node.
  func copied(_ context: EvaluationContext, result: Int = 0) throws -> Tensor {
    if elementType == .string { return Tensor(shape, strings: strings) }
    let copy = try context.makeTensor(elementType, shape, result: result)
    withExtendedLifetime((self, copy)) { copy.base.copyMemory(from: base, byteCount: byteCount) }
    return copy
  }
}
