import GraphIR
import Tensors

extension LoopKernel {
  /// Checks what every reader of kernels takes for granted: values defined once and before their uses, types, axes that
  /// are looped over where they are used, at most one vector axis in a nest, scratch buffers that are large enough.
  public func verify() throws(LoopError) {
    var verifier = LoopVerifier(kernel: self)
    try verifier.verify()
  }
}

struct LoopVerifier {
  let kernel: LoopKernel
  /// Values that are defined anywhere …
  private var isDefined: [Bool]
  /// … and that are visible here.
  private var isVisible: [Bool]
  /// Axes of the loops around here, outermost first.
  private var axes: [AxisID]
  private var vectorDepth = 0

  init(kernel: LoopKernel) {
    self.kernel = kernel
    isDefined = Array(repeating: false, count: kernel.types.count)
    isVisible = isDefined
    axes = (0..<max(0, min(kernel.parallelCount, kernel.axes.count))).map { AxisID($0) }
  }

  mutating func verify() throws(LoopError) {
    try checkBuffers()
    try checkAxes()
    for (index, type) in kernel.types.enumerated() where LoopKernel.computeType(type) != type {
      throw .value(KernelValue(index), "\(type.name) is no type to compute in")
    }
    try check(kernel.body)
    if let index = isDefined.firstIndex(of: false) { throw .value(KernelValue(index), "never defined") }
  }

  private func checkBuffers() throws(LoopError) {
    var seenScratch = false
    for (index, buffer) in kernel.buffers.enumerated() {
      guard LoopKernel.computeType(buffer.elementType) != nil else {
        throw .buffer(index, "no kernel computes with \(buffer.elementType.name)")
      }
      let isScratch = buffer.access == .scratch
      if seenScratch && !isScratch { throw .buffer(index, "stands behind a scratch buffer") }
      seenScratch = isScratch
      guard isScratch == (buffer.elementCount > 0) else {
        throw .buffer(index, "\(buffer.elementCount) elements: scratch buffers have some, the others none")
      }
      guard buffer.elementCount <= 1 << 32 else { throw .buffer(index, "too large") }
    }
  }

  private func checkAxes() throws(LoopError) {
    guard (0...kernel.axes.count).contains(kernel.parallelCount) else {
      throw .axis(AxisID(0), "\(kernel.parallelCount) parallel axes of \(kernel.axes.count)")
    }
    for (index, axis) in kernel.axes.enumerated() {
      let isParallel = index < kernel.parallelCount
      guard isParallel == (axis.kind == .parallel) else {
        throw .axis(AxisID(index), "parallel axes come first, and \(kernel.parallelCount) of them")
      }
      guard axis.extent >= 0, axis.extent <= 1 << 40 else { throw .axis(AxisID(index), "extent \(axis.extent)") }
      if index == 0 && isParallel && axis.extent != 0 {
        throw .axis(AxisID(index), "its extent, here \(axis.extent), comes with the call")
      }
    }
  }

  // MARK: Statements

  private mutating func check(_ body: [Statement]) throws(LoopError) {
    for statement in body {
      switch statement {
      case .define(let value, let expression):
        try checkOperands(of: expression, of: value)
        try define(value)
        guard expression.resultType(in: kernel, wanted: kernel.types[value.index]) == kernel.types[value.index] else {
          let types = expression.operands.map { kernel.types[$0.index].name }.joined(separator: ", ")
          throw .value(value, "a \(kernel.types[value.index].name) from operands of types [\(types)]")
        }
      case .store(let buffer, let index, let value):
        try checkUse(value)
        try checkIndex(index, into: buffer)
        guard kernel.buffers[buffer].access != .read else { throw .buffer(buffer, "stored to, but only read") }
      case .loop(let loop):
        try check(loop)
      }
    }
  }

  private mutating func check(_ loop: Loop) throws(LoopError) {
    guard kernel.axes.indices.contains(loop.axis.index) else { throw .axis(loop.axis, "does not exist") }
    let kind = kernel.axes[loop.axis.index].kind
    guard kind != .parallel, !axes.contains(loop.axis) else { throw .axis(loop.axis, "is looped over already") }
    if kind == .vector && vectorDepth > 0 { throw .axis(loop.axis, "a vector axis inside another one") }
    if kind == .vector && !loop.carried.isEmpty { throw .axis(loop.axis, "a vector axis carries no values") }

    for carried in loop.carried { try checkUse(carried.initial) }
    let visible = isVisible
    axes.append(loop.axis)
    vectorDepth += kind == .vector ? 1 : 0
    for carried in loop.carried { try define(carried.parameter) }
    try check(loop.body)
    for carried in loop.carried {
      try checkUse(carried.next)
      let type = kernel.types[carried.initial.index]
      for other in [carried.parameter, carried.next] where kernel.types[other.index] != type {
        throw .value(other, "carried as \(type.name)")
      }
    }
    for reduction in loop.reductions {
      try checkUse(reduction.operand)
      let type = kernel.types[reduction.operand.index]
      guard reduction.operation.isDefined(for: type) else {
        throw .value(reduction.operand, "no \(reduction.operation) of \(type.name)")
      }
    }
    axes.removeLast()
    vectorDepth -= kind == .vector ? 1 : 0
    isVisible = visible

    for carried in loop.carried { try define(carried.result, like: carried.initial) }
    for reduction in loop.reductions { try define(reduction.result, like: reduction.operand) }
  }

  private mutating func define(_ value: KernelValue, like other: KernelValue? = nil) throws(LoopError) {
    guard kernel.types.indices.contains(value.index) else { throw .value(value, "has no type") }
    if isDefined[value.index] { throw .value(value, "defined twice") }
    if let other, kernel.types[value.index] != kernel.types[other.index] {
      throw .value(value, "is \(kernel.types[value.index].name), from \(kernel.types[other.index].name)")
    }
    isDefined[value.index] = true
    isVisible[value.index] = true
  }

  private func checkUse(_ value: KernelValue) throws(LoopError) {
    guard isVisible.indices.contains(value.index), isVisible[value.index] else {
      throw .value(value, "used where it is not defined")
    }
  }

  private func checkOperands(of expression: Expression, of value: KernelValue) throws(LoopError) {
    for operand in expression.operands { try checkUse(operand) }
    switch expression {
    case .load(let buffer, let index, _): try checkIndex(index, into: buffer)
    case .position(let index):
      guard index.indirect.isEmpty, index.guards.isEmpty else {
        throw .value(value, "a position has axes only, no guards and no values")
      }
      try checkTerms(index.terms, buffer: -1)
    default: break
    }
  }

  // MARK: Indices

  private func checkIndex(_ index: Index, into buffer: Int) throws(LoopError) {
    guard kernel.buffers.indices.contains(buffer) else { throw .buffer(buffer, "does not exist") }
    try checkTerms(index.terms, buffer: buffer)
    for indirect in index.indirect {
      try checkUse(indirect.value)
      let type = kernel.types[indirect.value.index]
      guard type == .int32 || type == .int64 else {
        throw .value(indirect.value, "\(type.name) is no type of positions")
      }
    }
    for guarded in index.guards {
      try checkTerms(guarded.terms, buffer: buffer)
      guard guarded.extent >= 0 else { throw .index(buffer: buffer, "a guard of extent \(guarded.extent)") }
    }
    try checkRange(of: index, into: buffer)
  }

  private func checkTerms(_ terms: [Index.Term], buffer: Int) throws(LoopError) {
    for (position, term) in terms.enumerated() {
      guard axes.contains(term.axis) else {
        throw .index(buffer: buffer, "axis \(term.axis.name) is not looped over here")
      }
      guard term.stride != 0, !terms[..<position].contains(where: { $0.axis == term.axis }) else {
        throw .index(buffer: buffer, "axis \(term.axis.name) stands twice or has stride 0")
      }
    }
  }

  /// The extent of a scratch buffer is known, and so are all axes but the first. What guards hold back is not counted,
  /// so that guarded indices pass.
  private func checkRange(of index: Index, into buffer: Int) throws(LoopError) {
    let count = kernel.buffers[buffer].elementCount
    guard kernel.buffers[buffer].access == .scratch, index.indirect.isEmpty, index.guards.isEmpty else { return }
    var (least, greatest) = (index.constant, index.constant)
    for term in index.terms {
      guard term.axis.index > 0 || kernel.parallelCount == 0 else {
        throw .index(buffer: buffer, "a scratch buffer does not outlive a unit, so that axis i has no place in it")
      }
      let extent = kernel.axes[term.axis.index].extent
      if extent == 0 { return }
      least += min(0, (extent - 1) * term.stride)
      greatest += max(0, (extent - 1) * term.stride)
    }
    guard least >= 0, greatest < count else {
      throw .index(buffer: buffer, "elements \(least)...\(greatest) of \(count)")
    }
  }
}
