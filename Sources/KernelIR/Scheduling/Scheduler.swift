import GraphIR
import Tensors

/// Cuts a bound graph into steps: contractions with their epilogues first, then loop kernels around everything that is
/// elementwise, moves or reduces; the rest is left to the interpreter.
public struct Scheduler {
  private let index: GraphIndex
  private let anchors: [Anchor]
  private let growth: ClusterGrowth
  private let tables = TableStore()
  private var formed: FormedSteps

  /// The schedule of a graph whose shapes are known where they can be. What the target cannot generate becomes `.node`
  /// steps.
  public static func schedule(_ graph: Graph, target: ScheduleTarget) -> Schedule {
    for givesSeveral in [true, false] {
      var scheduler = Scheduler(graph, target, givesSeveral: givesSeveral)
      scheduler.run()
      guard let steps = scheduler.formed.steps.inOrder(scheduler.index) else { continue }
      let schedule = Schedule(graph: graph, steps: steps, tables: scheduler.tables.tables)
      return target.factors == .bfloat16 ? BFloat16Storage.narrowed(schedule, target) : schedule
    }
    // Steps of one result wait for each other only if nodes do; a model is never worth a crash.
    assertionFailure("the steps of '\(graph.name)' wait for each other")
    return Schedule(interpreting: graph)
  }

  /// - Parameter givesSeveral: loop kernels may store values on the way too. Steps that would wait for each other are not
  ///   made; without, there can be none.
  private init(_ graph: Graph, _ target: ScheduleTarget, givesSeveral: Bool) {
    index = GraphIndex(graph)
    var joining = JoinedResults(Anchor.all(index, target, tables: tables), index)
    joining.run()
    anchors = joining.anchors
    let reserved = anchors.reduce(into: joining.concatenations) { $0.formUnion($1.members) }
    growth = ClusterGrowth(index, target, taken: reserved, givesSeveral: givesSeveral)
    // Contractions may read past the nodes in between, so that what they read is known from the start.
    let reads = anchors.flatMap { $0.steps.flatMap { $0.operands.compactMap(\.id) } }
    formed = FormedSteps(needed: Set(graph.outputs + reads), reserved: reserved)
  }

  /// Backwards, so that every reader of a value is known when its node is reached.
  private mutating func run() {
    var anchorsByLast: [Int: Anchor] = [:]
    for anchor in anchors { anchorsByLast[anchor.members.max() ?? 0] = anchor }
    for number in index.graph.nodes.indices.reversed() {
      if let anchor = anchorsByLast[number] {
        for step in anchor.steps { formed.add(step, nodes: anchor.members, index) }
      } else if formed.isFree(number), index.node(number).results.contains(where: formed.needed.contains) {
        schedule(number)
      }
    }
  }

  private mutating func schedule(_ number: Int) {
    if let view = view(index.node(number)) { return formed.add(view, nodes: [number], index) }
    // A cluster that has no kernel may have one for its root alone.
    for alone in [false, true] {
      guard let cluster = growth.cluster(root: number, formed, alone: alone) else { continue }
      guard let step = try? cluster.step(index, forms: growth.forms, tables: tables) else { continue }
      return formed.add(step, nodes: cluster.members.subtracting(cluster.copied), index)
    }
    formed.add(interpreted(number), nodes: [number], index)
  }

  /// The interpreter evaluates the node.
  private func interpreted(_ number: Int) -> Step {
    let node = index.node(number)
    return Step(
      work: .node(NodeID(number)), operands: node.operands.map(ScheduleValue.value), results: node.results,
      source: node.source ?? node.operation.name)
  }

  /// A reshape of something in memory.
  private func view(_ node: Node) -> Step? {
    guard case .reshape = node.operation, let shape = index.shape(node.results[0]),
      index.shape(node.operands[0])?.elementCount == shape.elementCount
    else { return nil }
    return Step(
      work: .view, operands: [.value(node.operands[0])], results: node.results, source: node.source ?? "reshape")
  }
}
