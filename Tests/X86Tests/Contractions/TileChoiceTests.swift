import KernelIR
import Testing

@testable import X86

/// Which layers of common networks run on tiles, as numbers of float32, bfloat16 and bytes: a small shape must not go there
/// where vectors win. The decisions are counts of cycles (`TileCost`), so that they are the same on every machine.
@Suite struct TileChoiceTests {
  private struct Layer: CustomStringConvertible, Sendable {
    var description: String
    /// "f", "b" and "8" for those that are on tiles.
    var expected: String
    var isOnTiles: @Sendable (Factors) -> Bool
  }

  private static func product(_ name: String, _ rows: Int, _ depth: Int, _ columns: Int, _ expected: String) -> Layer {
    Layer(description: name, expected: expected) { factors in
      let gemm = Gemm(
        columns: columns, depth: depth, aRowStride: depth, b: .packed, cRowStride: columns,
        epilogue: factors == .bytes ? Epilogue(resultType: .int32) : .none, factors: factors)
      return KernelForm(.gemm(gemm), parameters: [rows], .amx).tileRows == nil
    }
  }

  private static func convolution(
    _ name: String, _ extent: Int, window: Int, stride: Int = 1, _ inputs: Int, _ outputs: Int, _ expected: String
  ) -> Layer {
    Layer(description: name, expected: expected) { factors in
      let output = (extent + window / 2 * 2 - window) / stride + 1
      let geometry = ConvolutionGeometry(
        input: [extent, extent], output: [output, output], window: [window, window], strides: [stride, stride],
        dilations: [1, 1], padding: [window / 2, window / 2])
      let kernel = ConvolutionKernel(
        geometry: geometry, groups: 1, inputChannels: inputs, outputChannels: outputs, factors: factors)
      return TileConvolution(kernel, .amx) != nil
    }
  }

  private static let layers: [Layer] = [
    // ResNet-50, an image at a time; the first layer has a fourth channel of zeros where numbers come in groups.
    convolution("resnet stem", 224, window: 7, stride: 2, 4, 64, "b8"),
    convolution("resnet 56", 56, window: 3, 64, 64, "fb8"),
    product("resnet 56 expand", 3136, 64, 256, "fb8"),
    product("resnet 56 reduce", 3136, 256, 64, "fb8"),
    convolution("resnet 56 halving", 56, window: 3, stride: 2, 128, 128, "fb8"),
    convolution("resnet 28", 28, window: 3, 128, 128, "fb8"),
    convolution("resnet 14", 14, window: 3, 256, 256, "fb8"),
    product("resnet 14 reduce", 196, 1024, 256, "fb8"),
    convolution("resnet 7", 7, window: 3, 512, 512, "fb8"),
    product("resnet 7 expand", 49, 512, 2048, "fb8"),
    product("resnet classes", 1, 2048, 1000, ""),
    // MobileNetV2 and V3.
    convolution("mobilenet stem", 224, window: 3, stride: 2, 4, 16, ""),
    product("mobilenet 112 reduce", 12544, 32, 16, "b"),
    product("mobilenet 112 expand", 12544, 16, 96, ""),
    product("mobilenet 56 reduce", 3136, 96, 24, "b8"),
    product("mobilenet 28 expand", 784, 32, 192, "fb"),
    product("mobilenet 14 expand", 196, 64, 384, "fb8"),
    product("mobilenet 7 reduce", 49, 960, 160, "fb8"),
    product("squeeze", 1, 960, 240, ""),
    // BERT, a sequence of 128 or 8 tokens.
    product("bert projection", 128, 768, 768, "fb8"),
    product("bert feed-forward", 128, 768, 3072, "fb8"),
    product("bert feed-forward back", 128, 3072, 768, "fb8"),
    product("bert short", 8, 768, 768, "b8"),
    product("bert pooler", 1, 768, 768, ""),
    // Whisper tiny: the encoder, and the decoder's single tokens.
    product("whisper projection", 1500, 384, 384, "fb8"),
    product("whisper feed-forward", 1500, 384, 1536, "fb8"),
    product("whisper token", 1, 384, 1536, ""),
    product("whisper beams", 5, 384, 384, "b8"),
    product("whisper two beams", 2, 384, 384, ""),
  ]

  @Test("Layers of common networks", arguments: layers.indices)
  func decisions(index: Int) {
    let layer = Self.layers[index]
    let found = zip([Factors.float32, .bfloat16, .bytes], ["f", "b", "8"]).filter { layer.isOnTiles($0.0) }
    #expect(found.map(\.1).joined() == layer.expected, "\(layer)")
  }

  @Test("Few rows wait for the accumulators before them")
  func costs() {
    // Two by two whole tiles keep the unit busy, one by one tile leaves it idle for two thirds of the time.
    #expect(TileCost.step(tiles: 2, rows: 16, vectors: 2) == 64)
    #expect(TileCost.step(tiles: 1, rows: 16, vectors: 1) == 52)
    #expect(TileCost.step(tiles: 3, rows: 16, vectors: 2, products: 6) == 6 * (64 + 52))
    #expect(TileCost.skinnyStep(rows: 4) == 80)
    #expect(TileCost.steps(5, tiles: 2, rows: 4, vectors: 3) == 5 * (52 + 52))
  }
}
