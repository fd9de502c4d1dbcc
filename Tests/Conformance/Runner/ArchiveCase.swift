import Engine
import Foundation
import Tensors

/// A model with inputs and reference outputs in NumPy's archives, an array for each name; a sequence of maps, which
/// ZipMap gives, is stored as `NAME.keys` [C] and `NAME.values` [N, C].
struct ArchiveCase {
  var model: String
  var inputs: String
  var outputs: String

  /// One line: what differs most, relative to the largest value of its output, and how alike the floats point.
  func run() throws -> String {
    let session = Session(try TestedModel.load(model))
    let given = try Dictionary(NPZ.read(path: inputs).map { ($0.name, $0.tensor) }) { $1 }
    let expected = try Dictionary(NPZ.read(path: outputs).map { ($0.name, $0.tensor) }) { $1 }
    let values = try session.model.inputs.map { port in
      guard let tensor = given[port.name] else { throw ConformanceRunner.Failure("no array '\(port.name)'") }
      return RuntimeValue.tensor(tensor)
    }
    let results = try session.run(values)
    var summary = Summary()
    for (port, result) in zip(session.model.outputs, results) {
      switch result {
      case .tensor(let tensor):
        guard let reference = expected[port.name] else { continue }
        try summary.add(tensor, reference, port.name)
      case .sequence(let maps):
        guard let keys = expected[port.name + ".keys"], let scores = expected[port.name + ".values"] else { continue }
        try summary.add(Self.table(maps, keys: keys), scores, port.name)
      default: throw ConformanceRunner.Failure("output '\(port.name)' is no tensor")
      }
    }
    guard summary.count > 0 else { throw ConformanceRunner.Failure("\(outputs) has none of the outputs") }
    return "largest difference \(summary.difference), cosine \(summary.cosine)"
  }

  /// Maps with the expected keys as rows.
  private static func table(_ maps: [RuntimeValue], keys: Tensor) throws -> Tensor {
    var rows: [Float] = []
    for map in maps {
      guard case .map(let found, let values) = map, found.shape == keys.shape, found.elementType == keys.elementType,
        keys.elementType == .string
          ? found.strings == keys.strings
          : try found.converted(to: .int64).elements(of: Int64.self) == keys.converted(to: .int64).elements()
      else { throw ConformanceRunner.Failure("maps of other keys") }
      for value in values { rows += try value.tensor?.converted(to: .float32).elements(of: Float.self) ?? [] }
    }
    return Tensor([maps.count, keys.elementCount], rows)
  }

  private struct Summary {
    var difference = 0.0
    var cosine = 1.0
    var count = 0

    mutating func add(_ found: Tensor, _ expected: Tensor, _ name: String) throws {
      count += 1
      guard found.elementType == expected.elementType, found.shape == expected.shape else {
        throw ConformanceRunner.Failure(
          "'\(name)': found \(found.elementType.name)\(found.shape), "
            + "expected \(expected.elementType.name)\(expected.shape)")
      }
      guard found.elementType.isFloat else {
        let exact = Comparison(relativeTolerance: 0, absoluteTolerance: 0, shapesOnly: false)
        if let problem = exact.difference(.tensor(found), .tensor(expected)) {
          throw ConformanceRunner.Failure("'\(name)': \(problem)")
        }
        return
      }
      let a = try found.converted(to: .float64).elements(of: Double.self)
      let b = try expected.converted(to: .float64).elements(of: Double.self)
      let largest = b.lazy.map(abs).max() ?? 0
      for (x, y) in zip(a, b) where x != y && !(x.isNaN && y.isNaN) {
        let relative = abs(x - y) / max(largest, .leastNormalMagnitude)
        difference = relative.isNaN ? .infinity : max(difference, relative)
      }
      let dot = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
      let norms = (a.reduce(0) { $0 + $1 * $1 } * b.reduce(0) { $0 + $1 * $1 }).squareRoot()
      if norms > 0 { cosine = min(cosine, dot / norms) }
    }
  }
}
