import GraphIR
import Interpreter
import Tensors

extension Pass {
  /// Computes what does not depend on the inputs: nodes of constants, values whose elements follow from shapes, the
  /// branch that a constant condition takes.
  public static let foldConstants = Pass(
    Rule(
      name: "fold-constants",
      rewrite: { rewriter, step in
        try rewriter.takenBranch(step) ?? rewriter.folded(step) ?? rewriter.withKeptWeights(step)
      },
      finish: { rewriter, _, results in
        var replaced = results
        for (index, id) in results.enumerated() where rewriter[id].elements != nil && rewriter[id].constant == nil {
          if let tensor = rewriter.constant(id) { replaced[index] = rewriter.constant(tensor) }
        }
        return replaced == results ? nil : replaced
      }))
}

extension Rewriter {
  /// The branch of an `if` whose condition is known, in its place.
  fileprivate func takenBranch(_ step: Step) throws -> [ValueID]? {
    guard case .if = step.operation, let condition = constant(step.operands[0]), condition.elementType == .bool,
      condition.elementCount == 1
    else { return nil }
    let isTaken = condition.base.load(as: UInt8.self) != 0
    return try inline(step.regions[isTaken ? 0 : 1], arguments: Array(step.operands.dropFirst()))
  }

  fileprivate func folded(_ step: Step) throws -> [ValueID]? {
    guard step.regions.isEmpty, !step.operands.isEmpty, step.operation.isFoldable else { return nil }
    var operands: [Tensor] = []
    for operand in step.operands {
      guard let tensor = constant(operand) else { return nil }
      operands.append(tensor)
    }
    return Constants.evaluate(step.operation, operands)?.map { constant($0) }
  }
}

extension Rewriter {
  /// A contraction whose weights are one number repeated, with these weights as a constant: a backend packs them once.
  fileprivate func withKeptWeights(_ step: Step) throws -> [ValueID]? {
    switch step.operation {
    case .convolution, .transposedConvolution, .dot: break
    default: return nil
    }
    guard let node = producer(step.operands[1]), case .broadcast = node.operation else { return nil }
    let operands = node.operands.compactMap { constant($0) }
    guard operands.count == node.operands.count,
      let weights = Constants.evaluate(node.operation, operands, largestByteCount: .max)
    else { return nil }
    var kept = step
    kept.operands[1] = constant(weights[0])
    return try add(kept)
  }
}

enum Constants {
  /// The results of a node of constants; nil when it fails, which is then for the run to report, or when they would be
  /// large: memory is better spent by computing them when they are needed.
  static func evaluate(
    _ operation: Operation, _ operands: [Tensor], largestByteCount: Int = smallByteCount
  ) -> [Tensor]? {
    let scratch = GraphBuilder(name: "constants")
    let ids = operands.map { scratch.constant($0) }
    guard let results = try? scratch.add(operation, ids), let node = scratch.graph.nodes.last else { return nil }
    let operandByteCount = operands.reduce(0) { $0 + $1.byteCount }
    let limit = max(largestByteCount, 2 * operandByteCount)
    for id in results {
      guard let type = scratch.type(of: id).tensor else { return nil }
      if let shape = type.constantShape {
        guard let byteCount = type.elementType.byteCount(of: shape.elementCount), byteCount <= limit else { return nil }
      }
    }
    if let type = scratch.type(of: results[0]).tensor, let derived = derived(node, operands, type) { return [derived] }
    let tensors = try? values(node, operands)
    guard let tensors, tensors.count == results.count, tensors.allSatisfy({ $0.byteCount <= limit }) else { return nil }
    return tensors
  }

  private static func values(_ node: Node, _ operands: [Tensor]) throws -> [Tensor] {
    try Tensor.reading(operands) { readable in
      let results = try Interpreter.evaluate(node, readable.map(RuntimeValue.tensor), EvaluationContext())
      return results.compactMap(\.tensor).map { result in
        // A view of what was made for this reading would be all that is left of it.
        guard let viewed = readable.firstIndex(where: { $0.storage === result.storage }) else { return result }
        return Tensor(
          result.elementType, result.shape, storage: operands[viewed].storage, byteOffset: result.byteOffset)
      }
    }
  }

  /// A large result as a tensor whose bytes are made when they are read: weights go through several forms on their way
  /// from the file to the kernels, and none but the last need be in memory.
  private static func derived(_ node: Node, _ operands: [Tensor], _ type: TensorType) -> Tensor? {
    guard let shape = type.constantShape, node.operation.isDerivable(from: operands, to: type.elementType),
      let byteCount = type.elementType.byteCount(of: shape.elementCount), byteCount >= Tensor.minimumDerivedByteCount
    else { return nil }
    if let element = operands[0].singleElement, node.operation.isMovement {
      return try? Tensor(repeating: element, shape)
    }
    var source: Tensor?
    if case .transpose = node.operation { source = operands[0] }
    return try? Tensor(deriving: type.elementType, shape, reordering: source) { () throws(TensorError) -> Tensor in
      do {
        if let value = try values(node, operands).first { return value }
      } catch let error as TensorError {
        throw error
      } catch {}
      throw .outOfMemory(bytes: byteCount)
    }
  }

  /// Constants up to this size may grow out of smaller ones.
  static let smallByteCount = 64 << 10
}

extension Tensor {
  fileprivate var singleElement: Tensor? {
    if let repeatedElement { return repeatedElement }
    return elementCount == 1 && !elementType.isPacked && elementType != .string ? self : nil
  }
}

extension Operation {
  /// Moves the elements of its first operand, and adds none.
  fileprivate var isMovement: Bool {
    switch self {
    case .broadcast, .transpose, .slice: true
    default: false
    }
  }

  /// Whether a node whose result has a known type and shape can fail for no other reason than a want of memory.
  fileprivate func isDerivable(from operands: [Tensor], to result: ElementType) -> Bool {
    switch self {
    case .broadcast, .transpose, .slice, .concatenate: operands[0].elementType != .string
    case .binary, .convert: (operands.map(\.elementType) + [result]).allSatisfy(Self.isPlainFloat)
    default: false
    }
  }

  private static func isPlainFloat(_ type: ElementType) -> Bool {
    switch type {
    case .float16, .bfloat16, .float32, .float64: true
    default: false
    }
  }

  /// Has one result for given operands, and one that is better kept than computed.
  fileprivate var isFoldable: Bool {
    switch self {
    // Weights that are kept as integers are computed with as integers.
    case .random, .dequantize: false
    default: true
    }
  }
}
