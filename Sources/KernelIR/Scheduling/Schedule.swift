import GraphIR
import Tensors

/// A bound graph as a list of steps in execution order.
public struct Schedule: Sendable {
  public var graph: Graph
  public var steps: [Step]
  /// Constants that steps read besides the graph's: index and weight tables.
  public var tables: [Tensor]

  public init(graph: Graph, steps: [Step], tables: [Tensor] = []) {
    self.graph = graph
    self.steps = steps
    self.tables = tables
  }
}
