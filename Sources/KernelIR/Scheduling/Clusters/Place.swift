import Tensors

/// An element of a value, as forms over the axes of a cluster: one for each axis of the value.
struct Place: Hashable {
  /// 0 ≤ form < extent, or the element is not there.
  struct Guard: Hashable {
    var form: Affine
    var extent: Int
  }

  var forms: [Affine]
  /// What padding around the value asks before anything is read.
  var guards: [Guard] = []

  init(_ forms: [Affine], guards: [Guard] = []) {
    self.forms = forms
    self.guards = guards
  }

  /// The position in a dense row-major buffer of that shape.
  func linear(_ shape: Shape) -> Affine {
    zip(forms, shape.strides).reduce(Affine()) { $0 + $1.0 * $1.1 }
  }

  var axes: Set<Int> {
    var axes: Set<Int> = []
    for form in forms + guards.map(\.form) { axes.formUnion(form.terms.map(\.axis)) }
    return axes
  }

  func replacing(_ axis: Int, by form: Affine) -> Place {
    Place(
      forms.map { $0.replacing(axis, by: form) },
      guards: guards.map { Guard(form: $0.form.replacing(axis, by: form), extent: $0.extent) })
  }

  /// The same element of a value that broadcasts to this one.
  func broadcast(from shape: Shape) -> Place {
    let missing = forms.count - shape.rank
    return Place(
      shape.dimensions.enumerated().map { $1 == 1 ? Affine() : forms[$0 + missing] }, guards: guards)
  }

  /// Each element of a value of that shape is met exactly once: the axes, largest stride first, count through it.
  func covers(_ shape: Shape, _ extents: [Int]) -> Bool {
    let linear = linear(shape)
    guard guards.isEmpty, linear.constant == 0 else { return false }
    var next = 1
    for term in linear.terms.sorted(by: { $0.coefficient < $1.coefficient }) {
      guard term.coefficient == next else { return false }
      next *= extents[term.axis]
    }
    return next == shape.elementCount
  }
}
