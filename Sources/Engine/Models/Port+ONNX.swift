import GraphIR
import ONNXFrontend
import Tensors

extension Port {
  /// As the file declares it. Symbols are numbered within the port only: names in `dimensions` tell which are equal.
  init(_ info: ONNXValueInfo) {
    var symbols: [String] = []
    let type = info.type.flatMap { Port.type($0, &symbols) } ?? .unrankedTensor(.float32)
    self.init(name: info.name, type: type, dimensions: Self.dimensions(type) { symbols[Int($0.index)] })
  }

  /// With the type that lowering inferred, which knows more than the file, and names that the file gives.
  init(name: String, type: ValueType, declared: Port, graph: Graph) {
    let inferred = Self.dimensions(type) { graph.symbols[Int($0.index)].name }
    let merged = inferred.map { dimensions in
      dimensions.enumerated().map { axis, text in
        guard text.contains("?"), let names = declared.dimensions, axis < names.count else { return text }
        return names[axis]
      }
    }
    self.init(name: name, type: type, dimensions: merged ?? declared.dimensions)
  }

  private static func dimensions(_ type: ValueType, name: (Symbol) -> String) -> [String]? {
    type.tensor?.shape.map { $0.text(name) }.map { $0.hasPrefix("?") ? "?" : $0 }
  }

  private static func type(_ type: ONNXType, _ symbols: inout [String]) -> ValueType? {
    switch type {
    case .tensor(let element?, nil), .sparseTensor(let element?, nil): return .unrankedTensor(element)
    case .tensor(let element?, let dimensions?), .sparseTensor(let element?, let dimensions?):
      return .tensor(
        TensorType(
          element,
          dimensions.map { dimension in
            if case .value(let extent) = dimension { return .constant(extent) }
            if case .parameter(let name) = dimension, let known = symbols.firstIndex(of: name) {
              return Dimension(Symbol(Int32(known)))
            }
            if case .parameter(let name) = dimension { symbols.append(name) } else { symbols.append("?") }
            return Dimension(Symbol(Int32(symbols.count - 1)))
          }))
    case .sequence(let element): return Port.type(element, &symbols).map(ValueType.sequence)
    case .optional(let element): return Port.type(element, &symbols).map(ValueType.optional)
    case .map(let key?, let value): return Port.type(value, &symbols).map { .map(key: key, value: $0) }
    default: return nil
    }
  }
}
