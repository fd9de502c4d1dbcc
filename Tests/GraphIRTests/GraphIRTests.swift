import Glibc
import GraphIR
import Tensors
import Testing

/// Seeds of the random tests: 80, or as many as `APUS_FUZZ_SEEDS` says.
let seeds = 0..<(getenv("APUS_FUZZ_SEEDS").flatMap { Int(String(cString: $0)) } ?? 80)

/// Numbers that are the same in every run (SplitMix64): a failure names its seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// The types of one node's results, as text, made-up symbols numbered as they come: `inferred("%0: float32[N]",
/// "unary(%0) {negate}", results: 1)`.
func inferred(_ parameters: String, _ node: String, results: Int) throws -> [String] {
  let names = (0..<results).map { "%r\($0)" }.joined(separator: ", ")
  let text = "graph g(\(parameters)) {\n\(names)\(results > 0 ? " = " : "")\(node)\nreturn\n}"
  let graph = try Graph(parsing: text)
  let last = try #require(graph.nodes.last)
  return last.results.map { id in
    let type = graph[id].type.text(symbols: graph.symbols)
    guard let elements = graph[id].elements else { return type }
    return "\(type) = [\(elements.map { $0.text(symbols: graph.symbols) }.joined(separator: ", "))]"
  }
}
