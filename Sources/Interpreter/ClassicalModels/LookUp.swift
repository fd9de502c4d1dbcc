import GraphIR
import Tensors

/// A string that equals only one of the same code points, unlike Swift's.
struct ExactText: Hashable {
  var text: String
  init(_ text: String) { self.text = text }

  static func == (a: Self, b: Self) -> Bool { a.text.utf8.elementsEqual(b.text.utf8) }

  func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension ClassicalModels {
  static func lookUp(_ x: Tensor, keys: Tensor, _ node: Node, _ context: EvaluationContext) throws -> Tensor {
    guard x.elementType == keys.elementType, keys.shape.rank == 1 else {
      throw EvaluationError(node, "keys \(keys.elementType.name)\(keys.shape)", expected: "\(x.elementType.name)[K]")
    }
    let result = try context.makeTensor(.int64, x.shape)
    if x.elementType == .string {
      let first = context.prepared(from: [keys]) { firstPositions(keys.strings.map(ExactText.init)) }
      write(x.strings.map { first[ExactText($0)] ?? keys.elementCount }, result)
    } else {
      let first = try context.prepared(from: [keys]) { firstPositions(try OrderingKeys.keys(of: keys, node)) }
      write(try OrderingKeys.keys(of: x, node).map { first[$0] ?? keys.elementCount }, result)
    }
    return result
  }

  private static func firstPositions<Key: Hashable>(_ keys: [Key]) -> [Key: Int] {
    Dictionary(zip(keys, keys.indices)) { first, _ in first }
  }

  private static func write(_ positions: [Int], _ result: Tensor) {
    result.withMutableElements(of: Int64.self) { elements in
      for index in elements.indices { elements[index] = Int64(positions[index]) }
    }
  }
}
