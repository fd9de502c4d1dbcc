import GraphIR

extension Pass {
  /// Replaces composites by their decompositions, for backends that do not take them whole. `keeps` tells which stay.
  public static func inlineComposites(keeping keeps: @escaping @Sendable (Composite) -> Bool = { _ in false }) -> Pass {
    Pass("inline-composites") { graph in
      try rewrite(graph) { builder, node, operands in try expand(builder, node, operands, keeps) }
    }
  }

  private static func expand(
    _ builder: GraphBuilder, _ node: Node, _ operands: [ValueID], _ keeps: (Composite) -> Bool
  ) throws -> [ValueID]? {
    guard case .composite(let composite) = node.operation, !keeps(composite) else { return nil }
    return try builder.inline(node.regions[0], arguments: operands, rewritingWith: { try expand($0, $1, $2, keeps) })
  }
}
