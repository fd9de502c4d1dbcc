import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct StringTests {
  @Test func concatenatesWithBroadcasting() throws {
    let result = try Primitive(.stringConcatenate)(
      Tensor([2, 1], strings: ["a", "b"]), Tensor([3], strings: ["x", "", "z"]))
    #expect(result.shape == [2, 3])
    #expect(result.strings == ["ax", "a", "az", "bx", "b", "bz"])
    let empty = try Primitive(.stringConcatenate)(Tensor([0], strings: []), Tensor(.scalar, strings: ["x"]))
    #expect(empty.shape == [0])
    #expect(throws: EvaluationError.self) {
      try Primitive(.stringConcatenate)(Tensor([2], strings: ["", ""]), Tensor([3], strings: ["", "", ""]))
    }
    #expect(throws: EvaluationError.self) {
      try Primitive(.stringConcatenate)(Tensor([1], [1 as Float]), Tensor([1], strings: [""]))
    }
  }

  /// Pieces are those of Python's `str.split`.
  @Test(
    arguments: [
      (" a  b c ", nil, nil, ["a", "b", "c"]), ("", nil, nil, []), (" \t\n", nil, nil, []),
      ("  a  b  c ", nil, 1, ["a", "b  c "]), ("a b", nil, 0, ["a b"]),
      ("a\u{3000}b\u{1c}c", nil, nil, ["a", "b", "c"]),
      ("a,b,,c", ",", nil, ["a", "b", "", "c"]), (",", ",", nil, ["", ""]), ("", ",", nil, [""]),
      ("a,b,c", ",", 1, ["a", "b,c"]), ("a--b---c", "--", nil, ["a", "b", "-c"]), ("aé,é", "é", nil, ["a", ",", ""]),
      ("a b", "", nil, ["a", "b"]),
    ] as [(String, String?, Int?, [String])])
  func splits(_ text: String, _ delimiter: String?, _ maximum: Int?, _ pieces: [String]) throws {
    let primitive = Primitive(.stringSplit(delimiter: delimiter, maximumSplits: maximum))
    let results = try primitive.results(Tensor([1], strings: [text]))
    #expect(results[0].shape == [1, pieces.count])
    #expect(results[0].strings == pieces && results[1].int64s == [Int64(pieces.count)])
  }

  @Test func padsPieces() throws {
    let results = try Primitive(.stringSplit(delimiter: nil, maximumSplits: nil))
      .results(Tensor([2, 2], strings: ["a b", "", "c", "d e f"]))
    #expect(results[0].shape == [2, 2, 3] && results[1].shape == [2, 2])
    #expect(results[0].strings == ["a", "b", "", "", "", "", "c", "", "", "d", "e", "f"])
    #expect(results[1].int64s == [2, 0, 1, 3])
    let nothing = try Primitive(.stringSplit(delimiter: ",", maximumSplits: nil)).results(Tensor([0], strings: []))
    #expect(nothing[0].shape == [0, 0] && nothing[1].shape == [0])
  }

  @Test(
    arguments: [
      (#"www\.[\w.-]+\.\bcom\b"#, ["www.google.com", "www.facebook.com", "www.bbc.co.uk"], [true, true, false]),
      (
        #"(\W|^)[\w.\-]{0,25}@(yahoo|gmail)\.com(\W|$)"#, ["account@gmail.com", "account@hotmail.com", "not email"],
        [true, false, false]
      ), ("", ["", "a"], [true, false]), (".", ["é", "e\u{301}", "\n"], [true, false, false]),
      (#"\w"#, ["a", "é", "_"], [true, false, true]), (#"\d+"#, ["12", "١٢", ""], [true, false, false]),
      ("(?i)abc", ["ABC", "abd"], [true, false]), ("a|ab", ["ab"], [true]),
      (#"[[:alpha:]]+"#, ["abc", "1"], [true, false]),
      ("(?P<name>x)+?", ["xxx"], [true]),
    ] as [(String, [String], [Bool])])
  func matchesWhole(_ pattern: String, _ texts: [String], _ expected: [Bool]) throws {
    let result = try Primitive(.regexFullMatch(pattern: pattern))(Tensor([texts.count], strings: texts))
    #expect(result.elements(of: Bool.self) == expected)
  }

  @Test func patternsThatAreNone() {
    for pattern in ["(", "[a", "*", "a{2,1}"] {
      #expect(throws: EvaluationError.self) {
        try Primitive(.regexFullMatch(pattern: pattern))(Tensor([1], strings: ["a"]))
      }
    }
  }

  @Test func normalizes() throws {
    let days = ["monday", "Tuesday", "MONDAY", "straße"]
    func normalized(
      _ words: [String], _ change: StringNormalization.CaseChange, sensitive: Bool, _ stopwords: [String]
    ) throws -> [String] {
      let normalization = StringNormalization(
        caseChange: change, isCaseSensitive: sensitive, stopwords: stopwords)
      let flat = try Primitive(.stringNormalize(normalization))(Tensor([words.count], strings: words))
      let row = try Primitive(.stringNormalize(normalization))(Tensor([1, words.count], strings: words))
      #expect(flat.shape == [flat.strings.count] && row.shape == [1, flat.strings.count])
      #expect(row.strings == flat.strings)
      return flat.strings
    }
    #expect(try normalized(days, .none, sensitive: true, ["monday"]) == ["Tuesday", "MONDAY", "straße"])
    #expect(try normalized(days, .upper, sensitive: false, ["Monday"]) == ["TUESDAY", "STRASSE"])
    #expect(try normalized(days, .lower, sensitive: true, []) == ["monday", "tuesday", "monday", "straße"])
    #expect(try normalized(["monday"], .none, sensitive: true, ["monday"]) == [""])
    #expect(try normalized([], .none, sensitive: true, []) == [""])
    let normalization = StringNormalization(caseChange: .none, isCaseSensitive: true, stopwords: [])
    for shape in [[2, 1], [], [1, 1, 2]] as [Shape] {
      #expect(throws: EvaluationError.self) {
        let words = Tensor(shape, strings: Array(repeating: "a", count: shape.elementCount))
        _ = try Primitive(.stringNormalize(normalization))(words)
      }
    }
  }
}
