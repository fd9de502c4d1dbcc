import Engine
import GraphIR
import Tensors

/// The JSON schema of one input or output, and a value that has it.
struct PortSchema {
  let port: Port
  /// Outputs may turn out otherwise than the model declares, so nothing is promised about their extents.
  let isInput: Bool

  init(input port: Port) { (self.port, isInput) = (port, true) }
  init(output port: Port) { (self.port, isInput) = (port, false) }

  var schema: OrderedJSON { schema(port.type) }

  private func schema(_ type: ValueType) -> OrderedJSON {
    switch type {
    case .tensor(let type):
      let nested = type.shape.reversed().reduce(Self.leaf(type.elementType)) { items, extent in
        let array: OrderedJSON = ["type": "array", "items": items]
        guard isInput, let extent = extent.constant else { return array }
        return array + ["minItems": .raw(String(extent)), "maxItems": .raw(String(extent))]
      }
      return type.rank == 0 ? nested : nested + ["format": "numpy.ndarray"]
    case .unrankedTensor(let type):
      return ["description": .string("\(type.name), nested arrays of any depth")]
    case .sequence(let type): return ["type": "array", "items": schema(type)]
    case .map(_, let type): return ["type": "object", "additionalProperties": schema(type)]
    case .optional(let type): return schema(type)
    }
  }

  static func leaf(_ type: ElementType) -> OrderedJSON {
    switch type.kind {
    case .float: return ["type": "number", "format": type == .float64 ? "double" : "float"]
    case .bool: return ["type": "boolean"]
    case .string: return ["type": "string"]
    case .complex:
      return ["type": "array", "items": ["type": "number"], "minItems": 2, "maxItems": 2]
    case .signedInteger, .unsignedInteger:
      let isSigned = type.kind == .signedInteger
      let bits = isSigned ? type.bitWidth - 1 : type.bitWidth
      let largest = bits == 64 ? UInt64.max : (1 << UInt64(bits)) - 1
      return [
        "type": "integer", "format": .string(type.name),
        "minimum": .raw(isSigned ? "-\(largest + 1)" : "0"), "maximum": .raw(String(largest)),
      ]
    }
  }

  /// Free extents are 1, numbers are 1.0, integers 0, which is a valid index of whatever they may index.
  var example: OrderedJSON { .raw(Self.example(port.type)) }

  private static func example(_ type: ValueType) -> String {
    switch type {
    case .tensor(let type):
      return type.shape.reversed().reduce(example(type.elementType)) { element, extent in
        "[" + Array(repeating: element, count: extent.constant ?? 1).joined(separator: ", ") + "]"
      }
    case .unrankedTensor(let type): return "[\(example(type))]"
    case .sequence(let type): return "[\(example(type))]"
    case .optional(let type): return example(type)
    case .map(let key, let type): return key == .string ? "{\"a\": \(example(type))}" : "{\"0\": \(example(type))}"
    }
  }

  private static func example(_ type: ElementType) -> String {
    switch type.kind {
    case .float: "1.0"
    case .signedInteger, .unsignedInteger: "0"
    case .bool: "true"
    case .string: "\"a\""
    case .complex: "[1.0, 0.0]"
    }
  }

  /// What one column of records holds: `[N]` and `[N, 1]` are columns.
  var columnSchema: OrderedJSON? {
    guard let type = port.type.tensor, type.rank == 1 || type.rank == 2 && (type.shape[1].constant ?? 1) == 1 else {
      return nil
    }
    return Self.leaf(type.elementType)
  }
}
