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
    let pool = WindowPool(
      windows: windows, threads: context.threadCount, reduction: reduction, x: wide, result: result)
    guard x.elementType.isNumeric, try wide.elementType.dispatch(pool) != nil else {
      throw EvaluationError(node, x.elementType.name, expected: "numbers, and floats for norms")
    }
    return try isWide ? result : result.narrowed(to: x.elementType)
  }
}

/// The loops over windows and channels.
private struct WindowPool: RealComputation {
  var windows: ImageWindows
  var threads: Int
  var reduction: WindowReduction
  var x: Tensor
  var result: Tensor

  func run<Number: RealNumber>(_: Number.Type) -> Void? {
    switch reduction {
    case .maximum: fold(from: Number.lowest, Number.larger) { sum, _ in sum }
    case .sum: fold(from: Number.zero, Number.sum) { sum, _ in sum }
    case .average(let countsPadding):
      fold(from: Number.zero, Number.sum) { sum, counts in
        Number.quotient(sum, Number.whole(max(1, countsPadding ? counts.padded : counts.inside)))
      }
    case .norm(let p):
      switch Number.elementType {
      case .float32: norm(p, of: Float.self)
      case .float64: norm(p, of: Double.self)
      default: return nil
      }
    }
    return ()
  }

  /// How many elements of a window there are, without and with those in the padding.
  struct Counts {
    var inside: Int
    var padded: Int
  }

  /// Calls `body` with every window's flat position and taps, and with room for `scratch` numbers.
  @inline(__always)
  private func forEach<Number>(
    scratch: Int, of: Number.Type,
    _ body: (Int, UnsafeBufferPointer<ImageWindows.Tap>, UnsafeMutablePointer<Number>) -> Void
  ) {
    let positions = windows.batch * windows.positions
    let operations = Double(positions) * Double(windows.tapCapacity) * Double(windows.channels)
    parallelFor(positions, threads: operations < 1e6 ? 1 : threads) { part in
      let taps = UnsafeMutablePointer<ImageWindows.Tap>.allocate(capacity: windows.tapCapacity)
      let numbers = UnsafeMutablePointer<Number>.allocate(capacity: max(1, scratch))
      defer {
        taps.deallocate()
        numbers.deallocate()
      }
      for position in part {
        body(position, UnsafeBufferPointer(start: taps, count: windows.findTaps(of: position, taps)), numbers)
      }
    }
  }

  /// Folds the elements inside each window, 64 at a time, so that the error of long sums stays small.
  @inline(__always)
  private func fold<Number: RealNumber>(
    from start: Number, _ combine: (Number, Number) -> Number, _ finish: (Number, Counts) -> Number
  ) {
    let channels = windows.channels
    x.withElements(of: Number.self) { x in
      result.withMutableElements(of: Number.self) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        forEach(scratch: channels, of: Number.self) { position, taps, part in
          let target = result + position * channels
          target.update(repeating: start, count: channels)
          var first = 0
          while first < taps.count {
            let end = min(first + 64, taps.count)
            let isOnly = first == 0 && end == taps.count
            let sums = isOnly ? target : part
            if !isOnly { sums.update(repeating: start, count: channels) }
            for index in first..<end {
              let source = x + taps[index].pixel * channels
              for channel in 0..<channels { sums[channel] = combine(sums[channel], source[channel]) }
            }
            if !isOnly {
              for channel in 0..<channels { target[channel] = combine(target[channel], part[channel]) }
            }
            first = end
          }
          let counts = Counts(inside: taps.count, padded: padded(position))
          for channel in 0..<channels { target[channel] = finish(target[channel], counts) }
        }
      }
    }
  }

  private func padded(_ position: Int) -> Int {
    let (_, d, h, w) = windows.position(position)
    return windows.depth.insidePadded(d) * windows.height.insidePadded(h) * windows.width.insidePadded(w)
  }

  /// In float64, since powers overflow float32 early.
  private func norm<Number: RealNumber & BinaryFloatingPoint>(_ p: Int, of: Number.Type) {
    let channels = windows.channels
    x.withElements(of: Number.self) { x in
      result.withMutableElements(of: Number.self) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        forEach(scratch: 0, of: Number.self) { position, taps, _ in
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
