extension ConvolutionKernel {
  /// Buffers: x, filter, the epilogue's operands, y. Parameter: N.
  func interpret(_ call: KernelArguments) {
    let products = KernelProducts(call, factors)
    let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
    let epilogue = BoundEpilogue(self.epilogue, call.buffers[2..<(call.buffers.count - 1)])
    geometry.forEachOutput(images: call.parameters[0]) { pixel, taps in
      for output in 0..<outputChannels {
        let firstInput = output / groupOutputs * groupInputs
        let sum = products.sum(0..<taps.count * groupInputs) { position in
          let (tap, channel) = (taps[position / groupInputs], position % groupInputs)
          return (
            tap.pixel * inputPixelStride + firstInput + channel,
            (tap.window * groupInputs + channel) * outputChannels + output
          )
        }
        let value = epilogue(sum, row: pixel, column: output)
        epilogue.store(value, to: call.buffers[call.buffers.count - 1], at: pixel * outputPixelStride + output)
      }
    }
  }
}

extension DepthwiseKernel {
  /// Buffers: x, filter, the epilogue's operands, y. Parameter: N.
  func interpret(_ call: KernelArguments) {
    let products = KernelProducts(call, factors)
    let epilogue = BoundEpilogue(self.epilogue, call.buffers[2..<(call.buffers.count - 1)])
    geometry.forEachOutput(images: call.parameters[0]) { pixel, taps in
      for channel in 0..<channels {
        let firstInput = channel / groupOutputs * groupInputs
        let sum = products.sum(0..<taps.count * groupInputs) { position in
          let (tap, input) = (taps[position / groupInputs], position % groupInputs)
          return (
            tap.pixel * inputPixelStride + firstInput + input,
            (tap.window * groupInputs + input) * channels + channel
          )
        }
        let value = epilogue(sum, row: pixel, column: channel)
        epilogue.store(value, to: call.buffers[call.buffers.count - 1], at: pixel * outputPixelStride + channel)
      }
    }
  }
}

extension ConvolutionGeometry {
  /// A tap of a window that lies inside the image: flat indices of its pixel, over all images, and within the window.
  struct Tap {
    var pixel: Int
    var window: Int
  }

  /// Calls `body` with the flat index of each output pixel, over all images, and the taps of its window.
  func forEachOutput(images: Int, _ body: (_ pixel: Int, _ taps: [Tap]) -> Void) {
    var pixel = 0
    for image in 0..<images {
      forEachPosition(output) { place in
        var taps: [Tap] = []
        var windowIndex = 0
        forEachPosition(window) { tap in
          let source = input.indices.map { place[$0] * strides[$0] + tap[$0] * dilations[$0] - padding[$0] }
          if source.indices.allSatisfy({ 0 <= source[$0] && source[$0] < input[$0] }) {
            let flat = source.indices.reduce(image) { $0 * input[$1] + source[$1] }
            taps.append(Tap(pixel: flat, window: windowIndex))
          }
          windowIndex += 1
        }
        body(pixel, taps)
        pixel += 1
      }
    }
  }
}
