import Tensors

/// One filter for each channel: sums run over taps only, so eight channels at a time.
struct DepthwiseConvolution<Arithmetic: MatrixArithmetic> {
  typealias Factor = Arithmetic.Factor
  typealias Sum = Arithmetic.Sum

  var windows: ImageWindows

  /// (x [N, spatial…, C], filter [spatial…, 1, C]) → [N, spatial'…, C]
  func run(_ x: Tensor, _ filter: Tensor, into sums: Tensor, threads: Int) {
    let positions = windows.batch * windows.positions
    let operations = 2 * Double(positions) * Double(windows.taps) * Double(windows.channels)
    withExtendedLifetime((x, filter, sums)) {
      let image = UnsafePointer(x.base.assumingMemoryBound(to: Factor.self))
      let weights = UnsafePointer(filter.base.assumingMemoryBound(to: Factor.self))
      let result = sums.base.assumingMemoryBound(to: Sum.self)
      parallelFor(positions, threads: operations < 1e6 ? 1 : threads) { part in
        // Found once for all channels of a window.
        let taps = UnsafeMutablePointer<ImageWindows.Tap>.allocate(capacity: windows.tapCapacity)
        defer { taps.deallocate() }
        for position in part {
          let count = windows.findTaps(of: position, taps)
          sum(UnsafeBufferPointer(start: taps, count: count), image, weights, result + position * windows.channels)
        }
      }
    }
  }

  @inline(__always)
  private func sum(
    _ taps: UnsafeBufferPointer<ImageWindows.Tap>, _ image: UnsafePointer<Factor>, _ weights: UnsafePointer<Factor>,
    _ result: UnsafeMutablePointer<Sum>
  ) {
    var channel = 0
    while channel + 8 <= windows.channels {
      var sum = SIMD8(repeating: Arithmetic.zero)
      for tap in taps {
        Arithmetic.multiplyAdd(
          &sum,
          UnsafeRawPointer(weights + (tap.index * windows.channels + channel)).loadUnaligned(as: SIMD8<Factor>.self),
          UnsafeRawPointer(image + (tap.pixel * windows.channels + channel)).loadUnaligned(as: SIMD8<Factor>.self))
      }
      UnsafeMutableRawPointer(result + channel).storeBytes(of: Arithmetic.sum(sum), as: SIMD8<Sum>.self)
      channel += 8
    }
    while channel < windows.channels {
      var sum = Arithmetic.zero
      for tap in taps {
        Arithmetic.multiplyAdd(
          &sum, weights[tap.index * windows.channels + channel], image[tap.pixel * windows.channels + channel])
      }
      result[channel] = Arithmetic.sum(sum)
      channel += 1
    }
  }
}
