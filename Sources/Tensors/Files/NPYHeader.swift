/// What the header of an `.npy` file says: a Python dictionary in text, of which only literals are accepted.
struct NPYHeader {
  /// NumPy's codes without the byte order.
  static let types: [(code: String, type: ElementType)] = [
    ("b1", .bool), ("i1", .int8), ("i2", .int16), ("i4", .int32), ("i8", .int64), ("u1", .uint8), ("u2", .uint16),
    ("u4", .uint32), ("u8", .uint64), ("f2", .float16), ("f4", .float32), ("f8", .float64), ("c8", .complex64),
    ("c16", .complex128),
  ]

  /// The type as written, for errors.
  private(set) var description = ""
  private(set) var elementType = ElementType.float32
  private(set) var isBigEndian = false
  /// `<U` rather than `|S`, for strings.
  private(set) var isUnicode = false
  /// Bytes of one element in the file.
  private(set) var itemByteCount = 0
  private(set) var isFortranOrder = false
  private(set) var dimensions: [Int] = []
  /// Where the elements begin.
  let dataOffset: Int

  /// Bytes that change places between the two byte orders.
  var componentByteCount: Int {
    elementType.kind == .complex ? itemByteCount / 2 : isUnicode ? 4 : itemByteCount
  }

  init(_ bytes: UnsafeRawBufferPointer, source: String) throws(TensorError) {
    func fail(_ problem: String) -> TensorError { .malformed(source: source, problem: problem) }
    guard bytes.count >= 10, bytes[0] == 0x93, bytes[1..<6].elementsEqual("NUMPY".utf8) else {
      throw fail("not an .npy file: it does not begin with \\x93NUMPY")
    }
    let version = bytes[6]
    guard 1...3 ~= version else { throw fail(".npy version \(version).\(bytes[7]) is not known; 1, 2 and 3 are") }
    let prefix = version == 1 ? 10 : 12
    guard bytes.count >= prefix else { throw fail("header is cut short") }
    let length =
      version == 1
      ? Int(UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt16.self)))
      : Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
    guard length <= bytes.count - prefix else {
      throw fail("header of \(length) bytes is longer than the file")
    }
    dataOffset = prefix + length
    var literal = PythonLiteral(UnsafeRawBufferPointer(rebasing: bytes[prefix..<dataOffset]))
    do throws(PythonLiteral.Failure) {
      try read(&literal)
    } catch {
      throw fail("header: \(error.problem)")
    }
    try setType(fail)
  }

  private mutating func read(_ literal: inout PythonLiteral) throws(PythonLiteral.Failure) {
    var keys: [String] = []
    try literal.expect("{")
    while !literal.consume("}") {
      let key = try literal.string()
      try literal.expect(":")
      switch key {
      case "descr":
        guard !literal.next("[") else { throw PythonLiteral.Failure(problem: "structured types are not supported") }
        description = try literal.string()
      case "fortran_order": isFortranOrder = try literal.bool()
      case "shape": dimensions = try literal.tuple()
      default: throw PythonLiteral.Failure(problem: "unknown key '\(key.prefix(40))'")
      }
      keys.append(key)
      if !literal.consume(",") {
        try literal.expect("}")
        break
      }
    }
    guard keys.sorted() == ["descr", "fortran_order", "shape"] else {
      throw PythonLiteral.Failure(problem: "expected the keys descr, fortran_order and shape, once each")
    }
  }

  private mutating func setType(_ fail: (String) -> TensorError) throws(TensorError) {
    var code = Substring(description)
    if let order = code.first, "<>=|".contains(order) {
      isBigEndian = order == ">"
      code = code.dropFirst()
    }
    if let entry = Self.types.first(where: { $0.code == code }) {
      elementType = entry.type
      itemByteCount = entry.type.bitWidth / 8
      return
    }
    switch code.first {
    case "U", "S", "a":
      isUnicode = code.first == "U"
      guard let width = Int(code.dropFirst()), 0...(1 << 32) ~= width else {
        throw fail("type '\(description.prefix(40))' has no width")
      }
      elementType = .string
      itemByteCount = isUnicode ? 4 * width : width
    case "O": throw fail("type '\(description)' holds pickled Python objects, which are not read")
    case "V":
      throw fail(
        "type '\(description.prefix(40))' is raw bytes (ml_dtypes types such as bfloat16 are saved so): "
          + "save it as float32 instead")
    default: throw fail("type '\(description.prefix(40))' is not supported")
    }
  }
}

/// Reads Python literals as `repr` writes them: strings, booleans, tuples of integers.
struct PythonLiteral {
  struct Failure: Error {
    let problem: String
  }

  private let bytes: UnsafeRawBufferPointer
  private var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Whether `character` is next, after white space.
  mutating func next(_ character: Unicode.Scalar) -> Bool {
    while position < bytes.count, bytes[position] == 0x20 || 0x09...0x0d ~= bytes[position] { position += 1 }
    return position < bytes.count && bytes[position] == UInt8(ascii: character)
  }

  mutating func consume(_ character: Unicode.Scalar) -> Bool {
    guard next(character) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
    guard consume(character) else { throw Failure(problem: "expected '\(character)' at byte \(position)") }
  }

  /// A string without escapes.
  mutating func string() throws(Failure) -> String {
    let quote: Unicode.Scalar = next("'") ? "'" : "\""
    try expect(quote)
    let first = position
    while position < bytes.count, bytes[position] != UInt8(ascii: quote) {
      guard bytes[position] != UInt8(ascii: "\\") else { throw Failure(problem: "escape at byte \(position)") }
      position += 1
    }
    let text = String(decoding: bytes[first..<position], as: UTF8.self)
    try expect(quote)
    return text
  }

  mutating func bool() throws(Failure) -> Bool {
    let value = next("T")
    for character in (value ? "True" : "False").unicodeScalars {
      guard position < bytes.count, next(character) else {
        throw Failure(problem: "expected True or False at byte \(position)")
      }
      position += 1
    }
    return value
  }

  /// `(1, 2)`, `(1,)`, `()`. Python 2 wrote `1L`.
  mutating func tuple() throws(Failure) -> [Int] {
    var values: [Int] = []
    try expect("(")
    while !consume(")") {
      values.append(try integer())
      _ = consume("L")
      if !consume(",") {
        try expect(")")
        break
      }
    }
    return values
  }

  private mutating func integer() throws(Failure) -> Int {
    _ = next("0")
    let first = position
    var value = 0
    while position < bytes.count, case let digit = bytes[position] &- UInt8(ascii: "0"), digit <= 9 {
      let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = tenfold.addingReportingOverflow(Int(digit))
      if overflow || carry { throw Failure(problem: "integer too large at byte \(first)") }
      value = sum
      position += 1
    }
    if position == first { throw Failure(problem: "expected an integer at byte \(position)") }
    return value
  }
}
