import GraphIR
import Interpreter
import Tensors

extension Cluster {
  enum Needs {
    case places([(ValueID, Place)])
    case needsSplit(axis: Int, inner: Int)
    case impossible
  }

  /// Which elements of its operands a member needs for the element of its result at `place`.
  func needs(_ number: Int, _ form: NodeForm, at place: Place, _ index: GraphIndex) -> Needs {
    let node = index.node(number)
    switch form {
    case .elementwise:
      return .places(
        node.operands.compactMap { id in index.shape(id).map { (id, place.broadcast(from: $0)) } })
    case .iota: return .places([])
    case .cumulative: return .places([(node.operands[0], place)])
    case .movement: return movement(node, at: place, index)
    case .argReduce(_, let axis, _): return needs(number, .reduce(.maximum, axes: [axis]), at: place, index)
    case .reduce(_, let axes):
      guard let gone = reduced[number] else { return .impossible }
      var rest = place.forms[...]
      var next = gone[...]
      let rank = place.forms.count + axes.count
      let forms = (0..<rank).map { axes.contains($0) ? next.removeFirst() : rest.removeFirst() }
      return .places([(node.operands[0], Place(forms, guards: place.guards))])
    case .window(_, let geometry):
      guard let taps = reduced[number] else { return .impossible }
      return .places([(node.operands[0], windowed(place, taps, geometry))])
    case .gather(let axis, _):
      // Positions along the axis come from a table: see the emitter.
      guard let rank = index.shape(node.operands[1])?.rank else { return .impossible }
      var source = place
      source.forms.replaceSubrange(axis..<(axis + rank), with: [Affine()])
      return .places([(node.operands[0], source)])
    case .mapped(let maps):
      var source = place
      for map in maps { source.forms[map.axis] = Affine() }
      return .places([(node.operands[0], source)])
    case .resize(let axes): return resized(place, axes, node.operands[0])
    }
  }

  /// Repeated elements are quotients; other positions come from tables, and the place says the rest.
  private func resized(_ place: Place, _ axes: [ResizeAxis], _ operand: ValueID) -> Needs {
    var source = place
    for axis in axes {
      guard axes.allSatisfy({ $0.repetition != nil }), let count = axis.repetition else {
        source.forms[axis.axis] = Affine()
        continue
      }
      switch place.forms[axis.axis].divided(by: count, extents) {
      case .parts(let quotient, _): source.forms[axis.axis] = quotient
      case .needsSplit(let axis, let inner): return .needsSplit(axis: axis, inner: inner)
      case .impossible: return .impossible
      }
    }
    return .places([(operand, source)])
  }

  private func windowed(_ place: Place, _ taps: [Affine], _ geometry: WindowGeometry) -> Place {
    var source = place
    for (number, axis) in geometry.axes.enumerated() {
      let form = place.forms[number + 1] * axis.stride + taps[number] * axis.dilation + -axis.low
      source.forms[number + 1] = form
      let range = form.range(extents)
      if range.lowerBound < 0 || range.upperBound >= axis.input {
        source.guards.append(Place.Guard(form: form, extent: axis.input))
      }
    }
    return source
  }

  private func movement(_ node: Node, at place: Place, _ index: GraphIndex) -> Needs {
    let operand = node.operands[0]
    guard let shape = index.shape(operand), let result = index.shape(node.results[0]) else { return .impossible }
    var source = place
    switch node.operation {
    case .reshape: return reshaped(place, from: result, to: shape, operand)
    case .broadcast: source = place.broadcast(from: shape)
    case .transpose(let permutation):
      for (axis, origin) in permutation.enumerated() { source.forms[origin] = place.forms[axis] }
    case .reverse(let axes):
      for axis in axes { source.forms[axis] = place.forms[axis] * -1 + (shape[axis] - 1) }
    case .slice:
      guard let parameters = slice(node, shape, index) else { return .impossible }
      for axis in source.forms.indices {
        source.forms[axis] = place.forms[axis] * parameters.steps[axis] + parameters.starts[axis]
      }
    case .pad:
      guard let low = index.integers(node.operands[2]) else { return .impossible }
      for axis in source.forms.indices {
        let form = place.forms[axis] + -low[axis]
        source.forms[axis] = form
        let range = form.range(extents)
        if range.lowerBound < 0 || range.upperBound >= shape[axis] {
          source.guards.append(Place.Guard(form: form, extent: shape[axis]))
        }
      }
      // A fill that is computed is one element.
      if index.uniformBits(node.operands[1]) == nil, let fill = index.shape(node.operands[1]) {
        return .places([
          (operand, source), (node.operands[1], Place(fill.dimensions.map { _ in Affine() }, guards: place.guards)),
        ])
      }
    case .concatenate(let axis):
      guard let (part, start) = part(of: node, axis: axis, at: place.forms[axis], index) else { return .impossible }
      source.forms[axis] = place.forms[axis] + -start
      return .places([(part, source)])
    default: return .impossible
    }
    return .places([(operand, source)])
  }

  private func slice(_ node: Node, _ shape: Shape, _ index: GraphIndex) -> Slice? {
    guard let starts = index.integers(node.operands[1]), let limits = index.integers(node.operands[2]),
      let strides = index.integers(node.operands[3])
    else { return nil }
    return try? Slice(shape, starts, limits, strides, node)
  }

  /// The operand of a concatenation that a form stays within, and where it starts.
  private func part(of node: Node, axis: Int, at form: Affine, _ index: GraphIndex) -> (ValueID, start: Int)? {
    let range = form.range(extents)
    var start = 0
    for operand in node.operands {
      guard let extent = index.shape(operand)?[axis] else { return nil }
      if start <= range.lowerBound && range.upperBound < start + extent { return (operand, start) }
      start += extent
    }
    return nil
  }

  /// The same position among the elements in order, as places of another shape.
  private func reshaped(_ place: Place, from result: Shape, to shape: Shape, _ operand: ValueID) -> Needs {
    switch place.linear(result).unraveled(shape, extents) {
    case .forms(let forms): .places([(operand, Place(forms, guards: place.guards))])
    case .needsSplit(let axis, let inner): .needsSplit(axis: axis, inner: inner)
    case .impossible: .impossible
    }
  }
}
