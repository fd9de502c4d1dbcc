import GraphIR
import Tensors

extension ClassicalModels {
  static func zipMap(_ operands: [RuntimeValue], _ node: Node) throws -> RuntimeValue {
    guard operands.count == 2, let x = operands[0].tensor, let keys = operands[1].tensor, x.shape.rank == 2,
      keys.shape == [x.shape[1]]
    else { throw EvaluationError(node, "other operands", expected: "x [N, C] and keys [C]") }
    let scalars = try elements(of: x, node)
    let width = keys.elementCount
    // Rows without columns take no memory, so that there may be any number of them.
    guard width > 0 || x.shape[0] <= 1 << 20 else {
      throw EvaluationError(node, "\(x.shape[0]) empty maps", expected: "at most \(1 << 20)")
    }
    return .sequence(
      (0..<x.shape[0]).map { row in
        .map(keys: keys, values: scalars[row * width..<(row + 1) * width].map(RuntimeValue.tensor))
      })
  }

  /// Each element as a scalar; all share one copy of x.
  private static func elements(of x: Tensor, _ node: Node) throws -> [Tensor] {
    if x.elementType == .string { return x.strings.map { Tensor([], strings: [$0]) } }
    guard x.elementType.bitWidth >= 8 else { throw EvaluationError(node, unsupported: x.elementType) }
    let copy = try x.copied(EvaluationContext())
    let width = x.elementType.bitWidth / 8
    return (0..<x.elementCount).map { index in
      Tensor(x.elementType, [], storage: copy.storage, byteOffset: copy.byteOffset + index * width)
    }
  }

  static func mapValues(_ operands: [RuntimeValue], _ node: Node, _ context: EvaluationContext) throws -> Tensor {
    guard case .map(let keys, let boxed)? = operands.first else {
      throw EvaluationError(node, "no map", expected: "a map")
    }
    let values = boxed.compactMap(\.tensor)
    guard values.count == keys.elementCount, values.allSatisfy({ $0.elementCount == 1 }),
      let type = values.first?.elementType ?? operands.last?.tensor?.elementType
    else { throw EvaluationError(node, "\(boxed.count) values", expected: "a scalar for each key") }
    let chosen: [Tensor]
    if operands.count == 3, let wanted = operands[1].tensor, let fallback = operands[2].tensor {
      let positions = try lookUp(wanted, keys: keys, node, EvaluationContext()).integers()
      chosen = positions.map { $0 < values.count ? values[$0] : fallback }
    } else {
      let order = try OrderingKeys.keys(of: keys, node)
      chosen = order.indices.sorted { order[$0] < order[$1] }.map { values[$0] }
    }
    guard chosen.allSatisfy({ $0.elementType == type }) else {
      throw EvaluationError(node, "values of several types", expected: type.name)
    }
    if type == .string { return Tensor([chosen.count], strings: chosen.map { $0.strings[0] }) }
    guard type.bitWidth >= 8 else { throw EvaluationError(node, unsupported: type) }
    let result = try context.makeTensor(type, checking: [chosen.count], for: node)
    let width = type.bitWidth / 8
    withExtendedLifetime((chosen, result)) {
      for (index, value) in chosen.enumerated() {
        (result.base + index * width).copyMemory(from: value.base, byteCount: width)
      }
    }
    return result
  }
}
