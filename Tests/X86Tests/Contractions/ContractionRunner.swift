import Glibc
import GraphIR
import KernelIR
import Testing
import TileEmulator

@testable import X86

/// Bytes between pages that cannot be touched, right behind the first or right before the last one.
final class GuardedBytes {
  enum Place: CaseIterable { case behindGuard, beforeGuard }

  let pointer: UnsafeMutableRawPointer
  let count: Int
  private let mapping: UnsafeMutableRawPointer
  private let size: Int

  init(_ bytes: [UInt8], _ place: Place) throws {
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let inner = max(1, (bytes.count + page - 1) / page) * page
    size = inner + 2 * page
    let mapped = mmap(nil, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    mapping = try #require(mapped != MAP_FAILED ? mapped : nil)
    try #require(mprotect(mapping + page, inner, PROT_READ | PROT_WRITE) == 0)
    pointer = place == .behindGuard ? mapping + page : mapping + page + inner - bytes.count
    count = bytes.count
    bytes.withUnsafeBytes { pointer.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(pointer), byteCount: count) }
  }

  deinit { munmap(mapping, size) }

  var bytes: [UInt8] { Array(UnsafeRawBufferPointer(start: pointer, count: count)) }
}

extension [UInt8] {
  init<Number: BitwiseCopyable>(bytesOf numbers: [Number]) { self = numbers.withUnsafeBytes { Array($0) } }

  func elements<Number: BitwiseCopyable>(of: Number.Type) -> [Number] {
    withUnsafeBytes { bytes in
      stride(from: 0, to: count, by: MemoryLayout<Number>.stride).map {
        bytes.loadUnaligned(fromByteOffset: $0, as: Number.self)
      }
    }
  }
}

/// Compiles one contraction and calls it in different ways: results must be the same bits.
struct ContractionRunner {
  typealias Function = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

  static let caps = InstructionSet.runnable

  let kernel: CompiledKernel
  let packer: Packer
  private let region: CodeRegion
  private let function: Function

  init(_ kernel: Kernel, _ cap: InstructionSet) throws { try self.init(KernelForm(kernel), cap) }

  init(_ form: KernelForm, _ cap: InstructionSet) throws {
    try self.init(ContractionCompiler(instructionSet: cap).compile(form), cap)
  }

  init(_ kernel: CompiledKernel, _ cap: InstructionSet) throws {
    self.kernel = kernel
    packer = Packer(instructionSet: cap)
    region = try CodeRegion(capacity: 1 << 20)
    function = try region.add(name: self.kernel.name, self.kernel.code).function(as: Function.self)
  }

  func packed(_ packing: Packing, _ values: [Float]) -> [Float] {
    let bytes = packer.pack(packing, from: values)
    defer { bytes.deallocate() }
    return Array(bytes.bindMemory(to: Float.self).prefix(packer.byteCount(packing) / 4))
  }

  func packed(_ packing: Packing, _ values: [Int8]) -> [UInt8] {
    let bytes = packer.pack(packing, from: values)
    defer { bytes.deallocate() }
    return Array(bytes.prefix(packer.byteCount(packing)))
  }

  func run(_ buffers: [[Float]], results: [Int], parameters: [Int], seed: UInt64) throws -> [[Float]] {
    try run(buffers.map { [UInt8](bytesOf: $0) }, results: results, parameters: parameters, seed: seed).map {
      $0.elements(of: Float.self)
    }
  }

  /// Calls all units at once, then in random pieces in random order on other memory; `results` are the positions of the
  /// buffers that are written. Returns those.
  func run(_ buffers: [[UInt8]], results: [Int], parameters: [Int], seed: UInt64) throws -> [[UInt8]] {
    var generator = SplitMix64(state: seed)
    let units = kernel.units.count(parameters: parameters)
    let first = try call(buffers, results, parameters, [0..<units], .beforeGuard)
    var pieces: [Range<Int>] = []
    var start = 0
    while start < units {
      let end = min(units, start + Int.random(in: 1...max(1, units / 3), using: &generator))
      pieces.append(start..<end)
      start = end
    }
    pieces.shuffle(using: &generator)
    let second = try call(buffers, results, parameters, pieces, .behindGuard)
    for (left, right) in zip(first, second) {
      #expect(left == right, "\(kernel.name): units \(pieces)")
    }
    return first
  }

  private func call(
    _ buffers: [[UInt8]], _ results: [Int], _ parameters: [Int], _ pieces: [Range<Int>], _ place: GuardedBytes.Place
  ) throws -> [[UInt8]] {
    let guarded = try buffers.map { try GuardedBytes($0, place) }
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: kernel.scratchByteCount + 64, alignment: 64)
    defer { scratch.deallocate() }
    // Whatever a thread's scratch held before, and nothing behind its end.
    memset(scratch, 0xFF, kernel.scratchByteCount + 64)
    let arguments = guarded.map { UInt64(UInt(bitPattern: $0.pointer)) } + parameters.map { UInt64($0) }
    for phase in 0..<(kernel.phases?.count(parameters: parameters) ?? 1) {
      for piece in pieces {
        (arguments + [UInt64(phase)]).withUnsafeBytes {
          function($0.baseAddress!, piece.lowerBound, piece.upperBound, scratch)
        }
      }
    }
    let behind = UnsafeRawBufferPointer(start: scratch + kernel.scratchByteCount, count: 64)
    #expect(behind.allSatisfy { $0 == 0xFF }, "\(kernel.name) writes behind its scratch")
    return results.map { guarded[$0].bytes }
  }
}

/// Small integers: sums of their products are exact in any order.
func wholeNumbers(_ count: Int, _ generator: inout SplitMix64) -> [Float] {
  (0..<count).map { _ in Float(Int.random(in: -4...4, using: &generator)) }
}

/// Epilogues and their meaning in plain Swift, on one element.
struct EpilogueCase: CustomTestStringConvertible {
  var testDescription: String
  var epilogue: Epilogue
  /// Relative to the larger of 1 and the result.
  var tolerance: Float = 0

  func accepts(_ found: Float, _ expected: Float) -> Bool {
    if expected.isNaN { return found.isNaN }
    return found == expected || abs(found - expected) <= tolerance * max(1, abs(expected))
  }

  /// What the accumulator becomes; `operands` are the elements that belong to it.
  func apply(_ accumulator: Float, _ operands: [Float]) -> Float {
    var values: [Float] = []
    for term in epilogue.terms {
      switch term {
      case .accumulator: values.append(accumulator)
      case .operand(let position): values.append(operands[position])
      case .constant(let bits): values.append(Float(bitPattern: bits))
      case .integer(let number): values.append(Float(number))
      case .float(let x): values.append(values[x])
      case .unary(let function, let x): values.append(Self.unary(function, values[x]))
      case .binary(let function, let x, let y): values.append(Self.binary(function, values[x], values[y]))
      case .compare(let comparison, let x, let y): values.append(Self.compare(comparison, values[x], values[y]) ? 1 : 0)
      case .select(let condition, let x, let y): values.append(values[condition] != 0 ? values[x] : values[y])
      }
    }
    return values[values.count - 1]
  }

  private static func unary(_ function: UnaryFunction, _ x: Float) -> Float {
    switch function {
    case .absolute: abs(x)
    case .negate: -x
    case .squareRoot: x.squareRoot()
    case .reciprocal: 1 / x
    case .floor: x.rounded(.down)
    case .ceil: x.rounded(.up)
    case .roundNearestEven: x.rounded(.toNearestOrEven)
    case .not: x == 0 ? 1 : 0
    case .isNaN: x.isNaN ? 1 : 0
    case .exponential: Float(exp(Double(x)))
    case .hyperbolicTangent: Float(tanh(Double(x)))
    case .logistic: Float(1 / (1 + exp(-Double(x))))
    case .errorFunction: Float(erf(Double(x)))
    default: .nan
    }
  }

  private static func binary(_ function: BinaryFunction, _ x: Float, _ y: Float) -> Float {
    switch function {
    case .add: x + y
    case .subtract: x - y
    case .multiply: x * y
    case .divide: x / y
    case .maximum: x > y || x.isNaN ? x : y
    case .minimum: x < y || x.isNaN ? x : y
    case .and: x != 0 && y != 0 ? 1 : 0
    case .or: x != 0 || y != 0 ? 1 : 0
    case .exclusiveOr: (x != 0) != (y != 0) ? 1 : 0
    default: .nan
    }
  }

  private static func compare(_ comparison: Comparison, _ x: Float, _ y: Float) -> Bool {
    switch comparison {
    case .equal: x == y
    case .notEqual: x != y
    case .less: x < y
    case .lessOrEqual: x <= y
    case .greater: x > y
    case .greaterOrEqual: x >= y
    }
  }

  /// Forms that models have. `rowStride` is that of the residual.
  static func all(rowStride: Int, batchStrides: [Int] = []) -> [EpilogueCase] {
    func operand(_ row: Int, _ column: Int) -> Epilogue.Operand {
      Epilogue.Operand(.float32, rowStride: row, columnStride: column, batchStrides: batchStrides.map { $0 * row })
    }
    let bias = operand(0, 1)
    func constant(_ value: Float) -> Epilogue.Term { .constant(value.bitPattern) }
    return [
      EpilogueCase(testDescription: "none", epilogue: .none),
      EpilogueCase(
        testDescription: "bias",
        epilogue: Epilogue(operands: [bias], terms: [.accumulator, .operand(0), .binary(.add, 0, 1)])),
      EpilogueCase(
        testDescription: "bias, relu",
        epilogue: Epilogue(
          operands: [bias],
          terms: [.accumulator, .operand(0), .binary(.add, 0, 1), constant(0), .binary(.maximum, 2, 3)])),
      EpilogueCase(
        testDescription: "bias, residual, clip",
        epilogue: Epilogue(
          operands: [bias, operand(rowStride, 1)],
          terms: [
            .accumulator, .operand(0), .binary(.add, 0, 1), .operand(1), .binary(.add, 4 - 1, 2), constant(0),
            .binary(.maximum, 4, 5), constant(6), .binary(.minimum, 7, 6),
          ])),
      EpilogueCase(
        testDescription: "row scale, scalar, other order",
        epilogue: Epilogue(
          operands: [operand(1, 0), operand(0, 0)],
          terms: [
            .operand(0), .accumulator, .binary(.multiply, 0, 1), .operand(1), .binary(.subtract, 3, 2),
            .unary(.absolute, 4), .unary(.squareRoot, 5), .binary(.minimum, 6, 3),
          ])),
      EpilogueCase(
        testDescription: "leaky",
        epilogue: Epilogue(
          terms: [
            .accumulator, constant(0), .compare(.less, 0, 1), constant(0.125), .binary(.multiply, 0, 3),
            .select(2, 4, 0),
          ])),
      EpilogueCase(
        testDescription: "bools",
        epilogue: Epilogue(
          operands: [bias],
          terms: [
            .accumulator, .operand(0), .compare(.greaterOrEqual, 0, 1), .unary(.isNaN, 0), .binary(.or, 2, 3),
            .unary(.not, 4), .unary(.negate, 0), .select(5, 6, 1),
          ])),
      EpilogueCase(
        testDescription: "gelu",
        epilogue: Epilogue(
          operands: [bias],
          terms: [
            .accumulator, .operand(0), .binary(.add, 0, 1), constant(0.125), .binary(.multiply, 2, 3),
            .unary(.errorFunction, 4), .binary(.multiply, 5, 2),
          ]), tolerance: 1e-6),
      EpilogueCase(
        testDescription: "residual, swish",
        epilogue: Epilogue(
          operands: [operand(rowStride, 1)],
          terms: [.accumulator, .operand(0), .binary(.add, 0, 1), .unary(.logistic, 2), .binary(.multiply, 2, 3)]),
        tolerance: 1e-6),
      EpilogueCase(
        testDescription: "long",
        epilogue: Epilogue(
          operands: [bias, operand(rowStride, 1)],
          terms: [
            .accumulator, .operand(0), .binary(.add, 0, 1), .unary(.floor, 2), .unary(.ceil, 3),
            .unary(.roundNearestEven, 4), constant(2), .binary(.divide, 5, 6), .operand(1), .binary(.maximum, 7, 8),
            .unary(.negate, 9), .binary(.add, 10, 6), .binary(.multiply, 11, 0), .binary(.minimum, 12, 1),
            .unary(.absolute, 13), .unary(.negate, 14),
          ])),
    ]
  }
}

extension Packer {
  /// What a packed constant has in memory.
  func bytes(_ packing: Packing, from constant: [some BitwiseCopyable]) -> [UInt8] {
    let packed = constant.withUnsafeBytes { pack(packing, from: $0.baseAddress!) }
    defer { packed.deallocate() }
    return Array(packed.prefix(byteCount(packing)))
  }
}
