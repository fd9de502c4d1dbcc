import GraphIR
import Tensors

extension Elementwise {
  static func select(
    _ predicate: Tensor, _ onTrue: Tensor, _ onFalse: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard predicate.elementType == .bool, onTrue.elementType == onFalse.elementType else {
      throw EvaluationError(
        node, "\(predicate.elementType.name), \(onTrue.elementType.name) and \(onFalse.elementType.name)",
        expected: "bool and two operands of one element type")
    }
    let shapes = [predicate.shape, onTrue.shape, onFalse.shape]
    let shape = try context.checkedShape(
      broadcastShape(shapes, node).dimensions, of: onTrue.elementType, for: node)
    let selection = Selection(predicate: predicate, nest: LoopNest(result: shape, operands: shapes))
    return try selection.evaluate([onTrue, onFalse], shape: shape, context: context)
  }

  private struct Selection: Movement {
    let predicate: Tensor
    let nest: LoopNest

    func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) {
      let count = nest.innerExtent
      let steps = nest.innerSteps
      withExtendedLifetime(predicate) {
        let predicates = predicate.pointer(UInt8.self)
        nest.forEachRow { offsets in
          let predicate = predicates + offsets[1]
          let onTrue = sources[0] + offsets[2]
          let onFalse = sources[1] + offsets[3]
          let target = destination + offsets[0]
          if steps[1] == 0 {
            let isTrue = predicate[0] != 0
            let source = isTrue ? onTrue : onFalse
            if steps[isTrue ? 2 : 3] == 1 {
              target.update(from: source, count: count)
            } else {
              target.update(repeating: source[0], count: count)
            }
          } else if steps[2] == 1 && steps[3] == 1 {
            for index in 0..<count { target[index] = predicate[index] != 0 ? onTrue[index] : onFalse[index] }
          } else {
            for index in 0..<count {
              target[index] = predicate[index] != 0 ? onTrue[index &* steps[2]] : onFalse[index &* steps[3]]
            }
          }
        }
      }
    }
  }
}
