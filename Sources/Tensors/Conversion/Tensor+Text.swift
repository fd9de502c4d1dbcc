// Casts between strings and numbers.

extension Tensor {
  /// Numbers as text: the fewest digits that read back the same, `NaN`, `INF` and `-INF`, `True` and `False`.
  func printed() throws(TensorError) -> Tensor {
    let values = try widened()
    switch values.elementType {
    case .float32: return values.printed(Float.self) { NumberText.write($0, names: .onnx, to: $1) }
    case .float64: return values.printed(Double.self) { NumberText.write($0, names: .onnx, to: $1) }
    case .int8: return values.printed(Int8.self, NumberText.write)
    case .int16: return values.printed(Int16.self, NumberText.write)
    case .int32: return values.printed(Int32.self, NumberText.write)
    case .int64: return values.printed(Int64.self, NumberText.write)
    case .uint8: return values.printed(UInt8.self, NumberText.write)
    case .uint16: return values.printed(UInt16.self, NumberText.write)
    case .uint32: return values.printed(UInt32.self, NumberText.write)
    case .uint64: return values.printed(UInt64.self, NumberText.write)
    case .bool: return Tensor(shape, strings: values.elements(of: Bool.self).map { $0 ? "True" : "False" })
    default: throw .unsupportedType(elementType, operation: "conversion to string")
    }
  }

  private func printed<Element: TensorElement>(
    _ type: Element.Type, _ write: (Element, UnsafeMutablePointer<UInt8>) -> Int
  ) -> Tensor {
    Tensor(shape, strings: withElements(of: type) { $0.map { value in String(numberText: { write(value, $0) }) } })
  }

  /// Text as numbers. Spaces around a number, a leading plus and any case of `nan`, `inf` and `infinity` are
  /// accepted; for an integer a fraction is dropped and a value of 64 bits keeps the low bits that fit.
  func parsed(
    as target: ElementType, saturating: Bool, rounding: FloatFormat.Rounding
  ) throws(TensorError) -> Tensor {
    switch target {
    case .float32: return try parsed(Float.self) { $0.float() }
    case .float64: return try parsed(Double.self) { $0.double() }
    case .int64: return try parsed(Int64.self) { $0.integer(Int64.self) }
    case .uint64:
      return try parsed(UInt64.self) { text in
        text.integer(UInt64.self) ?? text.integer(Int64.self).map { UInt64(bitPattern: $0) }
      }
    case .bool: return try parsed(Bool.self) { $0.bool() }
    case .string: return self
    case .complex64, .complex128: throw .unsupportedType(.string, operation: "conversion to \(target.name)")
    default:
      let wide: ElementType = target.kind == .float ? .float64 : .int64
      let values = try parsed(as: wide, saturating: saturating, rounding: rounding)
      return try values.converted(to: target, saturating: saturating, rounding: rounding)
    }
  }

  private func parsed<Element: TensorElement>(
    _ type: Element.Type, _ parse: (NumberInText) -> Element?
  ) throws(TensorError) -> Tensor {
    let result = try Tensor(Element.elementType, shape, zeroed: false)
    for (index, string) in strings.enumerated() {
      var string = string
      let value = string.withUTF8 { parse(NumberInText($0)) }
      guard let value else {
        throw .malformed(
          source: "string \(index)", problem: "expected \(Element.elementType.name), found \"\(string.prefix(40))\"")
      }
      result.withMutableElements(of: type) { $0[index] = value }
    }
    return result
  }
}

/// One text without the spaces around it. Every reading is nil when the text is not such a value.
private struct NumberInText {
  private let text: UnsafeBufferPointer<UInt8>

  init(_ text: UnsafeBufferPointer<UInt8>) {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0d ~= byte }
    var range = 0..<text.count
    while let first = range.first, isSpace(text[first]) { range.removeFirst() }
    while let last = range.last, isSpace(text[last]) { range.removeLast() }
    self.text = UnsafeBufferPointer(rebasing: text[range])
  }

  func double() -> Double? {
    guard let start = text.baseAddress else { return nil }
    return decimal()?.double(end: start + text.count) ?? special()
  }

  func float() -> Float? {
    guard let start = text.baseAddress else { return nil }
    return decimal()?.float(end: start + text.count) ?? special().map { Float($0) }
  }

  func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer? {
    guard let start = text.baseAddress, let decimal = decimal() else { return nil }
    if let exact = decimal.integer(Integer.self, end: start + text.count) { return exact }
    if decimal.isInteger { return nil }
    let value = decimal.double(end: start + text.count).rounded(.towardZero)
    return Integer(exactly: value)
  }

  func bool() -> Bool? {
    if equals("true") { return true }
    if equals("false") { return false }
    return double().map { $0 != 0 }
  }

  private func decimal() -> DecimalNumber? {
    guard let start = text.baseAddress else { return nil }
    let end = start + text.count
    var after = start
    let number = DecimalNumber.scan(start, end: end, grammar: .lenient, after: &after)
    return after == end ? number : nil
  }

  private func special() -> Double? {
    guard let first = text.first else { return nil }
    let isNegative = first == UInt8(ascii: "-")
    let start = isNegative || first == UInt8(ascii: "+") ? 1 : 0
    if equals("nan", from: start) { return .nan }
    if equals("inf", from: start) || equals("infinity", from: start) { return isNegative ? -.infinity : .infinity }
    return nil
  }

  /// Whatever the case of the letters; `word` is lower case.
  private func equals(_ word: StaticString, from start: Int = 0) -> Bool {
    guard text.count - start == word.utf8CodeUnitCount else { return false }
    return (0..<word.utf8CodeUnitCount).allSatisfy { text[start + $0] | 0x20 == word.utf8Start[$0] }
  }
}
