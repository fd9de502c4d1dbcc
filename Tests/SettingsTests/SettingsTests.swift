import Foundation
import Testing

@testable import Settings

/// What stands in files, and what is said about files that are wrong.
@Suite struct SettingsTests {
  enum Colour: String, CaseIterable { case red, green, blue }

  private func parse(_ text: String) throws(SettingsProblem) -> SettingsNode {
    try SettingsFile.parse(Array(text.utf8), path: "a.yaml")
  }

  private func section(_ text: String) throws -> SettingsSection { try SettingsSection(parse(text)) }

  /// What is wrong with the value of `x`, when `body` takes it.
  private func complaint(_ text: String, _ body: (SettingsNode) throws -> Void) -> String {
    do {
      var section = try section(text)
      guard let value = section.take("x") else { return "no x" }
      try body(value)
      return "none"
    } catch {
      return "\(error)"
    }
  }

  // MARK: - Values

  @Test func readsEveryKindOfValue() throws {
    var section = try section(
      """
      # A comment.
      text: plain words
      quoted: "a\\tb # no comment"
      folded: >
        two
        lines
      whole: 42
      part: 2.5e-1
      yes: true
      colour: green
      list: [a, "b", 3]
      rows:
        - {name: first, size: 1}
        - name: second
      """)
    #expect(try section.take("text")?.text() == "plain words")
    #expect(try section.take("quoted")?.text() == "a\tb # no comment")
    #expect(try section.take("folded")?.text() == "two lines\n")
    #expect(try section.take("whole")?.integer(in: 0...100) == 42)
    #expect(try section.take("whole")?.text() == "42")
    #expect(try section.take("part")?.number(in: 0...1, unit: "seconds") == 0.25)
    #expect(try section.take("yes")?.boolean() == true)
    #expect(try section.take("colour")?.choice() == Colour.green)
    #expect(try section.take("list")?.elements().map { try $0.text() } == ["a", "b", "3"])
    let rows = try section.take("rows")?.elements() ?? []
    #expect(try rows.map { try $0.entries().map(\.name) } == [["name", "size"], ["name"]])
    #expect(rows[1].key == "rows[1]")
    #expect(section.take("none") == nil)
    try section.finish()
  }

  @Test func readsJSON() throws {
    var section = try section(#"{"a": [1, 2], "b": {"c": "d\u00e9\n"}, "e": false}"#)
    #expect(try section.take("a")?.elements().map { try $0.integer(in: 0...9) } == [1, 2])
    #expect(try section.take("b")?.entries().first?.value.text() == "dé\n")
    #expect(try section.take("e")?.boolean() == false)
  }

  @Test(arguments: ["", "\n\n", "# nothing\n", "---\n", "{}", "~", "\u{FEFF}{}"]) func takesNothing(_ text: String)
    throws
  {
    try section(text).finish()
  }

  @Test func followsAliases() throws {
    let node = try parse("a: &it {x: [1, 2]}\nb: *it\nc: [*it, *it]")
    let entries = try node.entries()
    #expect(try entries[1].value.entries()[0].value.elements().map { try $0.integer(in: 1...2) } == [1, 2])
    // Told where it is used.
    #expect(entries[1].value.place == Place(line: 2, column: 4))
    #expect(try entries[2].value.elements()[1].entries()[0].value.key == "c[1].x")
  }

  // MARK: - Complaints

  @Test(arguments: [
    ("x: abc", "line 1, column 4: x: expected a whole number, 1 to 9, found 'abc'"),
    ("x: 10", "line 1, column 4: x: expected a whole number, 1 to 9, found '10'"),
    ("x: 5.0", "line 1, column 4: x: expected a whole number, 1 to 9, found '5.0'"),
    ("x: 99999999999999999999", "line 1, column 4: x: expected a whole number, 1 to 9, found '99999999999999999999'"),
    ("y: 1\nx: '5'", "line 2, column 4: x: expected a whole number, 1 to 9, found the text \"5\""),
    ("x:", "line 1, column 3: x: expected a whole number, 1 to 9, found nothing"),
    ("x: null", "line 1, column 4: x: expected a whole number, 1 to 9, found nothing"),
    ("x: [5]", "line 1, column 4: x: expected a whole number, 1 to 9, found a list"),
    ("x: {a: 5}", "line 1, column 4: x: expected a whole number, 1 to 9, found keys with values"),
  ])
  func saysThatItIsNoWholeNumber(_ text: String, _ expected: String) {
    #expect(complaint(text) { _ = try $0.integer(in: 1...9) } == "a.yaml: " + expected)
  }

  @Test(arguments: ["a", "nan", "inf", "-1", "1e999", "0x1p0", "", "'0.5'", "1_0"])
  func saysThatItIsNoNumber(_ text: String) {
    let found = complaint("x: \(text)") { _ = try $0.number(in: 0...1, unit: "seconds") }
    #expect(found.contains("x: expected a number of seconds, 0.0 to 1.0, found "), "\(found)")
  }

  @Test(arguments: ["yes", "on", "1", "'true'", "tru", "[]"]) func saysThatItIsNeitherTrueNorFalse(_ text: String) {
    #expect(complaint("x: \(text)") { _ = try $0.boolean() }.contains("x: expected true or false, found "))
  }

  @Test func saysWhichWordsThereAre() {
    let found = complaint("x: grene") { _ = try $0.choice(Colour.self) }
    #expect(found == "a.yaml: line 1, column 4: x: expected red, green or blue, found 'grene'")
  }

  @Test(arguments: ["[]", "{}", "", "~", "''", #""a\0b""#]) func saysThatItIsNoText(_ text: String) {
    #expect(complaint("x: \(text)") { _ = try $0.text() }.contains("x: expected text"))
  }

  @Test func showsOnlyTheBeginningOfLongText() {
    let found = complaint("x: \(String(repeating: "y", count: 5000))") { _ = try $0.boolean() }
    #expect(found.count < 200 && found.hasSuffix("…'"))
  }

  @Test(arguments: [
    ("prot: 1", "line 1, column 1: prot: unknown key; did you mean 'port'?"),
    ("port: 1\n\nMax_Body_Bytes: 1", "line 3, column 1: Max_Body_Bytes: unknown key; did you mean 'max-body-bytes'?"),
    ("colour: 1", "line 1, column 1: colour: unknown key; there are max-body-bytes, port"),
    ("ports: 1", "line 1, column 1: ports: unknown key; did you mean 'port'?"),
    ("'': 1", "line 1, column 1: unknown key; there are max-body-bytes, port"),
  ])
  func suggestsTheNearestKey(_ text: String, _ expected: String) throws {
    var section = try section(text)
    _ = section.take("port")
    _ = section.take("max-body-bytes")
    let problem = #expect(throws: SettingsProblem.self) { try section.finish() }
    #expect(problem?.description == "a.yaml: " + expected)
  }

  @Test(arguments: [
    ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' is there already, in line 1"),
    ("a: {b: 1, b: 2}", "line 1, column 11: the key 'b' is there already, in line 1"),
    (#"{"a": 1, 'a': 2}"#, "line 1, column 10: the key 'a' is there already, in line 1"),
    ("a: [1, 2\nb: 3", "line 2, column 2: while parsing a flow sequence: did not find expected ',' or ']'"),
    ("a: \"x", "line 1, column 6: while scanning a quoted scalar: found unexpected end of stream"),
    ("a: b: c", "line 1, column 5: mapping values are not allowed in this context"),
    ("\ta: 1", "line 1, column 1: while scanning for the next token: found character that cannot start any token"),
    ("a: *none", "line 1, column 4: no anchor &none before this alias"),
    ("a: &x [*x]", "line 1, column 8: no anchor &x before this alias"),
    ("[a]: 1", "line 1, column 1: a key must be text"), ("? {a: 1}\n: 2", "line 1, column 3: a key must be text"),
    ("a: !!binary x", "line 1, column 4: tags like tag:yaml.org,2002:binary mean nothing here"),
    ("a: 1\n---\nb: 2", "line 2, column 1: expected one document, found another"),
    ("a: 1\n...\n]", "line 3, column 1: did not find expected <document start>"),
  ])
  func saysWhereTheSyntaxIsWrong(_ text: String, _ expected: String) {
    let problem = #expect(throws: SettingsProblem.self) { _ = try parse(text) }
    #expect(problem?.description == "a.yaml: " + expected)
  }

  @Test func saysWhereTextIsNoUTF8() {
    let bytes = Array("a: é\nbé: x".utf8) + [0xFF, 0x0A]
    let problem = #expect(throws: SettingsProblem.self) { _ = try SettingsFile.parse(bytes, path: "a.yaml") }
    #expect(problem?.description.hasPrefix("a.yaml: line 2, column 6: the file is no UTF-8 text: ") == true)
  }

  @Test func wantsAMapping() {
    for text in ["[a]", "a", "- a: 1"] { #expect(throws: SettingsProblem.self) { _ = try section(text) } }
  }

  // MARK: - Bounds

  @Test func boundsDepth() throws {
    _ = try parse(String(repeating: "[", count: 32) + String(repeating: "]", count: 32))
    for text in ["[", "{a: ", "- "] {
      let deep = String(repeating: text, count: 100)
      let problem = #expect(throws: SettingsProblem.self) { _ = try parse(deep) }
      #expect(problem?.message == "more than 32 levels inside each other")
      // What libyaml reads ahead has a limit of its own.
      #expect(throws: SettingsProblem.self) { _ = try parse(String(repeating: text, count: 60_000)) }
    }
  }

  /// Nine lines that stand for a thousand million values.
  @Test func boundsAliases() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...9 {
      let aliases = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
      text += "a\(level): &a\(level) [\(aliases)]\n"
    }
    let problem = #expect(throws: SettingsProblem.self) { _ = try parse(text) }
    #expect(problem?.message == "more than 100000 values, aliases counted as what they stand for")
    #expect(problem?.place?.line == 5)
  }

  @Test func boundsSize() throws {
    let line = "# 3456789\n"
    let count = SettingsFile.largestByteCount / line.utf8.count
    _ = try parse(String(repeating: line, count: count))
    let problem = #expect(throws: SettingsProblem.self) { _ = try parse(String(repeating: line, count: count + 1)) }
    #expect(problem?.kind == .unreadable)
    let path = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try String(repeating: line, count: count + 1).write(toFile: path, atomically: true, encoding: .utf8)
    let other = #expect(throws: SettingsProblem.self) { _ = try SettingsFile.read(path: path) }
    #expect(other?.description == "cannot read \(path): it has more than 256 KiB")
  }

  @Test func readsFiles() throws {
    let path = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString).yaml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try "a: 1".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try SettingsFile.read(path: path).entries().map(\.name) == ["a"])
    for (path, reason) in [("/nowhere/a.yaml", "No such file or directory"), ("/tmp", "Is a directory")] {
      let problem = #expect(throws: SettingsProblem.self) { _ = try SettingsFile.read(path: path) }
      #expect(problem?.description == "cannot read \(path): \(reason)")
    }
  }
}

/// Files that were bent: whatever they have become, they are read or refused.
@Suite struct SettingsFuzzTests {
  /// `APUS_FUZZ_CASES` sets how many mutations there are.
  private static let caseCount = ProcessInfo.processInfo.environment["APUS_FUZZ_CASES"].flatMap(Int.init) ?? 3000
  private static let seeds = [
    """
    port: 8080
    default: "digits"
    scoring-timeout: 2.5   # seconds
    models:
      - models/digits
      - {path: models/iris, name: 'flow''ers', version: 2, precision: bfloat16}
      - &last
        path: >-
          models/
          long
        batch-invariant: true
      - *last
    """,
    #"{"models": {"a": {"path": "x\u00e9\n", "precision": "fast"}, "b": "y"}, "no-auth": true, "port": 0}"#,
    "%YAML 1.1\n---\n? a\n: !!str |+\n  x\n\n- [*a, &b ~, {? c}]\n...\n",
  ]
  /// Bytes that mean something.
  private static let marks = Array("-?:,[]{}#&*!|>'\"%@` \n\t\\0~<".utf8)

  @Test(arguments: 0..<16) func neitherTrapsNorHangs(_ block: UInt64) {
    var random = SeededGenerator(state: block)
    for _ in 0..<Self.caseCount / 16 {
      var bytes = Array(Self.seeds.randomElement(using: &random)!.utf8)
      for _ in 0..<Int.random(in: 1...8, using: &random) { Self.bend(&bytes, &random) }
      do {
        try Self.walk(SettingsFile.parse(bytes, path: "bent.yaml"))
      } catch let problem as SettingsProblem {
        #expect(problem.place.map { $0.line >= 1 && $0.column >= 1 } == true, "\(problem)")
        #expect(problem.description.utf8.count < 2000)
      } catch {
        Issue.record(error)
      }
    }
  }

  private static func bend(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
    let at = Int.random(in: 0..<max(bytes.count, 1), using: &random)
    guard at < bytes.count else { return bytes.append(0x5B) }
    switch Int.random(in: 0..<6, using: &random) {
    case 0: bytes[at] = UInt8.random(in: .min ... .max, using: &random)
    case 1: bytes[at] = marks.randomElement(using: &random)!
    case 2: bytes.insert(marks.randomElement(using: &random)!, at: at)
    case 3: bytes.removeSubrange(at..<min(at + Int.random(in: 1...20, using: &random), bytes.count))
    case 4: bytes.insert(contentsOf: bytes[at..<min(at + 40, bytes.count)], at: Int.random(in: 0...at, using: &random))
    default:
      let mark = marks.randomElement(using: &random)!
      bytes.insert(contentsOf: repeatElement(mark, count: Int.random(in: 1...2000, using: &random)), at: at)
    }
  }

  /// Asks every part everything.
  private static func walk(_ node: SettingsNode) throws {
    _ = try? node.text()
    _ = try? node.integer(in: 0...10)
    _ = try? node.number(in: 0...10, unit: "seconds")
    _ = try? node.boolean()
    _ = try? node.choice(SettingsTests.Colour.self)
    if node.isSequence { for element in try node.elements() { try walk(element) } }
    if node.isMapping {
      for (_, value) in try node.entries() { try walk(value) }
      var section = try SettingsSection(node)
      _ = section.take("models")
      _ = try? section.finish()
    }
  }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
private struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
