import GraphIR
import Tensors

/// Sequences and optionals, as ONNX has them.
enum Sequences {
  static func evaluate(
    _ node: Node, _ operands: [RuntimeValue], _ context: EvaluationContext
  ) throws -> [RuntimeValue] {
    let request = Request(node: node, operands: operands, context: context)
    return [try request.result()]
  }

  private struct Request {
    let node: Node
    let operands: [RuntimeValue]
    let context: EvaluationContext

    func result() throws -> RuntimeValue {
      switch node.operation {
      case .sequenceConstruct: return .sequence(operands)
      case .sequenceEmpty: return .sequence([])
      case .sequenceAt:
        let elements = try sequence()
        guard let position = try position(1, below: elements.count) else { throw missing(1) }
        return elements[position]
      case .sequenceInsert:
        var elements = try sequence()
        guard operands.count > 1 else { throw missing(1) }
        // The place after the last element is one too; negative positions count from the last element all the same.
        let position = try position(2, below: elements.count + 1, countingFrom: elements.count) ?? elements.count
        elements.insert(operands[1], at: position)
        return .sequence(elements)
      case .sequenceErase:
        var elements = try sequence()
        guard !elements.isEmpty else {
          throw EvaluationError(node, "an empty sequence", expected: "an element to erase")
        }
        elements.remove(at: try position(1, below: elements.count) ?? elements.count - 1)
        return .sequence(elements)
      case .sequenceLength: return .tensor(Tensor(scalar: Int64(try sequence().count)))
      case .sequenceConcatenate(let axis, let newAxis): return .tensor(try concatenated(axis, newAxis))
      case .sequenceSplit(let axis, let keepDimension):
        return .sequence(try split(axis, keepDimension).map(RuntimeValue.tensor))
      case .optional: return .optional(operands.first)
      case .optionalHasElement:
        if case .optional(nil)? = operands.first { return .tensor(Tensor(scalar: false)) }
        return .tensor(Tensor(scalar: !operands.isEmpty))
      case .optionalGetElement:
        guard let operand = operands.first else { throw missing(0) }
        guard case .optional(let value) = operand else { return operand }
        guard let value else { throw EvaluationError(node, "an empty optional", expected: "an element") }
        return value
      default: preconditionFailure("not a sequence primitive: \(node.operation)")
      }
    }

    private func missing(_ index: Int) -> EvaluationError {
      EvaluationError(node, "\(operands.count) operands", expected: "more than \(index)")
    }

    private func sequence() throws -> [RuntimeValue] {
      guard let operand = operands.first else { throw missing(0) }
      guard case .sequence(let elements) = operand else {
        throw EvaluationError(node, operand.summary, expected: "a sequence")
      }
      return elements
    }

    /// A position as operand `index`, or nil when there is none; negative ones count from `end`.
    private func position(_ index: Int, below limit: Int, countingFrom end: Int? = nil) throws -> Int? {
      guard index < operands.count else { return nil }
      guard let tensor = operands[index].tensor, tensor.elementCount == 1 else {
        throw EvaluationError(node, operands[index].summary, expected: "one integer as position")
      }
      let given = try integers(tensor)[0]
      let position = given < 0 ? given + (end ?? limit) : given
      guard 0 <= position, position < limit else {
        throw EvaluationError(node, "position \(given)", expected: "one within a sequence of \(end ?? limit)")
      }
      return position
    }

    private func integers(_ tensor: Tensor) throws -> [Int] {
      switch tensor.elementType {
      case .int64: return tensor.elements(of: Int64.self).map(Int.init)
      case .int32: return tensor.elements(of: Int32.self).map(Int.init)
      default: throw EvaluationError(node, tensor.elementType.name, expected: "int32 or int64")
      }
    }

    private func concatenated(_ axis: Int, _ newAxis: Bool) throws -> Tensor {
      let tensors = try sequence().map { element in
        guard let tensor = element.tensor else {
          throw EvaluationError(node, element.summary, expected: "a sequence of tensors")
        }
        return tensor
      }
      guard let rank = tensors.first?.shape.rank else {
        throw EvaluationError(node, "an empty sequence", expected: "tensors to join")
      }
      // The rank of a sequence's elements may be known to a run only, so this axis may come unresolved.
      let resolved = axis < 0 ? axis + rank + (newAxis ? 1 : 0) : axis
      return try newAxis
        ? TensorJoin(node, tensors, newAxis: resolved).run(context)
        : TensorJoin(node, tensors, axis: resolved).run(context)
    }

    private func split(_ axis: Int, _ keepDimension: Bool) throws -> [Tensor] {
      guard let operand = operands.first, let x = operand.tensor else { throw missing(0) }
      let axis = axis < 0 ? axis + x.shape.rank : axis
      guard 0 <= axis, axis < x.shape.rank else {
        throw EvaluationError(node, "axis \(axis) of \(x.shape)", expected: "an axis within the rank")
      }
      let extent = x.shape[axis]
      // Elements without bytes could claim any number of pieces.
      guard extent <= 1 << 24 else {
        throw EvaluationError(node, "extent \(extent)", expected: "at most 2^24 pieces")
      }
      guard operands.count > 1 else {
        let pieces = try x.split(axis: axis, extents: Array(repeating: 1, count: extent))
        if keepDimension { return pieces }
        var dimensions = x.shape.dimensions
        dimensions.remove(at: axis)
        return pieces.map { $0.reshaped(Shape(dimensions)) }
      }
      guard let split = operands[1].tensor, split.shape.rank <= 1 else {
        throw EvaluationError(node, operands[1].summary, expected: "integers as split")
      }
      let numbers = try integers(split)
      if split.shape.rank == 1 {
        var rest = extent
        for number in numbers {
          rest = 0 <= number && number <= rest ? rest - number : -1
        }
        guard rest == 0 else {
          throw EvaluationError(node, "split \(numbers)", expected: "extents that sum up to \(extent)")
        }
        return try x.split(axis: axis, extents: numbers)
      }
      guard numbers[0] > 0 else { throw EvaluationError(node, "split \(numbers[0])", expected: "a positive extent") }
      let size = min(numbers[0], max(extent, 1))
      return try x.split(
        axis: axis, extents: stride(from: 0, to: extent, by: size).map { min(size, extent - $0) })
    }
  }
}
