import Engine
import Foundation
import ONNXFrontend
import Tensors

/// One case of the suite: a model and data sets of inputs and expected outputs.
struct ConformanceCase: Sendable {
  var name: String
  var kind: String
  var folder: String
  var relativeTolerance: Double
  var absoluteTolerance: Double

  init?(line: Substring, folder root: String) {
    let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    guard fields.count >= 5, let rtol = Double(fields[3]), let atol = Double(fields[4]) else { return nil }
    name = fields[0]
    kind = fields[1]
    folder = root + "/" + fields[2]
    relativeTolerance = max(rtol, 1e-3)
    absoluteTolerance = max(atol, 1e-5)
  }

  /// What the case is about: the first words of its name.
  var operatorName: String {
    let words = name.split(separator: "_").drop { $0 == "test" }
    return words.first.map(String.init) ?? name
  }

  /// Operators whose results are random: shapes and types are compared, statistics are tested elsewhere.
  private static let randomOperators: Set<String> = [
    "Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
  ]

  func run() throws {
    let path = folder + "/model.onnx"
    let onnx = try ONNXModel(path: path)
    let session = Session(try TestedModel.load(path))
    let isRandom = onnx.graph.nodes.contains { node in
      // Dropout draws when it trains, which a third operand asks for.
      Self.randomOperators.contains(node.opType) || (node.opType == "Dropout" && node.inputs.count > 2)
    }
    let sets = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("test_data_set_") }
    guard !sets.isEmpty else { throw ConformanceRunner.Failure("no data sets") }
    let inputInfos = onnx.graph.inputs.filter { input in session.model.inputs.contains { $0.name == input.name } }
    for set in sets.sorted() {
      let data = folder + "/" + set
      let inputs = try inputInfos.indices.map { index in
        try ONNXValueFile.read(path: "\(data)/input_\(index).pb", as: inputInfos[index].type ?? .unknown)
      }
      let outputs = try session.run(inputs)
      for (index, info) in onnx.graph.outputs.enumerated() {
        let file = "\(data)/output_\(index).pb"
        guard FileManager.default.fileExists(atPath: file) else { continue }
        let expected = try ONNXValueFile.read(path: file, as: info.type ?? .unknown)
        let comparison = Comparison(
          relativeTolerance: relativeTolerance, absoluteTolerance: absoluteTolerance, shapesOnly: isRandom)
        if let difference = comparison.difference(outputs[index], expected) {
          throw ConformanceRunner.Failure("output '\(info.name)' of \(set): \(difference)")
        }
      }
    }
  }
}
