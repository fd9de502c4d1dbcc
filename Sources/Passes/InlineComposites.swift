import GraphIR

extension Pass {
  /// Replaces composites by their decompositions, for backends that do not take them whole. `keeps` tells which stay.
  public static func inlineComposites(keeping keeps: @escaping @Sendable (Composite) -> Bool = { _ in false }) -> Pass {
    Pass(
      Rule(
        name: "inline-composites",
        rewrite: { rewriter, step in
          guard case .composite(let composite) = step.operation, !keeps(composite) else { return nil }
          return try rewriter.inline(step.regions[0], arguments: step.operands)
        }))
  }
}
