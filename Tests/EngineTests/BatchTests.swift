import Interpreter
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Requests that share a batch must not see each other: a row's result has the same bits whatever the other rows hold.
@Suite struct BatchTests {
  /// What the other rows may hold: more of the same, and what would spread if it were read.
  private enum Others: CaseIterable {
    case numbers, huge, infinite, notANumber

    func fill(_ elements: inout [Float], _ random: inout SeededGenerator) {
      for index in elements.indices {
        switch self {
        case .numbers: elements[index] = Float(random.integer(-100...100)) / 7
        case .huge: elements[index] = random.chance(50) ? 3e38 : -3e38
        case .infinite: elements[index] = random.pick([.infinity, -.infinity, 1])
        case .notANumber: elements[index] = .nan
        }
      }
    }
  }

  @Test(
    "A row does not depend on the other rows", .enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2"),
    arguments: BatchNetwork.allCases, InstructionSet.here)
  func rows(network: BatchNetwork, instructionSet: InstructionSet) throws {
    var random = SeededGenerator(3)
    for threadCount in [1, 2] {
      let plans = PlanCache(try network.graph, Machine(instructionSet), .always(threadCount))
      let context = EvaluationContext(threadCount: threadCount)
      for batch in [2, 3, 8, 17] {
        let input = network.input(batch: batch, &random)
        let expected = try plans.run([.tensor(input)], context)
        for others in Others.allCases {
          let row = random.integer(0...batch - 1)
          let disturbed = replacing(allBut: row, of: input, others, &random)
          let found = try plans.run([.tensor(disturbed)], context)
          for (a, b) in zip(expected, found) {
            let (a, b) = try (#require(a.tensor), #require(b.tensor))
            #expect(bytes(of: row, a) == bytes(of: row, b), "row \(row) of \(batch), the others \(others)")
          }
        }
      }
    }
  }

  @Test(
    "A row alone has the bits that it has in a batch", .enabled(if: InstructionSet.avx2.isHere, "this CPU has no AVX2"),
    arguments: BatchNetwork.allCases, InstructionSet.here)
  func rowAlone(network: BatchNetwork, instructionSet: InstructionSet) throws {
    var random = SeededGenerator(4)
    for threadCount in [1, 2] {
      let plans = PlanCache(try network.graph, Machine(instructionSet), .always(threadCount))
      let context = EvaluationContext(threadCount: threadCount)
      for batch in [2, 15, 32] {
        let input = network.input(batch: batch, &random)
        let together = try plans.run([.tensor(input)], context)
        for row in 0..<batch {
          let alone = Tensor(
            Shape([1] + input.shape.dimensions.dropFirst()),
            Array(elements(of: row, input)))
          let found = try plans.run([.tensor(alone)], context)
          for (a, b) in zip(together, found) {
            let (a, b) = try (#require(a.tensor), #require(b.tensor))
            #expect(bytes(of: row, a) == bytes(of: 0, b), "row \(row) of \(batch)")
          }
        }
      }
    }
  }

  private func elements(of row: Int, _ tensor: Tensor) -> ArraySlice<Float> {
    let all = tensor.elements(of: Float.self)
    let length = all.count / tensor.shape[0]
    return all[row * length..<(row + 1) * length]
  }

  private func replacing(
    allBut row: Int, of tensor: Tensor, _ others: Others, _ random: inout SeededGenerator
  ) -> Tensor {
    let kept = tensor.elements(of: Float.self)
    var elements = kept
    others.fill(&elements, &random)
    let length = kept.count / tensor.shape[0]
    let range = row * length..<(row + 1) * length
    elements.replaceSubrange(range, with: kept[range])
    return Tensor(tensor.shape, elements)
  }

  private func bytes(of row: Int, _ tensor: Tensor) -> ArraySlice<UInt8> {
    let bytes = tensor.bytes
    let length = bytes.count / tensor.shape[0]
    return bytes[row * length..<(row + 1) * length]
  }
}
