/// Graphs written as text, for tests that show what a pass does:
///
///     let golden = try GoldenText("""
///       graph before(%0: float32[N]) { … }
///       ----
///       graph after(%0: float32[N]) { … }
///       """)
///     #expect(golden.difference(from: pass(golden.input)) == nil)
///
/// Types may be left out of both graphs. Made-up symbols (`?3`) are the same when they come in the same order.
package struct GoldenText {
  package let input: Graph
  /// The wanted graph as it prints.
  package let expected: String

  /// Splits at a line of dashes; without one the graph itself is expected.
  package init(_ text: String) throws(GraphTextError) {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    guard let cut = lines.firstIndex(where: { $0.trimmingSpaces == "----" }) else {
      input = try Graph(parsing: text)
      expected = Self.normal(input)
      return
    }
    input = try Graph(parsing: lines[..<cut].joined(separator: "\n"))
    // Blank lines keep the line numbers of errors right.
    let blank = String(repeating: "\n", count: cut + 1)
    expected = Self.normal(try Graph(parsing: blank + lines[(cut + 1)...].joined(separator: "\n")))
  }

  /// nil when the graph is the expected one; else both, with a mark at the first line that differs.
  package func difference(from graph: Graph) -> String? {
    let found = Self.normal(graph)
    if found == expected { return nil }
    let foundLines = found.split(separator: "\n", omittingEmptySubsequences: false)
    let expectedLines = expected.split(separator: "\n", omittingEmptySubsequences: false)
    let first = zip(foundLines, expectedLines).prefix { $0 == $1 }.count
    func marked(_ lines: [Substring]) -> String {
      lines.enumerated().map { ($0 == first ? "> " : "  ") + $1 }.joined(separator: "\n")
    }
    return "found:\n\(marked(foundLines))\nexpected:\n\(marked(expectedLines))"
  }

  /// The text without the graph's name, with made-up symbols numbered as they come.
  static func normal(_ graph: Graph) -> String {
    var graph = graph
    graph.name = "main"
    var numbers: [Substring: Int] = [:]
    var normal = ""
    var rest = Substring(graph.text(maximumConstantCount: .max))
    while let mark = rest.firstIndex(of: "?") {
      normal += rest[..<mark]
      let name = rest[mark...].prefix { $0 == "?" || $0.isNumber }
      let number = numbers[name] ?? numbers.count
      numbers[name] = number
      normal += "?\(number)"
      rest = rest[name.endIndex...]
    }
    return normal + rest
  }
}

extension Substring {
  fileprivate var trimmingSpaces: Substring {
    var text = self
    while text.first == " " { text.removeFirst() }
    while text.last == " " || text.last == "\r" { text.removeLast() }
    return text
  }
}
