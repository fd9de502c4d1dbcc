import GraphIR
import KernelIR
import Tensors

/// A buffer's address plus the terms of some axes: of those in scope at some depth.
struct PointerKey: Hashable {
  var buffer: Int
  var terms: [Index.Term]
}

/// A position times the bytes from one to the next.
struct ProductKey: Hashable {
  var axis: AxisID
  var factor: Int
}

extension LoopEmitter {
  func elementBytes(_ buffer: Int) -> Int { kernel.buffers[buffer].elementType.bitWidth / 8 }

  /// Emits the pointers that the accesses below here share, as far as the axes in scope decide them, so that inner
  /// loops add only what is theirs.
  func prepareAddresses(_ body: [Statement]) {
    LoopShape.forEachIndex(body) { buffer, index in
      _ = pointer(buffer, movingTerms(index))
    }
  }

  /// The terms of general-purpose positions, outermost axis first.
  private func movingTerms(_ index: Index) -> [Index.Term] {
    scope.compactMap { axis in
      let stride = index.stride(of: axis)
      guard stride != 0, case .general? = positions[axis.index] else { return nil }
      return Index.Term(axis, stride: stride)
    }
  }

  private func pointer(_ buffer: Int, _ terms: [Index.Term]) -> Value {
    guard let last = terms.last else { return buffers[buffer] }
    let key = PointerKey(buffer: buffer, terms: terms)
    if let known = pointers[key] { return known }
    let base = pointer(buffer, Array(terms.dropLast()))
    let factor = last.stride * elementBytes(buffer)
    let result: Value
    if [1, 2, 4, 8].contains(factor), let position = generalPosition(last.axis) {
      result = builder.address(Address(base, index: position, scale: factor))
    } else {
      result = builder.add(base, .value(product(last.axis, factor)))
    }
    pointers[key] = result
    return result
  }

  /// The position as a register: for the vector axis that of the group.
  func generalPosition(_ axis: AxisID) -> Value? {
    switch positions[axis.index] {
    case .general(let value)?: value
    case .vector?: group?.index
    default: nil
    }
  }

  private func product(_ axis: AxisID, _ factor: Int) -> Value {
    let key = ProductKey(axis: axis, factor: factor)
    if let known = products[key] { return known }
    // Only axes with a register get here.
    let position = generalPosition(axis) ?? builder.integer(0)
    let result = builder.multiply(position, by: factor)
    products[key] = result
    return result
  }

  /// What parts of the code emit is not known outside of them.
  func inScope<Result>(_ body: () throws -> Result) rethrows -> Result {
    let (pointers, products) = (pointers, products)
    defer { (self.pointers, self.products) = (pointers, products) }
    return try body()
  }

  // MARK: Accesses

  /// The address of an index in a buffer, of lane 0 for each part of the group if it moves with the vector axis, else
  /// one for all.
  func addresses(_ buffer: Int, _ index: Index) throws -> [Address] {
    let bytes = elementBytes(buffer)
    var base = pointer(buffer, movingTerms(index))
    var displacement = index.constant
    for term in index.terms {
      if case .constant(let position)? = positions[term.axis.index] { displacement += position * term.stride }
    }
    for indirect in index.indirect where !isVarying(indirect.value) {
      let element = lanes.general(type(indirect.value), operand(indirect.value, 0))
      let factor = indirect.stride * bytes
      base =
        [1, 2, 4, 8].contains(factor)
        ? builder.address(Address(base, index: element, scale: factor))
        : builder.add(base, .value(builder.multiply(element, by: factor)))
    }
    let stride = group.map { index.stride(of: $0.axis) } ?? 0
    let partStride = group?.partAxis.map(index.stride(of:)) ?? stride * lanes.count
    guard let group, stride != 0 || partStride != 0 else { return [address(base, nil, 1, displacement * bytes)] }
    var scaled: Value?
    var scale = 1
    if let position = group.index, stride != 0 {
      if [1, 2, 4, 8].contains(stride * bytes) {
        (scaled, scale) = (position, stride * bytes)
      } else {
        base = builder.add(base, .value(product(group.axis, stride * bytes)))
      }
    }
    return group.parts.indices.map { part in
      address(base, scaled, scale, (displacement + group.start * stride + part * partStride) * bytes)
    }
  }

  private func address(_ base: Value, _ index: Value?, _ scale: Int, _ displacement: Int) -> Address {
    // Room for the lanes of strided accesses.
    if displacement.magnitude < 1 << 30 {
      return Address(base, index: index, scale: scale, displacement: displacement)
    }
    return Address(builder.add(base, .immediate(displacement)), index: index, scale: scale)
  }

  // MARK: Positions

  /// constant + Σ position·stride over the axes but the vector one: a number that is known, or a register.
  func affine(_ constant: Int, _ terms: [Index.Term]) -> IntegerOperand {
    var constant = constant
    var sum: Value?
    for term in terms {
      switch positions[term.axis.index] {
      case .constant(let position)?: constant += position * term.stride
      case .general(let position)?:
        let product =
          [-1, 1].contains(term.stride) ? position : builder.multiply(position, by: term.stride)
        switch sum {
        case nil where term.stride == -1: sum = builder.subtract(builder.integer(0), .value(product))
        case nil: sum = product
        case let before? where term.stride == -1: sum = builder.subtract(before, .value(product))
        case let before?: sum = builder.add(before, .value(product))
        }
      default: break
      }
    }
    guard let sum else { return .immediate(constant) }
    return .value(builder.add(sum, .immediate(constant)))
  }

  /// The numbers that an affine form gives, as integers of a type.
  func position(_ index: Index, _ type: ElementType, part: Int, varies: Bool) throws -> Value {
    let stride = group.map { index.stride(of: $0.axis) } ?? 0
    let partStride = group?.partAxis.map(index.stride(of:)) ?? stride * lanes.count
    var base = affine(index.constant, index.terms)
    guard varies, let group, stride != 0 || partStride != 0 else {
      switch base {
      case .immediate(let number): return lanes.number(type, number)
      case .value(let value): return lanes.spread(type, general: value)
      }
    }
    let first = group.start * stride + part * partStride
    if let position = group.index, stride != 0 {
      let moved = builder.multiply(position, by: stride)
      switch base {
      case .immediate(let number): base = .value(builder.add(moved, .immediate(number)))
      case .value(let value): base = .value(builder.add(moved, .value(value)))
      }
    }
    let steps = (0..<lanes.count).map { first + $0 * stride }
    switch base {
    case .immediate(let number): return lanes.constant(type, elements: steps.map { $0 + number })
    case .value(let value):
      return lanes.add(type, lanes.spread(type, general: value), lanes.constant(type, elements: steps))
    }
  }
}
