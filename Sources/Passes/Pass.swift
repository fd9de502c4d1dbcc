import GraphIR

/// A rewrite: a graph in, an equivalent graph out.
///
/// Most passes are lists of rules that look at one node at a time; such passes can share one walk over the graph.
public struct Pass: Sendable {
  public var name: String
  /// The rules of the walk; empty for a pass that looks at the graph as a whole.
  var rules: [Rule] = []
  private var transform: @Sendable (Graph) throws -> Graph

  /// A pass that looks at the whole graph.
  public init(_ name: String, _ run: @escaping @Sendable (Graph) throws -> Graph) {
    self.name = name
    transform = run
  }

  /// A pass of one rule.
  init(_ rule: Rule) { self.init(rule.name, rules: [rule]) }

  private init(_ name: String, rules: [Rule]) {
    self.name = name
    self.rules = rules
    transform = { graph in try Rewriter.rewrite(graph, rules: rules) }
  }

  /// Several passes in one walk: what a rule of one adds is seen by the rules of all, so that the result is what
  /// running them in turn would approach.
  public static func together(_ name: String, _ passes: [Pass]) -> Pass { Pass(name, rules: passes.flatMap(\.rules)) }

  public func run(_ graph: Graph) throws -> Graph { try transform(graph) }

  /// The pass without what `names` names; nil when nothing is left of it.
  func skipping(_ names: Set<String>) -> Pass? {
    if names.isEmpty { return self }
    if names.contains(name) { return nil }
    if !rules.contains(where: { names.contains($0.name) }) { return self }
    let kept = rules.filter { !names.contains($0.name) }
    return kept.isEmpty ? nil : Pass(name, rules: kept)
  }
}
