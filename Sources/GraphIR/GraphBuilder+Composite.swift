import Tensors

extension GraphBuilder {
  /// Adds a named operation with its decomposition. `body` writes the decomposition into a region whose inputs
  /// stand for `operands`, with their types and known elements.
  public func composite(
    _ composite: Composite, _ operands: [ValueID], _ body: (GraphBuilder, [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    let region = self.region(named: composite.name)
    let parameters = operands.map { region.parameter(like: graph[$0]) }
    region.setOutputs(try body(region, parameters))
    return try add(.composite(composite), operands, regions: [region.graph])
  }

  /// A region input with the type and the known elements of a value outside.
  private func parameter(like value: Value) -> ValueID {
    input(value.name, value.type, elements: value.elements)
  }
}
