import Glibc
import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

/// Files that somebody bent on purpose: every one is read or refused, none traps or asks for much memory.
@Suite struct ONNXHostileModelTests {
  /// Parses and touches everything, as an importer would.
  private static func readAll(_ bytes: [UInt8]) throws {
    let model = try ONNXModel(bytes: bytes, name: "hostile", folder: "/nowhere")
    try touch(model.graph)
    for function in model.functions {
      for node in function.nodes { try touch(node) }
      for attribute in function.attributeDefaults { try touch(attribute) }
    }
  }

  private static func touch(_ graph: ONNXGraph) throws {
    for tensor in graph.initializers { _ = try? tensor.tensor() }
    for tensor in graph.sparseInitializers { _ = try? tensor.tensor() }
    for node in graph.nodes { try touch(node) }
  }

  private static func touch(_ node: ONNXNode) throws {
    for attribute in node.attributes {
      _ = try? node.int(attribute.name)
      _ = try? node.ints(attribute.name)
      _ = try? node.floats(attribute.name)
      _ = try? node.string(attribute.name)
      _ = try? node.strings(attribute.name)
      _ = try? node.type(attribute.name)
      try touch(attribute)
    }
  }

  private static func touch(_ attribute: ONNXAttribute) throws {
    switch attribute.value {
    case .tensor(let tensor): _ = try? tensor.tensor()
    case .tensors(let tensors): for tensor in tensors { _ = try? tensor.tensor() }
    case .sparseTensor(let tensor): _ = try? tensor.tensor()
    case .sparseTensors(let tensors): for tensor in tensors { _ = try? tensor.tensor() }
    case .graph(let graph): try touch(graph)
    case .graphs(let graphs): for graph in graphs { try touch(graph) }
    default: break
    }
  }

  /// The most memory that this process has held so far: the `VmHWM` line of its status, in kB.
  private static var peakBytes: Int {
    guard let stream = fopen("/proc/self/status", "r") else { return 0 }
    defer { fclose(stream) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, Int32(line.count), stream) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasPrefix("VmHWM:") { return (Int(text.split(whereSeparator: \.isWhitespace)[1]) ?? 0) << 10 }
    }
    return 0
  }

  @Test func aModelCutOffAtAnyByteIsReadOrRefused() throws {
    let bytes = sampleModel.bytes
    try Self.readAll(bytes)
    var accepted = 0
    for length in 0..<bytes.count {
      do {
        try Self.readAll(Array(bytes[..<length]))
        accepted += 1
      } catch is ONNXError {}
    }
    // Cut between two fields of the outermost message, after the graph: still a model.
    #expect(accepted == 1)
  }

  /// In a process of its own, whose memory no other test fills.
  @Test func mutatedModelsAreReadOrRefused() async {
    await #expect(processExitsWith: .success) {
      let original = sampleModel.bytes
      let before = Self.peakBytes
      var random = SplitMix64(seed: 20_261_121)
      var accepted = 0
      for _ in 0..<2_000 {
        var bytes = original
        for _ in 0...random.below(4) { Self.mutate(&bytes, &random) }
        do {
          try Self.readAll(bytes)
          accepted += 1
        } catch is ONNXError {}
      }
      // Both outcomes are common, or the mutations would test nothing.
      #expect((100..<1_900).contains(accepted), "\(accepted) of 2000 accepted")
      #expect(before > 0)
      #expect(Self.peakBytes - before < 4 * original.count + 256 << 20)
    }
  }

  private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix64) {
    guard !bytes.isEmpty else { return }
    let position = random.below(bytes.count)
    switch random.below(6) {
    case 0, 1: bytes[position] ^= 1 << UInt8(random.below(8))
    case 2: bytes[position] = UInt8(random.below(256))
    case 3: bytes[position] = 0xFF
    case 4: bytes.remove(at: position)
    default: bytes.insert(contentsOf: [0xFF, 0xFF, 0xFF, 0xFF, 0x7F], at: position)
    }
  }

  @Test func graphsNestedWithoutEndAreRefused() {
    func nested(_ depth: Int) -> [UInt8] {
      var graph = MessageWriter()
      for _ in 0..<depth {
        graph = MessageWriter {
          $0.message(
            1,
            .node("If", [], ["y"]) {
              $0.message(5) {
                $0.string(1, "then_branch")
                $0.int(20, 5)
                $0.message(6, graph)
              }
            })
        }
      }
      return MessageWriter { $0.message(7, graph) }.bytes
    }
    #expect(throws: Never.self) { try Self.readAll(nested(30)) }
    #expect(throws: ONNXError.self) { try Self.readAll(nested(40)) }
    #expect(throws: ONNXError.self) { try Self.readAll(nested(300)) }
  }

  @Test func typesNestedWithoutEndAreRefused() {
    var type = MessageWriter()
    for _ in 0..<200 { type = MessageWriter { $0.message(4) { $0.message(1, type) } } }
    let model = MessageWriter.model { $0.message(11) { $0.message(2, type) } }
    #expect(throws: ONNXError.self) { try Self.readAll(model.bytes) }
  }

  @Test func millionsOfEmptyPartsAreRefusedBeforeTheyFillTheMemory() async {
    await #expect(processExitsWith: .success) {
      // 12 MB of file, six million empty nodes of more than a hundred bytes each.
      var graph: [UInt8] = []
      for _ in 0..<6_000_000 { graph += [0x0A, 0x00] }
      let model = MessageWriter { $0.bytes(7, graph) }
      let before = Self.peakBytes
      let error = #expect(throws: ONNXError.self) { try Self.readAll(model.bytes) }
      #expect(error?.description.contains("more parts than a file of its size may have") == true)
      #expect(before > 0)
      #expect(Self.peakBytes - before < 4 * model.bytes.count + 256 << 20)
    }
  }

  @Test func lengthsBeyondTheFileAreRefused() {
    for length in [UInt64(100), 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max] {
      var model = MessageWriter()
      model.tag(7, 2)
      model.varint(length)
      #expect(throws: ONNXError.self) { try Self.readAll(model.bytes) }
    }
  }
}

/// Random numbers that are the same in every run.
private struct SplitMix64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func below(_ bound: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return Int((bits ^ bits >> 31) % UInt64(bound))
  }
}
