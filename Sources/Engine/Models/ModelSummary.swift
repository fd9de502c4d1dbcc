import ONNXFrontend
import Tensors

/// What a model consists of, for people and scripts: `apus inspect`.
public struct ModelSummary: Sendable {
  public struct Operator: Sendable {
    /// "Conv"; with the domain in front where that is not ONNX's own: "com.microsoft.Gelu".
    public var name: String
    public var count: Int

    public init(name: String, count: Int) {
      self.name = name
      self.count = count
    }
  }

  /// Of a plan, bound to inputs whose free extents are all 1.
  public struct Memory: Sendable {
    /// Short-lived results, which share one arena.
    public var arenaByteCount: Int
    /// The most bytes that are alive at one step: no plan can do with less.
    public var lowerBoundByteCount: Int
    public var bufferCount: Int

    /// 1 for a perfect plan.
    public var ratio: Double { lowerBoundByteCount == 0 ? 1 : Double(arenaByteCount) / Double(lowerBoundByteCount) }

    public init(arenaByteCount: Int, lowerBoundByteCount: Int, bufferCount: Int) {
      self.arenaByteCount = arenaByteCount
      self.lowerBoundByteCount = lowerBoundByteCount
      self.bufferCount = bufferCount
    }
  }

  /// Of the file's graph and the bodies in it, most frequent first.
  public var operators: [Operator] = []
  /// Elements of all weights, and the bytes that they take in the file.
  public var parameterCount = 0
  public var parameterByteCount = 0
  /// Nil for a model whose plan depends on the values of its inputs.
  public var memory: Memory?

  public init() {}
}

extension Model {
  public var summary: ModelSummary {
    var summary = ModelSummary()
    var counts: [String: Int] = [:]
    Self.count(onnx.graph, &counts, &summary)
    summary.operators = counts.map { ModelSummary.Operator(name: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    summary.memory = memorySummary
    return summary
  }

  private static func count(_ graph: ONNXGraph, _ counts: inout [String: Int], _ summary: inout ModelSummary) {
    for tensor in graph.initializers {
      // Extents are the file's claim, which nothing has checked if the weight is not used.
      guard let type = tensor.elementType, let shape = Shape(checking: tensor.dims) else { continue }
      summary.parameterCount &+= shape.elementCount
      summary.parameterByteCount &+= type.byteCount(of: shape.elementCount) ?? 0
    }
    for node in graph.nodes {
      counts[node.domain.isEmpty ? node.opType : "\(node.domain).\(node.opType)", default: 0] += 1
      for attribute in node.attributes {
        switch attribute.value {
        case .graph(let body): count(body, &counts, &summary)
        case .graphs(let bodies): for body in bodies { count(body, &counts, &summary) }
        default: break
        }
      }
    }
  }

  /// A plan that is made for the numbers alone.
  private var memorySummary: ModelSummary.Memory? {
    let inputs = inputs.map { port -> RuntimeValue? in
      guard let type = port.type.tensor, let shape = Shape(checking: type.shape.map { $0.constant ?? 1 }) else {
        return nil
      }
      return (try? Tensor(type.elementType, shape)).map { .tensor($0) }
    }
    let values = inputs.compactMap(\.self)
    guard values.count == inputs.count,
      let plan = try? Plan(variant(for: values).graph, inputs: values, machine: machine)
    else {
      return nil
    }
    return ModelSummary.Memory(
      arenaByteCount: plan.memory.arenaByteCount, lowerBoundByteCount: plan.memory.lowerBound,
      bufferCount: plan.memory.offsets.count)
  }
}
