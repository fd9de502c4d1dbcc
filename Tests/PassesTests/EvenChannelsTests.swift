import GraphIR
import Interpreter
import Passes
import Tensors
import TestSupport
import Testing

@Suite struct EvenChannelsTests {
  /// A convolution of these channels, before and after the pass, and a value for its input.
  private func convolution(channels: Int, groups: Int = 1) throws -> (before: Graph, after: Graph, x: Tensor) {
    var random = SeededGenerator(channels)
    let builder = GraphBuilder(name: "test")
    let x = builder.input("x", .tensor(TensorType(.float32, constant: [2, 5, 6, channels])))
    let filter = builder.constant(random.floats(Shape([3, 2, channels / groups, 4 * groups])))
    let convolution = Convolution(
      strides: [1, 2], dilations: [1, 1], padding: .explicit(low: [1, 0], high: [1, 1]), groups: groups)
    builder.setOutputs([try builder.one(.convolution(convolution, result: .float32), [x, filter])])
    return (
      builder.graph, try Pass.evenChannels.run(builder.graph), random.floats(Shape([2, 5, 6, channels]))
    )
  }

  private func channels(_ graph: Graph) -> [Int] {
    graph.nodes.compactMap { node in
      guard case .convolution = node.operation else { return nil }
      return graph.type(of: node.operands[1]).tensor?.constantShape?.dimensions[2]
    }
  }

  @Test("An odd number of channels gets one of zeros, which changes nothing", arguments: [3, 5, 15])
  func odd(count: Int) throws {
    let (before, after, x) = try convolution(channels: count)
    #expect(channels(after) == [count + 1])
    try GraphVerifier.verify(after)
    let results = try [before, after].map { try Interpreter.run($0, inputs: [.tensor(x)])[0].tensor }
    let (a, b) = (try #require(results[0]), try #require(results[1]))
    #expect(a.shape == b.shape)
    let pairs = zip(a.elements(of: Float.self), b.elements(of: Float.self))
    #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-5 })
  }

  @Test("Pairs, single channels, many and groups stay", arguments: [(4, 1), (1, 1), (17, 1), (9, 3)])
  func others(count: Int, groups: Int) throws {
    #expect(channels(try convolution(channels: count, groups: groups).after) == [count / groups])
  }
}
