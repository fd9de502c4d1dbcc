/// The axes of a contraction with what each buffer moves by along them.
enum StrideTable {
  struct Axis: Hashable {
    var extent: Int
    /// One stride for each buffer.
    var strides: [Int]
  }

  /// Neighbouring axes, outermost first, merged wherever every buffer moves along both as along one.
  static func merged(_ axes: [Axis]) -> [Axis] {
    var result: [Axis] = []
    for axis in axes {
      if let outer = result.last, zip(outer.strides, axis.strides).allSatisfy({ $0 == $1 * axis.extent }) {
        result[result.count - 1] = Axis(extent: outer.extent * axis.extent, strides: axis.strides)
      } else {
        result.append(axis)
      }
    }
    return result
  }
}
