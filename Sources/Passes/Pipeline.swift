import Glibc
import GraphIR

/// Passes in order.
public struct Pipeline: Sendable {
  public var passes: [Pass]
  /// The passes run again until they change nothing, at most so often.
  public var maximumRoundCount: Int
  /// Names of passes that are skipped: `APUS_SKIP_PASSES=a,b`, so that a wrong or slow one is found by bisection.
  public var skipped: Set<String>
  /// Checks every pass's result; costs time, for tests and `APUS_VERIFY=1`.
  public var verifies: Bool
  /// Gets each stage's name and graph, `APUS_DUMP=folder`.
  public var dump: (@Sendable (_ stage: String, _ graph: Graph) -> Void)?

  public init(_ passes: [Pass], maximumRoundCount: Int = 1, skipped: Set<String> = [], verifies: Bool = false) {
    self.passes = passes
    self.maximumRoundCount = maximumRoundCount
    self.skipped = skipped
    self.verifies = verifies
  }

  public func run(_ graph: Graph) throws -> Graph {
    let passes = self.passes.compactMap { $0.skipping(skipped) }
    var graph = graph
    var stage = 0
    dump?("00-imported", graph)
    for round in 0..<maximumRoundCount {
      let before = graph
      for pass in passes {
        graph = try pass.run(graph)
        stage += 1
        dump?("\(stage < 10 ? "0" : "")\(stage)-\(pass.name)", graph)
        if verifies { try verify(graph, after: pass) }
      }
      if round + 1 < maximumRoundCount, graph.hasSameNodes(as: before) { break }
    }
    return graph
  }

  private func verify(_ graph: Graph, after pass: Pass) throws {
    do {
      try GraphVerifier.verify(graph)
    } catch var error as GraphError {
      error.operation = "verifier after pass '\(pass.name)'"
      throw error
    }
  }
}

extension Graph {
  /// The same operations on the same operands, regions included.
  fileprivate func hasSameNodes(as other: Graph) -> Bool {
    guard nodes.count == other.nodes.count, values.count == other.values.count, outputs == other.outputs else {
      return false
    }
    return zip(nodes, other.nodes).allSatisfy { a, b in
      a.operation == b.operation && a.operands == b.operands && a.regions.count == b.regions.count
        && zip(a.regions, b.regions).allSatisfy { $0.hasSameNodes(as: $1) }
    }
  }
}

extension Pipeline {
  /// What every model goes through once, whatever its input shapes: canonical form.
  public static let canonical = Pipeline(
    [
      .together(
        "expand", [.inlineComposites(keeping: RecurrentSteps.isPlain), .foldConstants, .simplify, .eliminateCommonSubexpressions]),
      .together("sink-and-simplify", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions]),
      .eliminateDeadCode,
      .foldScales,
    ], maximumRoundCount: 4, skipped: Switches.skippedPasses, verifies: Switches.verifies)

  /// What a graph goes through once more when its input shapes are bound. Runs for each new shape: one walk, no more.
  public static let bound = Pipeline(
    [
      .together("sink-and-simplify", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions]),
      .eliminateDeadCode,
    ], skipped: Switches.skippedPasses, verifies: Switches.verifies)
}

/// What the environment says of passes, read once.
private enum Switches {
  static let skippedPasses = Set((value("APUS_SKIP_PASSES") ?? "").split(separator: ",").map(String.init))
  static let verifies = !["", "0"].contains(value("APUS_VERIFY") ?? "")

  private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
