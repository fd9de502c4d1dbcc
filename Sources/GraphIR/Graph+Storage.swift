import Tensors

// For schedules: what lies in memory may be of another type than nodes calculate with.
extension Graph {
  /// Keeps the elements of a tensor as another type.
  package mutating func store(_ id: ValueID, as elementType: ElementType) {
    guard case .tensor(var type) = values[Int(id.index)].type else { return }
    type.elementType = elementType
    values[Int(id.index)].type = .tensor(type)
  }

  /// A copy of a tensor, of another element type, that no node makes.
  package mutating func addCopy(of id: ValueID, as elementType: ElementType) -> ValueID {
    values.append(Value(type: type(of: id), origin: self[id].origin))
    let copy = ValueID(values.count - 1)
    store(copy, as: elementType)
    return copy
  }
}
