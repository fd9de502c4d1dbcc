import Foundation
import GraphIR
import Tensors
import Testing

/// `APUS_MEASURE=1 swift test -c release --filter ContractionSpeed` prints what contractions reach.
@Suite("speed of contractions", .enabled(if: ProcessInfo.processInfo.environment["APUS_MEASURE"] != nil), .serialized)
struct ContractionSpeed {
  static func seconds(_ body: () throws -> Void) rethrows -> Double {
    try body()
    var best = Duration.seconds(1000)
    for _ in 0..<3 { best = min(best, try ContinuousClock().measure(body)) }
    return Double(best.components.seconds) + Double(best.components.attoseconds) * 1e-18
  }

  @Test(
    arguments: [(1024, 1024, 1024), (1, 4096, 4096), (32, 4096, 1024), (196, 512, 4608), (3136, 64, 576)], [1, 2])
  func dot(extents: (Int, Int, Int), threads: Int) throws {
    let (m, n, k) = extents
    var generator = SeededGenerator(1)
    let (a, b) = (generator.floats([m, k]), generator.floats([k, n]))
    let bT = generator.floats([n, k])
    for (name, right, axis) in [("", b, 0), ("ᵀ", bT, 1)] {
      let primitive = Primitive(
        .dot(DotDimensions(lhsContracting: [1], rhsContracting: [axis]), result: .float32), threadCount: threads)
      let time = try Self.seconds { _ = try primitive(a, right) }
      print("dot \(m)×\(k)·\(k)×\(n)\(name), \(threads) threads: \(2e-9 * Double(m * n * k) / time) GFLOP/s")
    }
  }

  @Test(arguments: [1, 2])
  func integers(threads: Int) throws {
    var generator = SeededGenerator(1)
    let (a, b) = (generator.integers([512, 512], of: UInt8.self), generator.integers([512, 512], of: Int8.self))
    let c = generator.integers([512, 512], of: Int32.self)
    for (name, right) in [("int8", b), ("int32", c)] {
      let primitive = Primitive(
        .dot(DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .int32), threadCount: threads)
      let time = try Self.seconds { _ = try primitive(a, right) }
      print("dot uint8·\(name), \(threads) threads: \(2e-9 * Double(512 * 512 * 512) / time) Gop/s")
    }
  }

  @Test(arguments: [1, 2])
  func convolutions(threads: Int) throws {
    var generator = SeededGenerator(1)
    // (height = width, channels, features, kernel, stride, groups)
    let layers = [
      (224, 3, 64, 7, 2, 1), (56, 64, 64, 3, 1, 1), (14, 256, 256, 3, 1, 1), (224, 64, 64, 3, 1, 1),
      (28, 512, 128, 1, 1, 1), (56, 144, 144, 3, 1, 144), (14, 32 * 8, 32 * 8, 3, 1, 32),
    ]
    for (size, channels, features, kernel, stride, groups) in layers {
      let x = generator.floats([1, size, size, channels])
      let filter = generator.floats([kernel, kernel, channels / groups, features])
      let convolution = Convolution(
        strides: [stride, stride], dilations: [1, 1], padding: .sameUpper, groups: groups)
      let primitive = Primitive(.convolution(convolution, result: .float32), threadCount: threads)
      let time = try Self.seconds { _ = try primitive(x, filter) }
      let operations = 2.0 * Double(size * size / stride / stride * features * kernel * kernel * channels / groups)
      print(
        "\(size)² × \(channels) → \(features), \(kernel)²/\(stride), \(groups) groups, \(threads) threads:",
        "\(operations * 1e-9 / time) GFLOP/s, \(time * 1000) ms")
    }
  }

  /// The shapes of ResNet-50 and VGG-19 for one image of 224 × 224.
  @Test(arguments: [1, 2])
  func networks(threads: Int) throws {
    var generator = SeededGenerator(1)
    func time(_ size: Int, _ channels: Int, _ features: Int, _ kernel: Int, _ stride: Int) throws -> Double {
      let x = generator.floats([1, size, size, channels])
      let filter = generator.floats([kernel, kernel, channels, features])
      let convolution = Convolution(strides: [stride, stride], dilations: [1, 1], padding: .sameUpper, groups: 1)
      let primitive = Primitive(.convolution(convolution, result: .float32), threadCount: threads)
      return try Self.seconds { _ = try primitive(x, filter) }
    }
    var resNet = try time(224, 3, 64, 7, 2)
    for (size, inner, outer, count) in [(56, 64, 256, 3), (28, 128, 512, 4), (14, 256, 1024, 6), (7, 512, 2048, 3)] {
      let block = try time(size, outer, inner, 1, 1) + time(size, inner, inner, 3, 1) + time(size, inner, outer, 1, 1)
      resNet += block * Double(count)
    }
    var vgg = 0.0
    for (size, channels, features, count) in [
      (224, 3, 64, 1), (224, 64, 64, 1), (112, 64, 128, 1), (112, 128, 128, 1), (56, 128, 256, 1), (56, 256, 256, 3),
      (28, 256, 512, 1), (28, 512, 512, 3), (14, 512, 512, 4),
    ] {
      vgg += try time(size, channels, features, 3, 1) * Double(count)
    }
    print("convolutions of ResNet-50: \(resNet) s, of VGG-19: \(vgg) s, \(threads) threads")
  }
}
