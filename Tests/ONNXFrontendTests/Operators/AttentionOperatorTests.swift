import Tensors
import Testing

@testable import ONNXFrontend

@Suite struct AttentionOperatorTests {
  private var query: Tensor { SeededOperands.tensor(1, 1, 4, 3, 2) }

  private enum SeededOperands {
    static func tensor(_ seed: Int, _ batch: Int, _ heads: Int, _ length: Int, _ size: Int) -> Tensor {
      var numbers = SeededNumbers(seed: seed)
      return numbers.floats(batch, heads, length, size)
    }
  }

  /// Each head [length, size] of a tensor [1, heads, length, size] twice.
  private func repeated(_ x: Tensor) -> Tensor {
    let size = x.elementCount / x.shape[1]
    let elements = x.elements(of: Float.self)
    let twice = (0..<x.shape[1] * 2).flatMap { elements[($0 / 2 * size)..<($0 / 2 * size + size)] }
    return Tensor([1, x.shape[1] * 2, x.shape[2], x.shape[3]], twice)
  }

  @Test func groupedHeadsShareAKey() throws {
    let key = SeededOperands.tensor(2, 1, 2, 5, 2)
    let value = SeededOperands.tensor(3, 1, 2, 5, 3)
    let grouped = try OperatorModel("Attention")(query, key, value)
    #expect(distance(grouped, try OperatorModel("Attention")(query, repeated(key), repeated(value))) < 1e-6)
  }

  /// One step after a cache gives what the whole sequence gives at that position.
  @Test func aCachedStepIsTheLastRowOfTheWhole() throws {
    func part(_ x: Tensor, _ range: Range<Int>) -> Tensor {
      let (heads, length, size) = (x.shape[1], x.shape[2], x.shape[3])
      let elements = x.elements(of: Float.self)
      let rows = (0..<heads).flatMap { head in
        elements[((head * length + range.lowerBound) * size)..<((head * length + range.upperBound) * size)]
      }
      return Tensor([1, heads, range.count, size], rows)
    }
    let (q, k, v) = (
      SeededOperands.tensor(1, 1, 2, 5, 4), SeededOperands.tensor(2, 1, 2, 5, 4), SeededOperands.tensor(3, 1, 2, 5, 4)
    )
    let whole = try OperatorModel("Attention", .int("is_causal", 1)).run(q, k, v)[0]
    let step = try OperatorModel("Attention", outputs: 3, .int("is_causal", 1)).run(
      part(q, 4..<5), part(k, 4..<5), part(v, 4..<5), nil, part(k, 0..<4), part(v, 0..<4))
    #expect(distance(step[0].elements(of: Float.self), part(whole, 4..<5).elements(of: Float.self)) < 1e-6)
    #expect(step[1].elements(of: Float.self) == k.elements(of: Float.self))
  }

  @Test func aQueryThatSeesNothingGivesZeros() throws {
    let key = SeededOperands.tensor(2, 1, 4, 2, 2)
    let mask = Tensor([3, 2], [true, true, false, false, true, false])
    let y = try OperatorModel("Attention")(query, key, key, mask)
    for head in 0..<4 { #expect(y[(head * 6 + 2)..<(head * 6 + 4)] == [0, 0]) }
    #expect(!y.contains { $0.isNaN })
  }

  @Test func extentsStaySymbolic() throws {
    let types = try OperatorModel("Attention", outputs: 1).types(
      ["B", "8", "L", "64"], ["B", "2", "S", "64"], ["B", "2", "S", "32"])
    #expect(types == ["float32[B, 8, L, 32]"])
  }
}
