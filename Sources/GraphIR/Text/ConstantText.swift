import Tensors

/// The elements of a constant as text: numbers, bools and strings as a list, all other types as the bytes in memory.
enum ConstantText {
  static func text(_ tensor: Tensor) -> String {
    switch tensor.elementType {
    case .float32: list(tensor, Float.self)
    case .float64: list(tensor, Double.self)
    case .int8: list(tensor, Int8.self)
    case .int16: list(tensor, Int16.self)
    case .int32: list(tensor, Int32.self)
    case .int64: list(tensor, Int64.self)
    case .uint8: list(tensor, UInt8.self)
    case .uint16: list(tensor, UInt16.self)
    case .uint32: list(tensor, UInt32.self)
    case .uint64: list(tensor, UInt64.self)
    case .bool: brackets(bytes(tensor).map { $0 == 0 ? "false" : "true" })
    case .string: brackets(tensor.strings.map(TextName.quoted))
    default:
      "0x" + bytes(tensor).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }

  /// FNV-1a over the bytes: tells two constants apart in a dump, proves nothing.
  static func hash(_ tensor: Tensor) -> String {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    if tensor.elementType == .string {
      for string in tensor.strings {
        string.utf8.forEach(add)
        add(0)
      }
    } else {
      withExtendedLifetime(tensor.storage) {
        UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount).forEach(add)
      }
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The tensor of these elements; nil when one is not of the type or their number is not the shape's.
  static func tensor(_ elementType: ElementType, _ shape: Shape, _ elements: [AttributeTree]) -> Tensor? {
    guard elements.count == shape.elementCount else { return nil }
    switch elementType {
    case .float32: return numbers(shape, elements, Float.self)
    case .float64: return numbers(shape, elements, Double.self)
    case .int8: return numbers(shape, elements, Int8.self)
    case .int16: return numbers(shape, elements, Int16.self)
    case .int32: return numbers(shape, elements, Int32.self)
    case .int64: return numbers(shape, elements, Int64.self)
    case .uint8: return numbers(shape, elements, UInt8.self)
    case .uint16: return numbers(shape, elements, UInt16.self)
    case .uint32: return numbers(shape, elements, UInt32.self)
    case .uint64: return numbers(shape, elements, UInt64.self)
    case .bool:
      let values = elements.compactMap { if case .bool(let value) = $0 { value } else { nil } }
      return values.count == elements.count ? Tensor(shape, values) : nil
    case .string:
      let values = elements.compactMap { if case .text(let value) = $0 { value } else { nil } }
      return values.count == elements.count ? Tensor(shape, strings: values) : nil
    default: return nil
    }
  }

  /// The tensor of these bytes; nil when their number is not the shape's.
  static func tensor(_ elementType: ElementType, _ shape: Shape, bytes: [UInt8]) -> Tensor? {
    guard elementType != .string, elementType.byteCount(of: shape.elementCount) == bytes.count,
      let tensor = try? Tensor(elementType, shape, zeroed: false)
    else { return nil }
    bytes.withUnsafeBytes { source in
      UnsafeMutableRawBufferPointer(start: tensor.base, count: source.count).copyMemory(from: source)
    }
    return tensor
  }

  private static func list<T: TensorElement & CustomStringConvertible>(_ tensor: Tensor, _ type: T.Type) -> String {
    brackets(tensor.elements(of: type).map(\.description))
  }

  private static func brackets(_ elements: [String]) -> String { "[\(elements.joined(separator: ", "))]" }

  private static func bytes(_ tensor: Tensor) -> [UInt8] {
    withExtendedLifetime(tensor.storage) {
      Array(UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
    }
  }

  private static func numbers<T: TensorElement & LosslessStringConvertible>(
    _ shape: Shape, _ elements: [AttributeTree], _ type: T.Type
  ) -> Tensor? {
    var values: [T] = []
    for element in elements {
      guard case .number(let text) = element, let value = T(text) else { return nil }
      values.append(value)
    }
    return Tensor(shape, values)
  }
}
