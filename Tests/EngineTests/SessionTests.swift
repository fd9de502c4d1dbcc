import Engine
import Tensors
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
