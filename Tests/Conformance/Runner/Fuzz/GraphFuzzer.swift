import Engine
import Foundation
import GraphIR
import ONNXFrontend
import Tensors
import TestSupport

/// Random models, loaded and run: each gives a typed error or outputs, in bounded time and memory.
/// `apus-conformance --fuzz COUNT [FIRST]`, with the first seed.
struct GraphFuzzer {
  var first: Int
  var count: Int

  private struct Counts {
    var loaded = 0
    var ran = 0
    var failures: [String] = []
  }

  /// Beyond what the process has when it begins.
  private static let tensorByteLimit = 256 << 20
  private static let residentByteLimit = 2 << 30
  private static let secondLimit = 20.0

  /// Whether nothing was found.
  func run() throws -> Bool {
    // A single seed is run to see where it crashes, which Swift's own handler tells.
    if count > 1 { CrashReport.install() }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("apus-fuzz-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var counts = Counts()
    for seed in first..<first + count {
      CrashReport.current("seed \(seed)")
      check(seed, "\(folder)/model.onnx", &counts)
    }
    for failure in counts.failures { print("FAIL \(failure)") }
    print(
      "fuzz: \(count) models, \(counts.loaded) loaded, \(counts.ran) ran, \(counts.failures.count) failed; "
        + "peak memory \(Self.peakBytes >> 20) MiB")
    // If hardly any loaded, the fuzzer would only test the first checks.
    guard count < 500 || (counts.loaded * 5 > count && counts.ran * 10 > count) else {
      print("FAIL: too few models load")
      return false
    }
    return counts.failures.isEmpty && Self.peakBytes < Self.residentByteLimit
  }

  private final class Outcome: @unchecked Sendable {
    var loaded = false
    var ran = false
  }

  private func check(_ seed: Int, _ path: String, _ counts: inout Counts) {
    let outcome = Outcome()
    TensorMemory.limitInBytes = TensorMemory.liveByteCount + Self.tensorByteLimit
    let result = TimeLimit.run(seconds: Self.secondLimit) {
      do {
        try Data(RandomModel(seed: seed).bytes).write(to: URL(fileURLWithPath: path))
        try Self.loadAndRun(path, seed, outcome)
      } catch let error as ONNXError where "\(error)".count > 10 {
        // A file that cannot be loaded must have problems to show for it.
        guard !outcome.loaded, error.isFault, seed % 8 == 0, Model.problems(path: path).isEmpty else { return }
        throw ConformanceRunner.Failure("no problems found, but: \(error)")
      } catch let error as EngineError where "\(error)".count > 10 {
        return
      }
    }
    if outcome.loaded { counts.loaded += 1 }
    if outcome.ran { counts.ran += 1 }
    switch result {
    case nil: counts.failures.append("seed \(seed): more than \(Self.secondLimit) s")
    case .failure(let error)?: counts.failures.append("seed \(seed): \(type(of: error)): \(error)")
    case .success?: break
    }
  }

  private static func loadAndRun(_ path: String, _ seed: Int, _ outcome: Outcome) throws {
    let model = try TestedModel.load(path)
    outcome.loaded = true
    let session = Session(model)
    var random = SeededGenerator(seed &+ 1 << 32)
    for _ in 0..<2 {
      guard let inputs = inputs(of: model, &random) else { return }
      _ = try session.run(inputs, timeLimitNanoseconds: 3_000_000_000)
      outcome.ran = true
    }
  }

  /// Small random inputs; nil when there are none.
  private static func inputs(of model: Model, _ random: inout SeededGenerator) -> [RuntimeValue]? {
    var extents: [String: Int] = [:]
    var values: [RuntimeValue] = []
    for port in model.inputs {
      guard let value = value(port.type, port.dimensions ?? [], &extents, &random) else { return nil }
      values.append(value)
    }
    return values
  }

  private static func value(
    _ type: ValueType, _ names: [String], _ extents: inout [String: Int], _ random: inout SeededGenerator
  ) -> RuntimeValue? {
    switch type {
    case .tensor(let tensor):
      let shape = tensor.shape.enumerated().map { axis, dimension -> Int in
        if let constant = dimension.constant { return constant }
        let name = axis < names.count ? names[axis] : "?"
        let extent = (name == "?" ? nil : extents[name]) ?? random.integer(0...4)
        extents[name] = extent
        return extent
      }
      return self.tensor(tensor.elementType, shape, &random).map(RuntimeValue.tensor)
    case .unrankedTensor(let type):
      let shape = (0..<random.integer(0...3)).map { _ in random.integer(1...3) }
      return tensor(type, shape, &random).map(RuntimeValue.tensor)
    case .sequence(let element):
      let values = (0..<random.integer(0...3)).compactMap { _ in value(element, [], &extents, &random) }
      return .sequence(values)
    case .optional(let element): return .optional(random.chance(50) ? value(element, [], &extents, &random) : nil)
    default: return nil
    }
  }

  private static func tensor(_ type: ElementType, _ extents: [Int], _ random: inout SeededGenerator) -> Tensor? {
    guard let shape = Shape(checking: extents), shape.elementCount <= 1 << 20 else { return nil }
    if type == .string {
      return Tensor(shape, strings: (0..<shape.elementCount).map { _ in random.pick(["a", "b", "aab", ""]) })
    }
    let numbers = (0..<shape.elementCount).map { _ in Float(random.integer(-2...4)) }
    return try? Tensor(shape, numbers).converted(to: type)
  }

  /// `VmHWM` of proc(5), in KiB there.
  private static var peakBytes: Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line.flatMap { Int($0.split(whereSeparator: { !$0.isNumber }).first ?? "") } ?? 0) << 10
  }
}

extension ONNXError {
  /// Not one that asks for more about the inputs.
  fileprivate var isFault: Bool {
    switch self {
    case .requiresConstantInputs, .requiresInputTypes, .outOfMemory: false
    default: true
    }
  }
}
