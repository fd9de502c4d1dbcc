import GraphIR
import Tensors

extension ClassicalModels {
  static func countNGrams(
    _ count: NGramCount, _ x: [Tensor], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let (lengths, columns) = (try x[2].integers(), try x[3].integers())
    guard lengths.count == columns.count, lengths.allSatisfy({ $0 > 0 }),
      columns.allSatisfy({ (0..<count.width) ~= $0 })
    else {
      throw EvaluationError(
        node, "\(lengths.count) lengths, \(columns.count) columns", expected: "one of each for every n-gram")
    }
    var left = x[1].elementCount
    for length in lengths {
      guard length <= left else { throw EvaluationError(node, "a pool that is too short", expected: "\(lengths)") }
      left -= length
    }
    let dimensions = x[0].shape.dimensions
    let result = try context.makeTensor(.float32, checking: dimensions.dropLast() + [count.width], for: node)
    if x[0].elementType == .string {
      let pool = NGrams(x[1].strings.map(ExactText.init), lengths, columns)
      pool.count(x[0].strings.map(ExactText.init), rowLength: dimensions[dimensions.count - 1], count, result)
    } else {
      let pool = NGrams(try x[1].integers(), lengths, columns)
      pool.count(try x[0].integers(), rowLength: dimensions[dimensions.count - 1], count, result)
    }
    return result
  }

  /// The pool as a tree of its elements.
  private struct NGrams<Element: Hashable> {
    private struct Step: Hashable {
      var from: Int
      var element: Element
    }
    /// Node 0 is the root.
    private var steps: [Step: Int] = [:]
    private var columns: [Int?] = [nil]

    init(_ pool: [Element], _ lengths: [Int], _ columnOfGram: [Int]) {
      var start = 0
      for (length, column) in zip(lengths, columnOfGram) {
        var node = 0
        for element in pool[start..<start + length] {
          let step = Step(from: node, element: element)
          node = steps[step] ?? columns.count
          if node == columns.count {
            steps[step] = node
            columns.append(nil)
          }
        }
        columns[node] = column
        start += length
      }
    }

    func count(_ elements: [Element], rowLength: Int, _ count: NGramCount, _ result: Tensor) {
      result.withMutableElements(of: Float.self) { frequencies in
        frequencies.update(repeating: 0)
        guard rowLength > 0, count.width > 0 else { return }
        for row in 0..<elements.count / rowLength {
          let frequencies = frequencies.extracting(row * count.width..<(row + 1) * count.width)
          self.count(elements[row * rowLength..<(row + 1) * rowLength], count, frequencies)
        }
      }
    }

    private func count(
      _ row: ArraySlice<Element>, _ count: NGramCount, _ frequencies: UnsafeMutableBufferPointer<Float>
    ) {
      var minimumLength = count.minimumLength
      // A distance beyond the row reaches no second element.
      for distance in 1...max(1, min(count.maximumSkip + 1, row.count)) {
        for start in row.indices {
          var (node, length) = (0, 0)
          for position in stride(from: start, to: row.endIndex, by: distance) {
            guard length < count.maximumLength, let next = steps[Step(from: node, element: row[position])] else {
              break
            }
            (node, length) = (next, length + 1)
            if length >= minimumLength, let column = columns[node] { frequencies[column] += 1 }
          }
        }
        // Single elements have no neighbours to be skipped: they count once.
        minimumLength = max(minimumLength, 2)
      }
    }
  }
}
