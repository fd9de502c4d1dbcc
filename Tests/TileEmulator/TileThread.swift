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
  private static let usedCount = Atomic(0)

  /// Memory for so many threads as tests may have; those that end leave theirs unused.
  static func reserve() {
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
      multiplyBytes(target, left, right, leftIsSigned: leftIsSigned, rightIsSigned: rightIsSigned)
      counts.products += 1
    case .multiplyBF16(let target, let left, let right):
      guard fit(target, left, right) else { return false }
      multiplyBF16(target, left, right)
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

  /// target[m, n] += Σ k, i: left[m, 4k + i] · right[k, 4n + i], wrapping around. All 16 columns at once: those that a tile
  /// lacks are zero.
  private func multiplyBytes(
    _ target: Int, _ left: Int, _ right: Int, leftIsSigned: Bool, rightIsSigned: Bool
  ) {
    for m in 0..<rows(target) {
      let place = row(target, m).assumingMemoryBound(to: SIMD16<Int32>.self)
      let a = row(left, m).assumingMemoryBound(to: UInt8.self)
      var sums = place.pointee
      for k in 0..<rows(right) {
        let b = row(right, k).assumingMemoryBound(to: SIMD16<Int32>.self).pointee
        for i in 0..<4 {
          let number = a[4 * k + i]
          let factor = leftIsSigned ? Int32(Int8(bitPattern: number)) : Int32(number)
          // The byte, moved up to the sign and down again.
          let raised = b &<< Int32(24 - 8 * i)
          let bytes = rightIsSigned ? raised &>> 24 : (raised &>> 24) & 0xFF
          sums = sums &+ bytes &* factor
        }
      }
      place.pointee = sums
    }
  }

  /// For each element two chains of fused multiply-adds from 0, of the even and of the odd numbers of k; their sum is
  /// added to the target. To nearest even, denormal numbers read and written as zeros.
  private func multiplyBF16(_ target: Int, _ left: Int, _ right: Int) {
    func number(_ bits: UInt32) -> Float { Self.flushed(Float(bitPattern: bits)) }
    for m in 0..<rows(target) {
      let place = row(target, m).assumingMemoryBound(to: SIMD16<Float>.self)
      let a = row(left, m).assumingMemoryBound(to: UInt32.self)
      var even = SIMD16<Float>()
      var odd = SIMD16<Float>()
      for k in 0..<rows(right) {
        let b = row(right, k).assumingMemoryBound(to: SIMD16<UInt32>.self).pointee
        even = Self.multiplyAdd(number(a[k] << 16), Self.floats(b &<< 16), even)
        odd = Self.multiplyAdd(number(a[k] & 0xFFFF_0000), Self.floats(b & 0xFFFF_0000), odd)
      }
      let sum = Self.flushed(even + odd)
      place.pointee = Self.flushed(Self.flushed(place.pointee) + sum)
    }
  }

  private static func floats(_ bits: SIMD16<UInt32>) -> SIMD16<Float> {
    flushed(unsafeBitCast(bits, to: SIMD16<Float>.self))
  }

  /// sum + a · b, rounded once. The product of two bfloat16 has 16 bits: where it is in the range of float32 it is exact,
  /// and so the sum is rounded once anyway.
  private static func multiplyAdd(_ a: Float, _ b: SIMD16<Float>, _ sum: SIMD16<Float>) -> SIMD16<Float> {
    let products = b * a
    let magnitudes = magnitude(products)
    let isOutside =
      ((magnitudes .< smallestNormal) .& (magnitude(b) .> 0)) .| (magnitudes .> largestFinite)
    guard a != 0, any(isOutside) else { return flushed(sum + products) }
    var result = SIMD16<Float>()
    for lane in 0..<16 { result[lane] = sum[lane].addingProduct(a, b[lane]) }
    return flushed(result)
  }

  // Bits without sign order floats as numbers.
  private static let smallestNormal = Float.leastNormalMagnitude.bitPattern
  private static let largestFinite = Float.greatestFiniteMagnitude.bitPattern

  private static func magnitude(_ values: SIMD16<Float>) -> SIMD16<UInt32> {
    unsafeBitCast(values, to: SIMD16<UInt32>.self) & 0x7FFF_FFFF
  }

  private static func flushed(_ values: SIMD16<Float>) -> SIMD16<Float> {
    let bits = unsafeBitCast(values, to: SIMD16<UInt32>.self)
    let result = bits.replacing(with: bits & 0x8000_0000, where: magnitude(values) .< smallestNormal)
    return unsafeBitCast(result, to: SIMD16<Float>.self)
  }

  private static func flushed(_ value: Float) -> Float {
    value.isSubnormal ? (value.sign == .minus ? -0.0 : 0) : value
  }
}
