import GraphIR
import Tensors

/// How windows lie over one spatial axis of an operand.
package struct WindowAxis {
  package var input: Int
  package var size: Int
  package var stride: Int
  package var dilation: Int
  /// Padding before and after; may crop when negative.
  package var low: Int
  package var high: Int
  /// Number of windows.
  package var output: Int

  /// An axis of extent 1 that a window of extent 1 leaves alone.
  static let trivial = WindowAxis(input: 1, size: 1, stride: 1, dilation: 1, low: 0, high: 0, output: 1)

  var isTrivial: Bool { size == 1 && stride == 1 && low == 0 && high == 0 }

  /// From the window's first element to its last, plus one.
  var span: Int { (size - 1) * dilation + 1 }

  /// Position of the first element of a window, which may be outside the operand.
  @inline(__always) func start(_ window: Int) -> Int { window * stride - low }

  /// Elements of a window that lie within the operand.
  package func inside(_ window: Int) -> Range<Int> {
    let start = start(window)
    let first = min(size, start >= 0 ? 0 : (-start + dilation - 1) / dilation)
    let end = start >= input ? 0 : min(size, (input - start + dilation - 1) / dilation)
    return first..<max(first, end)
  }

  /// How many elements of a window lie within the operand or its padding; fewer than its size in a last, partial one.
  package func insidePadded(_ window: Int) -> Int {
    let room = input + high - start(window)
    return max(0, min(size, (room + dilation - 1) / dilation))
  }
}

/// How windows move over the spatial axes of an operand [N, spatial…, C].
package struct WindowGeometry {
  let batch: Int
  let channels: Int
  package let axes: [WindowAxis]

  /// Larger numbers than these are no window; below them no product overflows.
  private static let limit = Int(Int32.max)

  package init(_ node: Node, _ shape: Shape, _ window: Window) throws {
    let rank = shape.rank - 2
    func check(_ condition: Bool, _ found: @autoclosure () -> String, _ expected: String) throws {
      if !condition { throw EvaluationError(node, found(), expected: expected) }
    }
    try check(rank >= 1, "operand \(shape)", "[N, spatial…, C]")
    for (name, numbers) in [("size", window.size), ("strides", window.strides), ("dilations", window.dilations)] {
      try check(
        numbers.count == rank && numbers.allSatisfy { 1 <= $0 && $0 <= Self.limit }, "\(name) \(numbers) for \(shape)",
        "one positive number for each spatial axis")
    }
    try check(Shape(checking: window.size) != nil, "size \(window.size)", "a window of less than 2^63 elements")
    if case .explicit(let low, let high) = window.padding {
      try check(
        low.count == rank && high.count == rank && (low + high).allSatisfy { $0.magnitude <= Self.limit },
        "padding \(low), \(high) for \(shape)", "one number for each spatial axis")
    }
    try check(shape.dimensions.allSatisfy { $0 <= Self.limit }, "operand \(shape)", "extents below 2^31")
    batch = shape[0]
    channels = shape[rank + 1]
    axes = (0..<rank).map { Self.axis(shape[$0 + 1], window, $0) }
  }

  private static func axis(_ input: Int, _ window: Window, _ index: Int) -> WindowAxis {
    var axis = WindowAxis(
      input: input, size: window.size[index], stride: window.strides[index], dilation: window.dilations[index], low: 0,
      high: 0, output: 0)
    switch window.padding {
    case .explicit(let low, let high):
      (axis.low, axis.high) = (low[index], high[index])
      let slack = input + axis.low + axis.high - axis.span
      if window.roundsUp {
        axis.output = (slack >= 0 ? (slack + axis.stride - 1) / axis.stride : slack / axis.stride) + 1
        // The last window must start inside the operand or its low padding.
        axis.output = min(axis.output, (max(0, input + axis.low) + axis.stride - 1) / axis.stride)
      } else {
        axis.output = slack >= 0 ? slack / axis.stride + 1 : 0
      }
      axis.output = max(axis.output, 0)
    case .sameUpper, .sameLower:
      axis.output = (input + axis.stride - 1) / axis.stride
      let total = max(0, (axis.output - 1) * axis.stride + axis.span - input)
      axis.low = window.padding == .sameUpper ? total / 2 : total - total / 2
      axis.high = total - axis.low
    }
    return axis
  }

  /// [N, spatial'…, channels], or an error when it is too large.
  func result(_ node: Node, channels: Int) throws -> Shape {
    let extents = [batch] + axes.map(\.output) + [channels]
    guard let shape = Shape(checking: extents) else {
      throw EvaluationError(node, "result extents \(extents)", expected: "a tensor that fits in memory")
    }
    return shape
  }

  /// Windows of one image.
  var positions: Int { axes.reduce(1) { $0 * $1.output } }

  /// Depth, height and width; axes that the operand lacks are trivial.
  func threeAxes(_ node: Node) throws -> (WindowAxis, WindowAxis, WindowAxis) {
    switch axes.count {
    case 1: return (.trivial, .trivial, axes[0])
    case 2: return (.trivial, axes[0], axes[1])
    case 3: return (axes[0], axes[1], axes[2])
    default: throw EvaluationError(node, "\(axes.count) spatial axes", expected: "1, 2 or 3")
    }
  }
}
