import GraphIR
import Tensors

/// An index whose axes are places in a frame.
private struct ResolvedIndex: Sendable {
  let constant: Int
  let terms: [Index.Term]
  /// How far one lane is from the next.
  let laneStride: Int
  let indirect: [(column: Column, isWide: Bool, stride: Int)]
  let guards: [(constant: Int, terms: [Index.Term], laneStride: Int, extent: Int)]

  init(_ index: Index, _ program: LoopProgram, vectorAxis: AxisID?) {
    constant = index.constant
    terms = index.terms
    laneStride = vectorAxis.map(index.stride(of:)) ?? 0
    indirect = index.indirect.map {
      (program.column($0.value), program.kernel.types[$0.value.index] == .int64, $0.stride)
    }
    guards = index.guards.map { guarded in
      let laneStride = guarded.terms.first { $0.axis == vectorAxis }?.stride ?? 0
      return (guarded.constant, guarded.terms, laneStride, guarded.extent)
    }
  }

  /// Of lane 0.
  @inline(__always)
  func element(_ frame: Frame) -> Int {
    terms.reduce(constant) { $0 &+ frame.positions[$1.axis.index] &* $1.stride }
  }

  var isPlain: Bool { indirect.isEmpty && guards.isEmpty }

  /// The element of a lane, given that of lane 0; nil where a guard fails.
  @inline(__always)
  func element(_ frame: Frame, _ first: Int, lane: Int) -> Int? {
    for guarded in guards {
      let start = guarded.terms.reduce(guarded.constant) { $0 &+ frame.positions[$1.axis.index] &* $1.stride }
      let position = start &+ lane &* guarded.laneStride
      if position < 0 || position >= guarded.extent { return nil }
    }
    var element = first &+ lane &* laneStride
    for (column, isWide, stride) in indirect {
      let value =
        isWide
        ? Int(frame.elements(column, Int64.self)[lane &* column.step])
        : Int(frame.elements(column, Int32.self)[lane &* column.step])
      element &+= value &* stride
    }
    return element
  }
}

extension LoopProgram {
  func position(_ value: KernelValue, _ index: Index, _ vectorAxis: AxisID?) -> Frame.Operation {
    let index = ResolvedIndex(index, self, vectorAxis: vectorAxis)
    let column = column(value)
    let isWide = type(value) == .int64
    return { frame in
      let first = index.element(frame)
      for lane in 0..<frame.lanes {
        let position = first &+ lane &* index.laneStride
        if isWide {
          frame.elements(column, Int64.self)[lane] = Int64(position)
        } else {
          frame.elements(column, Int32.self)[lane] = Int32(truncatingIfNeeded: position)
        }
      }
    }
  }

  // MARK: Loads

  func load(
    _ value: KernelValue, _ buffer: Int, _ index: Index, _ otherwise: KernelValue?, _ vectorAxis: AxisID?
  ) -> Frame.Operation {
    let index = ResolvedIndex(index, self, vectorAxis: vectorAxis)
    switch kernel.buffers[buffer].elementType {
    case .float32: return load(value, buffer, index, otherwise) { (x: Float) in x }
    case .float64: return load(value, buffer, index, otherwise) { (x: Double) in x }
    case .int32, .uint32: return load(value, buffer, index, otherwise) { (x: UInt32) in x }
    case .int64, .uint64: return load(value, buffer, index, otherwise) { (x: UInt64) in x }
    case .int8: return load(value, buffer, index, otherwise) { (x: Int8) in Int32(x) }
    case .uint8: return load(value, buffer, index, otherwise) { (x: UInt8) in Int32(x) }
    case .int16: return load(value, buffer, index, otherwise) { (x: Int16) in Int32(x) }
    case .uint16: return load(value, buffer, index, otherwise) { (x: UInt16) in Int32(x) }
    case .float16: return load(value, buffer, index, otherwise) { FloatFormat.decodeFloat16($0) }
    case .bfloat16:
      return load(value, buffer, index, otherwise) { (x: UInt16) in Float(bitPattern: UInt32(x) << 16) }
    // bool; the verifier lets no others pass.
    default: return load(value, buffer, index, otherwise) { (x: UInt8) in x == 0 ? 0 as UInt8 : 1 }
    }
  }

  @inline(__always)
  private func load<Stored, Element: BitwiseCopyable>(
    _ value: KernelValue, _ buffer: Int, _ index: ResolvedIndex, _ otherwise: KernelValue?,
    _ widen: @escaping @Sendable (Stored) -> Element
  ) -> Frame.Operation {
    let result = column(value)
    if index.isPlain {
      return { frame in
        let source = frame.buffers[buffer].assumingMemoryBound(to: Stored.self) + index.element(frame)
        let results = frame.elements(result, Element.self)
        for lane in 0..<frame.lanes { results[lane] = widen(source[lane &* index.laneStride]) }
      }
    }
    let otherwise = otherwise.map(column)
    return { frame in
      let source = frame.buffers[buffer].assumingMemoryBound(to: Stored.self)
      let results = frame.elements(result, Element.self)
      let first = index.element(frame)
      for lane in 0..<frame.lanes {
        if let element = index.element(frame, first, lane: lane) {
          results[lane] = widen(source[element])
        } else if let otherwise {
          results[lane] = frame.elements(otherwise, Element.self)[lane &* otherwise.step]
        } else {
          // All zero bits are zero in every compute type.
          UnsafeMutableRawPointer(results + lane).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<Element>.size)
        }
      }
    }
  }

  // MARK: Stores

  func store(_ buffer: Int, _ index: Index, _ value: KernelValue, _ vectorAxis: AxisID?) -> Frame.Operation {
    let target = kernel.buffers[buffer].elementType
    let index = ResolvedIndex(index, self, vectorAxis: vectorAxis)
    switch type(value) {
    case .float32: return store(buffer, index, value, target, Float.self)
    case .float64: return store(buffer, index, value, target, Double.self)
    case .int32: return store(buffer, index, value, target, Int32.self)
    case .int64: return store(buffer, index, value, target, Int64.self)
    case .uint32: return store(buffer, index, value, target, UInt32.self)
    case .uint64: return store(buffer, index, value, target, UInt64.self)
    default: return store(buffer, index, value, target, Bool.self)
    }
  }

  private func store<Element: CastElement & SendableMetatype>(
    _ buffer: Int, _ index: ResolvedIndex, _ value: KernelValue, _ target: ElementType, _ type: Element.Type
  ) -> Frame.Operation {
    switch target {
    case .float32: store(buffer, index, value) { (x: Element) in x.cast(to: Float.self) }
    case .float64: store(buffer, index, value) { (x: Element) in x.cast(to: Double.self) }
    case .int8: store(buffer, index, value) { (x: Element) in x.cast(to: Int8.self) }
    case .uint8: store(buffer, index, value) { (x: Element) in x.cast(to: UInt8.self) }
    case .int16: store(buffer, index, value) { (x: Element) in x.cast(to: Int16.self) }
    case .uint16: store(buffer, index, value) { (x: Element) in x.cast(to: UInt16.self) }
    case .int32: store(buffer, index, value) { (x: Element) in x.cast(to: Int32.self) }
    case .uint32: store(buffer, index, value) { (x: Element) in x.cast(to: UInt32.self) }
    case .int64: store(buffer, index, value) { (x: Element) in x.cast(to: Int64.self) }
    case .uint64: store(buffer, index, value) { (x: Element) in x.cast(to: UInt64.self) }
    case .float16: store(buffer, index, value) { (x: Element) in x.encoded(.float16) }
    case .bfloat16: store(buffer, index, value) { (x: Element) in x.encoded(.bfloat16) }
    default: store(buffer, index, value) { (x: Element) in x.cast(to: Bool.self) }
    }
  }

  @inline(__always)
  private func store<Element, Stored>(
    _ buffer: Int, _ index: ResolvedIndex, _ value: KernelValue, _ narrow: @escaping @Sendable (Element) -> Stored
  ) -> Frame.Operation {
    let value = column(value)
    return { frame in
      let target = frame.buffers[buffer].assumingMemoryBound(to: Stored.self)
      let values = frame.elements(value, Element.self)
      let first = index.element(frame)
      for lane in 0..<frame.lanes {
        if index.isPlain {
          target[first &+ lane &* index.laneStride] = narrow(values[lane &* value.step])
        } else if let element = index.element(frame, first, lane: lane) {
          target[element] = narrow(values[lane &* value.step])
        }
      }
    }
  }
}
