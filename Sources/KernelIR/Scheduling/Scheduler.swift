import GraphIR
import Tensors

/// Cuts a bound graph into steps: contractions with their epilogues first, then loop kernels around everything that is
/// elementwise, moves or reduces; the rest is left to the interpreter.
public struct Scheduler {
  private let index: GraphIndex
  private let anchors: [Anchor]
  private let growth: ClusterGrowth
  private let tables = TableStore()
  private var steps: [Step] = []
  /// Values that a step or the caller reads.
  private var needed: Set<ValueID>
  /// Nodes that are part of a step.
  private var assigned: Set<Int>

  /// The schedule of a graph whose shapes are known where they can be. What the target cannot generate becomes `.node`
  /// steps.
  public static func schedule(_ graph: Graph, target: ScheduleTarget) -> Schedule {
    var scheduler = Scheduler(graph, target)
    scheduler.run()
    guard let steps = scheduler.orderedSteps() else { print("CYCLE"); return Schedule(interpreting: graph) }
    return Schedule(graph: graph, steps: steps, tables: scheduler.tables.tables)
  }

  private init(_ graph: Graph, _ target: ScheduleTarget) {
    index = GraphIndex(graph)
    anchors = Anchor.all(index, target)
    assigned = anchors.reduce(into: []) { $0.formUnion($1.members) }
    growth = ClusterGrowth(index, target, taken: assigned)
    // Contractions may read past the nodes in between, so that what they read is known from the start.
    needed = Set(graph.outputs + anchors.flatMap { $0.steps.flatMap { $0.operands.compactMap(\.id) } })
  }

  /// Backwards, so that every reader of a value is known when its node is reached.
  private mutating func run() {
    var anchorsByLast: [Int: Anchor] = [:]
    for anchor in anchors { anchorsByLast[anchor.members.max() ?? 0] = anchor }
    for number in index.graph.nodes.indices.reversed() {
      if let anchor = anchorsByLast[number] {
        for step in anchor.steps { add(step) }
      } else if !assigned.contains(number), index.node(number).isNeeded(needed) {
        schedule(number)
      }
    }
  }

  private mutating func schedule(_ number: Int) {
    let node = index.node(number)
    if let view = view(node) { return add(view) }
    let free = assigned
    guard var cluster = growth.cluster(root: number, needed: needed, free: { !free.contains($0) }) else {
      return interpret(number)
    }
    while true {
      if let step = try? cluster.step(index, forms: growth.forms, tables: tables) {
        assigned.formUnion(cluster.members.subtracting(cluster.copied))
        return add(step)
      }
      // A cluster that has no kernel may have one for its root alone.
      guard cluster.members.count > 1, let alone = growth.cluster(root: number, needed: needed, free: { $0 == number })
      else { break }
      cluster = alone
    }
    interpret(number)
  }

  private mutating func interpret(_ number: Int) {
    let node = index.node(number)
    assigned.insert(number)
    add(
      Step(
        work: .node(NodeID(number)), operands: node.operands.map(ScheduleValue.value), results: node.results,
        source: node.source ?? node.operation.name))
  }

  private mutating func add(_ step: Step) {
    steps.append(step)
    needed.formUnion(step.operands.compactMap(\.id))
  }

  /// A reshape of something in memory.
  private func view(_ node: Node) -> Step? {
    guard case .reshape = node.operation, let shape = index.shape(node.results[0]),
      index.shape(node.operands[0])?.elementCount == shape.elementCount
    else { return nil }
    return Step(
      work: .view, operands: [.value(node.operands[0])], results: node.results, source: node.source ?? "reshape")
  }

  /// Each step behind those that make what it reads, otherwise in the order of the graph.
  private func orderedSteps() -> [Step]? {
    var maker: [ValueID: Int] = [:]
    for (number, step) in steps.enumerated() {
      for result in step.results { maker[result] = number }
    }
    let position = steps.map { step in step.results.compactMap { index.producer(of: $0) }.max() ?? 0 }
    var ordered: [Step] = []
    var isPlaced = [Bool](repeating: false, count: steps.count)
    for first in steps.indices.sorted(by: { position[$0] < position[$1] }) {
      // Depth first without recursion: a step leaves the stack when everything it reads is placed.
      var stack = [first]
      while let step = stack.last {
        let missing = steps[step].operands.compactMap { $0.id.flatMap { maker[$0] } }.first { !isPlaced[$0] }
        if let missing, !stack.contains(missing) {
          stack.append(missing)
          continue
        }
        if missing != nil { return nil }
        stack.removeLast()
        if !isPlaced[step] { ordered.append(steps[step]) }
        isPlaced[step] = true
      }
    }
    return ordered
  }
}

extension ScheduleValue {
  /// The value of the graph behind it; nil for tables.
  var id: ValueID? {
    switch self {
    case .value(let id), .packed(let id, _): id
    case .table: nil
    }
  }
}

extension Node {
  fileprivate func isNeeded(_ needed: Set<ValueID>) -> Bool { results.contains { needed.contains($0) } }
}
