import GraphIR
import Tensors

/// The windows of a convolution or pooling over images [N, depth, height, width, C].
struct ImageWindows {
  var batch: Int
  var channels: Int
  var groups: Int
  /// Channels of the result.
  var features: Int
  var depth: WindowAxis
  var height: WindowAxis
  var width: WindowAxis

  init(_ node: Node, _ geometry: WindowGeometry, groups: Int, features: Int) throws {
    batch = geometry.batch
    channels = geometry.channels
    self.groups = groups
    self.features = features
    (depth, height, width) = try geometry.threeAxes(node)
  }

  var groupChannels: Int { channels / groups }
  /// Elements of a window in one channel.
  var taps: Int { depth.size * height.size * width.size }
  /// Windows over one image.
  var positions: Int { depth.output * height.output * width.output }
  var imagePixels: Int { depth.input * height.input * width.input }
  var isPointwise: Bool { depth.isTrivial && height.isTrivial && width.isTrivial }
  var isDepthwise: Bool { groups > 1 && groups == channels && groups == features }

  /// Image number and window along each axis of a flat position.
  @inline(__always) func position(_ index: Int) -> (image: Int, d: Int, h: Int, w: Int) {
    let (line, w) = index.quotientAndRemainder(dividingBy: width.output)
    let (plane, h) = line.quotientAndRemainder(dividingBy: height.output)
    let (image, d) = plane.quotientAndRemainder(dividingBy: depth.output)
    return (image, d, h, w)
  }

  /// An element of a window that lies inside the image.
  struct Tap {
    /// Flat index of the pixel, over all images.
    var pixel: Int
    /// Flat index within the window.
    var index: Int
  }

  /// Room for the taps of one window: never more than there are pixels, however large the window.
  var tapCapacity: Int {
    max(1, min(depth.size, depth.input) * min(height.size, height.input) * min(width.size, width.input))
  }

  /// Writes the taps of the window at a flat position, in the order of the window, and returns their number.
  @inline(__always)
  func findTaps(of position: Int, _ taps: UnsafeMutablePointer<Tap>) -> Int {
    let (image, d, h, w) = self.position(position)
    let (d0, h0, w0) = (depth.start(d), height.start(h), width.start(w))
    let tapsH = height.inside(h)
    let tapsW = width.inside(w)
    var count = 0
    for tapD in depth.inside(d) {
      let z = image * depth.input + d0 + tapD * depth.dilation
      for tapH in tapsH {
        let line = (z * height.input + h0 + tapH * height.dilation) * width.input + w0
        for tapW in tapsW {
          taps[count] = Tap(
            pixel: line + tapW * width.dilation, index: (tapD * height.size + tapH) * width.size + tapW)
          count += 1
        }
      }
    }
    return count
  }
}
