// From a float32 model and some of its inputs to a model of 8-bit integers, as a standard ONNX file: each product of
// activations and constant weights stands between DequantizeLinear and QuantizeLinear.
//
//   QuantizedProduct     a convolution or matrix product with its weights, after batch normalisation is folded
//   QuantizationChoice   which values become integers, and which share their scale
//   CalibrationData      a model's inputs, row by row
//   ValueRanges          what values the activations take: least and largest, or what loses least information
//   QuantizedModel       the file that comes out
//   Comparison           how far the results and the times of two models are apart

import Engine
import ONNXFrontend
import Tensors

/// Why a model is not quantised.
public struct QuantizationError: Error, CustomStringConvertible {
  public var description: String
  public init(_ description: String) { self.description = description }
}

/// How the range of an activation is chosen.
public enum RangeMethod: String, Sendable, CaseIterable {
  /// The least and the largest value that came.
  case minmax
  /// The range whose 8-bit form tells most of how the values are distributed (Kullback-Leibler divergence); rare large
  /// ones are cut off.
  case entropy
}

/// Post-training static quantisation.
public struct Quantizer {
  public var method: RangeMethod
  public var threadCount: Int

  public init(method: RangeMethod, threadCount: Int) {
    self.method = method
    self.threadCount = threadCount
  }

  public struct Result {
    /// The file.
    public var bytes: [UInt8]
    /// Products that are integer ones now, and all with constant weights.
    public var productCount: Int
    public var candidateCount: Int
  }

  /// Throws `QuantizationError`, `ONNXError`, `EngineError`.
  public func quantize(_ model: ONNXModel, with data: CalibrationData) throws -> Result {
    let index = try GraphIndex(model)
    let products = try index.products()
    guard !products.isEmpty else {
      throw QuantizationError(
        "\(model.source.file.path): no convolution or matrix product with float32 weights to quantise")
    }
    let choice = QuantizationChoice(index, products)
    var observed = model
    observed.graph.outputs = choice.roots.map { ONNXValueInfo(name: $0) }
    let session = Session(try Model(observed), threadCount: threadCount)
    let ranges = try ValueRanges.measure(session, choice.roots, data, method)
    let usable = products.filter { ranges[choice.root(of: $0.input)] != nil }
    let quantized = QuantizedModel(index, usable, choice, ranges)
    return Result(
      bytes: try quantized.encoded(), productCount: usable.count, candidateCount: index.candidateCount)
  }
}
