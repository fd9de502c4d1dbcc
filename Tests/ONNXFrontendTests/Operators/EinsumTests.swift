import Tensors
import Testing

@testable import GraphIR
@testable import ONNXFrontend

/// Einstein summation against its definition: the sum over every assignment of an index to every letter.
@Suite struct EinsumTests {
  static let equations = [
    "ij,jk->ik", "bij,bjk->bik", "bij,bjk->ikb", "ii->i", "ii->", "iij->ji", "ij->", "i,j->ji", "abc,cd,de->abe",
    "bhid,bhjd->bhij", "ab,b,ab->a", "ijj,jkk->ik", "iiii->i", "ab,cd->ca", "bn,anm,bm->ba",
  ]
  private static let extents: [Character: Int] = [
    "a": 2, "b": 3, "c": 2, "d": 4, "e": 3, "h": 2, "i": 3, "j": 4, "k": 2, "m": 2, "n": 3,
  ]

  @Test(arguments: equations) func isTheSumOverAllIndices(equation: String) throws {
    let sides = equation.split(separator: ">", omittingEmptySubsequences: false).map { $0.replacing("-", with: "") }
    let terms = sides[0].split(separator: ",").map(Array.init)
    var numbers = SeededNumbers(seed: equation.count)
    let shapes = terms.map { $0.map { Self.extents[$0] ?? 0 } }
    let operands = shapes.map { shape -> Tensor in
      let count = shape.reduce(1, *)
      return numbers.floats(count).reshaped(Shape(shape))
    }
    let found = try run(equation, operands)
    #expect(distance(found, Self.definition(terms, Array(sides[1]), operands)) < 1e-5)
  }

  private func run(_ equation: String, _ operands: [Tensor]) throws -> [Float] {
    let model = OperatorModel("Einsum", .text("equation", equation))
    return switch operands.count {
    case 1: try model(operands[0])
    case 2: try model(operands[0], operands[1])
    default: try model(operands[0], operands[1], operands[2])
    }
  }

  private static func definition(_ terms: [[Character]], _ result: [Character], _ operands: [Tensor]) -> [Float] {
    let letters = Set(terms.joined()).sorted()
    let shape = result.map { extents[$0] ?? 0 }
    var sums = [Float](repeating: 0, count: shape.reduce(1, *))
    var assignment: [Character: Int] = [:]
    func position(_ labels: [Character]) -> Int { labels.reduce(0) { $0 * (extents[$1] ?? 0) + (assignment[$1] ?? 0) } }
    func visit(_ rest: ArraySlice<Character>) {
      guard let letter = rest.first else {
        sums[position(result)] += zip(terms, operands).reduce(1) { $0 * $1.1.elements(of: Float.self)[position($1.0)] }
        return
      }
      for index in 0..<(extents[letter] ?? 0) {
        assignment[letter] = index
        visit(rest.dropFirst())
      }
    }
    visit(letters[...])
    return sums
  }

  @Test(
    arguments: [
      ("...ij,...jk", ["2", "1", "3", "4"], ["5", "4", "2"], "float32[2, 5, 3, 2]"),
      ("b...d,...de->...be", ["B", "L", "8"], ["L", "8", "E"], "float32[L, B, E]"),
      ("ba,ca", ["2", "3"], ["4", "3"], "float32[2, 4]"),
    ]) func ellipsesBroadcast(equation: String, lhs: [String], rhs: [String], type: String) throws
  {
    #expect(try OperatorModel("Einsum", .text("equation", equation)).types(lhs, rhs) == [type])
  }

  @Test(arguments: ["ij,jk->iz", "ij->i", "ij,jk,kl->il", "i.j,jk->ik", "ij,jk->ii", "ij,jk->i->k", "i1,jk->i"])
  func malformedEquationsAreRefused(equation: String) {
    #expect(throws: ONNXError.self) {
      try OperatorModel("Einsum", .text("equation", equation)).types(["2", "3"], ["3", "4"])
    }
  }
}
