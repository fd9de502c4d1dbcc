/// Takes the values of a mapping. Every key that is asked for is known thereby; `finish` complains about the others.
public struct SettingsSection {
  public let node: SettingsNode
  private let entries: [SettingsNode.Entry]
  private var known: [String] = []

  /// Throws when `node` is no mapping.
  public init(_ node: SettingsNode) throws(SettingsProblem) {
    guard case .mapping(let entries) = node.content else { throw node.mismatch("keys with values") }
    self.node = node
    self.entries = entries
  }

  /// The value of a key, or nil when the file leaves it out.
  public mutating func take(_ name: String) -> SettingsNode? {
    known.append(name)
    return entries.first { $0.name == name }.map { $0.value.named(key(name)) }
  }

  /// A key that exists elsewhere, but must not be here.
  public mutating func refuse(_ name: String, _ message: String) throws(SettingsProblem) {
    guard let entry = entries.first(where: { $0.name == name }) else { return }
    throw problem(entry, message)
  }

  /// Throws for the first key that nobody asked for.
  public func finish() throws(SettingsProblem) {
    guard let entry = entries.first(where: { !known.contains($0.name) }) else { return }
    if let nearest = Spelling.nearest(to: entry.name, among: known) {
      throw problem(entry, "unknown key; did you mean '\(nearest)'?")
    }
    throw problem(entry, "unknown key; there are \(known.sorted().joined(separator: ", "))")
  }

  private func key(_ name: String) -> String { node.key.isEmpty ? name : "\(node.key).\(name)" }

  private func problem(_ entry: SettingsNode.Entry, _ message: String) -> SettingsProblem {
    SettingsProblem(.malformed, node.path, place: entry.place, key: key(String(entry.name.prefix(64))), message)
  }
}
