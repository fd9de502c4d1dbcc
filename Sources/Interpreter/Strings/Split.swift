import GraphIR
import Tensors

extension Strings {
  /// Pieces [..., n], where n is the most that any string has and the others end in empty strings, and how many each
  /// has.
  static func split(
    _ x: Tensor, delimiter: String?, maximumSplits: Int?, _ node: Node, _ context: EvaluationContext
  ) throws -> [Tensor] {
    let pieces = x.strings.map { text in
      if let delimiter, !delimiter.isEmpty {
        return split(text, at: delimiter, maximumSplits: maximumSplits ?? .max)
      }
      return splitAtWhitespace(text, maximumSplits: maximumSplits ?? .max)
    }
    let width = pieces.lazy.map(\.count).max() ?? 0
    let shape = try context.checkedShape(x.shape.dimensions + [width], of: .string, for: node)
    var padded: [String] = []
    padded.reserveCapacity(shape.elementCount)
    for row in pieces {
      padded += row
      padded += repeatElement("", count: width - row.count)
    }
    let counts = try context.makeTensor(.int64, x.shape, result: 1)
    counts.withMutableElements(of: Int64.self) { counts in
      for index in counts.indices { counts[index] = Int64(pieces[index].count) }
    }
    return [Tensor(shape, strings: padded), counts]
  }

  /// Python's `str.split(delimiter, maximum)`: neighbouring delimiters have an empty piece between them.
  static func split(_ text: String, at delimiter: String, maximumSplits: Int) -> [String] {
    let (bytes, pattern) = (Array(text.utf8), Array(delimiter.utf8))
    var pieces: [String] = []
    var start = 0
    var position = 0
    while position + pattern.count <= bytes.count, pieces.count < maximumSplits {
      if bytes[position..<position + pattern.count].elementsEqual(pattern) {
        pieces.append(String(decoding: bytes[start..<position], as: UTF8.self))
        position += pattern.count
        start = position
      } else {
        position += 1
      }
    }
    pieces.append(String(decoding: bytes[start...], as: UTF8.self))
    return pieces
  }

  /// Python's `str.split(None, maximum)`: runs of white space separate, and no piece is empty. What is left after the
  /// last split keeps its white space, except in front.
  static func splitAtWhitespace(_ text: String, maximumSplits: Int) -> [String] {
    var pieces: [String] = []
    var rest = text.unicodeScalars[...].drop(while: isWhitespace)
    while !rest.isEmpty {
      let end =
        pieces.count < maximumSplits ? rest.firstIndex(where: isWhitespace) ?? rest.endIndex : rest.endIndex
      pieces.append(String(rest[..<end]))
      rest = rest[end...].drop(while: isWhitespace)
    }
    return pieces
  }

  /// White space as Python counts it: Unicode's and the four separators of ASCII.
  private static func isWhitespace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }
}
