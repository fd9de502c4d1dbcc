import Glibc
import Synchronization

/// The tiles of one thread: eight of up to 16 rows of 64 bytes, and how they are configured.
struct TileThread {
  static let tileCount = 8
  static let rowCount = 16
  static let rowByteCount = 64
  static let tileByteCount = rowCount * rowByteCount

  var counts = TileCounts()
  /// As ldtilecfg reads it; all zero where nothing is configured.
  private let configuration: UnsafeMutableRawPointer
  private let tiles: UnsafeMutableRawPointer

  // MARK: Threads

  private static let threadCount = 256
  nonisolated(unsafe) private static var threads: UnsafeMutablePointer<TileThread>! = nil
  nonisolated(unsafe) private static var key = pthread_key_t()
  nonisolated(unsafe) private static var products: TileProducts! = nil
  private static let usedCount = Atomic(0)

  /// Memory for so many threads as tests may have; those that end leave theirs unused.
  static func reserve() throws {
    products = try TileProducts()
    let size = 64 + tileCount * tileByteCount
    let memory = UnsafeMutableRawPointer.allocate(byteCount: threadCount * size, alignment: 64)
    memset(memory, 0, threadCount * size)
    threads = .allocate(capacity: threadCount)
    for index in 0..<threadCount {
      (threads + index).initialize(to: TileThread(configuration: memory + index * size))
    }
    pthread_key_create(&key, nil)
  }

  private init(configuration: UnsafeMutableRawPointer) {
    self.configuration = configuration
    tiles = configuration + 64
  }

  /// Of the calling thread; nil when there is no room for another one.
  static func current() -> UnsafeMutablePointer<TileThread>? {
    guard let threads else { return nil }
    if let known = pthread_getspecific(key) { return known.assumingMemoryBound(to: TileThread.self) }
    let index = usedCount.add(1, ordering: .relaxed).oldValue
    guard index < threadCount else { return nil }
    pthread_setspecific(key, threads + index)
    return threads + index
  }

  // MARK: Configuration

  private var isConfigured: Bool { byte(0) == 1 }
  private func byte(_ offset: Int) -> UInt8 { configuration.load(fromByteOffset: offset, as: UInt8.self) }
  private func rows(_ tile: Int) -> Int { Int(byte(48 + tile)) }
  private func columnBytes(_ tile: Int) -> Int { Int(byte(16 + 2 * tile)) | Int(byte(17 + 2 * tile)) << 8 }
  private func row(_ tile: Int, _ row: Int) -> UnsafeMutableRawPointer {
    tiles + tile * Self.tileByteCount + row * Self.rowByteCount
  }
  private func isUsable(_ tile: Int) -> Bool {
    isConfigured && tile < Self.tileCount && rows(tile) > 0 && columnBytes(tile) > 0
  }

  /// Whether 64 bytes are a configuration that ldtilecfg takes.
  private static func isValid(_ source: UnsafeRawPointer) -> Bool {
    func byte(_ offset: Int) -> UInt8 { source.load(fromByteOffset: offset, as: UInt8.self) }
    guard byte(0) == 1, byte(1) < rowCount else { return byte(0) == 0 }
    for offset in 2..<16 where byte(offset) != 0 { return false }
    for tile in 0..<16 {
      let columns = Int(byte(16 + 2 * tile)) | Int(byte(17 + 2 * tile)) << 8
      let rows = Int(byte(48 + tile))
      if columns > rowByteCount || rows > rowCount || (columns == 0) != (rows == 0) { return false }
      if tile >= tileCount, rows != 0 { return false }
    }
    return true
  }

  private func release() { memset(configuration, 0, 64 + Self.tileCount * Self.tileByteCount) }

  // MARK: Instructions

  /// False where a CPU would raise an exception.
  mutating func run(_ instruction: TileInstruction) -> Bool {
    switch instruction.action {
    case .configure(let source):
      guard Self.isValid(source) else { return false }
      release()
      if source.load(as: UInt8.self) == 1 { memcpy(configuration, source, 64) }
      counts.configurations += 1
    case .release:
      release()
      counts.configurations += 1
    case .storeConfiguration(let target): memcpy(target, configuration, 64)
    case .zero(let tile):
      guard isUsable(tile) else { return false }
      memset(row(tile, 0), 0, Self.tileByteCount)
      counts.zeros += 1
    case .load(let tile, let source, let stride):
      guard isUsable(tile) else { return false }
      memset(row(tile, 0), 0, Self.tileByteCount)
      for index in 0..<rows(tile) { memcpy(row(tile, index), source + index * stride, columnBytes(tile)) }
      counts.loads += 1
    case .store(let tile, let target, let stride):
      guard isUsable(tile) else { return false }
      for index in 0..<rows(tile) { memcpy(target + index * stride, row(tile, index), columnBytes(tile)) }
      counts.stores += 1
    case .multiplyBytes(let target, let left, let right, let leftIsSigned, let rightIsSigned):
      guard fit(target, left, right) else { return false }
      multiply(Self.products.bytes(leftIsSigned: leftIsSigned, rightIsSigned: rightIsSigned), target, left, right)
      counts.products += 1
    case .multiplyBF16(let target, let left, let right):
      guard fit(target, left, right) else { return false }
      multiply(Self.products.bf16, target, left, right)
      counts.products += 1
    }
    return true
  }

  /// Three different tiles of [m, n], [m, k] and [k, n], with rows of 4-byte elements.
  private func fit(_ target: Int, _ left: Int, _ right: Int) -> Bool {
    isUsable(target) && isUsable(left) && isUsable(right) && target != left && target != right && left != right
      && columnBytes(target) % 4 == 0 && columnBytes(left) % 4 == 0 && columnBytes(right) % 4 == 0
      && rows(target) == rows(left) && columnBytes(target) == columnBytes(right)
      && columnBytes(left) / 4 == rows(right)
  }

  private func multiply(_ product: TileProducts.Product, _ target: Int, _ left: Int, _ right: Int) {
    product(row(target, 0), row(left, 0), row(right, 0), rows(target), rows(right))
  }
}
