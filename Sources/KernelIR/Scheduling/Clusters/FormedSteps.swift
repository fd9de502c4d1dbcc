import GraphIR

/// The steps that there are already while others are formed.
struct FormedSteps {
  private(set) var steps: [Step] = []
  /// Values that a step or the caller reads.
  private(set) var needed: Set<ValueID>
  /// The step that each node is part of; a node that several read past is in none.
  private var stepOf: [Int: Int] = [:]
  /// Nodes of contractions, whose steps come when they are reached.
  private let reserved: Set<Int>
  /// The first node whose value a step gives besides its last one.
  private var firstExtra = Int.max

  init(needed: Set<ValueID>, reserved: Set<Int>) {
    self.needed = needed
    self.reserved = reserved
  }

  func isFree(_ node: Int) -> Bool { stepOf[node] == nil && !reserved.contains(node) }

  mutating func add(_ step: Step, nodes: Set<Int>, _ index: GraphIndex) {
    steps.append(step)
    needed.formUnion(step.operands.compactMap(\.id))
    for node in nodes { stepOf[node] = steps.count - 1 }
    let makers = step.results.compactMap { index.producer(of: $0) }
    if makers.count > 1 { firstExtra = min(firstExtra, makers.min() ?? firstExtra) }
  }

  /// Whether one of the values can be computed only after a node. A step waits for everything that it reads.
  func waits(_ values: some Sequence<ValueID>, for target: Int, _ index: GraphIndex) -> Bool {
    // Nothing before both can depend on the target.
    let horizon = min(target, firstExtra)
    var stack = values.compactMap { index.producer(of: $0) }
    var seenNodes: Set<Int> = []
    var seenSteps: Set<Int> = []
    while let node = stack.popLast() {
      if node == target { return true }
      guard node >= horizon, seenNodes.insert(node).inserted else { continue }
      if let step = stepOf[node] {
        guard seenSteps.insert(step).inserted else { continue }
        stack += steps[step].operands.compactMap { $0.id.flatMap { index.producer(of: $0) } }
      } else {
        stack += index.node(node).operands.compactMap { index.producer(of: $0) }
      }
    }
    return false
  }
}
