import Engine
import FoundationEssentials
import Serving
import Tensors

/// Where a command takes the inputs of a model from.
struct InputValues {
  let model: Model

  /// `NAME=FILE.npy`, `NAME=FILE.json`, and the arrays of a `.npz` by their names, in the order of the model's inputs.
  func read(arguments: [String], archive: String?) throws -> [RuntimeValue] {
    let (inputs, overriding) = try readAll(arguments: arguments, archive: archive)
    if let name = overriding.keys.sorted().first {
      throw CommandFailure(.data, "'\(name)' is an optional input: this command takes the file's value for it")
    }
    return inputs
  }

  /// `read`, and values that replace those that the file has for optional inputs.
  func readAll(
    arguments: [String], archive: String?
  ) throws -> (inputs: [RuntimeValue], overriding: [String: RuntimeValue]) {
    var values: [String: RuntimeValue] = [:]
    if let archive {
      for (name, tensor) in try Self.readArchive(archive) { values[name] = .tensor(tensor) }
    }
    for argument in arguments {
      let parts = argument.split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else {
        throw CommandFailure(.usage, "--input expects NAME=FILE.npy or NAME=FILE.json, not '\(argument)'")
      }
      let name = String(parts[0])
      guard let port = (model.inputs + model.optionalInputs).first(where: { $0.name == name }) else {
        throw unknown(name)
      }
      values[name] = try Self.readFile(String(parts[1]), port)
    }
    var overriding: [String: RuntimeValue] = [:]
    for port in model.optionalInputs {
      if let value = values.removeValue(forKey: port.name) { overriding[port.name] = try Self.fit(value, port) }
    }
    return (try inOrder(values), overriding)
  }

  private func unknown(_ name: String) -> CommandFailure {
    CommandFailure(
      .data, EngineError.unknownInput(name, known: (model.inputs + model.optionalInputs).map(\.name)).description)
  }

  private func inOrder(_ values: [String: RuntimeValue]) throws -> [RuntimeValue] {
    if let name = values.keys.sorted().first(where: { name in !model.inputs.contains { $0.name == name } }) {
      throw unknown(name)
    }
    return try model.inputs.map { port in
      if let value = values[port.name] { return try Self.fit(value, port) }
      if case .optional = port.type { return .optional(nil) }
      throw CommandFailure(.data, EngineError.missingInput(port.name).description)
    }
  }

  /// NumPy has no narrow floats and no packed integers: an array of a wider type becomes what the model takes. Any other
  /// difference is for the model to refuse.
  private static func fit(_ value: RuntimeValue, _ port: Port) throws -> RuntimeValue {
    guard let tensor = value.tensor, let type = port.type.elementType, tensor.elementType != type else { return value }
    let isNarrow = type.isFloat && type.bitWidth <= 16 && tensor.elementType == .float32
    let isPacked = type.isPacked && (tensor.elementType == .int8 || tensor.elementType == .uint8)
    guard isNarrow || isPacked else { return value }
    do {
      return .tensor(try tensor.converted(to: type))
    } catch {
      throw CommandFailure(.data, "input '\(port.name)': \(error)")
    }
  }

  // MARK: - Files

  private static func readFile(_ path: String, _ port: Port) throws -> RuntimeValue {
    let bytes = try readBytes(path)
    do {
      return try bytes.withUnsafeBytes { bytes in
        if path.lowercased().hasSuffix(".npy") { return .tensor(try NPY.read(bytes: bytes, source: path)) }
        var reader = JSONReader(bytes, source: path)
        let value = try ValueReader(port).read(&reader)
        try reader.finish()
        return value
      }
    } catch {
      throw CommandFailure(.data, "\(error)")
    }
  }

  static func readArchive(_ path: String) throws -> [(name: String, tensor: Tensor)] {
    let bytes = try readBytes(path)
    do {
      return try bytes.withUnsafeBytes { try NPZ.read(bytes: $0, source: path) }
    } catch {
      throw CommandFailure(.data, "\(error)")
    }
  }

  private static func readBytes(_ path: String) throws(CommandFailure) -> Data {
    do {
      return try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      throw CommandFailure(.noInput, "cannot read \(path)")
    }
  }
}
