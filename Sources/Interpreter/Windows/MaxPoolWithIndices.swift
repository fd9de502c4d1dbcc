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

    func pool<Number: PoolNumber>(_: Number.Type) {
      let taps = UnsafeMutablePointer<ImageWindows.Tap>.allocate(capacity: windows.tapCapacity)
      defer { taps.deallocate() }
      wide.withElements(of: Number.self) { x in
        values.withMutableElements(of: Number.self) { values in
          indices.withMutableElements(of: Int64.self) { indices in
            for position in 0..<(windows.batch * windows.positions) {
              let count = windows.findTaps(of: position, taps)
              let image = position / windows.positions
              for channel in 0..<windows.channels {
                var best = Number.lowest
                var pixel: Int?
                for tap in UnsafeBufferPointer(start: taps, count: count) {
                  let number = x[tap.pixel * windows.channels + channel]
                  if pixel == nil || Number.isGreater(number, best) {
                    best = number
                    pixel = tap.pixel
                  }
                }
                let target = position * windows.channels + channel
                values[target] = best
                indices[target] = Int64(
                  pixel.map {
                    let within = windows.place($0 - image * windows.imagePixels, columnMajor: columnMajor)
                    return (image * windows.channels + channel) * windows.imagePixels + within
                  } ?? -1)
              }
            }
          }
        }
      }
    }
    switch wide.elementType {
    case .float32: pool(Float.self)
    case .float64: pool(Double.self)
    case .int8: pool(Int8.self)
    case .int16: pool(Int16.self)
    case .int32: pool(Int32.self)
    case .int64: pool(Int64.self)
    case .uint8: pool(UInt8.self)
    case .uint16: pool(UInt16.self)
    case .uint32: pool(UInt32.self)
    case .uint64: pool(UInt64.self)
    default: throw EvaluationError(node, x.elementType.name, expected: "numbers")
    }
    return [try isWide ? values : values.narrowed(to: x.elementType), indices]
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
