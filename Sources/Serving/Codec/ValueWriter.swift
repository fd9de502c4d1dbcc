import Tensors

/// Writes what a model answers as JSON: tensors as nested arrays, sequences as arrays, maps as objects.
public enum ValueWriter {
  public static func write(_ value: RuntimeValue, into writer: inout JSONWriter) throws(TensorError) {
    switch value {
    case .tensor(let tensor): try JSONTensorEncoder.encode(tensor, into: &writer)
    case .optional(nil): writer.append(raw: "null")
    case .optional(let value?): try write(value, into: &writer)
    case .sequence(let values):
      writer.append(raw: "[")
      for (index, value) in values.enumerated() {
        if index > 0 { writer.appendComma() }
        try write(value, into: &writer)
      }
      writer.append(raw: "]")
    case .map(let keys, let values): try writeObject(names: Self.names(keys), values, into: &writer)
    }
  }

  /// `{"name": value, …}`
  public static func writeObject(
    names: [String], _ values: [RuntimeValue], into writer: inout JSONWriter
  ) throws(TensorError) {
    writer.append(raw: "{")
    for (index, (name, value)) in zip(names, values).enumerated() {
      if index > 0 { writer.appendComma() }
      writer.append(string: name)
      writer.append(raw: writer.isSpaced ? ": " : ":")
      try write(value, into: &writer)
    }
    writer.append(raw: "}")
  }

  private static func names(_ keys: Tensor) throws(TensorError) -> [String] {
    if keys.elementType == .string { return keys.strings }
    return try keys.converted(to: .int64).elements(of: Int64.self).map(String.init)
  }
}
