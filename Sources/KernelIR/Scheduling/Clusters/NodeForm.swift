import GraphIR
import Interpreter
import Tensors

/// How a node takes part in a loop.
enum NodeForm {
  /// An element of the result from one element of each operand, all at the same place but for broadcasting.
  case elementwise
  /// An element of the result is an element of the operand, or of one of them.
  case movement
  /// Numbers from positions.
  case iota(axis: Int)
  case reduce(Reduction, axes: [Int])
  /// Where the largest or smallest element is; of equal ones the first or the last.
  case argReduce(isMaximum: Bool, axis: Int, last: Bool)
  case window(WindowReduction, WindowGeometry)
  /// Running totals along an axis.
  case cumulative(Cumulation, axis: Int, isExclusive: Bool, isReverse: Bool)
  /// Reads at positions that a constant lists.
  case gather(axis: Int, indices: [Int])
  /// Reads along some axes at the positions of tables: padding that repeats or mirrors.
  case mapped([(axis: Int, indices: [Int])])
  case resize([ResizeAxis])

  /// nil for nodes that no loop computes.
  init?(_ node: Node, _ index: GraphIndex) {
    guard node.results.count == 1, index.shape(node.results[0]) != nil,
      node.operands.allSatisfy({ index.shape($0) != nil || NodeForm.isParameter($0, of: node) })
    else { return nil }
    switch node.operation {
    case .unary, .binary, .compare, .select, .convert, .bitcast: self = .elementwise
    case .reshape, .broadcast, .transpose, .reverse, .concatenate: self = .movement
    case .slice:
      guard node.operands.dropFirst().allSatisfy({ index.integers($0) != nil }) else { return nil }
      self = .movement
    case .pad(.constant):
      guard index.integers(node.operands[2]) != nil, index.integers(node.operands[3]) != nil,
        index.uniformBits(node.operands[1]) != nil || index.shape(node.operands[1])?.elementCount == 1
      else { return nil }
      self = .movement
    case .pad(let mode):
      guard let maps = NodeForm.paddedPositions(node, mode, index) else { return nil }
      self = .mapped(maps)
    case .iota(let type, let axis):
      guard type == .int32 || type == .int64 || type == .float32 else { return nil }
      self = .iota(axis: axis)
    case .reduce(let reduction, let axes):
      if reduction == .mean, index.type(node.results[0])?.isFloat != true { return nil }
      self = .reduce(reduction, axes: axes)
    case .argReduce(let isMaximum, let axis, let last):
      self = .argReduce(isMaximum: isMaximum, axis: axis, last: last)
    case .cumulative(let cumulation, let axis, let exclusive, let reverse):
      self = .cumulative(cumulation, axis: axis, isExclusive: exclusive, isReverse: reverse)
    case .reduceWindow(let reduction, let window):
      guard let shape = index.shape(node.operands[0]), let geometry = try? WindowGeometry(node, shape, window),
        let type = index.type(node.results[0]),
        type.isFloat || reduction == .maximum && type.bitWidth == 8 || reduction == .sum && type == .int32
      else { return nil }
      if case .norm = reduction { return nil }
      self = .window(reduction, geometry)
    case .gather(let axis, 0):
      guard let extent = index.shape(node.operands[0])?[axis], let indices = index.integers(node.operands[1]),
        indices.allSatisfy({ -extent <= $0 && $0 < extent })
      else { return nil }
      self = .gather(axis: axis, indices: indices.map { $0 < 0 ? $0 + extent : $0 })
    case .resize(let resize):
      guard let axes = NodeForm.resampled(node, resize, index) else { return nil }
      self = .resize(axes)
    default: return nil
    }
  }

  /// Operands that say how the node works; loops do not read them.
  private static func isParameter(_ id: ValueID, of node: Node) -> Bool {
    switch node.operation {
    case .reshape, .broadcast, .slice, .pad, .iota, .resize: node.operands.dropFirst().contains(id)
    default: false
    }
  }

  /// Operands whose elements flow into the result.
  static func dataOperands(_ node: Node) -> [ValueID] {
    switch node.operation {
    case .reshape, .broadcast, .slice, .pad, .gather, .resize: [node.operands[0]]
    case .iota: []
    default: node.operands
    }
  }

  private static func paddedPositions(
    _ node: Node, _ mode: PaddingMode, _ index: GraphIndex
  ) -> [(axis: Int, indices: [Int])]? {
    guard let low = index.integers(node.operands[2]), let shape = index.shape(node.operands[0]),
      let result = index.shape(node.results[0])
    else { return nil }
    return shape.dimensions.indices.filter { low[$0] != 0 || shape[$0] != result[$0] }.map { axis in
      (axis, (0..<result[axis]).map { mode.source(of: $0 - low[axis], extent: shape[axis]) })
    }
  }

  private static func resampled(_ node: Node, _ resize: Resize, _ index: GraphIndex) -> [ResizeAxis]? {
    guard index.type(node.results[0]) == .float32, resize.coordinates != .cropAndResize,
      let shape = index.shape(node.operands[0]), let parameters = index.graph.constantValue(of: node.operands[1]),
      let axes = try? ResizeAxis.all(node, shape, parameters: parameters, region: nil, resize),
      axes.allSatisfy({ $0.isOutside.isEmpty })
    else { return nil }
    return axes
  }
}
