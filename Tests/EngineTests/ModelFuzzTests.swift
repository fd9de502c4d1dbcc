import Engine
import Foundation
import ONNXFrontend
import Tensors
import TestSupport
import Testing

/// Models bent at random: each gives a typed error or runs. A trap ends the test process, which is the failure.
///
/// `APUS_FUZZ_CASES` sets how many mutations each model gets.
@Suite(.serialized) struct ModelFuzzTests {
  static let caseCount = ProcessInfo.processInfo.environment["APUS_FUZZ_CASES"].flatMap(Int.init) ?? 334

  @Test(arguments: Fixture.names) func mutationsNeverTrap(name: String) throws {
    let original = try [UInt8](Data(contentsOf: URL(fileURLWithPath: Fixture.path(name))))
    let inputs = try Fixture.inputs(name, of: Model(path: Fixture.path(name)))
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-fuzz-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }

    let limit = TensorMemory.limitInBytes
    defer { TensorMemory.limitInBytes = limit }
    TensorMemory.limitInBytes = TensorMemory.liveByteCount + 4 * original.count + 256 << 20
    var ran = 0
    for seed in 0..<Self.caseCount {
      var random = SeededGenerator(seed)
      let path = "\(folder)/\(seed).onnx"
      try Data(mutate(original, &random)).write(to: URL(fileURLWithPath: path))
      // For whoever has to find the case that traps.
      if ProcessInfo.processInfo.environment["APUS_FUZZ_VERBOSE"] != nil { print("\(name) seed \(seed): \(path)") }
      let start = ContinuousClock.now
      do {
        let model = try Model(path: path)
        guard model.inputs.count == inputs.count else { continue }
        _ = try Session(model).run(inputs, timeLimitNanoseconds: 2_000_000_000)
        ran += 1
      } catch {
        // A message that says something, of a type of ours.
        #expect(error is ONNXError || error is EngineError, "seed \(seed): \(type(of: error)): \(error)")
        #expect("\(error)".count > 10)
      }
      #expect(ContinuousClock.now - start < .seconds(5), "seed \(seed) of \(name) hangs")
      try FileManager.default.removeItem(atPath: path)
    }
    // Many a mutation hits a name or a weight: if none ran, the fuzzer only tests the parser's first check.
    #expect(ran > 0)
  }

  /// One to four edits: a flipped bit, a random byte, a truncation, a run of bytes removed, repeated or overwritten.
  private func mutate(_ original: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = original
    for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
      let position = Int.random(in: 0..<bytes.count, using: &random)
      let run = position..<min(bytes.count, position + Int.random(in: 1...24, using: &random))
      switch Int.random(in: 0..<12, using: &random) {
      case 0..<5: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 5..<8: bytes[position] = UInt8.random(in: .min ... .max, using: &random)
      case 8: bytes.removeLast(bytes.count - position)
      case 9: bytes.removeSubrange(run)
      case 10: bytes.insert(contentsOf: bytes[run], at: position)
      default: for index in run { bytes[index] = UInt8.random(in: .min ... .max, using: &random) }
      }
    }
    return bytes
  }
}
