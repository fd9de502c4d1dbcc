/// What all scopes of one import share: how much was lowered so far and, where all problems are to be found and not only
/// the first, what they are.
final class ImportProgress {
  /// Problems in the order of the nodes, without repetition.
  private(set) var problems: [ONNXError] = []
  /// Whether a node that is wrong is noted and left out, instead of ending the import.
  let findsAll: Bool
  private var nodeCount = 0

  /// Functions that call functions twice each, and loops in loops, whose bodies are lowered until their types fit,
  /// grow exponentially with the size of the file. The largest models in use have some hundred thousand nodes.
  static let maximumNodeCount = 1 << 19

  init(findsAll: Bool) { self.findsAll = findsAll }

  /// Accounts for a node about to be lowered.
  func countNode(file: String) throws {
    nodeCount += 1
    guard nodeCount <= Self.maximumNodeCount else {
      throw ONNXError.invalidModel(
        file: file, problem: "its functions and loops unfold to more than \(Self.maximumNodeCount) nodes")
    }
  }

  /// Keeps a problem of the file. That a value is missing because of another problem is none of its own, and that
  /// lowering needs values of inputs is no fault of the file.
  func note(_ error: any Error, file: String) {
    if error is UnknownValue { return }
    let problem = error as? ONNXError ?? .invalidModel(file: file, problem: "\(error)")
    if problem.isFinal, !problems.contains(problem) { problems.append(problem) }
  }
}

/// A value that a node with a problem should have made.
struct UnknownValue: Error {}
