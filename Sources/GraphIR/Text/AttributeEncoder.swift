import Tensors

/// Turns an operation into the tree that its text shows.
enum AttributeEncoder {
  static func tree(_ value: some Encodable) throws -> AttributeTree {
    // A type whose raw value is a file's code is shown by its name.
    if let elementType = value as? ElementType { return .text(elementType.name) }
    let encoder = Encoding(codingPath: [])
    try value.encode(to: encoder)
    // Dictionaries come in any order.
    return encoder.slot.tree(isSorted: value is [String: Composite.Attribute])
  }
}

/// Where one value will stand once it is encoded.
private final class Slot {
  var scalar: AttributeTree?
  var fields: [(key: String, slot: Slot)]?
  var elements: [Slot]?

  func tree(isSorted: Bool = false) -> AttributeTree {
    if let scalar { return scalar }
    if let elements { return .list(elements.map { $0.tree() }) }
    let fields = (fields ?? []).map { AttributeTree.Field(key: $0.key, value: $0.slot.tree()) }
    return .object(isSorted ? fields.sorted { $0.key < $1.key } : fields)
  }

  func field(_ key: String) -> Slot {
    let slot = Slot()
    fields = (fields ?? []) + [(key, slot)]
    return slot
  }

  func element() -> Slot {
    let slot = Slot()
    elements = (elements ?? []) + [slot]
    return slot
  }
}

private struct Encoding: Encoder {
  var codingPath: [any CodingKey]
  var userInfo: [CodingUserInfoKey: Any] { [:] }
  var slot = Slot()

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    slot.fields = slot.fields ?? []
    return KeyedEncodingContainer(Keyed(codingPath: codingPath, slot: slot))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    slot.elements = slot.elements ?? []
    return Unkeyed(codingPath: codingPath, slot: slot)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer { Single(codingPath: codingPath, slot: slot) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
  var codingPath: [any CodingKey]
  let slot: Slot

  private func add(_ tree: AttributeTree, _ key: Key) { slot.field(key.stringValue).scalar = tree }

  mutating func encodeNil(forKey key: Key) {}
  mutating func encode(_ value: Bool, forKey key: Key) { add(.bool(value), key) }
  mutating func encode(_ value: String, forKey key: Key) { add(.text(value), key) }
  mutating func encode(_ value: Double, forKey key: Key) { add(.number("\(value)"), key) }
  mutating func encode(_ value: Float, forKey key: Key) { add(.number("\(value)"), key) }
  mutating func encode(_ value: Int, forKey key: Key) { add(.number("\(value)"), key) }
  mutating func encode(_ value: UInt64, forKey key: Key) { add(.number("\(value)"), key) }
  mutating func encode<T: Encodable>(_ value: T, forKey key: Key) throws { add(try AttributeEncoder.tree(value), key) }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy keyType: NestedKey.Type, forKey key: Key
  ) -> KeyedEncodingContainer<NestedKey> {
    Encoding(codingPath: codingPath + [key], slot: slot.field(key.stringValue)).container(keyedBy: keyType)
  }

  mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    Encoding(codingPath: codingPath + [key], slot: slot.field(key.stringValue)).unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder { Encoding(codingPath: codingPath, slot: slot.field("super")) }
  mutating func superEncoder(forKey key: Key) -> any Encoder {
    Encoding(codingPath: codingPath + [key], slot: slot.field(key.stringValue))
  }
}

private struct Unkeyed: UnkeyedEncodingContainer {
  var codingPath: [any CodingKey]
  let slot: Slot
  var count: Int { slot.elements?.count ?? 0 }

  mutating func encodeNil() {}
  mutating func encode<T: Encodable>(_ value: T) throws { slot.element().scalar = try AttributeEncoder.tree(value) }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy keyType: NestedKey.Type
  ) -> KeyedEncodingContainer<NestedKey> {
    Encoding(codingPath: codingPath, slot: slot.element()).container(keyedBy: keyType)
  }

  mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    Encoding(codingPath: codingPath, slot: slot.element()).unkeyedContainer()
  }

  mutating func superEncoder() -> any Encoder { Encoding(codingPath: codingPath, slot: slot.element()) }
}

private struct Single: SingleValueEncodingContainer {
  var codingPath: [any CodingKey]
  let slot: Slot

  mutating func encodeNil() {}
  mutating func encode(_ value: Bool) { slot.scalar = .bool(value) }
  mutating func encode(_ value: String) { slot.scalar = .text(value) }
  mutating func encode(_ value: Double) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Float) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Int) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Int8) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Int16) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Int32) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: Int64) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: UInt) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: UInt8) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: UInt16) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: UInt32) { slot.scalar = .number("\(value)") }
  mutating func encode(_ value: UInt64) { slot.scalar = .number("\(value)") }
  mutating func encode<T: Encodable>(_ value: T) throws { slot.scalar = try AttributeEncoder.tree(value) }
}
