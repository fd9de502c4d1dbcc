import Tensors

/// Reads an operation back from the tree of its text. Errors are `DecodingError`s.
enum AttributeDecoder {
  static func value<T: Decodable>(_ type: T.Type, from tree: AttributeTree, _ path: [any CodingKey] = []) throws -> T {
    let decoding = Decoding(codingPath: path, tree: tree)
    if type == ElementType.self {
      guard case .text(let name) = tree, let elementType = ElementType(name: name), let value = elementType as? T else {
        throw decoding.mismatch(type)
      }
      return value
    }
    return try T(from: decoding)
  }

  /// What a decoding error says, in a line.
  static func message(_ error: DecodingError) -> String {
    switch error {
    case .keyNotFound(let key, _): "'\(key.stringValue)' is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
      context.codingPath.isEmpty
        ? context.debugDescription
        : "\(context.debugDescription) at \(context.codingPath.map(\.stringValue).joined(separator: "."))"
    @unknown default: "\(error)"
    }
  }
}

private struct Decoding: Decoder {
  var codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  let tree: AttributeTree

  func mismatch(_ type: Any.Type) -> DecodingError {
    .typeMismatch(type, .init(codingPath: codingPath, debugDescription: "'\(tree)' is not \(type)"))
  }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    guard case .object(let fields) = tree else { throw mismatch(type) }
    return KeyedDecodingContainer(KeyedFields(codingPath: codingPath, fields: fields))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
    guard case .list(let elements) = tree else { throw mismatch([Any].self) }
    return Elements(codingPath: codingPath, elements: elements)
  }

  func singleValueContainer() -> any SingleValueDecodingContainer { SingleValue(decoding: self) }
}

private struct KeyedFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
  var codingPath: [any CodingKey]
  let fields: [AttributeTree.Field]

  var allKeys: [Key] { fields.compactMap { Key(stringValue: $0.key) } }
  func contains(_ key: Key) -> Bool { fields.contains { $0.key == key.stringValue } }

  private func tree(_ key: Key) throws -> AttributeTree {
    guard let field = fields.first(where: { $0.key == key.stringValue }) else {
      throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "missing"))
    }
    return field.value
  }

  func decodeNil(forKey key: Key) -> Bool { false }

  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T {
    try AttributeDecoder.value(type, from: try tree(key), codingPath + [key])
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> {
    try Decoding(codingPath: codingPath + [key], tree: tree(key)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try Decoding(codingPath: codingPath + [key], tree: tree(key)).unkeyedContainer()
  }

  func superDecoder() throws -> any Decoder { Decoding(codingPath: codingPath, tree: .object(fields)) }
  func superDecoder(forKey key: Key) throws -> any Decoder {
    Decoding(codingPath: codingPath + [key], tree: try tree(key))
  }
}

private struct Elements: UnkeyedDecodingContainer {
  var codingPath: [any CodingKey]
  let elements: [AttributeTree]
  var currentIndex = 0
  var count: Int? { elements.count }
  var isAtEnd: Bool { currentIndex >= elements.count }

  private mutating func next() throws -> AttributeTree {
    guard !isAtEnd else {
      throw DecodingError.valueNotFound(
        Any.self, .init(codingPath: codingPath, debugDescription: "the list is too short"))
    }
    currentIndex += 1
    return elements[currentIndex - 1]
  }

  mutating func decodeNil() -> Bool { false }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try AttributeDecoder.value(type, from: try next(), codingPath)
  }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> {
    try Decoding(codingPath: codingPath, tree: next()).container(keyedBy: type)
  }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try Decoding(codingPath: codingPath, tree: next()).unkeyedContainer()
  }

  mutating func superDecoder() throws -> any Decoder { Decoding(codingPath: codingPath, tree: try next()) }
}

private struct SingleValue: SingleValueDecodingContainer {
  let decoding: Decoding
  var codingPath: [any CodingKey] { decoding.codingPath }

  func decodeNil() -> Bool { false }

  private func number<T: LosslessStringConvertible>(_ type: T.Type) throws -> T {
    guard case .number(let text) = decoding.tree, let value = T(text) else { throw decoding.mismatch(type) }
    return value
  }

  func decode(_ type: Bool.Type) throws -> Bool {
    guard case .bool(let value) = decoding.tree else { throw decoding.mismatch(type) }
    return value
  }

  func decode(_ type: String.Type) throws -> String {
    guard case .text(let value) = decoding.tree else { throw decoding.mismatch(type) }
    return value
  }

  func decode(_ type: Double.Type) throws -> Double { try number(type) }
  func decode(_ type: Float.Type) throws -> Float { try number(type) }
  func decode(_ type: Int.Type) throws -> Int { try number(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try number(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try number(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try number(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try number(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try number(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try number(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try number(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try number(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try number(type) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T {
    try AttributeDecoder.value(type, from: decoding.tree, codingPath)
  }
}
