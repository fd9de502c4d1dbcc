import GraphIR

/// Passes in order.
public struct Pipeline: Sendable {
  public var passes: [Pass]
  /// Names of passes that are skipped: `APUS_SKIP_PASSES=a,b`, so that a wrong or slow one is found by bisection.
  public var skipped: Set<String>
  /// Checks every pass's result; costs time, for tests and `APUS_VERIFY=1`.
  public var verifies: Bool
  /// Gets each stage's name and graph, `APUS_DUMP=folder`.
  public var dump: (@Sendable (_ stage: String, _ graph: Graph) -> Void)?

  public init(_ passes: [Pass], skipped: Set<String> = [], verifies: Bool = false) {
    self.passes = passes
    self.skipped = skipped
    self.verifies = verifies
  }

  public func run(_ graph: Graph) throws -> Graph {
    var graph = graph
    dump?("0-imported", graph)
    for (index, pass) in passes.enumerated() where !skipped.contains(pass.name) {
      graph = try pass.run(graph)
      dump?("\(index + 1)-\(pass.name)", graph)
      if verifies { try verify(graph, after: pass) }
    }
    return graph
  }

  private func verify(_ graph: Graph, after pass: Pass) throws {
  }
}

extension Pipeline {
  /// What every model goes through once, whatever its input shapes: canonical form.
  public static let canonical = Pipeline([
    .inlineComposites()
  ])

  /// What a graph goes through once more when its input shapes are bound.
  public static let bound = Pipeline([])
}
