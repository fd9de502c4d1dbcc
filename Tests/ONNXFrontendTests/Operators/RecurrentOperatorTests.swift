import Tensors
import Testing

@testable import ONNXFrontend

@Suite struct RecurrentOperatorTests {
  static let cells = [("RNN", 1), ("GRU", 3), ("LSTM", 4)]
  private let steps = 4
  private let batch = 2
  private let inputs = 3
  private let units = 5

  private func weights(_ gates: Int, directions: Int = 1, seed: Int = 3) -> (Tensor, Tensor, Tensor, Tensor) {
    var numbers = SeededNumbers(seed: seed)
    return (
      numbers.floats(steps, batch, inputs), numbers.floats(directions, gates * units, inputs),
      numbers.floats(directions, gates * units, units), numbers.floats(directions, 2 * gates * units)
    )
  }

  /// A sequence of length n ends as if its steps after n did not exist.
  @Test(arguments: cells, ["forward", "reverse"]) func stepsPastALengthDoNotCount(
    cell: (String, Int), direction: String
  ) throws {
    let (x, w, r, b) = weights(cell.1)
    let model = OperatorModel(cell.0, outputs: 2, .int("hidden_size", units), .text("direction", direction))
    let ragged = try model.run(x, w, r, b, Tensor([batch], [4, 2] as [Int32]))
    let short = Tensor([2, batch, inputs], Array(x.elements(of: Float.self).prefix(2 * batch * inputs)))
    let whole = try model.run(x, w, r, b)
    let cut = try model.run(short, w, r, b)
    let last = ragged[1].elements(of: Float.self)
    #expect(distance(Array(last[..<units]), Array(whole[1].elements(of: Float.self)[..<units])) < 1e-6)
    #expect(distance(Array(last[units...]), Array(cut[1].elements(of: Float.self)[units...])) < 1e-6)
    // [T, 1, B, H]: what follows the second sequence's two steps is zero.
    let sequence = ragged[0].elements(of: Float.self)
    for step in 2..<steps {
      let start = (step * batch + 1) * units
      #expect(sequence[start..<start + units].allSatisfy { $0 == 0 })
    }
  }

  @Test(arguments: cells) func bothDirectionsAreOneAndTheOther(cell: (String, Int)) throws {
    let (x, w, r, b) = weights(cell.1, directions: 2)
    func half(_ tensor: Tensor, _ index: Int) -> Tensor {
      let elements = tensor.elements(of: Float.self)
      let count = elements.count / 2
      return Tensor(
        Shape([1] + tensor.shape.dimensions.dropFirst()), Array(elements[(index * count)..<((index + 1) * count)]))
    }
    let both = try OperatorModel(cell.0, outputs: 2, .text("direction", "bidirectional")).run(x, w, r, b)
    var ends: [Float] = []
    for (index, direction) in ["forward", "reverse"].enumerated() {
      let one = try OperatorModel(cell.0, outputs: 2, .text("direction", direction)).run(
        x, half(w, index), half(r, index), half(b, index))
      ends += one[1].elements(of: Float.self)
    }
    #expect(distance(both[1].elements(of: Float.self), ends) < 1e-6)
  }

  @Test(arguments: cells) func extentsStaySymbolic(cell: (String, Int)) throws {
    let model = OperatorModel(cell.0, outputs: 2)
    let types = try model.types(["T", "B", "3"], ["1", "\(cell.1 * 5)", "3"], ["1", "\(cell.1 * 5)", "5"])
    #expect(types[0].hasSuffix(", 1, B, 5]"))
    #expect(types[1] == "float32[1, B, 5]")
  }
}
