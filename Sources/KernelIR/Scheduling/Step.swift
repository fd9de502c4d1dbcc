import GraphIR

/// One entry of a schedule. Values are those of the bound graph, or `extra` constants that the scheduler made.
public struct Step: Sendable {
  public enum Work: Sendable {
    /// A generated function; buffers are `operands` then `results` in the kernel's order.
    case kernel(Kernel, Call)
    /// The interpreter evaluates the node.
    case node(NodeID)
    /// The result is the operand's bytes under another shape.
    case view
  }

  /// What a call needs besides buffers.
  public struct Call: Sendable {
    /// Extent of axis 0 for loops; the parameters that the kernel's documentation lists for the others.
    public var parameters: [Int]
    /// Work in nanoseconds on one core, roughly: short steps stay on one thread.
    public var estimatedNanoseconds: Double

    public init(parameters: [Int], estimatedNanoseconds: Double) {
      self.parameters = parameters
      self.estimatedNanoseconds = estimatedNanoseconds
    }
  }

  public var work: Work
  public var operands: [ScheduleValue]
  public var results: [ValueID]
  /// Where in its only result the step begins to write, when other steps write the rest; 0 otherwise.
  public var resultByteOffset = 0
  /// Index of an operand whose memory the (only) result may take over if nobody reads it later; nil when none may.
  public var inPlaceOperand: Int?
  /// What the step does, for profiles: the sources of its nodes.
  public var source: String

  public init(
    work: Work, operands: [ScheduleValue], results: [ValueID], inPlaceOperand: Int? = nil, source: String
  ) {
    self.work = work
    self.operands = operands
    self.results = results
    self.inPlaceOperand = inPlaceOperand
    self.source = source
  }
}

/// What a step reads.
public enum ScheduleValue: Hashable, Sendable {
  case value(ValueID)
  /// A constant that is packed before the first run, as `packing` says, from the graph's constant.
  case packed(ValueID, Packing)
  /// The trees of a `treeEnsemble` node, all its operands but the first, packed before the first run.
  case packedTrees(NodeID, TreeKernel)
  /// A table that the scheduler made: `Schedule.tables`.
  case table(Int)
}
