import Tensors

/// A computation that moves elements and does not look at them, so that only their width matters.
protocol Movement {
  /// - Parameters:
  ///   - sources: first elements of the operands, in their order.
  ///   - destination: first element of the result, initialised memory.
  func run<Element>(from sources: [UnsafePointer<Element>], to destination: UnsafeMutablePointer<Element>) throws
}

/// 128 bits, for complex128.
struct SixteenBytes { var low, high: UInt64 }

extension Movement {
  /// The result for operands that all have the element type of the first. A result that exists already, because it
  /// was filled with something first, is passed as `into`.
  func evaluate(
    _ sources: [Tensor], shape: Shape, context: EvaluationContext, result: Int = 0, into filled: Tensor? = nil
  ) throws -> Tensor {
    let elementType = sources[0].elementType
    if elementType == .string {
      var strings = filled?.strings ?? [String](repeating: "", count: shape.elementCount)
      try strings.withUnsafeMutableBufferPointer { destination in
        guard let base = destination.baseAddress, shape.elementCount > 0 else { return }
        try withPointers(to: sources.map(\.strings)) { try run(from: $0, to: base) }
      }
      return Tensor(shape, strings: strings)
    }
    if elementType.isPacked {
      let bytes = try run(
        sources.map { try $0.unpackedCodes() }, Tensor(.uint8, shape), filled: filled?.unpackedCodes())
      let packed = try context.makeTensor(elementType, shape, result: result)
      withExtendedLifetime((bytes, packed)) {
        let codes = UnsafeBufferPointer(start: UnsafePointer<UInt8>(bytes.pointer()), count: shape.elementCount)
        PackedElements.pack(codes, type: elementType, into: packed.base)
      }
      return packed
    }
    return try run(sources, filled ?? context.makeTensor(elementType, shape, result: result), filled: nil)
  }

  private func run(_ sources: [Tensor], _ destination: Tensor, filled: Tensor?) throws -> Tensor {
    let destination = filled ?? destination
    if destination.elementCount == 0 { return destination }
    switch destination.elementType.bitWidth {
    case 8: try run(sources, destination, as: UInt8.self)
    case 16: try run(sources, destination, as: UInt16.self)
    case 32: try run(sources, destination, as: UInt32.self)
    case 64: try run(sources, destination, as: UInt64.self)
    case 128: try run(sources, destination, as: SixteenBytes.self)
    case let width: preconditionFailure("elements of \(width) bits")
    }
    return destination
  }

  private func run<Element>(_ sources: [Tensor], _ destination: Tensor, as type: Element.Type) throws {
    try withExtendedLifetime((sources, destination)) {
      try run(from: sources.map { UnsafePointer($0.pointer(Element.self)) }, to: destination.pointer(Element.self))
    }
  }

  /// Nests one `withUnsafeBufferPointer` for each array.
  private func withPointers(
    to arrays: [[String]], _ pointers: [UnsafePointer<String>] = [],
    _ body: ([UnsafePointer<String>]) throws -> Void
  ) rethrows {
    guard let array = arrays.first else { return try body(pointers) }
    try array.withUnsafeBufferPointer { buffer in
      // An empty array has no address; nothing is read from it then.
      let base = buffer.baseAddress ?? UnsafePointer(bitPattern: MemoryLayout<String>.alignment)
      guard let base else { return }
      try withPointers(to: Array(arrays.dropFirst()), pointers + [base], body)
    }
  }
}

extension Tensor {
  /// One byte for each element of a packed type.
  func unpackedCodes() throws -> Tensor {
    let bytes = try Tensor(.uint8, shape, zeroed: false)
    withExtendedLifetime((self, bytes)) {
      let codes = UnsafeMutableBufferPointer(start: bytes.pointer(UInt8.self), count: elementCount)
      PackedElements.unpack(base, type: elementType, into: codes)
    }
    return bytes
  }
}
