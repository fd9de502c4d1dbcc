import Glibc
import GraphIR
import KernelIR
import Tensors
import Testing

@testable import X86

/// Memory whose last element is followed by a page that may not be touched.
final class GuardedMemory {
  let base: UnsafeMutableRawPointer
  let byteCount: Int
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int

  /// - Parameter alignment: of the start; the end is that much off the forbidden page at most.
  init(byteCount: Int) {
    let page = 4096
    mappedBytes = (byteCount + 64 + page - 1) / page * page + page
    mapping = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    mprotect(mapping + (mappedBytes - page), page, PROT_NONE)
    base = mapping + (mappedBytes - page - byteCount)
    self.byteCount = byteCount
    // What lies before must not be written either.
    memset(mapping, 0xA5, mappedBytes - page - byteCount)
    memset(base, 0xC3, byteCount)
  }

  deinit { munmap(mapping, mappedBytes) }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: byteCount) }
  var isFrontIntact: Bool { UnsafeRawBufferPointer(start: mapping, count: base - mapping).allSatisfy { $0 == 0xA5 } }
}

/// A kernel with memory for its buffers, run in two ways.
struct KernelRun {
  let kernel: LoopKernel
  let inputs: [GuardedMemory]
  let sizes: [Int]
  let firstExtent: Int

  typealias Function =
    @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer?) -> Void

  var units: Int { firstExtent * kernel.unitsPerPosition }

  /// Fresh memory for the buffers that are written, after `run` on all units, cut into `pieces` calls.
  func outputs(
    pieces: Int, _ run: (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer?) -> Void
  ) -> [GuardedMemory?] {
    let outputs = kernel.buffers.indices.map { index in
      kernel.buffers[index].access == .write
        ? GuardedMemory(byteCount: sizes[index] * kernel.buffers[index].elementType.bitWidth / 8) : nil
    }
    var arguments: [Int] = kernel.buffers.indices.compactMap { index in
      kernel.buffers[index].access == .scratch ? nil : Int(bitPattern: outputs[index]?.base ?? inputs[index].base)
    }
    arguments.append(firstExtent)
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: kernel.scratchSizeInBytes + 64, alignment: 64)
    defer { scratch.deallocate() }
    arguments.withUnsafeBytes { arguments in
      for piece in 0..<pieces {
        run(arguments.baseAddress!, units * piece / pieces, units * (piece + 1) / pieces, scratch)
      }
    }
    return outputs
  }

  /// The first difference, as text.
  static func difference(_ type: ElementType, _ a: GuardedMemory, _ b: GuardedMemory, tolerance: Double = 0) -> String?
  {
    func compare<T: Equatable>(_ type: T.Type, _ isSame: (T, T) -> Bool) -> String? {
      let lefts = a.base.assumingMemoryBound(to: T.self)
      let rights = b.base.assumingMemoryBound(to: T.self)
      for index in 0..<(a.byteCount / MemoryLayout<T>.stride) where !isSame(lefts[index], rights[index]) {
        return "element \(index): \(lefts[index]) and \(rights[index])"
      }
      return nil
    }
    func isClose(_ x: Double, _ y: Double) -> Bool {
      x == y || x.isNaN && y.isNaN || abs(x - y) <= tolerance * max(abs(x), abs(y))
    }
    switch type {
    case .float32: return compare(Float.self) { isClose(Double($0), Double($1)) }
    case .float64: return compare(Double.self) { isClose($0, $1) }
    case .float16:
      return compare(UInt16.self) {
        isClose(Double(FloatFormat.float16.decode($0)), Double(FloatFormat.float16.decode($1)))
      }
    case .bfloat16:
      return compare(UInt16.self) {
        isClose(Double(FloatFormat.bfloat16.decode($0)), Double(FloatFormat.bfloat16.decode($1)))
      }
    default: return compare(UInt8.self, ==)
    }
  }
}

extension KernelRun {
  init(_ random: RandomKernel) {
    var generator = random.generator
    kernel = random.kernel
    sizes = random.sizes
    firstExtent = random.firstExtent
    inputs = random.kernel.buffers.indices.map { index in
      Self.memory(
        random.kernel.buffers[index].elementType, random.sizes[index], random.contents[index], &generator)
    }
  }

  static func memory(
    _ type: ElementType, _ count: Int, _ contents: RandomKernel.Contents, _ generator: inout SeededGenerator
  ) -> GuardedMemory {
    let memory = GuardedMemory(byteCount: count * type.bitWidth / 8)
    for index in 0..<count {
      var number = Double(Int.random(in: -16...16, using: &generator)) / 4
      if type.isInteger { number *= 4 }
      switch contents {
      case .signs: number = Bool.random(using: &generator) ? 1 : -1
      case .positions(let bound): number = Double(Int.random(in: 0..<bound, using: &generator))
      case .anything where Int.random(in: 0..<8, using: &generator) == 0:
        if type.isFloat {
          number = [.nan, .infinity, -.infinity, 1e-40, 3e38, -70000, 1e10].randomElement(using: &generator)!
        } else if type != .bool {
          // Any bits are an integer.
          for byte in 0..<(type.bitWidth / 8) {
            let bits = [0, 0xFF, 0x80, 0x7F].randomElement(using: &generator)! as UInt8
            memory.base.storeBytes(of: bits, toByteOffset: index * type.bitWidth / 8 + byte, as: UInt8.self)
          }
          continue
        }
      default: break
      }
      func put<T: BitwiseCopyable>(_ value: T) {
        memory.base.storeBytes(of: value, toByteOffset: index * MemoryLayout<T>.size, as: T.self)
      }
      switch type {
      case .float32: put(Float(number))
      case .float64: put(number)
      case .float16: put(FloatFormat.float16.encode(number))
      case .bfloat16: put(FloatFormat.bfloat16.encode(number))
      case .bool: put(number > 0 ? 1 as UInt8 : 0)
      case .int64, .uint64: put(Int64(number))
      case .int32, .uint32: put(Int32(number))
      case .int16, .uint16: put(Int16(number))
      default: put(Int8(number))
      }
    }
    return memory
  }
}

@Suite struct LoopCodeTests {
  static let sets: [InstructionSet] = [.avx2, .avx512].filter { set in
    (try? CPU.current()).map { InstructionSet.best(for: $0.features) >= set } ?? false
  }

  /// APUS_FUZZ_CASES sets how many kernels each of the blocks tries.
  static let casesPerBlock = getenv("APUS_FUZZ_CASES").flatMap { Int(String(cString: $0)) } ?? 50

  @Test("Random kernels compute what the interpreter computes", arguments: sets, 0..<8)
  func random(set: InstructionSet, block: Int) throws {
    let region = try CodeRegion(capacity: 32 << 20, perf: nil)
    var unsupported: [String: Int] = [:]
    for seed in block * Self.casesPerBlock..<(block + 1) * Self.casesPerBlock {
      let random = RandomKernel(seed: seed, set)
      let kernel = random.kernel
      do {
        try kernel.verify()
      } catch {
        Issue.record("seed \(seed): \(error)\n\(kernel)")
        continue
      }
      #expect(try LoopKernel(parsing: kernel.description) == kernel, "seed \(seed)")
      let code: MachineCode
      do {
        code = try LoopCompiler.compile(kernel, set)
      } catch {
        guard case .unsupported = error else {
          Issue.record("seed \(seed): \(error)\n\(kernel)")
          continue
        }
        unsupported["\(error)", default: 0] += 1
        continue
      }
      let function: KernelRun.Function = try region.add(name: kernel.name, code).function()
      let run = KernelRun(random)
      let interpreter = try LoopInterpreter(kernel)
      let expected = run.outputs(pieces: 1) { interpreter.run(arguments: $0, begin: $1, end: $2, scratch: $3) }
      let found = run.outputs(pieces: seed % 3 + 1) { function($0, $1, $2, $3) }
      for index in kernel.buffers.indices {
        guard let expected = expected[index], let found = found[index] else { continue }
        if let difference = KernelRun.difference(kernel.buffers[index].elementType, expected, found) {
          Issue.record("seed \(seed), buffer \(index), \(difference)\n\(kernel)")
        }
        #expect(found.isFrontIntact, "seed \(seed), buffer \(index): written before its start")
      }
    }
    // The generator asks for little that there is no code for.
    #expect(unsupported.values.reduce(0, +) <= Self.casesPerBlock / 5, "\(unsupported)")
  }
}
