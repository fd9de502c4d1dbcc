/// A kernel whose outer loops have become units of work, and how many positions axis 0 has.
struct UnitKernel {
  private(set) var kernel: LoopKernel
  private(set) var firstExtent = 1

  /// Elements that a unit should have at least, so that dividing the work costs nothing …
  private static let minimumUnit = 1024
  /// … and at which a long row of elements is cut.
  private static let cut = 4096
  /// Four vectors of the widest kind.
  private static let shortestRow = 64

  /// - Parameters:
  ///   - kernel: without parallel axes, collapsed.
  ///   - batch: extent that may be another one in the next call; long rows are cut within what lies inside it.
  init(_ kernel: LoopKernel, batch: Int) {
    self.kernel = kernel
    var units: [AxisID] = []
    while let axis = peel(afterFirst: !units.isEmpty) { units.append(axis) }
    if let axis = cutRow(batch: units.isEmpty ? batch : 1) { units.append(axis) }
    if units.isEmpty {
      self.kernel.axes.append(LoopKernel.Axis(.parallel, extent: 1))
      units.append(AxisID(self.kernel.axes.count - 1))
    }
    renumber(units)
    firstExtent = self.kernel.axes[0].extent
    self.kernel.axes[0].extent = 0
  }

  /// Takes away the outermost loop if it may become units: it is the only one, and what stands in front can be done
  /// again in each.
  private mutating func peel(afterFirst: Bool) -> AxisID? {
    guard let (position, loop) = onlyLoop, kernel.axes[loop.axis.index].kind == .serial else { return nil }
    if afterFirst, kernel.elementCount(loop.body) < Self.minimumUnit { return nil }
    kernel.body.remove(at: position)
    kernel.body += loop.body
    return loop.axis
  }

  private var onlyLoop: (Int, Loop)? {
    var found: (Int, Loop)?
    for (position, statement) in kernel.body.enumerated() {
      switch statement {
      case .define: continue
      case .store: return nil
      case .loop(let loop):
        if found != nil || !loop.reductions.isEmpty || !loop.carried.isEmpty { return nil }
        found = (position, loop)
      }
    }
    return found
  }

  /// Cuts a long vector loop into units of equal length; the extent of the new axis may then be any.
  private mutating func cutRow(batch: Int) -> AxisID? {
    guard let (_, loop) = onlyLoop, kernel.axes[loop.axis.index].kind == .vector else { return nil }
    let extent = kernel.axes[loop.axis.index].extent
    // Loops inside make each lane worth more.
    let weight = max(1, kernel.elementCount(loop.body))
    let shortest = max(Self.shortestRow, Self.cut / weight)
    let inner = extent % batch == 0 && extent / batch >= shortest ? extent / batch : extent
    guard let length = Self.unitLength(inner, shortest...shortest * 4), length < extent else { return nil }
    kernel.axes[loop.axis.index].extent = length
    kernel.axes.append(LoopKernel.Axis(.serial, extent: extent / length))
    let outer = AxisID(kernel.axes.count - 1)
    let buffers = kernel.buffers
    kernel.body = kernel.body.mapping(index: { index, buffer in
      // Each unit uses the same scratch memory.
      if let buffer, buffers[buffer].access == .scratch { return index }
      return index.mapping { terms in
        guard let term = terms.first(where: { $0.axis == loop.axis }) else { return terms }
        return terms + [Index.Term(outer, stride: term.stride * length)]
      }
    })
    return outer
  }

  /// The divisor in a range that is a multiple of the highest power of two, the largest of equal ones; a shorter row is
  /// one unit.
  private static func unitLength(_ extent: Int, _ range: ClosedRange<Int>) -> Int? {
    if extent <= range.upperBound { return extent >= range.lowerBound ? extent : nil }
    return range.filter { extent % $0 == 0 }
      .max { (min($0.trailingZeroBitCount, 6), $0) < (min($1.trailingZeroBitCount, 6), $1) }
  }

  /// Units first, the other axes in the order in which loops use them; unused ones go.
  private mutating func renumber(_ units: [AxisID]) {
    var order = units
    kernel.body.forEachLoop { if !order.contains($0.axis) { order.append($0.axis) } }
    var numbers: [AxisID: AxisID] = [:]
    for (number, axis) in order.enumerated() { numbers[axis] = AxisID(number) }
    func renumbered(_ axis: AxisID) -> AxisID { numbers[axis] ?? axis }
    kernel.body = kernel.body.mapping(
      index: { index, _ in
        index.mapping { terms in
          terms.map { Index.Term(renumbered($0.axis), stride: $0.stride) }.sorted { $0.axis.index < $1.axis.index }
        }
      },
      axis: renumbered)
    kernel.axes = order.enumerated().map { number, axis in
      var axis = kernel.axes[axis.index]
      if number < units.count { axis.kind = .parallel }
      return axis
    }
    kernel.parallelCount = units.count
    kernel = kernel.withValuesInOrder()
  }
}

extension LoopKernel {
  /// How often the innermost statements run.
  func elementCount(_ body: [Statement]) -> Int {
    var total = 0
    for case .loop(let loop) in body { total += axes[loop.axis.index].extent * max(1, elementCount(loop.body)) }
    return total
  }

  /// Operations, weighted, and elements read and written by one run of the body with all loops.
  var work: (operations: Double, elements: Double) {
    func visit(_ body: [Statement], _ count: Double) -> (Double, Double) {
      var (operations, elements) = (0.0, 0.0)
      for statement in body {
        switch statement {
        case .define(_, .load): elements += count
        case .define(_, let expression): operations += count * Double(Cost.of(expression))
        case .store: elements += count
        case .loop(let loop):
          let inner = visit(loop.body, count * Double(axes[loop.axis.index].extent))
          operations += inner.0 + count * Double(axes[loop.axis.index].extent * loop.reductions.count)
          elements += inner.1
        }
      }
      return (operations, elements)
    }
    return visit(body, 1)
  }
}
