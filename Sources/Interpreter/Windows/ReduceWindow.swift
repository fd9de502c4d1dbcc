import Glibc
import GraphIR
import Tensors

extension Windows {
  static func reduceWindow(
    _ node: Node, _ x: Tensor, _ reduction: WindowReduction, _ window: Window, _ context: EvaluationContext
  ) throws -> Tensor {
    let (windows, shape) = try windows(node, x, window)
    if case .norm(let p) = reduction, p < 1 {
      throw EvaluationError(node, "norm \(p)", expected: "a positive exponent")
    }
    let wide = try x.widened()
    let isWide = wide.elementType == x.elementType
    let result =
      try isWide ? context.makeTensor(x.elementType, shape) : Tensor(wide.elementType, shape, zeroed: false)
    let pool = WindowPool(windows: windows, threads: context.threadCount)

    func integers<Number: PoolNumber & FixedWidthInteger>(_: Number.Type) throws {
      switch reduction {
      case .maximum: pool.fold(wide, into: result, from: Number.lowest, Number.maximum) { sum, _ in sum }
      case .sum: pool.fold(wide, into: result, from: Number.nothing, Number.sum) { sum, _ in sum }
      case .average, .norm:
        throw EvaluationError(node, x.elementType.name, expected: "floats for averages and norms")
      }
    }
    func reals<Number: PoolReal>(_: Number.Type) {
      switch reduction {
      case .maximum: pool.fold(wide, into: result, from: Number.lowest, Number.maximum) { sum, _ in sum }
      case .sum: pool.fold(wide, into: result, from: Number.nothing, Number.sum) { sum, _ in sum }
      case .average(let countsPadding):
        pool.fold(wide, into: result, from: Number.nothing, Number.sum) { sum, counts in
          Number.divide(sum, by: max(1, countsPadding ? counts.padded : counts.inside))
        }
      case .norm(let p): pool.norm(wide, into: result, p, of: Number.self)
      }
    }
    switch wide.elementType {
    case .float32: reals(Float.self)
    case .float64: reals(Double.self)
    case .int8: try integers(Int8.self)
    case .int16: try integers(Int16.self)
    case .int32: try integers(Int32.self)
    case .int64: try integers(Int64.self)
    case .uint8: try integers(UInt8.self)
    case .uint16: try integers(UInt16.self)
    case .uint32: try integers(UInt32.self)
    case .uint64: try integers(UInt64.self)
    default: throw EvaluationError(node, x.elementType.name, expected: "numbers")
    }
    return try isWide ? result : result.narrowed(to: x.elementType)
  }
}

/// The loops over windows and channels.
private struct WindowPool {
  var windows: ImageWindows
  var threads: Int

  /// How many elements of a window there are, without and with those in the padding.
  struct Counts {
    var inside: Int
    var padded: Int
  }

  /// Calls `body` with every window's flat position and taps.
  @inline(__always)
  private func forEach(_ body: (Int, UnsafeBufferPointer<ImageWindows.Tap>) -> Void) {
    let positions = windows.batch * windows.positions
    let operations = Double(positions) * Double(windows.tapCapacity) * Double(windows.channels)
    parallelFor(positions, threads: operations < 1e6 ? 1 : threads) { part in
      let taps = UnsafeMutablePointer<ImageWindows.Tap>.allocate(capacity: windows.tapCapacity)
      defer { taps.deallocate() }
      for position in part {
        body(position, UnsafeBufferPointer(start: taps, count: windows.findTaps(of: position, taps)))
      }
    }
  }

  /// Folds the elements inside each window, 64 at a time, so that the error of long sums stays small.
  @inline(__always)
  func fold<Number: PoolNumber>(
    _ x: Tensor, into result: Tensor, from start: Number, _ combine: (SIMD8<Number>, SIMD8<Number>) -> SIMD8<Number>,
    _ finish: (SIMD8<Number>, Counts) -> SIMD8<Number>
  ) {
    let channels = windows.channels
    x.withElements(of: Number.self) { x in
      result.withMutableElements(of: Number.self) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        forEach { position, taps in
          let counts = Counts(inside: taps.count, padded: padded(position))
          let target = result + position * channels
          var channel = 0
          while channel < channels {
            let width = min(8, channels - channel)
            var total = SIMD8(repeating: start)
            var first = 0
            while first < taps.count {
              let end = min(first + 64, taps.count)
              var part = SIMD8(repeating: start)
              for index in first..<end {
                part = combine(part, load(x + (taps[index].pixel * channels + channel), width))
              }
              total = combine(total, part)
              first = end
            }
            let sums = finish(total, counts)
            if width == 8 {
              UnsafeMutableRawPointer(target + channel).storeBytes(of: sums, as: SIMD8<Number>.self)
            } else {
              for lane in 0..<width { target[channel + lane] = sums[lane] }
            }
            channel += 8
          }
        }
      }
    }
  }

  @inline(__always)
  private func load<Number: PoolNumber>(_ source: UnsafePointer<Number>, _ width: Int) -> SIMD8<Number> {
    if width == 8 { return UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Number>.self) }
    var lanes = SIMD8<Number>()
    for lane in 0..<width { lanes[lane] = source[lane] }
    return lanes
  }

  private func padded(_ position: Int) -> Int {
    let (_, d, h, w) = windows.position(position)
    return windows.depth.insidePadded(d) * windows.height.insidePadded(h) * windows.width.insidePadded(w)
  }

  /// In float64, since powers overflow float32 early.
  func norm<Number: PoolReal>(_ x: Tensor, into result: Tensor, _ p: Int, of: Number.Type) {
    let channels = windows.channels
    x.withElements(of: Number.self) { x in
      result.withMutableElements(of: Number.self) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        forEach { position, taps in
          for channel in 0..<channels {
            var sum = 0.0
            for tap in taps {
              let magnitude = abs(Double(x[tap.pixel * channels + channel]))
              sum += p == 1 ? magnitude : p == 2 ? magnitude * magnitude : pow(magnitude, Double(p))
            }
            let root = p == 1 ? sum : p == 2 ? sum.squareRoot() : pow(sum, 1 / Double(p))
            result[position * channels + channel] = Number(root)
          }
        }
      }
    }
  }
}
