/// What flows along an edge of a graph while it runs.
public indirect enum RuntimeValue: Sendable {
  case tensor(Tensor)
  case sequence([RuntimeValue])
  case optional(RuntimeValue?)
  /// Keys and values in the order of insertion; keys are a tensor of int64 or string of shape [n].
  case map(keys: Tensor, values: [RuntimeValue])

  @inlinable public var tensor: Tensor? {
    if case .tensor(let tensor) = self { tensor } else { nil }
  }
}
