import GraphIR

/// A contraction with the nodes that its kernel does besides.
struct Anchor {
  var members: Set<Int>
  var steps: [Step]
}

extension Anchor {
  /// All contractions of a graph that the target has kernels for, in order. No node is in two.
  static func all(_ index: GraphIndex, _ target: ScheduleTarget) -> [Anchor] {
    var anchors: [Anchor] = []
    var taken: Set<Int> = []
    for number in index.graph.nodes.indices where !taken.contains(number) {
      let anchor: Anchor?
      switch index.node(number).operation {
      case .convolution: anchor = ConvolutionAnchor(number, index, target)?.anchor(taken: taken)
      case .dot: anchor = DotAnchor(number, index, target)?.anchor(taken: taken)
      default: anchor = nil
      }
      guard let anchor else { continue }
      taken.formUnion(anchor.members)
      anchors.append(anchor)
    }
    return anchors
  }
}
