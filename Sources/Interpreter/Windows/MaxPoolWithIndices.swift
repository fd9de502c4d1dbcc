import GraphIR
import Tensors

extension Windows {
  /// The first of equal maxima counts. A window without elements gives the lowest number and position -1.
  static func maxPoolWithIndices(
    _ node: Node, _ x: Tensor, _ window: Window, columnMajor: Bool, _ context: EvaluationContext
  ) throws -> [Tensor] {
    let (windows, shape) = try windows(node, x, window)
    let wide = try x.widened()
    let isWide = wide.elementType == x.elementType
    let values =
      try isWide ? context.makeTensor(x.elementType, shape) : Tensor(wide.elementType, shape, zeroed: false)
    let indices = try context.makeTensor(.int64, shape, result: 1)

    let pool = PositionPool(windows: windows, columnMajor: columnMajor, x: wide, values: values, indices: indices)
    guard x.elementType.isNumeric, try wide.elementType.dispatch(pool) != nil else {
      throw EvaluationError(node, x.elementType.name, expected: "numbers")
    }
    return [try isWide ? values : values.narrowed(to: x.elementType), indices]
  }
}

/// The loops over windows and channels.
private struct PositionPool: RealComputation {
  var windows: ImageWindows
  var columnMajor: Bool
  var x: Tensor
  var values: Tensor
  var indices: Tensor

  func run<Number: RealNumber>(_: Number.Type) -> Void? {
    let taps = UnsafeMutablePointer<ImageWindows.Tap>.allocate(capacity: windows.tapCapacity)
    defer { taps.deallocate() }
    return x.withElements(of: Number.self) { x in
      values.withMutableElements(of: Number.self) { values in
        indices.withMutableElements(of: Int64.self) { indices in
          for position in 0..<(windows.batch * windows.positions) {
            let count = windows.findTaps(of: position, taps)
            let window = UnsafeBufferPointer(start: taps, count: count)
            let image = position / windows.positions
            for channel in 0..<windows.channels {
              let target = position * windows.channels + channel
              (values[target], indices[target]) = best(window, x, image, channel)
            }
          }
        }
      }
    }
  }

  @inline(__always)
  private func best<Number: RealNumber>(
    _ taps: UnsafeBufferPointer<ImageWindows.Tap>, _ x: UnsafeBufferPointer<Number>, _ image: Int, _ channel: Int
  ) -> (Number, Int64) {
    var best = Number.lowest
    var pixel = -1
    for tap in taps {
      let number = x[tap.pixel * windows.channels + channel]
      // The first NaN wins.
      if pixel < 0 || number > best || (number != number && best == best) {
        best = number
        pixel = tap.pixel
      }
    }
    if pixel < 0 { return (best, -1) }
    let within = windows.place(pixel - image * windows.imagePixels, columnMajor: columnMajor)
    return (best, Int64((image * windows.channels + channel) * windows.imagePixels + within))
  }
}

extension ImageWindows {
  /// A pixel's row-major place within its image, or its place with the last axis slowest.
  fileprivate func place(_ pixel: Int, columnMajor: Bool) -> Int {
    if !columnMajor { return pixel }
    let (line, w) = pixel.quotientAndRemainder(dividingBy: width.input)
    let (d, h) = line.quotientAndRemainder(dividingBy: height.input)
    return (w * height.input + h) * depth.input + d
  }
}
