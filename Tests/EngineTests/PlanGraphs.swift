import GraphIR
import Tensors
import TestSupport
import X86

@testable import Engine

/// Networks of a free batch size, as small as they can be with a bit of everything: tails of vectors, several units.
enum BatchNetwork: String, CaseIterable, CustomStringConvertible {
  case layers, convolutions, rows, attention, image

  var description: String { rawValue }

  /// Extents of the input without the batch.
  private var extents: [Int] {
    switch self {
    case .layers: [24]
    case .convolutions: [9, 9, 3]
    case .rows: [5, 37]
    case .attention: [6, 8]
    case .image: [6, 6, 8]
    }
  }

  var graph: Graph {
    get throws {
      let make = NetworkMaker(rawValue)
      let b = make.builder
      let x = make.input(extents)
      switch self {
      case .layers:
        let y = try b.maximum(make.dense(x, 24, 65), b.scalar(0, .float32))
        b.setOutputs([try b.softmaxBody(make.dense(y, 65, 7), axis: 1), y])
      case .convolutions:
        let y = try b.maximum(make.convolution(x, 3, 16), b.scalar(0, .float32))
        let window = Window(
          size: [3, 3], strides: [2, 2], dilations: [1, 1], padding: .explicit(low: [1, 1], high: [1, 1]),
          roundsUp: false)
        let pooled = try b.one(.reduceWindow(.maximum, window), [y])
        let depthwise = try make.convolution(pooled, 16, 16, groups: 16)
        let pointwise = try b.add(make.convolution(depthwise, 16, 16, size: 1), pooled)
        b.setOutputs([try make.dense(b.reduce(.mean, pointwise, axes: [1, 2]), 16, 10)])
      case .rows:
        let normal = try b.normalized(b.multiply(x, make.constant([37])), axis: 2)
        let total = try b.one(.cumulative(.sum, axis: 1), [normal])
        b.setOutputs([try b.softmaxBody(total, axis: 2), try b.reduce(.maximum, normal, axes: [1])])
      case .attention:
        let (q, k, v) = try (make.dense(x, 8, 8), make.dense(x, 8, 8), make.dense(x, 8, 8))
        let scores = try b.dot(
          q, k, DotDimensions(lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [2]), result: .float32)
        let y = try b.dot(
          b.softmaxBody(scores, axis: 2), v,
          DotDimensions(lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [1]), result: .float32)
        b.setOutputs([try b.normalized(b.add(x, y), axis: 2)])
      case .image:
        let resize = Resize(axes: [1, 2], parametersAreSizes: true, mode: .linear, coordinates: .halfPixel)
        let large = try b.one(.resize(resize), [x, b.indices([11, 11])])
        let turned = try b.transpose(
          b.concatenate([large, b.one(.reverse(axes: [2]), [large])], axis: 3), [0, 3, 1, 2])
        b.setOutputs([try b.unary(.logistic, turned), try b.slice(turned, axis: 1, from: 3, to: 9, step: 2)])
      }
      return b.graph
    }
  }

  func input(batch: Int, _ random: inout SeededGenerator) -> Tensor { random.floats(Shape([batch] + extents)) }
}

/// Weights and layers for the networks of the tests.
final class NetworkMaker {
  let builder: GraphBuilder
  private var random = SeededGenerator(11)

  init(_ name: String) { builder = GraphBuilder(name: name) }

  /// [N, extents…]
  func input(_ extents: [Int]) -> ValueID {
    let batch = Dimension(builder.symbol(named: "N"))
    return builder.input("x", .tensor(TensorType(.float32, [batch] + extents.map { .constant($0) })))
  }

  func constant(_ shape: Shape) -> ValueID { builder.constant(random.floats(shape)) }

  /// Along the last axis, with a bias.
  func dense(_ x: ValueID, _ inputs: Int, _ outputs: Int) throws -> ValueID {
    let axis = try builder.rank(of: x) - 1
    let y = try builder.dot(
      x, constant([inputs, outputs]), DotDimensions(lhsContracting: [axis], rhsContracting: [0]), result: .float32)
    return try builder.add(y, constant([outputs]))
  }

  /// Same size, with a bias.
  func convolution(_ x: ValueID, _ inputs: Int, _ outputs: Int, size: Int = 3, groups: Int = 1) throws -> ValueID {
    let edge = [size / 2, size / 2]
    let convolution = Convolution(
      strides: [1, 1], dilations: [1, 1], padding: .explicit(low: edge, high: edge), groups: groups)
    let filter = constant([size, size, inputs / groups, outputs])
    return try builder.add(
      builder.one(.convolution(convolution, result: .float32), [x, filter]), constant([outputs]))
  }
}
