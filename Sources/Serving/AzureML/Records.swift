import Engine
import Tensors

/// Rows as Power BI and pandas (`orient="records"`) write them: `[{"age": 39, "city": "Bern"}, …]`.
///
/// Columns are inputs by name. A model with one input of two axes takes them in the order of the first record instead.
struct Records {
  /// In the order of the first record.
  private var columns: [String] = []
  /// Where the text of each cell lies, row by row.
  private var cells: [Range<Int>] = []
  private var rowCount = 0
  private let text: UnsafeRawBufferPointer

  /// Whether an array comes whose first element is an object. A copy of the reader looks ahead.
  static func areNext(_ reader: JSONReader) throws -> Bool {
    var reader = reader
    guard try reader.peek() == .array else { return false }
    try reader.beginArray()
    return try reader.nextElement() && reader.peek() == .object
  }

  init(_ reader: inout JSONReader, _ text: UnsafeRawBufferPointer) throws {
    self.text = text
    try reader.beginArray()
    while try reader.nextElement() { try readRow(&reader) }
  }

  private mutating func readRow(_ reader: inout JSONReader) throws {
    let start = cells.count
    if rowCount > 0 { cells.append(contentsOf: repeatElement(0..<0, count: columns.count)) }
    var position = 0
    try reader.beginObject()
    while let name = try reader.nextKey() {
      // Looks at the value first: white space in front of it is not part of the cell.
      _ = try reader.peek()
      let valueStart = reader.position
      try reader.skipValue()
      let cell = valueStart..<reader.position
      if rowCount == 0 {
        guard !columns.contains(name) else { throw Self.refusal("Column '\(name)' is given twice in a record.") }
        columns.append(name)
        cells.append(cell)
      } else {
        try store(cell, name, start, &position)
      }
    }
    if rowCount > 0, let missing = columns.indices.first(where: { cells[start + $0].isEmpty }) {
      throw Self.refusal("Record \(rowCount) lacks the column '\(columns[missing])' of record 0.")
    }
    rowCount += 1
  }

  /// Records usually name their columns in the same order.
  private mutating func store(_ cell: Range<Int>, _ name: String, _ start: Int, _ position: inout Int) throws {
    let isNext = position < columns.count && columns[position] == name
    guard let column = isNext ? position : columns.firstIndex(of: name) else {
      throw Self.refusal("Record \(rowCount) has a column '\(name)' that record 0 lacks.")
    }
    guard cells[start + column].isEmpty else { throw Self.refusal("Column '\(name)' is given twice in a record.") }
    cells[start + column] = cell
    position = column + 1
  }

  private static func refusal(_ message: String) -> HTTPError { HTTPError(.badRequest, message) }

  // MARK: - As inputs

  func values(for readers: [ValueReader]) throws -> [RuntimeValue?] {
    if readers.count == 1, !columns.contains(readers[0].port.name) { return [try rows(for: readers[0])] }
    return try readers.map { reader in
      guard let column = columns.firstIndex(of: reader.port.name) else {
        throw Self.refusal("The records lack a column '\(reader.port.name)'.")
      }
      return try values(ofColumn: column, for: reader)
    }
  }

  /// All columns side by side, for one input of shape `[N, columns]`, or `[N]` if there is one.
  private func rows(for reader: ValueReader) throws -> RuntimeValue {
    guard let (type, extents) = reader.expected, let extents, extents.count == 2 || extents.count == 1 else {
      throw Self.refusal("Records do not fit the input '\(reader.port.name)': \(reader.port.description).")
    }
    if extents.count == 1 {
      guard columns.count == 1 else { throw columnCount(1, reader) }
      return try values(ofColumn: 0, for: reader)
    }
    guard extents[1] < 0 || extents[1] == columns.count else { throw columnCount(extents[1], reader) }
    var scratch: [UInt8] = []
    scratch.append(UInt8(ascii: "["))
    for row in 0..<rowCount {
      if row > 0 { scratch.append(UInt8(ascii: ",")) }
      scratch.append(UInt8(ascii: "["))
      for column in columns.indices { append(row, column, isFirst: column == 0, to: &scratch) }
      scratch.append(UInt8(ascii: "]"))
    }
    scratch.append(UInt8(ascii: "]"))
    let tensor = try decode(scratch, type, columns.indices)
    return .tensor(try reader.fit(tensor))
  }

  private func columnCount(_ expected: Int, _ reader: ValueReader) -> HTTPError {
    Self.refusal(
      "input '\(reader.port.name)': expected \(reader.port.description), so \(expected) columns a record, found "
        + "\(columns.count)")
  }

  /// One column, for an input of shape `[N]` or `[N, 1]`; or of more axes when the cells are arrays.
  private func values(ofColumn column: Int, for reader: ValueReader) throws -> RuntimeValue {
    guard let (type, extents) = reader.expected else {
      throw Self.refusal("Records do not fit the input '\(reader.port.name)': \(reader.port.description).")
    }
    var scratch: [UInt8] = []
    scratch.append(UInt8(ascii: "["))
    for row in 0..<rowCount { append(row, column, isFirst: row == 0, to: &scratch) }
    scratch.append(UInt8(ascii: "]"))
    var tensor = try decode(scratch, type, column...column)
    if let extents, tensor.shape.rank == 1, extents.count == 2, extents[1] < 0 || extents[1] == 1 {
      tensor = tensor.reshaped([tensor.elementCount, 1])
    }
    return .tensor(try reader.fit(tensor))
  }

  private func append(_ row: Int, _ column: Int, isFirst: Bool, to scratch: inout [UInt8]) {
    if !isFirst { scratch.append(UInt8(ascii: ",")) }
    scratch.append(contentsOf: text[cells[row * columns.count + column]])
  }

  private func decode(
    _ scratch: [UInt8], _ type: ElementType, _ columns: some Collection<Int>
  ) throws -> Tensor {
    do {
      return try scratch.withUnsafeBytes { try JSONTensorDecoder.decode($0, as: type, source: "records") }
    } catch {
      try explain(type, columns)
      throw error
    }
  }

  /// Finds the cell that does not fit, since places in the scratch text mean nothing to the client.
  private func explain(_ type: ElementType, _ columns: some Collection<Int>) throws {
    for row in 0..<rowCount {
      for column in columns {
        let cell = UnsafeRawBufferPointer(rebasing: text[cells[row * self.columns.count + column]])
        do {
          _ = try JSONTensorDecoder.decode(cell, as: type)
        } catch {
          throw Self.refusal(
            "Record \(row), column '\(self.columns[column])': expected \(type.name), found \(cell.prefix(64).text).")
        }
      }
    }
  }
}

extension Slice<UnsafeRawBufferPointer> {
  fileprivate var text: String { String(decoding: self, as: UTF8.self) }
}
