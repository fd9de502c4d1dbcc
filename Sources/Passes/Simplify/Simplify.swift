import GraphIR
import Tensors

extension Pass {
  /// Drops and merges what changes nothing: x + 0, chains of reshapes, transposes and conversions, slices of everything.
  ///
  /// Results stay the same bit for bit, signed zeros included (x + 0 stays, since -0 + 0 is 0), except for the payload
  /// of NaNs and for x², which becomes a correctly rounded product.
  public static let simplify = Pass(
    Rule(
      name: "simplify",
      rewrite: { rewriter, step in try rewriter.simplified(step).map { [$0] } },
      finish: { rewriter, step, results in
        try results.first.flatMap { try rewriter.simplified(step, added: $0) }.map { [$0] }
      }))
}

extension Rewriter {
  /// What stands for a step of one result that was not added yet.
  fileprivate func simplified(_ step: Step) throws -> ValueID? {
    let x = step.operands
    switch step.operation {
    case .unary(let function): return try simplifiedUnary(function, x[0])
    case .binary(let function): return try simplifiedBinary(function, x[0], x[1])
    case .compare: return try withoutBroadcasts(step)
    case .select: return try simplifiedSelect(step)
    case .convert(let type, let saturating): return try simplifiedConvert(x[0], type, saturating)
    case .bitcast(let type): return simplifiedBitcast(x[0], type)
    case .shape: return try simplifiedShape(x[0])
    case .reshape: return try simplifiedReshape(step)
    case .transpose(let permutation): return try simplifiedTranspose(x[0], permutation)
    case .reverse(let axes): return simplifiedReverse(x[0], axes)
    case .pad: return simplifiedPad(x)
    case .concatenate(let axis): return try simplifiedConcatenate(x, axis)
    case .gather(let axis, 0): return simplifiedGather(x[0], x[1], axis)
    case .reduce(_, let axes): return axes.isEmpty ? x[0] : nil
    case .sequenceAt, .sequenceLength, .optionalHasElement, .optionalGetElement:
      return simplifiedRead(step)
    default: return nil
    }
  }

  /// What stands for a step whose type is known by now.
  fileprivate func simplified(_ step: Step, added result: ValueID) throws -> ValueID? {
    switch step.operation {
    case .reshape: try simplifiedReshape(step, added: result)
    case .slice: slicesEverything(step, result) ? step.operands[0] : nil
    case .broadcast: hasSameShape(step.operands[0], result) ? step.operands[0] : nil
    default: nil
    }
  }

  /// Surely of the same shape, symbols included.
  func hasSameShape(_ a: ValueID, _ b: ValueID) -> Bool {
    guard let shape = shape(a) else { return false }
    return shape == self.shape(b)
  }
}
