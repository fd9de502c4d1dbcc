extension TransposedConvolutionKernel {
  /// Buffers: x, filter [window…, M/groups, C], the epilogue's operands, y. Parameter: N.
  func interpret(_ call: KernelArguments) {
    let (x, filter) = (call.floats(0), call.floats(1))
    let (groupInputs, groupOutputs) = (inputChannels / groups, outputChannels / groups)
    let epilogue = BoundEpilogue(self.epilogue, call.buffers[2..<(call.buffers.count - 1)])
    geometry.forEachTransposedOutput(images: call.parameters[0]) { pixel, taps in
      for output in 0..<outputChannels {
        let (group, feature) = output.quotientAndRemainder(dividingBy: groupOutputs)
        var sum = 0.0
        for tap in taps {
          for channel in group * groupInputs..<(group + 1) * groupInputs {
            let weight = filter[(tap.window * groupOutputs + feature) * inputChannels + channel]
            sum += Double(x[tap.pixel * inputPixelStride + channel]) * Double(weight)
          }
        }
        let value = epilogue(.float(Float(sum)), row: pixel, column: output)
        epilogue.store(value, to: call.buffers[call.buffers.count - 1], at: pixel * outputPixelStride + output)
      }
    }
  }
}

extension ConvolutionGeometry {
  /// Calls `body` with the flat index of each output pixel, over all images, and what reaches it.
  fileprivate func forEachTransposedOutput(images: Int, _ body: (_ pixel: Int, _ taps: [Tap]) -> Void) {
    var pixel = 0
    for image in 0..<images {
      forEachPosition(output) { place in
        var taps: [Tap] = []
        var windowIndex = 0
        forEachPosition(window) { tap in
          let scaled = input.indices.map { place[$0] + padding[$0] - tap[$0] * dilations[$0] }
          if input.indices.allSatisfy({
            scaled[$0] >= 0 && scaled[$0] % strides[$0] == 0 && scaled[$0] / strides[$0] < input[$0]
          }) {
            let flat = input.indices.reduce(image) { $0 * input[$1] + scaled[$1] / strides[$1] }
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
