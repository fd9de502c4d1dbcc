import CYaml

/// The events of a YAML file, one after the other, as libyaml finds them.
final class YAMLEvents {
  enum Event {
    /// `isPlain`: without quotes, so that it may be a number, say.
    case scalar(String, isPlain: Bool, anchor: String?)
    case alias(String)
    case sequenceStart(anchor: String?)
    case sequenceEnd
    case mappingStart(anchor: String?)
    case mappingEnd
    /// The file has no document, or no more.
    case end
  }

  let path: String
  private let bytes: [UInt8]
  /// At an address of its own: libyaml keeps pointers into it.
  private let parser = UnsafeMutablePointer<yaml_parser_t>.allocate(capacity: 1)
  private let input: UnsafeMutableBufferPointer<UInt8>
  private var isInitialized = false
  private var documentCount = 0

  init(_ bytes: [UInt8], path: String) throws(SettingsProblem) {
    self.path = path
    self.bytes = bytes
    input = .allocate(capacity: max(bytes.count, 1))
    _ = input.initialize(from: bytes)
    isInitialized = yaml_parser_initialize(parser) == 1
    guard isInitialized else { throw SettingsProblem(.unreadable, path, "not enough memory") }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, input.baseAddress, bytes.count)
  }

  deinit {
    if isInitialized { yaml_parser_delete(parser) }
    parser.deallocate()
    input.deallocate()
  }

  func problem(_ place: Place?, _ message: String) -> SettingsProblem {
    SettingsProblem(.malformed, path, place: place, message)
  }

  /// The next event inside the file's only document.
  func next() throws(SettingsProblem) -> (Event, Place) {
    while true {
      var raw = yaml_event_t()
      guard yaml_parser_parse(parser, &raw) == 1 else { throw syntaxProblem() }
      defer { yaml_event_delete(&raw) }
      let place = Self.place(raw.start_mark)
      switch raw.type {
      case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
      case YAML_DOCUMENT_START_EVENT:
        documentCount += 1
        guard documentCount == 1 else { throw problem(place, "expected one document, found another") }
      case YAML_SCALAR_EVENT:
        let scalar = raw.data.scalar
        try refuse(tag: scalar.tag, place)
        let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
        return (.scalar(text, isPlain: isPlain, anchor: Self.text(scalar.anchor)), place)
      case YAML_ALIAS_EVENT: return (.alias(Self.text(raw.data.alias.anchor) ?? ""), place)
      case YAML_SEQUENCE_START_EVENT:
        try refuse(tag: raw.data.sequence_start.tag, place)
        return (.sequenceStart(anchor: Self.text(raw.data.sequence_start.anchor)), place)
      case YAML_SEQUENCE_END_EVENT: return (.sequenceEnd, place)
      case YAML_MAPPING_START_EVENT:
        try refuse(tag: raw.data.mapping_start.tag, place)
        return (.mappingStart(anchor: Self.text(raw.data.mapping_start.anchor)), place)
      case YAML_MAPPING_END_EVENT: return (.mappingEnd, place)
      default: return (.end, place)
      }
    }
  }

  private func refuse(tag: UnsafeMutablePointer<yaml_char_t>?, _ place: Place) throws(SettingsProblem) {
    guard let tag = Self.text(tag) else { return }
    throw problem(place, "tags like \(tag.prefix(64)) mean nothing here")
  }

  private static func text(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    text.map { String(cString: $0) }
  }

  private static func place(_ mark: yaml_mark_t) -> Place { Place(line: mark.line + 1, column: mark.column + 1) }

  private func syntaxProblem() -> SettingsProblem {
    let parser = parser.pointee
    let message = parser.problem.map { String(cString: $0) } ?? "not enough memory"
    if parser.error == YAML_READER_ERROR {
      // The reader is ahead of the marks: it knows the byte alone.
      let before = bytes.prefix(min(parser.problem_offset, bytes.count))
      let line = before.reduce(1) { $0 + ($1 == 0x0A ? 1 : 0) }
      // Bytes that continue a character are none.
      let column = before.reversed().prefix { $0 != 0x0A }.reduce(1) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
      return problem(Place(line: line, column: column), "the file is no UTF-8 text: \(message)")
    }
    let context = parser.context.map { String(cString: $0) + ": " } ?? ""
    return problem(Self.place(parser.problem_mark), context + message)
  }
}
