import GraphIR
import Tensors

/// Sequences and optionals.
enum SequenceOperators {
  static let table: [String: Lowering] = [
    "SequenceConstruct": { c in [try c.builder.one(.sequenceConstruct, c.operands())] },
    "SequenceEmpty": { c in
      [try c.builder.one(.sequenceEmpty(c.elementType(attribute: "dtype") ?? .float32), [])]
    },
    "SequenceAt": { c in [try c.builder.one(.sequenceAt, [c.operand(0), position(c, 1)])] },
    "SequenceInsert": { c in
      let position = c.hasOperand(2) ? [try position(c, 2)] : []
      return [try c.builder.one(.sequenceInsert, [c.operand(0), c.operand(1)] + position)]
    },
    "SequenceErase": { c in
      let position = c.hasOperand(1) ? [try position(c, 1)] : []
      return [try c.builder.one(.sequenceErase, [c.operand(0)] + position)]
    },
    "SequenceLength": { c in [try c.builder.one(.sequenceLength, [c.operand(0)])] },
    "ConcatFromSequence": concatenate,
    "SplitToSequence": split,
    "Optional": optional,
    "OptionalHasElement": { c in
      guard let x = try c.optionalOperand(0) else { return [try c.builder.scalar(0, .bool)] }
      return [try c.builder.one(.optionalHasElement, [x])]
    },
    "OptionalGetElement": { c in
      let x = try c.operand(0)
      guard case .optional = c.builder.type(of: x) else { return [x] }
      return [try c.builder.one(.optionalGetElement, [x])]
    },
  ]

  private static func position(_ c: LoweringContext, _ index: Int) throws -> ValueID {
    try ShapeOperators.int64(c, c.operand(index))
  }

  private static func concatenate(_ c: LoweringContext) throws -> [ValueID] {
    let newAxis = try c.flag("new_axis")
    let sequence = try c.operand(0)
    var axis = try c.int("axis", 0)
    if axis < 0 {
      guard case .sequence(.tensor(let element)) = c.builder.type(of: sequence) else {
        throw c.invalid(found: "axis \(axis) of elements of unknown rank", expected: "an axis that is not negative")
      }
      axis = try c.axis(axis, rank: element.rank + (newAxis ? 1 : 0))
    }
    return [try c.builder.one(.sequenceConcatenate(axis: axis, newAxis: newAxis), [sequence])]
  }

  private static func split(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", 0), rank: c.rank(x))
    let sizes = c.hasOperand(1) ? [try position(c, 1)] : []
    // `keepdims` speaks of the default split into single slices only.
    let keep = try c.hasOperand(1) || c.flag("keepdims", true)
    return [try c.builder.one(.sequenceSplit(axis: axis, keepDimension: keep), [x] + sizes)]
  }

  private static func optional(_ c: LoweringContext) throws -> [ValueID] {
    if let x = try c.optionalOperand(0) { return [try c.builder.one(.optional(nil), [x])] }
    switch try c.node.type("type") {
    case .optional(.tensor(let element?, _)), .tensor(let element?, _):
      return [try c.builder.one(.optional(element), [])]
    case .optional(.sequence(.tensor(let element?, _))), .sequence(.tensor(let element?, _)):
      return [try c.builder.one(.optional(element, ofSequence: true), [])]
    default: throw c.invalid(found: "no element and no tensor type", expected: "one of them")
    }
  }
}
