import Testing

@testable import Interpreter

@Suite struct RegularExpressionTests {
  /// What RE2 (its Python package) says of whole matches.
  @Test(
    arguments: [
      ("", ["": true, "a": false]), ("a|ab|", ["ab": true, "": true, "b": false]),
      ("(a*)*b", ["aab": true, "b": true, "aa": false]), ("a{2,3}", ["a": false, "aaa": true, "aaaa": false]),
      ("a{2}{2}", ["aaaa": true, "aaa": false]), ("a{,2}", ["a{,2}": true, "a": false]), ("x{2", ["x{2": true]),
      (#"\d{3}-\D"#, ["123-a": true, "123-4": false]), (#"[^\d\s]+"#, ["ab": true, "a1": false, "": false]),
      ("[]a]+", ["]a": true]), ("[^]a]", ["b": true, "]": false]), ("[a-c-]+", ["a-c": true, "d": false]),
      ("[[:^digit:][:punct:]]", ["a": true, "1": false, "!": true]), (#"[\w.]+@\w+\.com"#, ["a.b@c.com": true]),
      ("(?i)straße", ["STRAßE": true, "STRASSE": false]), ("(?i:a)b", ["Ab": true, "AB": false]),
      ("(?i)[a-c]x", ["BX": true, "dx": false]), ("a(?i)b|c", ["aB": true, "C": true, "Ab": false]),
      (".", ["\n": false, "é": true]), ("(?s).", ["\n": true]), ("(?m)a$\n^b", ["a\nb": true]),
      ("a$\n^b", ["a\nb": false]),
      (#"\Aab\z"#, ["ab": true]), (#"\bfoo\b.*"#, ["foo bar": true, "foobar": false]), (#"a\Bb"#, ["ab": true]),
      (#"\p{L}+\P{L}"#, ["éß1": true, "12": false]), (#"\pN"#, ["٣": true, "a": false]),
      (#"\p{^Lu}"#, ["a": true, "A": false]),
      (#"\Qa.b*\E+"#, ["a.b**": true, "axb": false]), (#"\x41\x{1F600}\101\07"#, ["A😀A\u{7}": true]),
      (#"\.\*\[\_"#, [".*[_": true]), ("(?P<n>a)(?<m>b)(?:c)", ["abc": true]), ("(?U)a+?", ["aaa": true]),
    ] as [(String, [String: Bool])])
  func matchesWhole(_ pattern: String, _ texts: [String: Bool]) throws {
    let expression = try RegularExpression(pattern)
    for (text, expected) in texts {
      #expect(try expression.matchesWhole(text) == expected, "\(pattern) on \(text)")
    }
  }

  /// As Python's `re.findall` does, without empty matches.
  @Test(
    arguments: [
      ("a+", "aabaa", [0..<2, 3..<5]), ("a+?", "aab", [0..<1, 1..<2]), ("a|ab", "abab", [0..<1, 2..<3]),
      ("ab|a", "abab", [0..<2, 2..<4]), ("b*", "abba", [1..<3]), ("^a", "aaa", [0..<1]), ("a$", "aaa", [2..<3]),
      ("(a|b)*c|b", "abbb", [1..<2, 2..<3, 3..<4]), (#"\w+"#, "a b,c", [0..<1, 2..<3, 4..<5]), ("x", "", []),
    ] as [(String, String, [Range<Int>])])
  func findsMatches(_ pattern: String, _ text: String, _ expected: [Range<Int>]) throws {
    #expect(try RegularExpression(pattern).matches(in: Array(text.unicodeScalars)) == expected)
  }

  @Test(
    arguments: [
      "(", ")", "a)", "[a", "[z-a]", "*", "a**", "a{2,1}", "a{1001}", #"\1"#, #"\k"#, #"\p{Nothing}"#, #"\p{Greek}"#,
      "(?x)a",
      #"\"#, "[[:nothing:]]", #"\x{110000}"#, "(?P<n", "((a{1000}){1000}){1000}",
      String(repeating: "(", count: 100_000),
    ])
  func refuses(_ pattern: String) {
    #expect(throws: RegularExpression.SyntaxError.self) { try RegularExpression(pattern) }
  }

  /// Backtracking would take 2 to the power of 5,000 steps; here the number of steps is the product of the lengths.
  @Test(arguments: ["(a*)*b", "(a|a)*b", "(a|aa)+b", "(.*)*x", "(a?){500}a{500}b"])
  func hostilePatternsEnd(pattern: String) throws {
    #expect(try !RegularExpression(pattern).matchesWhole(String(repeating: "a", count: 5_000)))
  }

  @Test func longTextsLookAtTheDeadline() throws {
    struct Enough: Error {}
    let text = String(repeating: "a", count: 10_000)
    #expect(throws: Enough.self) { try RegularExpression("a*").matchesWhole(text) { throw Enough() } }
  }
}
