import Tensors

extension Dimension {
  /// Text with the names that `symbols` gives; symbols outside it print as `s<index>`.
  public func text(symbols: [SymbolInfo]) -> String { text { $0.text(symbols: symbols) } }
}

extension Symbol {
  func text(symbols: [SymbolInfo]) -> String {
    if self == .varying { return "_" }
    return symbols.indices.contains(Int(index)) ? symbols[Int(index)].name : "s\(index)"
  }
}

extension ValueType: CustomStringConvertible {
  /// Symbols print as `s<index>`.
  public var description: String { text(symbols: []) }

  /// With the names of a graph's symbols.
  public func text(symbols: [SymbolInfo]) -> String { text { $0.text(symbols: symbols) } }

  /// `float32[N, 3]`, `float32[...]` of unknown rank, `sequence<float32[_, 3]>`, `map<string, float32[]>`.
  func text(_ name: (Symbol) -> String) -> String {
    switch self {
    case .tensor(let type): "\(type.elementType.name)[\(type.shape.map { $0.text(name) }.joined(separator: ", "))]"
    case .unrankedTensor(let type): "\(type.name)[...]"
    case .sequence(let element): "sequence<\(element.text(name))>"
    case .optional(let element): "optional<\(element.text(name))>"
    case .map(let key, let value): "map<\(key.name), \(value.text(name))>"
    }
  }
}
