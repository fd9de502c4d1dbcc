import Engine
import Foundation
import ModelFiles
import ONNXFrontend
import Tensors
import Testing

@testable import Quantizer

/// Small networks, written by hand, through the quantiser.
@Suite struct QuantizerTests {
  /// A NodeProto of a network under test.
  struct Layer {
    var opType: String
    var inputs: [String]
    var output: String
    var integers: [String: [Int]] = [:]
  }

  struct Network {
    var layers: [Layer]
    var constants: [(name: String, shape: [Int], values: [Float])]
    var input: [Int]
    var outputs: [String]
    var opset = 17

    var bytes: [UInt8] {
      func value(_ writer: inout WireWriter, _ field: Int, _ name: String, _ shape: [Int]?) {
        writer.message(field) {
          $0.string(1, name)
          guard let shape else { return }
          $0.message(2) {
            $0.message(1) {
              $0.integer(1, 1)
              $0.message(2) { for extent in shape { $0.message(1) { $0.integer(1, extent) } } }
            }
          }
        }
      }
      var model = WireWriter()
      model.integer(1, 8)
      model.message(8) { $0.integer(2, opset) }
      model.message(7) { graph in
        for layer in layers {
          graph.message(1) {
            for input in layer.inputs { $0.string(1, input) }
            $0.string(2, layer.output)
            $0.string(4, layer.opType)
            for (name, values) in layer.integers {
              $0.message(5) {
                $0.string(1, name)
                if values.count == 1 {
                  $0.integer(3, values[0])
                  $0.integer(20, 2)
                } else {
                  for value in values { $0.integer(8, value) }
                  $0.integer(20, 7)
                }
              }
            }
          }
        }
        graph.string(2, "network")
        for constant in constants {
          graph.message(5) {
            for extent in constant.shape { $0.integer(1, extent) }
            $0.integer(2, 1)
            $0.string(8, constant.name)
            $0.bytes(9, constant.values.withUnsafeBytes { Array($0) })
          }
        }
        value(&graph, 11, "x", input)
        for output in outputs { value(&graph, 12, output, nil) }
      }
      return model.bytes
    }
  }

  private static func numbers(_ count: Int, seed: UInt64, scale: Float = 1) -> [Float] {
    var state = seed
    return (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (Float(state >> 40) / Float(1 << 24) - 0.5) * 2 * scale
    }
  }

  /// Two convolutions, one with batch normalisation, a sum of both, a pool and a product.
  private static func network(opset: Int = 17) -> Network {
    let square = ["pads": [1, 1, 1, 1]]
    return Network(
      layers: [
        Layer(opType: "Conv", inputs: ["x", "w1"], output: "c1", integers: square),
        Layer(opType: "BatchNormalization", inputs: ["c1", "s", "o", "m", "v"], output: "n1"),
        Layer(opType: "Relu", inputs: ["n1"], output: "r1"),
        Layer(opType: "Conv", inputs: ["r1", "w2", "b2"], output: "c2", integers: square),
        Layer(opType: "Add", inputs: ["c2", "r1"], output: "a"),
        Layer(opType: "Relu", inputs: ["a"], output: "r2"),
        Layer(
          opType: "MaxPool", inputs: ["r2"], output: "p", integers: ["kernel_shape": [2, 2], "strides": [2, 2]]),
        Layer(opType: "Flatten", inputs: ["p"], output: "f"),
        Layer(opType: "Gemm", inputs: ["f", "w3", "b3"], output: "y", integers: ["transB": [1]]),
      ],
      constants: [
        ("w1", [8, 3, 3, 3], numbers(216, seed: 1)), ("s", [8], (1...8).map { Float($0) / 4 }),
        ("o", [8], numbers(8, seed: 2)), ("m", [8], numbers(8, seed: 3)), ("v", [8], (1...8).map { Float($0) }),
        ("w2", [8, 8, 3, 3], numbers(576, seed: 4, scale: 0.3)), ("b2", [8], numbers(8, seed: 5)),
        ("w3", [5, 128], numbers(640, seed: 6, scale: 0.2)), ("b3", [5], numbers(5, seed: 7)),
      ], input: [1, 3, 8, 8], outputs: ["y"], opset: opset)
  }

  private func data(_ model: Model, rows: Int = 12) throws -> CalibrationData {
    try CalibrationData([("x", Tensor([rows, 3, 8, 8], Self.numbers(rows * 192, seed: 8)))], for: model)
  }

  private func quantized(_ network: Network, _ method: RangeMethod) throws -> (Model, Model, Quantizer.Result) {
    let onnx = try ONNXModel(bytes: network.bytes, name: "network")
    let model = try Model(onnx)
    let result = try Quantizer(method: method, threadCount: 1).quantize(onnx, with: data(model))
    return (model, try Model(ONNXModel(bytes: result.bytes, name: "quantized")), result)
  }

  @Test("The integer model gives nearly the same", arguments: RangeMethod.allCases, [11, 17])
  func agreement(method: RangeMethod, opset: Int) throws {
    let (before, after, result) = try quantized(Self.network(opset: opset), method)
    #expect(result.productCount == 3 && result.candidateCount == 3)
    let comparison = try Comparison(before, after, on: data(before), threadCount: 1)
    let ratio = try #require(comparison.outputs[0].signalToNoise)
    #expect(ratio > (method == .minmax ? 25 : 15), "\(ratio) dB")
    #expect(comparison.outputs.map(\.name) == ["y"])
  }

  @Test("Weights lie in the file as integers, the normalisation is gone, nothing is left unread")
  func form() throws {
    let (_, _, result) = try quantized(Self.network(), .minmax)
    let graph = try ONNXModel(bytes: result.bytes, name: "quantized").graph
    let types = Dictionary(graph.initializers.map { ($0.name, $0.elementType) }) { first, _ in first }
    #expect(types["w1"] == nil && types["s"] == nil)
    #expect(types["w1_quantized"] == .int8 && types["w3_quantized"] == .int8)
    #expect(types["b2_quantized"] == .int32)
    #expect(!graph.nodes.contains { $0.opType == "BatchNormalization" })
    let read = Set(graph.nodes.flatMap(\.inputs))
    #expect(graph.initializers.allSatisfy { read.contains($0.name) })
    let pool = try #require(graph.nodes.first { $0.opType == "MaxPool" })
    #expect(pool.inputs == ["r2_dequantized"])
  }

  @Test func errorsSayWhatIsMissing() throws {
    let old = try ONNXModel(bytes: Self.network(opset: 9).bytes, name: "old")
    let model = try Model(ONNXModel(bytes: Self.network().bytes, name: "network"))
    func message(_ body: () throws -> Void) -> String {
      do { try body() } catch { return "\(error)" }
      return ""
    }
    let quantizer = Quantizer(method: .minmax, threadCount: 1)
    #expect(message { _ = try quantizer.quantize(old, with: data(model)) }.contains("operator set 9"))
    #expect(message { _ = try CalibrationData([("z", Tensor(scalar: Float(1)))], for: model) }.contains("'z'"))
    #expect(message { _ = try CalibrationData([], for: model) }.contains("'x'"))
    let empty = try Tensor(.float32, [0, 3, 8, 8])
    #expect(message { _ = try CalibrationData([("x", empty)], for: model) }.contains("no rows"))
  }
}
