import GraphIR
import Tensors

/// The buffers of a kernel while it is written: reads count from 0, writes and scratch from numbers of their own until
/// all are known.
struct KernelBuffers {
  static let firstWrite = 1000
  static let firstScratch = 2000

  private(set) var reads: [(source: ScheduleValue, type: ElementType)] = []
  private(set) var writes: [(id: ValueID, type: ElementType)] = []
  let scratch: [LoopKernel.Buffer]

  init(scratch: [LoopKernel.Buffer]) { self.scratch = scratch }

  mutating func read(_ source: ScheduleValue, _ type: ElementType) -> Int {
    if let known = reads.firstIndex(where: { $0.source == source }) { return known }
    reads.append((source, type))
    return reads.count - 1
  }

  mutating func write(_ id: ValueID, _ type: ElementType) { writes.append((id, type)) }

  /// All in the kernel's order.
  var all: [LoopKernel.Buffer] {
    reads.map { LoopKernel.Buffer($0.type, .read) } + writes.map { LoopKernel.Buffer($0.type, .write) } + scratch
  }

  /// The place of a buffer in that order.
  func final(_ buffer: Int) -> Int {
    if buffer >= Self.firstScratch { return reads.count + writes.count + buffer - Self.firstScratch }
    return buffer >= Self.firstWrite ? reads.count + buffer - Self.firstWrite : buffer
  }
}

/// The tables of a schedule; equal ones are one.
final class TableStore {
  private(set) var tables: [Tensor] = []
  private var numbers: [Key: Int] = [:]

  private struct Key: Hashable {
    var integers: [Int32] = []
    var floats: [Float] = []
  }

  func table(_ integers: [Int]) -> ScheduleValue {
    let numbers = integers.map { Int32($0) }
    return add(Key(integers: numbers)) { Tensor([numbers.count], numbers) }
  }

  func table(_ floats: [Float]) -> ScheduleValue { add(Key(floats: floats)) { Tensor([floats.count], floats) } }

  func table(_ tensor: Tensor) -> ScheduleValue {
    tables.append(tensor)
    return .table(tables.count - 1)
  }

  private func add(_ key: Key, _ make: () -> Tensor) -> ScheduleValue {
    if let known = numbers[key] { return .table(known) }
    tables.append(make())
    numbers[key] = tables.count - 1
    return .table(tables.count - 1)
  }
}
