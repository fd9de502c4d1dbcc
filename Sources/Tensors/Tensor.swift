/// A dense row-major array: element type, shape and a window into a storage.
///
/// Copies share storage. A tensor that was handed out is never written again except by the engine's memory plan,
/// which alone knows when a buffer is dead.
public struct Tensor: Sendable {
  public let elementType: ElementType
  public let shape: Shape
  public let storage: TensorStorage
  public let byteOffset: Int

  /// A window of `storage` from `byteOffset` on. The caller has checked that the storage is large enough.
  public init(_ elementType: ElementType, _ shape: Shape, storage: TensorStorage, byteOffset: Int = 0) {
    self.elementType = elementType
    self.shape = shape
    self.storage = storage
    self.byteOffset = byteOffset
    if elementType == .string {
      precondition(storage.strings.count >= shape.elementCount, "string tensor \(shape) needs as many strings")
    } else {
      precondition(
        byteOffset >= 0 && byteOffset + (elementType.byteCount(of: shape.elementCount) ?? .max) <= storage.byteCount,
        "tensor \(elementType)\(shape) does not fit its storage of \(storage.byteCount) bytes")
    }
  }

  /// New memory; zero or empty strings unless `zeroed` is false.
  public init(_ elementType: ElementType, _ shape: Shape, zeroed: Bool = true) throws(TensorError) {
    if elementType == .string {
      self.init(.string, shape, storage: TensorStorage(strings: Array(repeating: "", count: shape.elementCount)))
      return
    }
    guard let byteCount = elementType.byteCount(of: shape.elementCount) else {
      throw .outOfMemory(bytes: Int.max)
    }
    self.init(elementType, shape, storage: try TensorStorage(byteCount: byteCount, zeroed: zeroed))
  }

  /// A copy of `elements`, row-major; their count must be the shape's.
  public init<Element: TensorElement>(_ shape: Shape, _ elements: [Element]) {
    precondition(elements.count == shape.elementCount, "\(elements.count) elements for shape \(shape)")
    // An array of this size exists already, so memory for a second one is taken for granted.
    guard let tensor = try? Tensor(Element.elementType, shape, zeroed: false) else {
      preconditionFailure("no memory for \(shape)")
    }
    elements.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(start: tensor.base, count: source.count).copyMemory(from: source)
    }
    self = tensor
  }

  public init(_ shape: Shape, strings: [String]) {
    precondition(strings.count == shape.elementCount, "\(strings.count) strings for shape \(shape)")
    self.init(.string, shape, storage: TensorStorage(strings: strings))
  }

  public init<Element: TensorElement>(scalar: Element) { self.init(.scalar, [scalar]) }

  @inlinable public var elementCount: Int { shape.elementCount }
  public var byteCount: Int { elementType.byteCount(of: elementCount) ?? 0 }

  /// First byte. Valid while the caller holds the tensor (or its storage).
  @inlinable public var base: UnsafeMutableRawPointer { storage.base + byteOffset }

  /// The same bytes under another shape of as many elements.
  public func reshaped(_ newShape: Shape) -> Tensor {
    precondition(newShape.elementCount == elementCount, "cannot view \(shape) as \(newShape)")
    return Tensor(elementType, newShape, storage: storage, byteOffset: byteOffset)
  }

  /// The elements as they lie in memory. Not for packed types or strings.
  @inlinable public func withElements<Element: TensorElement, Result>(
    of type: Element.Type = Element.self, _ body: (UnsafeBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(elementType == Element.elementType, "tensor is \(elementType), read as \(Element.elementType)")
    return try withExtendedLifetime(storage) {
      try body(UnsafeBufferPointer(start: base.assumingMemoryBound(to: Element.self), count: elementCount))
    }
  }

  /// The elements for writing: only for whoever made the tensor and has not handed it out.
  @inlinable public func withMutableElements<Element: TensorElement, Result>(
    of type: Element.Type = Element.self, _ body: (UnsafeMutableBufferPointer<Element>) throws -> Result
  ) rethrows -> Result {
    precondition(elementType == Element.elementType, "tensor is \(elementType), written as \(Element.elementType)")
    return try withExtendedLifetime(storage) {
      try body(UnsafeMutableBufferPointer(start: base.assumingMemoryBound(to: Element.self), count: elementCount))
    }
  }

  /// A copy of the elements as an array. Not for packed types or strings.
  public func elements<Element: TensorElement>(of type: Element.Type = Element.self) -> [Element] {
    withElements(of: type) { Array($0) }
  }

  /// Elements of a string tensor, row-major.
  public var strings: [String] {
    storage.strings.count == elementCount ? storage.strings : Array(storage.strings.prefix(elementCount))
  }
}
