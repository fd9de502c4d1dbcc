import GraphIR
import Tensors

extension ClassicalModels {
  static func treeEnsemble(
    _ ensemble: TreeEnsemble, _ x: [Tensor], _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    guard x[0].shape.rank == 2, x[3].elementType == x[0].elementType, x[6].elementType == x[0].elementType else {
      throw EvaluationError(node, "\(x[0].elementType.name)\(x[0].shape)", expected: "[N, F] of the thresholds' type")
    }
    let result = try context.makeTensor(
      x[0].elementType, checking: [x[0].shape[0], ensemble.targetCount], for: node)
    let trees = Trees(ensemble: ensemble, x: x, result: result, threadCount: context.threadCount)
    guard let isInside = try x[0].elementType.dispatch(trees) else {
      throw EvaluationError(node, unsupported: x[0].elementType)
    }
    guard isInside else {
      throw EvaluationError(node, "x of shape \(x[0].shape)", expected: "all features that the trees ask for")
    }
    return result
  }

  /// Blocks of rows pass through one tree after the other, so that a tree is read from memory once for each block and
  /// the rows of a block stay in the first cache: 64 rows of 100 float32 features are 25 KB. Sums are those of the
  /// trees in order, in x's type, as other runtimes have them: where two classes are a rounding apart, labels agree.
  private struct Trees: FloatComputation {
    let ensemble: TreeEnsemble
    let x: [Tensor]
    let result: Tensor
    let threadCount: Int

    static let blockRows = 64
    /// Branches below which starting threads takes longer than it saves.
    static let minimumWork = 1 << 16

    /// Whether x has all features.
    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Bool? {
      let (rowCount, featureCount) = (x[0].shape[0], x[0].shape[1])
      let branchCount = x[2].shape[0]
      let branches: UnsafePointer<Int64> = UnsafePointer(x[2].pointer())
      for branch in 0..<branchCount where branches[4 * branch] >= featureCount { return false }
      let treeCount = x[1].shape[0]
      // A path has at least one branch for each tree, typically about ten.
      let threads = rowCount * treeCount * 8 >= Self.minimumWork ? threadCount : 1
      withExtendedLifetime((x, result)) {
        parallelFor(rowCount, threads: threads, grain: Self.blockRows) { rows in
          for start in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.blockRows) {
            block(start..<min(start + Self.blockRows, rows.upperBound), type)
          }
        }
      }
      return true
    }

    private func block<Element: FloatNumber>(_ rows: Range<Int>, _ type: Element.Type) {
      let (targetCount, featureCount) = (ensemble.targetCount, x[0].shape[1])
      let features = UnsafePointer<Element>(x[0].pointer()) + rows.lowerBound * featureCount
      let scores: UnsafeMutablePointer<Element> = result.pointer() + rows.lowerBound * targetCount
      let (roots, branches) = (UnsafePointer<Int64>(x[1].pointer()), UnsafePointer<Int64>(x[2].pointer()))
      let thresholds = UnsafePointer<Element>(x[3].pointer())
      let (leafEnds, targets) = (UnsafePointer<Int64>(x[4].pointer()), UnsafePointer<Int64>(x[5].pointer()))
      let weights = UnsafePointer<Element>(x[6].pointer())
      let treeCount = x[1].shape[0]

      scores.update(repeating: .zero, count: rows.count * targetCount)
      // Which targets have a score: matters for extremes, where zero is one of many values.
      let tracks = ensemble.aggregation == .minimum || ensemble.aggregation == .maximum
      var hasScore = [Bool](repeating: false, count: tracks ? rows.count * targetCount : 0)

      for tree in 0..<treeCount {
        for row in 0..<rows.count {
          let row = (features: features + row * featureCount, scores: scores + row * targetCount, index: row)
          var child = Int(roots[tree])
          while child >= 0 {
            let branch = branches + 4 * child
            let (value, threshold) = (row.features[Int(branch[0])], thresholds[child])
            let kind = branch[1]
            let holds =
              switch kind & 3 {
              case 0: value <= threshold
              case 1: value < threshold
              default: value == threshold
              }
            let isTrue = holds || (kind & 4 != 0 && value != value)
            child = Int(isTrue ? branch[2] : branch[3])
          }
          let leaf = -1 - child
          for entry in Int(leaf == 0 ? 0 : leafEnds[leaf - 1])..<Int(leafEnds[leaf]) {
            let target = Int(targets[entry])
            switch ensemble.aggregation {
            case .sum, .average: row.scores[target] = .sum(row.scores[target], weights[entry])
            case .minimum, .maximum:
              let index = row.index * targetCount + target
              if !hasScore[index] {
                row.scores[target] = weights[entry]
              } else if ensemble.aggregation == .minimum {
                row.scores[target] = .smaller(row.scores[target], weights[entry])
              } else {
                row.scores[target] = .larger(row.scores[target], weights[entry])
              }
              hasScore[index] = true
            }
          }
        }
      }
      if ensemble.aggregation == .average {
        let count = Element.whole(max(treeCount, 1))
        for index in 0..<rows.count * targetCount { scores[index] = .quotient(scores[index], count) }
      }
    }
  }
}
