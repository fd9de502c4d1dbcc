import Tensors

/// The loops of elementwise primitives. `function` is inlined into them, so that each call becomes loops over plain
/// pointers that the compiler vectorises.
enum ElementLoops {
  @inline(__always)
  static func map<Operand, Result>(_ x: Tensor, into result: Tensor, _ function: (Operand) -> Result) {
    withExtendedLifetime((x, result)) {
      let source = UnsafePointer(x.pointer(Operand.self))
      let target = result.pointer(Result.self)
      for index in 0..<result.elementCount { target[index] = function(source[index]) }
    }
  }

  /// Innermost steps are 1, or 0 for an operand that repeats, so that there are three inner loops.
  @inline(__always)
  static func map<Left, Right, Result>(
    _ a: Tensor, _ b: Tensor, into result: Tensor, _ function: (Left, Right) -> Result
  ) {
    let nest = LoopNest(result: result.shape, operands: [a.shape, b.shape])
    let count = nest.innerExtent
    withExtendedLifetime((a, b, result)) {
      let lefts = UnsafePointer(a.pointer(Left.self))
      let rights = UnsafePointer(b.pointer(Right.self))
      let results = result.pointer(Result.self)
      nest.forEachRow { offsets in
        let target = results + offsets[0]
        let left = lefts + offsets[1]
        let right = rights + offsets[2]
        if nest.innerSteps[1] == 0 {
          let constant = left[0]
          for index in 0..<count { target[index] = function(constant, right[index]) }
        } else if nest.innerSteps[2] == 0 {
          let constant = right[0]
          for index in 0..<count { target[index] = function(left[index], constant) }
        } else {
          for index in 0..<count { target[index] = function(left[index], right[index]) }
        }
      }
    }
  }
}
