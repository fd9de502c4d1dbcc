/// The attributes of an operation as a tree, half way between `Codable` and text.
///
/// As text: `{0: sum}` is written `{sum}`, that is, unlabelled payloads go by position; `{explicit: {low: [0]}}` is
/// written `explicit {low: [0]}`.
indirect enum AttributeTree: Equatable {
  /// Digits as written, so that no number loses precision on the way.
  case number(String)
  case text(String)
  case bool(Bool)
  case list([AttributeTree])
  case object([Field])

  struct Field: Equatable {
    var key: String
    var value: AttributeTree
  }

  /// Deeper trees than any operation has are refused.
  static let maximumDepth = 16

  /// How `Codable` calls the unlabelled payloads of an enum's case.
  static func positionalKey(_ position: Int) -> String { "_\(position)" }
}

// MARK: - Printing

extension AttributeTree: CustomStringConvertible {
  var description: String {
    switch self {
    case .number(let text): text
    case .text(let text): TextName.quotedIfNeeded(text)
    case .bool(let value): value ? "true" : "false"
    case .list(let elements): "[\(elements.map(\.description).joined(separator: ", "))]"
    case .object(let fields):
      if fields.count == 1, case .object = fields[0].value, TextName.isName(fields[0].key) {
        "\(fields[0].key) \(fields[0].value)"
      } else {
        "{\(Self.text(fields))}"
      }
    }
  }

  static func text(_ fields: [Field]) -> String {
    fields.enumerated().map { position, field in
      field.key == positionalKey(position)
        ? field.value.description : "\(TextName.quotedIfNeeded(field.key)): \(field.value)"
    }.joined(separator: ", ")
  }
}

/// Which words stand bare in a text and which need quotes.
package enum TextName {
  /// Words that mean something by themselves.
  private static let reserved: Set<String> = [
    "true", "false", "nan", "inf", "_", "floordiv", "mod", "min", "max", "broadcast",
  ]

  package static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isStart(first) else { return false }
    return text.utf8.allSatisfy(isPart) && !reserved.contains(text)
  }

  package static func isStart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"),
      UInt8(ascii: "?"):
      true
    default: false
    }
  }

  package static func isPart(_ byte: UInt8) -> Bool { isStart(byte) || isDigit(byte) || byte == UInt8(ascii: ".") }
  package static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  package static func quotedIfNeeded(_ text: String) -> String { isName(text) ? text : quoted(text) }

  /// With `\"`, `\\`, `\n`, `\r`, `\t` and `\u{…}` for other control characters.
  package static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        quoted += "\\u{\(String(scalar.value, radix: 16))}"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
