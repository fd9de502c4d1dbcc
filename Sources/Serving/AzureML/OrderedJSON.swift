/// JSON whose keys stay in the order they were given, printed as Python's `json.dumps` does. For documents; tensors go
/// through `JSONWriter`.
indirect enum OrderedJSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case object([(key: String, value: OrderedJSON)])
  case array([OrderedJSON])
  case string(String)
  case bool(Bool)
  /// Text that is JSON already: numbers, examples.
  case raw(String)

  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(integerLiteral value: Int) { self = .raw(String(value)) }
  init(arrayLiteral elements: OrderedJSON...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, OrderedJSON)...) { self = .object(elements.map { ($0.0, $0.1) }) }

  /// Objects one behind the other; nil adds nothing.
  static func + (a: OrderedJSON, b: OrderedJSON?) -> OrderedJSON {
    guard case .object(let left) = a, case .object(let right)? = b else { return a }
    return .object(left + right)
  }

  var text: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .object(let members):
      text += "{"
      for (index, member) in members.enumerated() {
        if index > 0 { text += ", " }
        text += Self.quoted(member.key)
        text += ": "
        member.value.write(to: &text)
      }
      text += "}"
    case .array(let elements):
      text += "["
      for (index, element) in elements.enumerated() {
        if index > 0 { text += ", " }
        element.write(to: &text)
      }
      text += "]"
    case .string(let string): text += Self.quoted(string)
    case .bool(let value): text += value ? "true" : "false"
    case .raw(let json): text += json
    }
  }

  private static func quoted(_ string: String) -> String {
    var quoted = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..<" ":
        let hex = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
