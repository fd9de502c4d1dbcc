import GraphIR
import Tensors
import Testing

/// Graphs of random nodes over random types: most candidates are refused, none may trap.
private struct RandomGraph {
  var generator: SeededGenerator
  let builder = GraphBuilder(name: "main")
  var values: [ValueID] = []

  init(seed: Int, nodeCount: Int) {
    generator = SeededGenerator(seed: seed)
    for index in 0..<4 { values.append(builder.input("x\(index)", .tensor(randomType()))) }
    for _ in 0..<4 { values.append(randomConstant()) }
    if let sequence = try? builder.add(.sequenceConstruct, [values[0]]) { values += sequence }
    var added = 0
    for _ in 0..<(nodeCount * 20) where added < nodeCount {
      let count = Int.random(in: 0...4, using: &generator)
      let operands = (0..<count).map { _ in values.randomElement(using: &generator) ?? values[0] }
      guard let results = try? builder.add(randomOperation(), operands) else { continue }
      values += results
      added += 1
    }
    builder.setOutputs(Array(values.suffix(3)))
  }

  private mutating func randomType() -> TensorType {
    let elementTypes: [ElementType] = [.float32, .float32, .float32, .int64, .int64, .bool, .string, .complex64, .int8]
    let shape = (0..<Int.random(in: 0...4, using: &generator)).map { _ in randomExtent() }
    return TensorType(elementTypes.randomElement(using: &generator) ?? .float32, shape)
  }

  private mutating func randomExtent() -> Dimension {
    switch Int.random(in: 0..<8, using: &generator) {
    case 0..<4: Dimension(builder.symbol(named: ["N", "S", "T"].randomElement(using: &generator) ?? "N"))
    case 4: .constant(1)
    case 5: .constant(0)
    default: .constant(Int.random(in: 2...5, using: &generator))
    }
  }

  private mutating func randomConstant() -> ValueID {
    let extremes: [Int64] = [.min, .max, -1, 0, 1, 2, 3, 1 << 48, -5]
    let count = Int.random(in: 0...4, using: &generator)
    let elements = (0..<count).map { _ in extremes.randomElement(using: &generator) ?? 0 }
    return builder.constant(count == 1 ? Tensor(scalar: elements[0]) : Tensor([count], elements))
  }

  private mutating func randomOperation() -> Operation {
    func axis() -> Int {
      Int.random(in: 0..<40, using: &generator) == 0
        ? [Int.max, .min, -1].randomElement(using: &generator) ?? 0 : Int.random(in: 0...3, using: &generator)
    }
    switch Int.random(in: 0..<14, using: &generator) {
    case 0: return .gather(axis: axis(), batchDimensions: Int.random(in: -1...1, using: &generator))
    case 1: return .concatenate(axis: axis())
    case 2: return .reduce(.sum, axes: [axis(), axis()].suffix(Int.random(in: 0...2, using: &generator)))
    case 3: return .transpose(permutation: (0..<Int.random(in: 0...4, using: &generator)).shuffled(using: &generator))
    case 4: return .reshape(zeroCopies: Bool.random(using: &generator))
    case 5: return .binary(BinaryFunction.allCases.randomElement(using: &generator) ?? .add)
    case 6:
      return .dot(
        .init(lhsBatch: [], rhsBatch: [], lhsContracting: [axis()], rhsContracting: [axis()]), result: .float32)
    case 7: return .convert(to: [.int64, .int32, .float32, .bool].randomElement(using: &generator) ?? .int64)
    case 8: return .shape
    case 9:
      let size = [Int.max, 0, 1, 2, 3].randomElement(using: &generator) ?? 1
      return .reduceWindow(
        .maximum,
        .init(
          size: [size, 1], strides: [axis(), 2], dilations: [1, 1],
          padding: .explicit(low: [0, axis()], high: [1, 0]),
          roundsUp: Bool.random(using: &generator)))
    case 10: return .slice
    default: return operationSamples.randomElement(using: &generator) ?? .shape
    }
  }
}

@Suite struct RandomGraphTests {
  @Test(arguments: seeds) func builtGraphsAreWellFormed(seed: Int) {
    let graph = RandomGraph(seed: seed, nodeCount: 40).builder.graph
    #expect(GraphVerifier.problems(in: graph).map(\.description) == [])
  }

  @Test(arguments: seeds) func textRoundTrips(seed: Int) throws {
    let text = RandomGraph(seed: seed, nodeCount: 30).builder.graph.text
    #expect(try Graph(parsing: text).text == text)
  }

  /// What the rules say of symbols holds for every binding: substituting into a type gives the type of the bound graph.
  @Test(arguments: seeds) func bindingAgreesWithSubstitution(seed: Int) throws {
    let graph = RandomGraph(seed: seed, nodeCount: 30).builder.graph
    var generator = SeededGenerator(seed: seed)
    var extents: [Symbol: Int] = [:]
    for (index, symbol) in graph.symbols.enumerated() where !symbol.name.hasPrefix("?") {
      // Not 0: a reshape reads it as a command.
      extents[Symbol(Int32(index))] = Int.random(in: 1...6, using: &generator)
    }
    guard let bound = try? graph.bound(to: extents) else { return }
    #expect(GraphVerifier.problems(in: bound).map(\.description) == [])
    for (before, after) in zip(graph.values, bound.values) {
      guard let before = before.type.tensor, let after = after.type.tensor else { continue }
      #expect(before.rank == after.rank)
      for (before, after) in zip(before.shape, after.shape) {
        let substituted = before.substituting { extents[$0].map(Dimension.constant) }
        guard let expected = substituted.constant, let found = after.constant else { continue }
        #expect(expected == found, "\(graph.text)")
      }
    }
    for (before, after) in zip(graph.values, bound.values) {
      guard let before = before.elements, let after = after.elements else { continue }
      let substituted = before.map { $0.substituting { extents[$0].map(Dimension.constant) } }
      for (before, after) in zip(substituted, after) where before.constant != nil && after.constant != nil {
        #expect(before == after, "\(graph.text)")
      }
    }
  }

  /// Any text is a graph or an error.
  @Test(arguments: seeds) func mutatedTextNeverTraps(seed: Int) {
    var generator = SeededGenerator(seed: seed)
    let original = Array(
      (seed % 2 == 0 ? RandomGraph(seed: seed, nodeCount: 15).builder.graph.text : GoldenTextTests.text).utf8)
    let words = [
      "-9223372036854775808", "9223372036854775807", "[", "{", "(", "_", "?1", "%0", "\"", "true", "float32", "N",
      "min(", "*",
    ]
    for _ in 0..<40 {
      var bytes = original
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0: bytes[position] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes.remove(at: position)
        case 2: bytes.insert(contentsOf: (words.randomElement(using: &generator) ?? "").utf8, at: position)
        case 3:
          // A number for another one.
          if let digit = bytes[position...].firstIndex(where: { (48..<58).contains($0) }) {
            bytes.replaceSubrange(digit...digit, with: Array((words.randomElement(using: &generator) ?? "").utf8))
          }
        default:
          let end = min(bytes.count, position + Int.random(in: 1...30, using: &generator))
          bytes.insert(contentsOf: bytes[position..<end], at: Int.random(in: 0..<bytes.count, using: &generator))
        }
      }
      if let graph = try? Graph(parsing: String(decoding: bytes, as: UTF8.self)) {
        _ = GraphVerifier.problems(in: graph)
        _ = graph.text
      }
    }
  }
}

@Suite struct BuilderTests {
  /// Nothing in the builder may be quadratic: in a release build this takes tens of milliseconds.
  @Test func manyNodesAreBuiltQuickly() throws {
    let clock = ContinuousClock()
    func build(_ count: Int) throws -> Duration {
      let builder = GraphBuilder(name: "main")
      let n = Dimension(builder.symbol(named: "N"))
      var x = builder.input("x", .tensor(TensorType(.float32, [n, .constant(64)])))
      return try clock.measure {
        for index in 0..<(count / 4) {
          let y = try builder.unary(.negate, x)
          let indices = try builder.one(.nonZero, [y])
          _ = try builder.shape(indices)
          _ = builder.symbol(named: "S\(index)")
          x = try builder.add(x, y)
        }
        builder.setOutputs([x])
      }
    }
    let small = try build(2000)
    let large = try build(20_000)
    // Ten times the nodes; 60 leaves room for a busy machine, quadratic growth would be 100.
    #expect(large < small * 60, "\(small) and \(large)")
  }

  @Test func symbolsOfRegionsAreTheRoots() throws {
    let builder = GraphBuilder(name: "main")
    let n = builder.symbol(named: "N")
    let region = builder.region(named: "body").region(named: "inner")
    #expect(region.symbol(named: "N") == n)
    let fresh = region.freshSymbol()
    #expect(builder.symbols[Int(fresh.index)].name == "?1")
    #expect(region.graph.symbols.isEmpty)
  }

  @Test func capturesKeepWhatIsKnown() throws {
    let builder = GraphBuilder(name: "main")
    let n = Dimension(builder.symbol(named: "N"))
    let x = builder.input("x", .tensor(TensorType(.float32, [n, .constant(4)])))
    let shape = try builder.shape(x)
    let region = builder.region(named: "body")
    let captured = region.capture(shape, of: builder)
    #expect(region.elements(of: captured) == [n, .constant(4)])
  }
}
