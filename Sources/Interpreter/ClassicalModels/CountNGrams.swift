import GraphIR
import Tensors

extension ClassicalModels {
  static func countNGrams(
    _ count: NGramCount, _ x: [Tensor], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let dimensions = x[0].shape.dimensions
    let rowLength = dimensions[dimensions.count - 1]
    let result = try context.makeTensor(.float32, checking: dimensions.dropLast() + [count.width], for: node)
    let constants = Array(x[1...3])
    if x[0].elementType == .string {
      let pool = try context.prepared(from: constants) {
        try NGrams(x[1].strings.map(ExactText.init), lengths: x[2].integers(), columns: x[3].integers(), node)
      }
      try pool.count(x[0].strings.map(ExactText.init), rowLength: rowLength, count, result, node)
    } else {
      let pool = try context.prepared(from: constants) {
        try NGrams(x[1].integers(), lengths: x[2].integers(), columns: x[3].integers(), node)
      }
      try pool.count(x[0].integers(), rowLength: rowLength, count, result, node)
    }
    return result
  }

  /// The pool as a tree of its elements, which are numbered: an element of a row is looked up once, however many
  /// n-grams may begin with it.
  private struct NGrams<Element: Hashable> {
    /// Of a node and an element's number.
    private struct Step: Hashable {
      var from: Int32
      var element: Int32
    }
    private var numbers: [Element: Int32] = [:]
    /// For each element the node that begins with it, -1 where none does.
    private var first: [Int32] = []
    private var steps: [Step: Int32] = [:]
    /// For each node the column that it counts in, -1 for none.
    private var columns: [Int32] = []
    /// Columns that a row needs.
    private let width: Int

    init(_ pool: [Element], lengths: [Int], columns columnOfGram: [Int], _ node: Node) throws {
      guard lengths.count == columnOfGram.count, lengths.allSatisfy({ $0 > 0 }),
        columnOfGram.allSatisfy({ (0..<Int(Int32.max)) ~= $0 })
      else {
        throw EvaluationError(
          node, "\(lengths.count) lengths, \(columnOfGram.count) columns", expected: "one of each for every n-gram")
      }
      width = (columnOfGram.max() ?? -1) + 1
      var start = 0
      for (length, column) in zip(lengths, columnOfGram) {
        guard length <= pool.count - start else {
          throw EvaluationError(node, "a pool that is too short", expected: "\(lengths)")
        }
        var node: Int32 = -1
        for element in pool[start..<start + length] { node = self.node(from: node, number(of: element)) }
        columns[Int(node)] = Int32(column)
        start += length
      }
    }

    private mutating func number(of element: Element) -> Int32 {
      if let number = numbers[element] { return number }
      numbers[element] = Int32(first.count)
      first.append(-1)
      return Int32(first.count - 1)
    }

    private mutating func node(from node: Int32, _ element: Int32) -> Int32 {
      let known = node < 0 ? first[Int(element)] : steps[Step(from: node, element: element)] ?? -1
      if known >= 0 { return known }
      let new = Int32(columns.count)
      columns.append(-1)
      if node < 0 { first[Int(element)] = new } else { steps[Step(from: node, element: element)] = new }
      return new
    }

    func count(
      _ elements: [Element], rowLength: Int, _ count: NGramCount, _ result: Tensor, _ node: Node
    ) throws {
      guard width <= count.width else {
        throw EvaluationError(node, "n-grams for \(width) columns", expected: "at most \(count.width)")
      }
      let row = elements.map { numbers[$0] ?? -1 }
      result.withMutableElements(of: Float.self) { frequencies in
        frequencies.update(repeating: 0)
        guard rowLength > 0, count.width > 0 else { return }
        for number in 0..<elements.count / rowLength {
          let frequencies = frequencies.extracting(number * count.width..<(number + 1) * count.width)
          self.count(row[number * rowLength..<(number + 1) * rowLength], count, frequencies)
        }
      }
    }

    private func count(
      _ row: ArraySlice<Int32>, _ count: NGramCount, _ frequencies: UnsafeMutableBufferPointer<Float>
    ) {
      var minimumLength = count.minimumLength
      // A distance beyond the row reaches no second element.
      for distance in 1...max(1, min(count.maximumSkip + 1, row.count)) {
        for start in row.indices where row[start] >= 0 {
          var node = first[Int(row[start])]
          var (length, position) = (1, start)
          while node >= 0, length <= count.maximumLength {
            if length >= minimumLength, columns[Int(node)] >= 0 { frequencies[Int(columns[Int(node)])] += 1 }
            position += distance
            guard length < count.maximumLength, position < row.endIndex, row[position] >= 0 else { break }
            node = steps[Step(from: node, element: row[position])] ?? -1
            length += 1
          }
        }
        // Single elements have no neighbours to be skipped: they count once.
        minimumLength = max(minimumLength, 2)
      }
    }
  }
}
