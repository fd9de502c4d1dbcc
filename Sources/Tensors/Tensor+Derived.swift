import Synchronization

/// How bytes come into being that a `TensorStorage` does not hold.
final class Derivation: Sendable {
  /// What readers that need no dense, aligned copy may read instead.
  enum Source: @unchecked Sendable {
    /// As they lie, not where vector code wants them; `owner` keeps them valid.
    case unaligned(UnsafeRawBufferPointer, owner: AnyObject, isFileMapping: Bool)
    /// One element, for all.
    case repeated(Tensor)
    /// The same elements in another order.
    case reordered(Tensor)
    case computed
  }

  let source: Source
  private let make: @Sendable () throws(TensorError) -> Tensor
  /// Made once somebody has asked for an address that stays.
  private let made = Mutex<TensorStorage?>(nil)

  init(_ source: Source, _ make: @escaping @Sendable () throws(TensorError) -> Tensor) {
    self.source = source
    self.make = make
  }

  var isMade: Bool { made.withLock { $0 != nil } }

  func lasting() throws(TensorError) -> TensorStorage {
    try made.withLock { (made) throws(TensorError) in
      if let made { return made }
      let storage = try makeStorage()
      made = storage
      return storage
    }
  }

  func passing() throws(TensorError) -> TensorStorage {
    if let made = made.withLock({ $0 }) { return made }
    return try makeStorage()
  }

  private func makeStorage() throws(TensorError) -> TensorStorage {
    let tensor = try make()
    precondition(tensor.byteOffset == 0, "derived bytes begin with their storage")
    return tensor.storage
  }
}

/// Constants that are derived from others. Their bytes exist while somebody reads them, and for good only after a
/// reader has asked for their address (`base`): a model whose kernels read packed weights holds no other form of them.
extension Tensor {
  /// Smaller tensors are not worth it.
  public static let minimumDerivedByteCount = 64 << 10

  /// What `make` gives, which must be of this type and shape, each time the same, and fail only for want of memory.
  /// `reordering`: a tensor that has the same elements in another order.
  public init(
    deriving elementType: ElementType, _ shape: Shape, reordering source: Tensor? = nil,
    by make: @escaping @Sendable () throws(TensorError) -> Tensor
  ) throws(TensorError) {
    try self.init(elementType, shape, Derivation(source.map { .reordered($0) } ?? .computed, make))
  }

  /// Every element is the one of `element`.
  public init(repeating element: Tensor, _ shape: Shape) throws(TensorError) {
    precondition(element.elementCount == 1 && !element.elementType.isPacked && element.elementType != .string)
    let derivation = Derivation(.repeated(element)) { () throws(TensorError) -> Tensor in
      let tensor = try Tensor(element.elementType, shape, zeroed: false)
      tensor.fill(with: element)
      return tensor
    }
    try self.init(element.elementType, shape, derivation)
  }

  /// An aligned copy of `bytes`, once somebody asks for it. `owner` keeps them valid; `isFileMapping`: they are clean
  /// pages of a mapped file.
  public init(
    aligning bytes: UnsafeRawBufferPointer, _ elementType: ElementType, _ shape: Shape, owner: AnyObject & Sendable,
    isFileMapping: Bool
  ) throws(TensorError) {
    nonisolated(unsafe) let bytes = bytes
    let source = Derivation.Source.unaligned(bytes, owner: owner, isFileMapping: isFileMapping)
    let derivation = Derivation(source) { () throws(TensorError) -> Tensor in
      let tensor = try Tensor(elementType, shape, zeroed: false)
      withExtendedLifetime(owner) { bytes.move(to: tensor.base, isFileMapping: isFileMapping) }
      return tensor
    }
    try self.init(elementType, shape, derivation)
  }

  private init(_ elementType: ElementType, _ shape: Shape, _ derivation: Derivation) throws(TensorError) {
    guard let byteCount = elementType.byteCount(of: shape.elementCount) else { throw .outOfMemory(bytes: .max) }
    self.init(elementType, shape, storage: TensorStorage(deriving: byteCount, by: derivation))
  }

  /// The element that all others are equal to, where that is how the tensor is stored.
  public var repeatedElement: Tensor? {
    if case .repeated(let element) = storage.source { element } else { nil }
  }

  /// A tensor with the same elements in any order, for who asks after all of them: as little derived as there is.
  public var elementSource: Tensor {
    switch storage.source {
    case .repeated(let tensor): tensor
    case .reordered(let tensor) where tensor.elementCount == elementCount: tensor.elementSource
    default: self
    }
  }

  /// Runs `body` with these tensors for readers that come once: bytes that are not there are made and gone
  /// afterwards, and a mapped file's pages are given back. What `body` gets must not be kept.
  public static func reading<Result>(_ tensors: [Tensor], _ body: ([Tensor]) throws -> Result) throws -> Result {
    let readable = try tensors.map { tensor in
      Tensor(tensor.elementType, tensor.shape, storage: try tensor.storage.passing(), byteOffset: tensor.byteOffset)
    }
    defer { for tensor in tensors { tensor.storage.discardPages() } }
    return try body(readable)
  }

  /// Runs `body` with the first byte, which may lie at any address, for a reader that comes once.
  public func readingBytes<Result>(_ body: (UnsafeRawPointer) -> Result) throws(TensorError) -> Result {
    if case .unaligned(let bytes, let owner, let isFileMapping) = storage.source, let base = bytes.baseAddress {
      defer { if isFileMapping { TensorStorage.discardPages(bytes) } }
      return withExtendedLifetime(owner) { body(base + byteOffset) }
    }
    let readable = try storage.passing()
    defer { storage.discardPages() }
    return withExtendedLifetime(readable) { body(readable.base + byteOffset) }
  }

  /// Where the bytes lie as long as the storage lives, at any address: for code that takes them so. Derived bytes are
  /// made, but those of a file are read where they are, so that of a large table only the rows that are used come into
  /// memory.
  public func lastingAddress() throws(TensorError) -> UnsafeRawPointer {
    if !storage.isInMemory, case .unaligned(let bytes, _, _) = storage.source, let base = bytes.baseAddress {
      return base + byteOffset
    }
    try storage.materialize()
    return UnsafeRawPointer(base)
  }

  private func fill(with element: Tensor) {
    let width = element.byteCount
    guard byteCount > 0 else { return }
    base.copyMemory(from: element.base, byteCount: width)
    // What is there already, twice as much each time; from a page on, page by page, which stays in the cache.
    var done = width
    while done < byteCount {
      let count = min(done, byteCount - done, 4096 / width * width)
      (base + done).copyMemory(from: base, byteCount: count)
      done += count
    }
  }
}

extension UnsafeRawBufferPointer {
  /// Copies all bytes, giving a file's pages back on the way, so that source and copy are never in memory together.
  fileprivate func move(to target: UnsafeMutableRawPointer, isFileMapping: Bool) {
    // Far above the cost of a system call, far below what a process notices.
    let step = 4 << 20
    for first in stride(from: 0, to: count, by: step) {
      let part = UnsafeRawBufferPointer(rebasing: self[first..<Swift.min(first + step, count)])
      UnsafeMutableRawBufferPointer(start: target + first, count: part.count).copyMemory(from: part)
      if isFileMapping { TensorStorage.discardPages(part) }
    }
  }
}
