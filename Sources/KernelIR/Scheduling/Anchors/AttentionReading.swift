import GraphIR
import Tensors

/// The axes before rows and columns, cut so finely that every shape's axes are some of them in a row.
struct LeadingAxes {
  /// Outermost first, each at least 2.
  private(set) var extents: [Int]

  private init(extents: [Int]) { self.extents = extents }

  /// nil when the shapes, without their last two axes, are not cut where others can be.
  init?(_ shapes: [Shape]) {
    var steps: Set<Int> = []
    for shape in shapes {
      guard shape.rank >= 2, Self.count(shape) == Self.count(shapes[0]) else { return nil }
      var product = 1
      for extent in shape.dimensions.dropLast(2).reversed() {
        product *= extent
        steps.insert(product)
      }
    }
    var extents: [Int] = []
    var product = 1
    for step in steps.sorted() where step > 1 {
      guard step % product == 0 else { return nil }
      extents.insert(step / product, at: 0)
      product = step
    }
    self.extents = extents
  }

  private static func count(_ shape: Shape) -> Int { shape.dimensions.dropLast(2).reduce(1, *) }

  /// What an axis of a shape consists of.
  func axes(of shape: Shape, _ axis: Int) -> Range<Int> {
    let end = shape.dimensions[(axis + 1)...].dropLast(2).reduce(1, *)
    let begin = end * shape[axis]
    var (first, last, product) = (extents.count, extents.count, 1)
    for number in extents.indices.reversed() {
      if product < end { last = number }
      if product < begin { first = number }
      product *= extents[number]
    }
    return first..<max(first, last)
  }

  func extents(of shape: Shape, _ axis: Int) -> [Int] { Array(extents[axes(of: shape, axis)]) }

  /// With one axis cut into two.
  func cut(_ axis: Int, inner: Int) -> LeadingAxes? {
    guard extents.indices.contains(axis), inner > 1, inner < extents[axis], extents[axis] % inner == 0 else {
      return nil
    }
    var extents = extents
    extents.replaceSubrange(axis...axis, with: [extents[axis] / inner, inner])
    return LeadingAxes(extents: extents)
  }
}

/// Finds operands where they lie, with strides along the leading axes, rows and columns.
struct Reading {
  /// What an axis of an operand is.
  enum Role {
    /// An axis of a shape before its rows and columns.
    case leading(Shape, Int)
    case rows, keys, depth
  }

  struct Operand {
    var root: ValueID
    /// By leading axis.
    var leading: [Int]
    var row: Int
    var column: Int
    /// The extent of the columns.
    var depth: Int
  }

  private let leading: LeadingAxes
  private let index: GraphIndex
  private let taken: Set<Int>
  private let row: Affine
  private let key: Affine
  private var cluster = Cluster()
  /// A leading axis that an operand would have cut.
  private(set) var split: (axis: Int, inner: Int)?

  init(leading: LeadingAxes, index: GraphIndex, taken: Set<Int>, rows: Int, keys: Int) {
    self.leading = leading
    self.index = index
    self.taken = taken
    for extent in leading.extents { _ = cluster.addAxis(extent) }
    row = cluster.axisForm(rows)
    key = cluster.axisForm(keys)
  }

  private func form(_ shape: Shape, _ axis: Int) -> Affine {
    leading.axes(of: shape, axis).reduce(Affine()) { $0 * leading.extents[$1] + Affine(axis: $1) }
  }

  /// A matrix for each position of the leading axes, columns the axis of the role `depth`; nil when its rows do not lie
  /// in one piece.
  mutating func operand(_ id: ValueID, _ roles: [Int: Role]) -> Operand? {
    guard let shape = index.shape(id) else { return nil }
    var own = row
    var column = Affine()
    var depth = 1
    var forms: [Affine] = []
    for axis in shape.dimensions.indices {
      switch roles[axis] {
      case .leading(let shape, let position): forms.append(form(shape, position))
      case .rows: forms.append(row)
      case .keys:
        own = key
        forms.append(key)
      case .depth:
        depth = shape[axis]
        column = cluster.axisForm(depth)
        forms.append(column)
      case nil: return nil
      }
    }
    return find(id, at: Place(forms), row: own, column: column, depth: depth) { column.axis == nil || $0 == 1 }
  }

  /// A mask that broadcasts to scores of a shape.
  mutating func mask(_ id: ValueID, of scores: Shape) -> Operand? {
    guard let shape = index.shape(id), shape.rank <= scores.rank else { return nil }
    let leading = (0..<scores.rank - 2).map { form(scores, $0) }
    let place = Place(leading + [row, key]).broadcast(from: shape)
    return find(id, at: place, row: row, column: key, depth: 0) { $0 == 0 || $0 == 1 }
  }

  private mutating func find(
    _ id: ValueID, at place: Place, row: Affine, column: Affine, depth: Int, accepts: (_ columnStride: Int) -> Bool
  ) -> Operand? {
    let (operands, split) = PlacedOperand.all(id, at: place, in: cluster, index, taken: taken)
    if let split, split.axis < leading.extents.count { self.split = split }
    func stride(_ form: Affine, _ position: Affine) -> Int { form.axis.map { position.coefficient(of: $0) } ?? 0 }
    for operand in operands where operand.position.constant == 0 && accepts(stride(column, operand.position)) {
      return Operand(
        root: operand.root, leading: leading.extents.indices.map { operand.position.coefficient(of: $0) },
        row: stride(row, operand.position), column: stride(column, operand.position), depth: depth)
    }
    return nil
  }
}
