/// A part of a file of settings, which knows where it stands.
public struct SettingsNode: Sendable {
  enum Content: Sendable {
    /// `isPlain`: without quotes, so that it may be a number, a boolean or nothing.
    case scalar(String, isPlain: Bool)
    case sequence([SettingsNode])
    case mapping([Entry])
  }

  struct Entry: Sendable {
    let name: String
    let place: Place
    let value: SettingsNode
  }

  let content: Content
  /// The file.
  public let path: String
  public let place: Place
  /// "models[0].precision"; empty for the whole file.
  public let key: String

  /// Something wrong with this part.
  public func problem(_ message: String, _ kind: SettingsProblem.Kind = .malformed) -> SettingsProblem {
    SettingsProblem(kind, path, place: place, key: key, message)
  }

  /// The same under another key: what an alias stands for is told where it is used.
  func named(_ key: String) -> SettingsNode { SettingsNode(content: content, path: path, place: place, key: key) }

  // MARK: - Values

  public var isMapping: Bool { if case .mapping = content { true } else { false } }
  public var isSequence: Bool { if case .sequence = content { true } else { false } }

  /// The elements of a list, under their keys.
  public func elements() throws(SettingsProblem) -> [SettingsNode] {
    guard case .sequence(let elements) = content else { throw mismatch("a list") }
    return elements.enumerated().map { $1.named("\(key)[\($0)]") }
  }

  /// The names and values of a mapping, in the order of the file.
  public func entries() throws(SettingsProblem) -> [(name: String, value: SettingsNode)] {
    guard case .mapping(let entries) = content else { throw mismatch("keys with values") }
    return entries.map { ($0.name, $0.value.named(key.isEmpty ? $0.name : "\(key).\($0.name)")) }
  }

  /// Text that is not empty. Numbers and booleans are text too, so that versions and names need no quotes.
  public func text() throws(SettingsProblem) -> String {
    guard case .scalar(let text, _) = content, !text.isEmpty, !isNull else { throw mismatch("text") }
    guard !text.unicodeScalars.contains("\0") else { throw mismatch("text without zero bytes") }
    return text
  }

  /// A decimal number without a fraction.
  public func integer(in range: ClosedRange<Int>) throws(SettingsProblem) -> Int {
    let expected = "a whole number, \(range.lowerBound) to \(range.upperBound)"
    guard let text = plainText, let number = Int(text), range.contains(number) else { throw mismatch(expected) }
    return number
  }

  public func number(in range: ClosedRange<Double>, unit: String) throws(SettingsProblem) -> Double {
    let expected = "a number of \(unit), \(range.lowerBound) to \(range.upperBound)"
    guard let text = plainText, text.utf8.allSatisfy({ "0123456789.+-eE".utf8.contains($0) }),
      let number = Double(text), range.contains(number)
    else { throw mismatch(expected) }
    return number
  }

  public func boolean() throws(SettingsProblem) -> Bool {
    switch plainText {
    case "true", "True", "TRUE": return true
    case "false", "False", "FALSE": return false
    default: throw mismatch("true or false")
    }
  }

  /// One of a few words.
  public func choice<Value: RawRepresentable & CaseIterable>(
    _ type: Value.Type = Value.self
  ) throws(SettingsProblem) -> Value where Value.RawValue == String {
    let words = Value.allCases.map(\.rawValue)
    guard case .scalar(let text, _) = content, let value = Value(rawValue: text) else {
      throw mismatch(words.dropLast().joined(separator: ", ") + " or " + (words.last ?? ""))
    }
    return value
  }

  private var plainText: String? { if case .scalar(let text, isPlain: true) = content { text } else { nil } }

  /// `key:` with nothing behind it, or the word for that.
  var isNull: Bool { ["", "~", "null", "Null", "NULL"].contains(plainText) }

  public func mismatch(_ expected: String) -> SettingsProblem { problem("expected \(expected), found \(found)") }

  private var found: String {
    switch content {
    case .scalar(let text, let isPlain):
      let shown = text.unicodeScalars.count > 64 ? String(text.unicodeScalars.prefix(64)) + "…" : text
      return isNull ? "nothing" : isPlain ? "'\(shown)'" : "the text \"\(shown)\""
    case .sequence: return "a list"
    case .mapping: return "keys with values"
    }
  }

  // MARK: - Building

  /// The tree of a file's events.
  static func root(_ events: YAMLEvents) throws(SettingsProblem) -> SettingsNode {
    var builder = SettingsTree(events)
    return try builder.root()
  }
}

/// Builds the tree of a file, within bounds: aliases cost their writer a few bytes, however much they stand for.
private struct SettingsTree {
  static let depthLimit = 32
  static let nodeLimit = 100_000

  let events: YAMLEvents
  /// What anchors stand for, and of how many nodes it consists.
  var anchors: [String: (node: SettingsNode, count: Int)] = [:]
  var nodeCount = 0

  init(_ events: YAMLEvents) { self.events = events }

  mutating func root() throws(SettingsProblem) -> SettingsNode {
    let (event, place) = try events.next()
    let nothing = SettingsNode(content: .mapping([]), path: events.path, place: place, key: "")
    if case .end = event { return nothing }
    let root = try node(event, place, depth: 0)
    // Finds a second document.
    _ = try events.next()
    return root.isNull ? nothing : root
  }

  private mutating func node(
    _ event: YAMLEvents.Event, _ place: Place, depth: Int
  ) throws(SettingsProblem) -> SettingsNode {
    guard depth <= Self.depthLimit else {
      throw events.problem(place, "more than \(Self.depthLimit) levels inside each other")
    }
    let countBefore = nodeCount
    let (content, anchor): (SettingsNode.Content, String?)
    switch event {
    case .scalar(let text, let isPlain, let name): (content, anchor) = (.scalar(text, isPlain: isPlain), name)
    case .sequenceStart(let name): (content, anchor) = (.sequence(try elements(depth)), name)
    case .mappingStart(let name): (content, anchor) = (.mapping(try entries(depth)), name)
    case .alias(let name): return try alias(name, place)
    case .sequenceEnd, .mappingEnd, .end: throw events.problem(place, "expected a value")
    }
    try count(1, place)
    let node = SettingsNode(content: content, path: events.path, place: place, key: "")
    if let anchor { anchors[anchor] = (node, nodeCount - countBefore) }
    return node
  }

  /// What an anchor stands for, told where the alias stands.
  private mutating func alias(_ name: String, _ place: Place) throws(SettingsProblem) -> SettingsNode {
    // An anchor is known once what it stands for has ended, so that nothing contains itself.
    guard let (node, count) = anchors[name] else {
      throw events.problem(place, "no anchor &\(name.prefix(64)) before this alias")
    }
    try self.count(count, place)
    return SettingsNode(content: node.content, path: events.path, place: place, key: "")
  }

  private mutating func count(_ more: Int, _ place: Place) throws(SettingsProblem) {
    nodeCount += more
    guard nodeCount <= Self.nodeLimit else {
      throw events.problem(place, "more than \(Self.nodeLimit) values, aliases counted as what they stand for")
    }
  }

  private mutating func elements(_ depth: Int) throws(SettingsProblem) -> [SettingsNode] {
    var elements: [SettingsNode] = []
    while true {
      let (event, place) = try events.next()
      if case .sequenceEnd = event { return elements }
      elements.append(try node(event, place, depth: depth + 1))
    }
  }

  private mutating func entries(_ depth: Int) throws(SettingsProblem) -> [SettingsNode.Entry] {
    var entries: [SettingsNode.Entry] = []
    var lines: [String: Int] = [:]
    while true {
      let (event, place) = try events.next()
      if case .mappingEnd = event { return entries }
      guard case .scalar(let name, _, _) = event else { throw events.problem(place, "a key must be text") }
      if let line = lines.updateValue(place.line, forKey: name) {
        throw events.problem(place, "the key '\(name.prefix(64))' is there already, in line \(line)")
      }
      let (value, valuePlace) = try events.next()
      entries.append(.init(name: name, place: place, value: try node(value, valuePlace, depth: depth + 1)))
    }
  }
}
