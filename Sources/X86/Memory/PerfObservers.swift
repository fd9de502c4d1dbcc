import Glibc
import Synchronization

/// Tells `perf` the names of functions as they appear: APUS_PERF=map, jitdump, or both. One file of each kind serves
/// the whole process, however many regions it has.
struct PerfObservers: Sendable {
  private let map: PerfMap?
  private let dump: JITDump?

  /// nil for no value; an error for one that does not exist, or where the files cannot be written.
  static func named(_ value: String?) throws(MachineError) -> PerfObservers? {
    guard let value, !value.isEmpty else { return nil }
    let names = value.split(separator: ",")
    for name in names where name != "map" && name != "jitdump" {
      throw .environment(variable: "APUS_PERF", value: value, expected: "map, jitdump or map,jitdump")
    }
    return PerfObservers(
      map: names.contains("map") ? try PerfMap.shared.get() : nil,
      dump: names.contains("jitdump") ? try JITDump.shared.get() : nil)
  }

  func added(name: String, entry: CodeRegion.Entry, bytes: [UInt8]) {
    map?.added(name: name, entry: entry)
    dump?.added(name: name, entry: entry, bytes: bytes)
  }

  static func open(_ path: String, _ flags: Int32) throws(MachineError) -> Int32 {
    // O_NOFOLLOW: the name is easy to guess, and /tmp belongs to everyone.
    let file = Glibc.open(path, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .system(call: "open \(path)", code: errno) }
    return file
  }

  /// A whole record with one call, so that records of several threads do not mix. What a profiler does not learn is no
  /// reason to stop: the result is not looked at.
  static func write(_ bytes: [UInt8], to file: Int32) {
    _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
  }
}

/// `/tmp/perf-PID.map`: a line `start size name` (hexadecimal) for each function. `perf report` reads it as it is.
final class PerfMap: Sendable {
  static let path = "/tmp/perf-\(getpid()).map"
  static let shared: Result<PerfMap, MachineError> = {
    do throws(MachineError) {
      return .success(PerfMap(file: try PerfObservers.open(path, O_WRONLY | O_APPEND)))
    } catch {
      return .failure(error)
    }
  }()

  private let file: Int32

  private init(file: Int32) { self.file = file }

  func added(name: String, entry: CodeRegion.Entry) {
    let start = String(UInt(bitPattern: entry.pointer), radix: 16)
    PerfObservers.write(Array("\(start) \(String(entry.sizeInBytes, radix: 16)) \(name)\n".utf8), to: file)
  }
}

/// `/tmp/jit-PID.dump`: names and bytes, so that `perf annotate` shows instructions.
///
///     perf record -k 1 apus …; perf inject -j -i perf.data -o perf.jit; perf annotate -i perf.jit
///
/// The format is tools/perf/Documentation/jitdump-specification.txt of Linux. perf finds the file because a page of it
/// is mapped executable (and read-only).
final class JITDump: Sendable {
  static let path = "/tmp/jit-\(getpid()).dump"
  static let shared: Result<JITDump, MachineError> = {
    do throws(MachineError) {
      return .success(try JITDump())
    } catch {
      return .failure(error)
    }
  }()

  private static let magic: UInt32 = 0x4A69_5444
  private static let version: UInt32 = 2
  private static let headerSize: UInt32 = 40
  private static let machineX86: UInt32 = 62
  private static let codeLoad: UInt32 = 0

  private let file: Int32
  /// Counts the functions; also orders the records.
  private let nextIndex = Mutex<UInt64>(0)

  private init() throws(MachineError) {
    file = try PerfObservers.open(Self.path, O_RDWR | O_TRUNC)
    var header: [UInt8] = []
    for value in [Self.magic, Self.version, Self.headerSize, Self.machineX86, 0, UInt32(getpid())] {
      header.append(littleEndian: value)
    }
    header.append(littleEndian: Self.now())
    header.append(littleEndian: UInt64(0))
    PerfObservers.write(header, to: file)
    // Stays mapped: the event of mapping it is what perf records.
    let marker = mmap(nil, sysconf(Int32(_SC_PAGESIZE)), PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0)
    guard marker != MAP_FAILED else { throw .system(call: "mmap \(Self.path)", code: errno) }
  }

  func added(name: String, entry: CodeRegion.Entry, bytes: [UInt8]) {
    let address = UInt64(UInt(bitPattern: entry.pointer))
    let name = Array(name.utf8) + [0]
    let recordSize = UInt32(16 + 8 + 32 + name.count + bytes.count)
    let thread = (try? SystemCall.threadIdentifier()) ?? Int(getpid())
    nextIndex.withLock { index in
      var record: [UInt8] = []
      record.reserveCapacity(Int(recordSize))
      record.append(littleEndian: Self.codeLoad)
      record.append(littleEndian: recordSize)
      record.append(littleEndian: Self.now())
      record.append(littleEndian: UInt32(getpid()))
      record.append(littleEndian: UInt32(thread))
      record.append(littleEndian: address)
      record.append(littleEndian: address)
      record.append(littleEndian: UInt64(bytes.count))
      record.append(littleEndian: index)
      record += name
      record += bytes
      PerfObservers.write(record, to: file)
      index += 1
    }
  }

  /// CLOCK_MONOTONIC in nanoseconds: what `perf record -k 1` stamps its samples with.
  private static func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension [UInt8] {
  fileprivate mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }
}
