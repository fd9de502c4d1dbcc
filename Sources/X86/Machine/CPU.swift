/// What this CPU offers, and the operating system lets a process use.
public struct CPU: Sendable {
  public enum Vendor: Sendable { case intel, amd, other }

  public var vendor: Vendor
  /// `AMD EPYC …`, as the CPU calls itself.
  public var name: String
  public var features: CPUFeatures
  public var caches: [Cache]
  /// What the kernel answered where it keeps the CPU's tiles from this process; nil where it gives them, or there are
  /// none.
  public var tilesRefusal: MachineError?

  static let tileFeatures = CPUFeatures(.amxTile, .amxInt8, .amxBF16)

  public struct Cache: Sendable, Hashable {
    public var level: Int
    public var sizeInBytes: Int
    public var lineInBytes: Int
    /// Hardware threads that share it.
    public var sharedBy: Int
  }

  private static let detected: Result<CPU, MachineError> = {
    do throws(MachineError) {
      return .success(try CPU(MachineStubs.shared()))
    } catch {
      return .failure(error)
    }
  }()

  /// Detected once. On a CPU with AMX this asks the kernel for permission to use tiles.
  public static func current() throws(MachineError) -> CPU { try detected.get() }

  /// Bytes of the data (or unified) cache of a level; nil where the CPU does not tell.
  public func cacheSize(level: Int) -> Int? { caches.first { $0.level == level }?.sizeInBytes }
}

private struct Leaf {
  var eax: UInt32, ebx: UInt32, ecx: UInt32, edx: UInt32

  init(_ leaf: UInt32, _ stubs: MachineStubs, subleaf: UInt32 = 0) {
    var registers: [UInt32] = [0, 0, 0, 0]
    stubs.cpuid(leaf, subleaf, &registers)
    (eax, ebx, ecx, edx) = (registers[0], registers[1], registers[2], registers[3])
  }
}

extension UInt32 {
  fileprivate func bit(_ position: Int) -> Bool { self >> UInt32(position) & 1 == 1 }

  fileprivate func field(_ bits: ClosedRange<Int>) -> Int {
    Int(self >> UInt32(bits.lowerBound)) & (1 << bits.count - 1)
  }

  fileprivate var bytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> UInt32(8 * $0)) } }
}

extension CPU {
  fileprivate init(_ stubs: MachineStubs) throws(MachineError) {
    let root = Leaf(0, stubs)
    switch String(decoding: root.ebx.bytes + root.edx.bytes + root.ecx.bytes, as: UTF8.self) {
    case "GenuineIntel": vendor = .intel
    case "AuthenticAMD", "HygonGenuine": vendor = .amd
    default: vendor = .other
    }
    let extendedLeaves = Leaf(0x8000_0000, stubs).eax
    name = ""
    if extendedLeaves >= 0x8000_0004 {
      let leaves = (0x8000_0002...0x8000_0004).map { Leaf($0, stubs) }
      let bytes = leaves.flatMap { $0.eax.bytes + $0.ebx.bytes + $0.ecx.bytes + $0.edx.bytes }
      name = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      while name.last == " " { name.removeLast() }
    }
    features = Self.features(stubs, highestLeaf: root.eax, highestExtendedLeaf: extendedLeaves)
    caches = Self.caches(stubs, vendor: vendor, highestLeaf: root.eax, highestExtendedLeaf: extendedLeaves)
    if features.has(.amxTile) {
      do {
        try SystemCall.requestTileData()
      } catch {
        features.subtract(Self.tileFeatures)
        if case .system(_, let code) = error { tilesRefusal = .tilesRefused(code: code) }
      }
    }
  }

  private static func features(
    _ stubs: MachineStubs, highestLeaf: UInt32, highestExtendedLeaf: UInt32
  ) -> CPUFeatures {
    var features = CPUFeatures(.baseline)
    func add(_ feature: CPUFeature, _ present: Bool) {
      if present { features.insert(feature) }
    }
    let basic = Leaf(1, stubs)
    add(.popcnt, basic.ecx.bit(23))
    if highestExtendedLeaf >= 0x8000_0001 {
      let extended = Leaf(0x8000_0001, stubs)
      add(.lzcnt, extended.ecx.bit(5))
      add(.prefetchw, extended.ecx.bit(8))
    }
    let structured = highestLeaf >= 7 ? Leaf(7, stubs) : nil
    add(.bmi1, structured?.ebx.bit(3) ?? false)
    add(.bmi2, structured?.ebx.bit(8) ?? false)
    // OSXSAVE: xgetbv exists, and tells which registers the operating system saves.
    guard basic.ecx.bit(27) else { return features }
    let saved = stubs.xgetbv(0)
    let savesYMM = saved & 0x6 == 0x6
    let savesZMM = saved & 0xE6 == 0xE6
    let savesTiles = saved & 0x6_0000 == 0x6_0000
    guard savesYMM, basic.ecx.bit(28) else { return features }
    add(.avx, true)
    add(.fma, basic.ecx.bit(12))
    add(.f16c, basic.ecx.bit(29))
    guard let structured else { return features }
    let more = structured.eax >= 1 ? Leaf(7, stubs, subleaf: 1) : nil
    add(.avx2, structured.ebx.bit(5))
    add(.avxVNNI, more?.eax.bit(4) ?? false)
    if savesZMM, structured.ebx.bit(16) {
      add(.avx512f, true)
      add(.avx512dq, structured.ebx.bit(17))
      add(.avx512bw, structured.ebx.bit(30))
      add(.avx512vl, structured.ebx.bit(31))
      add(.avx512vbmi, structured.ecx.bit(1))
      add(.avx512vbmi2, structured.ecx.bit(6))
      add(.avx512vnni, structured.ecx.bit(11))
      add(.avx512fp16, structured.edx.bit(23))
      add(.avx512bf16, more?.eax.bit(5) ?? false)
    }
    if savesTiles, structured.edx.bit(24) {
      add(.amxTile, true)
      add(.amxBF16, structured.edx.bit(22))
      add(.amxInt8, structured.edx.bit(25))
    }
    return features
  }

  private static func caches(
    _ stubs: MachineStubs, vendor: Vendor, highestLeaf: UInt32, highestExtendedLeaf: UInt32
  ) -> [Cache] {
    let leaf: UInt32
    switch vendor {
    case .amd where highestExtendedLeaf >= 0x8000_001D: leaf = 0x8000_001D
    case _ where highestLeaf >= 4: leaf = 4
    default: return []
    }
    var caches: [Cache] = []
    // A CPU has four or five caches; the bound is for hypervisors that answer nonsense.
    for subleaf in 0..<UInt32(16) {
      let answer = Leaf(leaf, stubs, subleaf: subleaf)
      let kind = answer.eax.field(0...4)
      if kind == 0 { break }
      let instructionCache = 2
      if kind == instructionCache { continue }
      let line = answer.ebx.field(0...11) + 1
      let partitions = answer.ebx.field(12...21) + 1
      let ways = answer.ebx.field(22...31) + 1
      caches.append(
        Cache(
          level: answer.eax.field(5...7), sizeInBytes: ways * partitions * line * (Int(answer.ecx) + 1),
          lineInBytes: line, sharedBy: answer.eax.field(14...25) + 1))
    }
    return caches
  }
}
