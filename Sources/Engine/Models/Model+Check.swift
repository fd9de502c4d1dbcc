import GraphIR
import Tensors

extension Model {
  /// Throws `EngineError` unless count, element types, ranks and constant extents are the declared ones.
  func check(_ values: [RuntimeValue]) throws {
    guard values.count >= inputs.count else { throw EngineError.missingInput(inputs[values.count].name) }
    guard values.count == inputs.count else {
      throw EngineError.unknownInput("number \(inputs.count + 1)", known: inputs.map(\.name))
    }
    for (port, value) in zip(inputs, values) {
      guard case .tensor(let expected) = port.type else { continue }
      guard let tensor = value.tensor else {
        throw EngineError.invalidInput(port.name, found: "\(value.type)", expected: port.description)
      }
      let fits =
        tensor.elementType == expected.elementType && tensor.shape.rank == expected.rank
        && zip(tensor.shape.dimensions, expected.shape).allSatisfy { $1.constant == nil || $0 == $1.constant }
      if !fits {
        throw EngineError.invalidInput(
          port.name, found: "\(tensor.elementType.name)\(tensor.shape)", expected: port.description)
      }
    }
  }
}
