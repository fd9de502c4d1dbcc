import Engine
import Foundation
import Tensors
import TestSupport
import Testing

/// The models that `scripts/python/make_fixtures.py` writes, with inputs and what ONNX's reference makes of them.
enum Fixture {
  static let names = ["linear", "attention", "control"]
  static let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/"

  static func path(_ name: String) -> String { folder + name + ".onnx" }

  static func inputs(_ name: String, of model: Model) throws -> [RuntimeValue] {
    let tensors = Dictionary(
      uniqueKeysWithValues: try NPZ.read(path: folder + name + ".inputs.npz").map { ($0.name, $0.tensor) })
    return try model.inputs.map { .tensor(try #require(tensors[$0.name])) }
  }

  static func outputs(_ name: String) throws -> [(name: String, tensor: Tensor)] {
    try NPZ.read(path: folder + name + ".outputs.npz")
  }
}

@Suite struct SessionTests {
  @Test(arguments: Fixture.names) func agreesWithTheReference(name: String) throws {
    let model = try Model(path: Fixture.path(name))
    let session = Session(model)
    let inputs = try Fixture.inputs(name, of: model)
    for _ in 0..<3 { try expectReference(name, model, session.run(inputs)) }
  }

  private func expectReference(_ name: String, _ model: Model, _ results: [RuntimeValue]) throws {
    for (output, expected) in try Fixture.outputs(name) {
      let index = try #require(model.outputs.firstIndex { $0.name == output })
      let found = try #require(results[index].tensor)
      #expect(found.shape == expected.shape, "\(output)")
      if expected.elementType == .string {
        #expect(found.strings == expected.strings)
      } else {
        for (a, b) in zip(found.elements(of: Float.self), expected.elements(of: Float.self)) {
          #expect(abs(a - b) <= 1e-5 + 1e-4 * abs(b) || (a.isNaN && b.isNaN), "\(output): \(a) and \(b)")
        }
      }
    }
  }

  @Test func resultsOutliveTheNextRun() throws {
    let session = Session(try Model(path: Fixture.path("linear")))
    let first = try session.run([.tensor(Tensor([1, 10], [Float](repeating: 1, count: 10)))])
    let before = try #require(first[0].tensor).elements(of: Float.self)
    _ = try session.run([.tensor(Tensor([1, 10], (0..<10).map(Float.init)))])
    #expect(first[0].tensor?.elements(of: Float.self) == before)
  }

  /// A kernel may write into the memory of its operand, but not when a sequence keeps the result.
  @Test func sequencesKeepResultsThatKernelsWroteInPlace() throws {
    let bytes = MessageWriter.model { graph in
      graph.message(11) {
        $0.string(1, "x")
        $0.message(2) {
          $0.message(1) { tensor in
            tensor.int(1, 1)
            tensor.message(2) { for extent in [25, 4] { $0.message(1) { $0.int(1, extent) } } }
          }
        }
      }
      graph.message(5, .tensor("w", 1, [4, 3]) { $0.packedFloats(4, (0..<12).map { Float($0) / 8 }) })
      graph.message(5, .tensor("b", 1, [3]) { $0.packedFloats(4, [1, 2, 3]) })
      graph.message(1, .node("MatMul", ["x", "w"], ["product"]))
      graph.message(1, .node("Add", ["product", "b"], ["scores"]))
      graph.message(
        1,
        .node("ArgMax", ["scores"], ["best"]) { node in
          node.message(5) {
            $0.string(1, "axis")
            $0.int(3, 1)
            $0.int(20, 2)
          }
        })
      graph.message(1, .node("Softmax", ["scores"], ["shares"]))
      graph.message(1, .node("SequenceConstruct", ["shares", "shares"], ["all"]))
      for name in ["best", "all"] { graph.message(12) { $0.string(1, name) } }
    }.bytes
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID()).onnx").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let session = Session(try Model(path: path))
    for _ in 0..<2 {
      let results = try session.run([.tensor(Tensor([25, 4], (0..<100).map { Float($0 % 7) / 8 }))])
      guard case .sequence(let elements) = results[1] else { throw EngineError.evaluation("no sequence") }
      let shares = try #require(elements.last?.tensor).elements(of: Float.self)
      for row in 0..<25 { #expect(abs(shares[row * 3..<row * 3 + 3].reduce(0, +) - 1) < 1e-5) }
    }
  }

  /// x + w, where w is an input that the file has a value for.
  @Test func optionalInputsReplaceTheFilesValues() throws {
    func info(_ name: String) -> MessageWriter {
      MessageWriter {
        $0.string(1, name)
        $0.message(2) {
          $0.message(1) { tensor in
            tensor.int(1, 1)
            tensor.message(2) { $0.message(1) { $0.string(2, "N") } }
          }
        }
      }
    }
    let bytes = MessageWriter.model { graph in
      graph.message(11, info("w"))
      graph.message(11, info("x"))
      graph.message(5, .tensor("w", 1, [1]) { $0.packedFloats(4, [10]) })
      graph.message(1, .node("Add", ["x", "w"], ["y"]))
      graph.message(12) { $0.string(1, "y") }
    }.bytes
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("apus-\(UUID()).onnx").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    let model = try Model(path: path)
    #expect(model.inputs.map(\.name) == ["x"] && model.optionalInputs.map(\.name) == ["w"])
    let session = Session(model)
    let x = RuntimeValue.tensor(Tensor([1], [1 as Float]))
    for _ in 0..<2 {
      #expect(try session.run([x])[0].tensor?.elements() == [11] as [Float])
      let other = RuntimeValue.tensor(Tensor([1], [100 as Float]))
      #expect(try session.run([x], overriding: ["w": other])[0].tensor?.elements() == [101] as [Float])
    }
    #expect(throws: EngineError.self) { try session.run([x], overriding: ["v": x]) }
    #expect(throws: EngineError.self) { try session.run([], overriding: ["w": x]) }
  }

  @Test func everyBatchSizeIsBoundAnew() throws {
    let session = Session(try Model(path: Fixture.path("linear")))
    for batch in [1, 7, 0, 1, 40, 3, 7] {
      let rows = (0..<batch).map { Float($0) }
      let x = Tensor([batch, 10], rows.flatMap { [Float](repeating: $0, count: 10) })
      let y = try #require(try session.run([.tensor(x)])[0].tensor)
      #expect(y.shape == [batch, 1])
      // The weights sum to 0, so that only the bias is left.
      #expect(y.elements(of: Float.self).allSatisfy { abs($0 - 0.25) < 1e-4 })
    }
  }

  @Test func wrongInputsAreNamed() throws {
    let session = Session(try Model(path: Fixture.path("linear")))
    func message(_ value: RuntimeValue) -> String {
      do { return "\(try session.run([value]))" } catch { return "\(error)" }
    }
    #expect(message(.tensor(Tensor([2, 3], [Float](repeating: 0, count: 6)))).contains("expected float32[N, 10]"))
    #expect(message(.tensor(Tensor([2, 3], [Float](repeating: 0, count: 6)))).contains("found float32[2, 3]"))
    #expect(message(.tensor(Tensor([1, 10], [Double](repeating: 0, count: 10)))).contains("found float64[1, 10]"))
    #expect(message(.sequence([])).contains("input 'x'"))
    #expect(throws: EngineError.self) { try session.run([]) }
    #expect(throws: EngineError.self) { try session.run([.sequence([]), .sequence([])]) }
  }

  @Test func aRunThatTakesTooLongIsEnded() throws {
    let model = try Model(path: Fixture.path("control"))
    var inputs = try Fixture.inputs("control", of: model)
    let trips = try #require(model.inputs.firstIndex { $0.name == "trips" })
    inputs[trips] = .tensor(Tensor(scalar: Int64.max))
    #expect(throws: EngineError.self) { try Session(model).run(inputs, timeLimitNanoseconds: 50_000_000) }
  }
}

@Suite struct ProfileTests {
  @Test func everyStepHasItsTime() throws {
    let model = try Model(path: Fixture.path("attention"))
    let session = Session(model)
    let profile = try session.profile(try Fixture.inputs("attention", of: model), runs: 3)
    #expect(!profile.steps.isEmpty)
    for step in profile.steps { #expect(step.nanoseconds > 0 && !step.work.isEmpty) }
    // Peaks are measured where code is generated.
    if let peaks = profile.peaks { #expect(peaks.gigaflopsPerSecond > 1 && peaks.gigabytesPerSecond > 0.1) }
  }
}
