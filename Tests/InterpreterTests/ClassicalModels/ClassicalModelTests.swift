import GraphIR
import Tensors
import Testing

@testable import Interpreter

@Suite struct TreeEnsembleTests {
  /// x₀ ≤ 1 ? (x₁ < 0 ? leaf 0 : leaf 1) : leaf 2, and a tree that is leaf 3. Leaf 2 speaks of both targets.
  static func operands(_ x: Tensor, firstKind: Int64 = 0) -> [Tensor] {
    [
      x, Tensor([2], [0, -4] as [Int64]), Tensor([2, 4], [0, firstKind, 1, -3, 1, 1, -1, -2] as [Int64]),
      Tensor([2], [1, 0] as [Float]), Tensor([4], [1, 2, 4, 5] as [Int64]),
      Tensor([5], [0, 1, 0, 1, 0] as [Int64]), Tensor([5], [10, 20, 30, 40, 4] as [Float]),
    ]
  }

  func evaluate(_ aggregation: TreeEnsemble.Aggregation, _ x: [Float], firstKind: Int64 = 0) throws -> [Float] {
    let operands = Self.operands(Tensor([x.count / 2, 2], x), firstKind: firstKind)
    let ensemble = TreeEnsemble(aggregation: aggregation, targetCount: 2)
    return try Primitive(.treeEnsemble(ensemble)).results(operands.map(RuntimeValue.tensor))[0].tensor?.elements() ?? []
  }

  @Test func sumsLeaves() throws {
    #expect(try evaluate(.sum, [1, -1, 1, 0, 2, 0]) == [14, 0, 4, 20, 34, 40])
    #expect(try evaluate(.average, [1, -1]) == [7, 0])
  }

  /// A target that no leaf contributes to is 0, not the extreme of 0 and something.
  @Test func takesExtremesOfContributionsOnly() throws {
    #expect(try evaluate(.minimum, [1, -1, 2, 0]) == [4, 0, 4, 40])
    #expect(try evaluate(.maximum, [1, -1, 2, 0]) == [10, 0, 30, 40])
  }

  @Test func sendsMissingValuesWhereAsked() throws {
    #expect(try evaluate(.sum, [.nan, -1]) == [34, 40])
    #expect(try evaluate(.sum, [.nan, -1], firstKind: Int64(TreeEnsemble.missingIsTrue)) == [14, 0])
  }

  @Test func manyRowsOnManyThreadsAreTheSame() throws {
    var generator = SeededGenerator(7)
    let x = generator.floats([5000, 2])
    let operands = Self.operands(x).map(RuntimeValue.tensor)
    let operation = GraphIR.Operation.treeEnsemble(.init(aggregation: .sum, targetCount: 2))
    let one = try Primitive(operation).results(operands)[0].tensor?.elements(of: Float.self)
    let four = try Primitive(operation, threadCount: 4).results(operands)[0].tensor?.elements(of: Float.self)
    #expect(one == four)
  }

  @Test func refusesMissingFeatures() {
    #expect(throws: EvaluationError.self) {
      let operands = Self.operands(Tensor([1, 1], [1] as [Float]))
      _ = try Primitive(.treeEnsemble(.init(aggregation: .sum, targetCount: 2))).results(
        operands.map(RuntimeValue.tensor))
    }
  }
}

@Suite struct DictionaryTests {
  @Test func findsTheFirstEqualKey() throws {
    let x = Tensor([2, 2], strings: ["b", "x", "a", ""])
    #expect(
      try Primitive(.lookUp)(x, Tensor([3], strings: ["a", "b", "a"])).elements(of: Int64.self) == [1, 3, 0, 3])
    let reals = Tensor([3], [.nan, -0.0, 2] as [Float])
    #expect(try Primitive(.lookUp)(reals, Tensor([2], [0, .nan] as [Float])).elements(of: Int64.self) == [1, 0, 2])
  }

  /// é in one code point and in two is one letter to Swift, and two texts to a model.
  @Test func comparesCodePoints() throws {
    let x = Tensor([2], strings: ["\u{E9}", "e\u{301}"])
    #expect(try Primitive(.lookUp)(x, Tensor([1], strings: ["e\u{301}"])).elements(of: Int64.self) == [1, 0])
  }

  @Test func zipsRowsWithKeys() throws {
    let x = Tensor([2, 2], [1, 2, 3, 4] as [Float])
    let keys = Tensor([2], [7, 5] as [Int64])
    let maps = try Primitive(.zipMap).results([.tensor(x), .tensor(keys)])[0]
    guard case .sequence(let rows) = maps, rows.count == 2 else {
      Issue.record("no sequence of two")
      return
    }
    // In the order of the keys, and by key with a fallback.
    #expect(try Primitive(.mapValues).results([rows[1]])[0].tensor?.elements(of: Float.self) == [4, 3])
    let wanted = Tensor([3], [5, 6, 7] as [Int64])
    let found = try Primitive(.mapValues).results([rows[0], .tensor(wanted), .tensor(Tensor(scalar: Float(-1)))])
    #expect(found[0].tensor?.elements(of: Float.self) == [2, -1, 1])
  }
}

@Suite struct NGramTests {
  /// ONNX's own example: bigrams 5 6, 7 8, 6 7 and unigrams 2 3 5 4 in columns of their own.
  func count(_ minimum: Int, _ maximum: Int, skip: Int) throws -> [Float] {
    let x = Tensor([2, 6], [1, 1, 3, 3, 3, 7, 8, 6, 7, 5, 6, 8] as [Int64])
    let pool = Tensor([10], [2, 3, 5, 4, 5, 6, 7, 8, 6, 7] as [Int64])
    let count = NGramCount(minimumLength: minimum, maximumLength: maximum, maximumSkip: skip, width: 7)
    return try Primitive(.countNGrams(count))(
      x, pool, Tensor([7], [1, 1, 1, 1, 2, 2, 2] as [Int64]), Tensor([7], [0, 1, 2, 3, 4, 5, 6] as [Int64])
    ).elements()
  }

  @Test func countsNeighbours() throws {
    #expect(try count(2, 2, skip: 0) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1])
  }

  @Test func skipsElements() throws {
    #expect(try count(1, 2, skip: 5) == [0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1])
  }
}

@Suite struct TokenizeTests {
  func tokens(_ texts: [String], _ tokenization: Tokenization) throws -> [String] {
    try Primitive(.tokenize(tokenization))(Tensor([texts.count], strings: texts)).strings
  }

  @Test func splitsAtSeparatorsInTurn() throws {
    let tokenization = Tokenization(
      expression: nil, separators: ["[ ,]", "b"], minimumLength: 1, padding: "#", marksEnds: false)
    #expect(try tokens(["ab c", "d"], tokenization) == ["a", "c", "d", "#"])
  }

  @Test func findsWhatMatches() throws {
    let tokenization = Tokenization(
      expression: "[a-z]+", separators: [], minimumLength: 2, padding: "#", marksEnds: true)
    #expect(try tokens(["ab c,d", "e"], tokenization) == ["\u{2}", "ab", "\u{3}", "\u{2}", "\u{3}", "#"])
  }

  @Test func splitsScalars() throws {
    let tokenization = Tokenization(
      expression: nil, separators: [""], minimumLength: 1, padding: "", marksEnds: false)
    #expect(try tokens(["aé", "b"], tokenization) == ["a", "é", "b", ""])
    // Of nothing but empty texts nothing remains, not even marks.
    #expect(try tokens(["", ""], tokenization).isEmpty)
  }
}
