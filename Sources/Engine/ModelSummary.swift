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
  public var summary: ModelSummary { ModelSummary() }
}
