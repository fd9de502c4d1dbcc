import Glibc
import Tensors

/// What one core can do at most, measured with loops that do nothing else: the roof that kernels are held against.
public struct MachinePeaks: Sendable {
  /// float32 multiplications and additions of fused multiply-adds in registers.
  public var gigaflopsPerSecond: Double
  /// Bytes read and written by a copy that is far larger than the caches.
  public var gigabytesPerSecond: Double

  private typealias Function = @convention(c) (UnsafeRawPointer?, Int, Int, UnsafeMutableRawPointer?) -> Void

  /// Takes about 50 ms.
  public static func measure(_ instructionSet: InstructionSet) throws -> MachinePeaks {
    let region = try CodeRegion(capacity: 1 << 16)
    let multiply = try region.add(name: "fma_peak", multiplyAdds(instructionSet)).function(as: Function.self)
    let copy = try region.add(name: "copy_peak", copies(instructionSet)).function(as: Function.self)
    let rounds = 100_000
    let lanes = instructionSet >= .avx512 ? 16 : 8
    let flops = Double(2 * accumulatorCount * lanes * rounds)
    let multiplySeconds = best { multiply(nil, 0, rounds, nil) }
    let byteCount = 64 << 20
    let memory = try TensorStorage(byteCount: 2 * byteCount, zeroed: true, prefersHugePages: true)
    var arguments = [UInt(bitPattern: memory.base), UInt(bitPattern: memory.base + byteCount)]
    let copySeconds = arguments.withUnsafeMutableBytes { arguments in
      best { copy(UnsafeRawPointer(arguments.baseAddress), 0, byteCount / (lanes * 4), nil) }
    }
    return withExtendedLifetime((region, memory)) {
      MachinePeaks(
        gigaflopsPerSecond: flops / multiplySeconds / 1e9, gigabytesPerSecond: Double(2 * byteCount) / copySeconds / 1e9)
    }
  }

  /// Enough to hide the latency of two units of four cycles each.
  private static let accumulatorCount = 12

  private static func multiplyAdds(_ instructionSet: InstructionSet) throws -> MachineCode {
    let builder = VectorBuilder(name: "fma_peak", instructionSet: instructionSet)
    let factor = builder.constant(0.5)
    let accumulators = (0..<accumulatorCount).map { _ in builder.zero() }
    builder.loop(from: .value(builder.begin), to: .value(builder.end), carrying: accumulators) { _, carried in
      carried.map { builder.multiplyAdd(factor, factor, adding: $0) }
    }
    return try builder.build()
  }

  private static func copies(_ instructionSet: InstructionSet) throws -> MachineCode {
    let builder = VectorBuilder(name: "copy_peak", instructionSet: instructionSet)
    let source = builder.argument(0)
    let target = builder.argument(1)
    let first = builder.multiply(builder.begin, by: builder.vectorByteCount)
    let last = builder.multiply(builder.end, by: builder.vectorByteCount)
    builder.loop(from: .value(first), to: .value(last), step: builder.vectorByteCount) { index, _ in
      builder.store(builder.load(Address(source, index: index)), to: Address(target, index: index))
      return []
    }
    return try builder.build()
  }

  /// Seconds of the fastest of five calls, after one that warms up.
  private static func best(_ body: () -> Void) -> Double {
    body()
    return (0..<5).map { _ in
      var (start, end) = (timespec(), timespec())
      clock_gettime(CLOCK_MONOTONIC, &start)
      body()
      clock_gettime(CLOCK_MONOTONIC, &end)
      return Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) * 1e-9
    }.min() ?? 0
  }
}
