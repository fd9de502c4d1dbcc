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
        // Offsets of the taps inside the image, found once for all channels of a window.
        let taps = UnsafeMutablePointer<Tap>.allocate(capacity: windows.taps)
        defer { taps.deallocate() }
        for position in part {
          let count = findTaps(of: position, taps)
          sum(UnsafeBufferPointer(start: taps, count: count), image, weights, result + position * windows.channels)
        }
      }
    }
  }

  private struct Tap {
    /// Of the first channel in the operand and in the filter.
    var pixel: Int
    var weight: Int
  }

  @inline(__always)
  private func findTaps(of position: Int, _ taps: UnsafeMutablePointer<Tap>) -> Int {
    let (image, d, h, w) = windows.position(position)
    let (depth, height, width) = (windows.depth, windows.height, windows.width)
    let (d0, h0, w0) = (depth.start(d), height.start(h), width.start(w))
    let tapsW = width.inside(w)
    var count = 0
    for tapD in depth.inside(d) {
      let y = image * depth.input + d0 + tapD * depth.dilation
      for tapH in height.inside(h) {
        let line = (y * height.input + h0 + tapH * height.dilation) * width.input
        for tapW in tapsW {
          taps[count] = Tap(
            pixel: (line + w0 + tapW * width.dilation) * windows.channels,
            weight: ((tapD * height.size + tapH) * width.size + tapW) * windows.channels)
          count += 1
        }
      }
    }
    return count
  }

  @inline(__always)
  private func sum(
    _ taps: UnsafeBufferPointer<Tap>, _ image: UnsafePointer<Factor>, _ weights: UnsafePointer<Factor>,
    _ result: UnsafeMutablePointer<Sum>
  ) {
    var channel = 0
    while channel + 8 <= windows.channels {
      var sum = SIMD8(repeating: Arithmetic.zero)
      for tap in taps {
        Arithmetic.multiplyAdd(
          &sum, UnsafeRawPointer(weights + (tap.weight + channel)).loadUnaligned(as: SIMD8<Factor>.self),
          UnsafeRawPointer(image + (tap.pixel + channel)).loadUnaligned(as: SIMD8<Factor>.self))
      }
      UnsafeMutableRawPointer(result + channel).storeBytes(of: Arithmetic.sum(sum), as: SIMD8<Sum>.self)
      channel += 8
    }
    while channel < windows.channels {
      var sum = Arithmetic.zero
      for tap in taps {
        Arithmetic.multiplyAdd(&sum, weights[tap.weight + channel], image[tap.pixel + channel])
      }
      result[channel] = Arithmetic.sum(sum)
      channel += 1
    }
  }
}
