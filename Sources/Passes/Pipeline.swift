import Glibc
import GraphIR

/// Passes in order.
public struct Pipeline: Sendable {
  /// Passes that run once, in front of the others.
  public var preparation: [Pass]
  public var passes: [Pass]
  /// The passes run again until they change nothing, at most so often.
  public var maximumRoundCount: Int
  /// Passes that run once, behind the others: what they make, the others would not know.
  public var completion: [Pass] = []
  /// Names of passes that are skipped: `APUS_SKIP_PASSES=a,b`, so that a wrong or slow one is found by bisection.
  public var skipped: Set<String>
  /// Checks every pass's result; costs time, for tests and `APUS_VERIFY=1`.
  public var verifies: Bool
  /// Gets each stage's name and graph, `APUS_DUMP=folder`.
  public var dump: (@Sendable (_ stage: String, _ graph: Graph) -> Void)?

  public init(
    preparation: [Pass] = [], _ passes: [Pass], maximumRoundCount: Int = 1, skipped: Set<String> = [],
    verifies: Bool = false
  ) {
    self.preparation = preparation
    self.passes = passes
    self.maximumRoundCount = maximumRoundCount
    self.skipped = skipped
    self.verifies = verifies
  }

  public func run(_ imported: consuming Graph) throws -> Graph {
    var graph = imported
    var stage = 0
    func advance(_ pass: Pass) throws {
      graph = try pass.run(graph)
      stage += 1
      dump?("\(stage < 10 ? "0" : "")\(stage)-\(pass.name)", graph)
      if verifies { try verify(graph, after: pass) }
    }
    dump?("00-imported", graph)
    for pass in preparation.compactMap({ $0.skipping(skipped) }) { try advance(pass) }
    let passes = self.passes.compactMap { $0.skipping(skipped) }
    for round in 0..<maximumRoundCount {
      let before = Structure(graph)
      for pass in passes { try advance(pass) }
      if round + 1 < maximumRoundCount, Structure(graph) == before { break }
    }
    for pass in completion.compactMap({ $0.skipping(skipped) }) { try advance(pass) }
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

/// The operations of a graph and their operands, without its constants: these may be large, and one form of them should
/// be gone when the next one is made.
private struct Structure: Equatable {
  private let nodes: [Node]
  private let valueCount: Int
  private let outputs: [ValueID]

  init(_ graph: Graph) {
    nodes = graph.nodes
    valueCount = graph.values.count
    outputs = graph.outputs
  }

  static func == (left: Structure, right: Structure) -> Bool {
    guard left.nodes.count == right.nodes.count, left.valueCount == right.valueCount, left.outputs == right.outputs
    else { return false }
    return zip(left.nodes, right.nodes).allSatisfy { a, b in
      a.operands == b.operands && a.operation == b.operation
        && a.regions.map(Structure.init) == b.regions.map(Structure.init)
    }
  }
}

extension Pipeline {
  /// What every model goes through once, whatever its input shapes: canonical form.
  public static let canonical: Pipeline = {
    var pipeline = Pipeline(
      // Nothing makes new composites.
      preparation: [
        .together(
          "expand",
          [
            // Backends have a kernel for the steps of plain recurrent layers.
            .inlineComposites(keeping: RecurrentSteps.isPlain), .foldConstants, .simplify,
            .eliminateCommonSubexpressions,
          ]),
        .together("widen-halves", [.widenHalves, .foldConstants, .simplify, .eliminateCommonSubexpressions]),
      ],
      [
        .together(
          "sink-and-simplify",
          [
            .foldConstants, .simplify, .captureInvariants, .narrowWeights, .keepQuantized, .sinkTransposes,
            .eliminateCommonSubexpressions,
          ]),
        .eliminateDeadCode,
        .foldScales,
      ], maximumRoundCount: 4, skipped: Switches.skippedPasses, verifies: Switches.verifies)
    pipeline.completion = integers
    return pipeline
  }()

  /// Quantised graphs, when nothing stands between the nodes that belong together any more.
  private static let integers: [Pass] = [
    .together(
      "multiply-integers", [.foldConstants, .simplify, .integerProducts, .eliminateCommonSubexpressions]),
    .lowerQuantization,
    .together("sink-and-simplify", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions]),
    .eliminateDeadCode,
  ]

  /// What a graph goes through once more when its input shapes are bound. Runs for each new shape: one walk, no more.
  public static let bound: Pipeline = {
    var pipeline = Pipeline(
      [
        .together("sink-and-simplify", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions]),
        .eliminateDeadCode,
      ], skipped: Switches.skippedPasses, verifies: Switches.verifies)
    pipeline.completion = [.segmentDataDependentShapes]
    return pipeline
  }()
}

/// What the environment says of passes, read once.
private enum Switches {
  static let skippedPasses = Set((value("APUS_SKIP_PASSES") ?? "").split(separator: ",").map(String.init))
  static let verifies = !["", "0"].contains(value("APUS_VERIFY") ?? "")

  private static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
