// Kernels with other axes: every index of a kernel, rewritten.

/// `Index` where an array's own has that name.
typealias BufferIndex = Index

extension LoopKernel {
  /// All indices of the body, those of positions included.
  var indices: [Index] {
    var indices: [Index] = []
    func visit(_ body: [Statement]) {
      for statement in body {
        switch statement {
        case .define(_, .load(_, let index, _)), .define(_, .position(let index)), .store(_, let index, _):
          indices.append(index)
        case .define: break
        case .loop(let loop): visit(loop.body)
        }
      }
    }
    visit(body)
    return indices
  }
}

extension [Statement] {
  /// With other indices, buffers and axes of loops. `index` gets the buffer too, nil for a position.
  func mapping(
    index: (BufferIndex, _ buffer: Int?) -> BufferIndex = { index, _ in index }, buffer: (Int) -> Int = { $0 },
    axis: (AxisID) -> AxisID = { $0 }
  ) -> [Statement] {
    map { statement in
      switch statement {
      case .define(let value, .load(let source, let place, let otherwise)):
        return .define(value, .load(buffer: buffer(source), index(place, source), otherwise: otherwise))
      case .define(let value, .position(let place)): return .define(value, .position(index(place, nil)))
      case .define: return statement
      case .store(let target, let place, let value): return .store(buffer: buffer(target), index(place, target), value)
      case .loop(var loop):
        loop.axis = axis(loop.axis)
        loop.body = loop.body.mapping(index: index, buffer: buffer, axis: axis)
        return .loop(loop)
      }
    }
  }

  /// Every loop, outer ones first.
  func forEachLoop(_ visit: (Loop) -> Void) {
    for case .loop(let loop) in self {
      visit(loop)
      loop.body.forEachLoop(visit)
    }
  }
}

extension Index {
  /// With other terms, in the index and in its guards.
  func mapping(_ terms: ([Term]) -> [Term]) -> Index {
    var index = self
    index.terms = terms(index.terms)
    for number in index.guards.indices { index.guards[number].terms = terms(index.guards[number].terms) }
    return index
  }

  /// All lists of terms: those of the index and of its guards.
  var allTerms: [[Term]] { [terms] + guards.map(\.terms) }
}
