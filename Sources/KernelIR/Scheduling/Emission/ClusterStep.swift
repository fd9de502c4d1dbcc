import GraphIR
import Tensors

extension Cluster {
  /// The step that computes a cluster; throws `LoopEmitter.Failure` when no kernel comes out.
  func step(_ index: GraphIndex, forms: [NodeForm?], tables: TableStore) throws -> Step {
    let order = LoopOrder(self, index)
    var emitter = LoopEmitter(self, index, forms: forms, order, tables: tables)
    try emitter.emit()
    let (kept, scratch) = keeping(emitter.calculations, order, index)
    if !kept.isEmpty {
      emitter = LoopEmitter(self, index, forms: forms, order, tables: tables, kept: kept, scratch: scratch)
      try emitter.emit()
    }
    guard emitter.scopes.count == 1 else { throw LoopEmitter.Failure(problem: "open loops") }
    let buffers = emitter.buffers
    let nest = LoopKernel(
      name: name(index), buffers: buffers.all,
      axes: zip(emitter.kinds, extents).map { LoopKernel.Axis($0, extent: $1) }, parallelCount: 0,
      types: emitter.types, body: emitter.scopes[0].statements.mapping(buffer: buffers.final)
    ).collapsed()
    let units = UnitKernel(nest, batch: batchExtent(index))
    let work = nest.work
    let call = Step.Call(
      parameters: [units.firstExtent],
      estimatedNanoseconds: Estimate.nanoseconds(operations: work.operations, bytes: work.elements * 4))
    let operands = buffers.reads.map(\.source)
    return Step(
      work: .kernel(.loops(units.kernel), call), operands: operands, results: stored,
      inPlaceOperand: inPlaceOperand(nest, operands, index), source: index.source(of: members))
  }

  /// Rows of dear elements that more than one loop needs go to scratch memory, if they fit the cache.
  private func keeping(
    _ calculations: [LoopEmitter.Key: Int], _ order: LoopOrder, _ index: GraphIndex
  ) -> ([LoopEmitter.Key: LoopEmitter.Kept], [LoopKernel.Buffer]) {
    var kept: [LoopEmitter.Key: LoopEmitter.Kept] = [:]
    var scratch: [LoopKernel.Buffer] = []
    let repeated = calculations.filter { $0.value > 1 }.keys.sorted { $0.id.index < $1.id.index }
    for key in repeated {
      guard let type = index.type(key.id).flatMap(LoopKernel.computeType) else { continue }
      // Lanes have rows of their own.
      let axes = key.place.axes.filter { rowAxes?.contains($0) != true || $0 == order.vector }
        .sorted { order.rank(of: $0) < order.rank(of: $1) }
      let count = axes.reduce(1) { $0 * extents[$1] }
      guard count <= Self.maximumScratchCount else { continue }
      let position = axes.reduce(Affine()) { $0 * extents[$1] + Affine(axis: $1) }
      kept[key] = LoopEmitter.Kept(buffer: KernelBuffers.firstScratch + scratch.count, position: position)
      scratch.append(LoopKernel.Buffer(type, .scratch, elementCount: count))
    }
    return (kept, scratch)
  }

  /// 128 KiB of float32.
  private static let maximumScratchCount = 32768

  private func batchExtent(_ index: GraphIndex) -> Int {
    stored.first.flatMap { index.shape($0)?.dimensions.first } ?? 1
  }

  /// The operations in order, each once.
  private func name(_ index: GraphIndex) -> String {
    var names: [String] = []
    for number in members.sorted() {
      let name = index.node(number).operation.kernelName
      if !names.contains(name) { names.append(name) }
    }
    return names.prefix(6).joined(separator: "_") + (names.count > 6 ? "_more" : "")
  }

  /// An operand of the result's size whose elements are read only where the result's are written, in the same order.
  private func inPlaceOperand(_ kernel: LoopKernel, _ operands: [ScheduleValue], _ index: GraphIndex) -> Int? {
    guard stored.count == 1, pieces == nil, let type = index.type(stored[0]), let shape = index.shape(stored[0]),
      let target = places[stored[0]]?.first
    else { return nil }
    let form = target.linear(shape)
    return operands.indices.first { number in
      guard case .value(let id) = operands[number], index.constant(id) == nil, index.type(id) == type,
        let own = index.shape(id), own.elementCount == shape.elementCount, !frozen.contains(id), let places = loads[id]
      else { return false }
      return places.allSatisfy { $0.guards.isEmpty && $0.linear(own) == form }
    }
  }
}

/// What a machine of today does in a nanosecond on one core, roughly.
enum Estimate {
  private static let operationsPerNanosecond = 50.0
  private static let bytesPerNanosecond = 10.0

  static func nanoseconds(operations: Double, bytes: Double) -> Double {
    operations / operationsPerNanosecond + bytes / bytesPerNanosecond
  }
}

extension Operation {
  /// For names of kernels. Operations with much to describe are named here: most kernels have one of them, and reflection
  /// describes all of it before the name can be cut off.
  var kernelName: String {
    switch self {
    case .concatenate: "concatenate"
    case .reduceWindow: "reduceWindow"
    case .transpose: "transpose"
    case .reshape: "reshape"
    case .convolution: "convolution"
    case .gather: "gather"
    case .resize: "resize"
    case .pad: "pad"
    case .unary(let function): function.rawValue
    case .binary(let function): function.rawValue
    case .compare(let comparison): comparison.rawValue
    case .reduce(let reduction, _): reduction.rawValue
    case .convert(let type, _): "to_\(type.name)"
    default: name
    }
  }
}
