extension TreeKernel {
  /// The plain meaning of the kernel, on packed trees: walks one after the other.
  ///
  /// Buffers and parameters as the kernel's documentation lists them.
  public func interpret(_ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    if isDouble {
      interpret(buffers, rows: parameters[1], Double.self)
    } else {
      interpret(buffers, rows: parameters[1], Float.self)
    }
  }

  private func interpret<Element: BinaryFloatingPoint & BitwiseCopyable>(
    _ buffers: [UnsafeMutableRawPointer], rows: Int, _: Element.Type
  ) {
    let trees = PackedTrees(kernel: self, base: UnsafeRawPointer(buffers[1]))
    let x = buffers[0].assumingMemoryBound(to: Element.self)
    let scores = buffers[2].assumingMemoryBound(to: Element.self)
    var keys = [UInt64](repeating: 0, count: columns)
    for row in 0..<rows {
      for feature in 0..<features {
        let value = Double(x[row * features + feature])
        keys[column(feature, negated: false)] = key(of: value, isThreshold: false)
        if hasNegatives { keys[column(feature, negated: true)] = key(of: -value, isThreshold: false) }
      }
      var sums = [Element](repeating: Element(identity), count: targets)
      for tree in 0..<trees.count {
        trees.forEachWeight(ofLeaf: trees.leaf(tree, keys), of: Element.self) { target, weight in
          sums[target] = combine(sums[target], weight)
        }
      }
      for target in 0..<targets {
        scores[row * targets + target] =
          aggregation == .average ? sums[target] / Element(max(1, trees.count)) : sums[target]
      }
    }
  }

  private func combine<Element: BinaryFloatingPoint>(_ score: Element, _ weight: Element) -> Element {
    switch aggregation {
    case .sum, .average: score + weight
    case .minimum: score < weight ? score : weight
    case .maximum: score > weight ? score : weight
    }
  }
}

/// Reads the layout that `TreeKernel` describes.
private struct PackedTrees {
  let kernel: TreeKernel
  let base: UnsafeRawPointer

  private func header(_ position: TreeKernel.Header) -> Int {
    Int(base.load(fromByteOffset: 8 * position.rawValue, as: Int64.self))
  }
  private func part(_ position: TreeKernel.Header) -> UnsafeRawPointer { base + header(position) }

  var count: Int { header(.treeCount) }

  /// The node where a walk ends.
  func leaf(_ tree: Int, _ keys: [UInt64]) -> UnsafeRawPointer {
    let nodes = part(.nodes)
    var number = Int(part(.roots).load(fromByteOffset: 4 * tree, as: Int32.self))
    while true {
      let node = nodes + 8 * number
      let (column, child) = link(node + kernel.linkOffset)
      if column == 0 { return node }
      let threshold = kernel.isWide ? node.load(as: UInt64.self) : UInt64(node.load(as: UInt32.self))
      number = child + (threshold < keys[column] ? 1 : 0)
    }
  }

  private func link(_ place: UnsafeRawPointer) -> (column: Int, child: Int) {
    let low = Int(place.load(as: UInt32.self))
    if kernel.isWide { return (low, Int(place.load(fromByteOffset: 4, as: UInt32.self))) }
    return (low & (1 << kernel.columnBits - 1), low >> kernel.columnBits)
  }

  func forEachWeight<Element: BinaryFloatingPoint & BitwiseCopyable>(
    ofLeaf leaf: UnsafeRawPointer, of type: Element.Type, _ body: (Int, Element) -> Void
  ) {
    let size = kernel.elementByteCount
    let position = kernel.isWide ? Int(leaf.load(as: Int64.self)) : Int(leaf.load(as: Int32.self))
    switch kernel.leaves {
    case .weight: body(0, leaf.load(as: type))
    case .dense:
      let row = part(.leaves) + position
      for target in 0..<kernel.targets { body(target, row.load(fromByteOffset: target * size, as: type)) }
    case .sparse:
      let ends = part(.leaves).assumingMemoryBound(to: Int32.self)
      for entry in Int(ends[position])..<Int(ends[position + 1]) {
        let place = part(.entries) + 2 * size * entry
        let offset = kernel.isDouble ? Int(place.load(as: Int64.self)) : Int(place.load(as: Int32.self))
        body(offset / size, place.load(fromByteOffset: size, as: type))
      }
    }
  }
}
