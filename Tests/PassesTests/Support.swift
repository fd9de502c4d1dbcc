import GraphIR
import Interpreter
import Passes
import Tensors
import Testing

/// Runs a pass over the graph above the dashes and compares what comes out with the graph below them. What a rewrite
/// leaves without use is dropped first.
func expect(_ pass: Pass, _ text: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
  let golden = try GoldenText(text)
  let result = try Pass.eliminateDeadCode.run(pass.run(golden.input))
  try GraphVerifier.verify(result)
  if let difference = golden.difference(from: result) {
    Issue.record(Comment(rawValue: difference), sourceLocation: sourceLocation)
  }
}

/// SplitMix64: the same numbers on every run and machine.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(_ seed: Int) { state = UInt64(truncatingIfNeeded: seed) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func integer(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

  mutating func pick<Element>(_ choices: [Element]) -> Element { choices[integer(0...(choices.count - 1))] }

  mutating func chance(_ percent: Int) -> Bool { integer(0...99) < percent }

  /// Small integers and halves, so that sums are exact in any order; with zeros of both signs.
  mutating func floats(_ shape: Shape) -> Tensor {
    Tensor(
      shape,
      (0..<shape.elementCount).map { _ in
        let number = Float(integer(-8...8)) / 2
        return number == 0 && chance(50) ? -0.0 : number
      })
  }
}
