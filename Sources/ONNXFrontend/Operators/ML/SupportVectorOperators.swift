import GraphIR
import Tensors

/// Support vector machines of ai.onnx.ml, as LIBSVM evaluates them.
enum SupportVectorOperators {
  static let table: [String: Lowering] = [
    "SVMClassifier": classifier,
    "SVMRegressor": regressor,
  ]

  /// k(x, v) for all rows of x [N, F] and v [V, F] → [N, V]
  private static func kernel(_ c: LoweringContext, _ x: ValueID, _ vectors: ValueID) throws -> ValueID {
    let b = c.builder
    let parameters = try c.floats("kernel_params") ?? []
    let name = try c.string("kernel_type", "LINEAR")
    guard name == "LINEAR" || parameters.count == 3 else {
      throw c.invalid(found: "kernel_params \(parameters)", expected: "gamma, coef0 and degree")
    }
    let product = try b.dot(x, vectors, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    func k(_ value: Float) throws -> ValueID { try b.scalar(Double(value), .float32) }
    switch name {
    case "LINEAR": return product
    case "POLY":
      return try b.binary(.power, b.add(b.multiply(product, k(parameters[0])), k(parameters[1])), k(parameters[2]))
    case "SIGMOID":
      return try b.unary(.hyperbolicTangent, b.add(b.multiply(product, k(parameters[0])), k(parameters[1])))
    case "RBF":
      // Differences first: |x|² + |v|² - 2·x·v loses the digits of neighbours.
      let difference = try b.subtract(b.expandDimensions(x, axes: [1]), vectors)
      let distance = try b.reduce(.sum, b.multiply(difference, difference), axes: [2])
      return try b.unary(.exponential, b.multiply(distance, k(-parameters[0])))
    default: throw c.invalid(found: "kernel_type '\(name)'", expected: "LINEAR, POLY, RBF or SIGMOID")
    }
  }

  /// A matrix [rows, columns] from an attribute, the columns following from the number of elements.
  private static func matrix(_ c: LoweringContext, _ name: String, rows: Int) throws -> (ValueID, columns: Int) {
    let elements = try c.floats(name) ?? []
    guard rows > 0, !elements.isEmpty, elements.count % rows == 0 else {
      throw c.invalid(found: "\(elements.count) \(name)", expected: "a multiple of \(rows)")
    }
    return (c.builder.constant(Tensor([rows, elements.count / rows], elements)), elements.count / rows)
  }

  private static func regressor(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.features(0)
    let vectorCount = try c.int("n_supports", 0)
    let coefficients = try matrix(c, "coefficients", rows: 1).0
    var weighted = x
    if vectorCount > 0 { weighted = try kernel(c, x, matrix(c, "support_vectors", rows: vectorCount).0) }
    var y = try b.dot(weighted, coefficients, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    if let rho = try c.floats("rho")?.first { y = try b.add(y, b.scalar(Double(rho), .float32)) }
    if try c.flag("one_class") {
      let isInside = try b.compare(.greater, y, b.scalar(0, .float32))
      return [try b.select(isInside, b.scalar(1, .float32), b.scalar(-1, .float32))]
    }
    return [try PostTransform(c).apply(y, b)]
  }

  private static func classifier(_ c: LoweringContext) throws -> [ValueID] {
    let labels = try ClassLabels(c, integers: "classlabels_ints")
    let transform = try PostTransform(c)
    let counts = try c.ints("vectors_per_class") ?? []
    guard counts.contains(where: { $0 > 0 }) else { return try linear(c, labels, transform) }
    let classCount = counts.count
    guard classCount == labels.count, classCount > 1, counts.allSatisfy({ (0...LoweringContext.maximumSpatial) ~= $0 })
    else {
      throw c.invalid(found: "vectors_per_class \(counts)", expected: "a number for each of \(labels.count) classes")
    }
    return try voting(c, labels, transform, counts)
  }

  /// A score for each class, without support vectors.
  private static func linear(
    _ c: LoweringContext, _ labels: ClassLabels, _ transform: PostTransform
  ) throws -> [ValueID] {
    let b = c.builder
    let x = try c.features(0)
    let coefficients = try matrix(c, "coefficients", rows: labels.count).0
    var scores = try b.dot(x, coefficients, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    let rho = try c.floats("rho") ?? []
    if let first = rho.first { scores = try b.add(scores, b.scalar(Double(first), .float32)) }
    var positions = try b.one(.argReduce(maximum: true, axis: 1), [scores])
    if labels.count == 2, rho.count == 1 {
      // As ONNX Runtime has it: two classes with any convincing score are the second.
      let allPositive = try (c.floats("coefficients") ?? []).allSatisfy { $0 >= 0 }
      let best = try b.reduce(.maximum, scores, axes: [1])
      let convinces = try b.compare(
        allPositive ? .greaterOrEqual : .greater, best, b.scalar(allPositive ? 0.5 : 0, .float32))
      positions = try b.select(convinces, b.index(1), positions)
    }
    return [try labels.at(positions, b), try transform.apply(scores, b)]
  }

  /// One machine for each pair of classes i < j; the class with most votes wins. Coefficients are [classes - 1, V]: of
  /// the vectors of class i, row j - 1 belongs to the machine (i, j), of those of class j row i.
  private static func voting(
    _ c: LoweringContext, _ labels: ClassLabels, _ transform: PostTransform, _ counts: [Int]
  ) throws -> [ValueID] {
    let b = c.builder
    let (classCount, vectorCount) = (counts.count, counts.reduce(0, +))
    let x = try c.features(0)
    let kernels = try kernel(c, x, matrix(c, "support_vectors", rows: vectorCount).0)
    let coefficients = try c.floats("coefficients") ?? []
    let pairs = (0..<classCount).flatMap { i in (i + 1..<classCount).map { (i, $0) } }
    let rho = try c.floats("rho") ?? []
    guard coefficients.count == (classCount - 1) * vectorCount, rho.count >= pairs.count else {
      throw c.invalid(
        found: "\(coefficients.count) coefficients, \(rho.count) in rho",
        expected: "\((classCount - 1) * vectorCount) and \(pairs.count)")
    }
    let starts = counts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) }
    var weights = [Float](repeating: 0, count: pairs.count * vectorCount)
    for (pair, (i, j)) in pairs.enumerated() {
      for v in starts[i]..<starts[i + 1] { weights[pair * vectorCount + v] = coefficients[(j - 1) * vectorCount + v] }
      for v in starts[j]..<starts[j + 1] { weights[pair * vectorCount + v] = coefficients[i * vectorCount + v] }
    }
    let machines = b.constant(Tensor([pairs.count, vectorCount], weights))
    let product = try b.dot(
      kernels, machines, DotDimensions(lhsContracting: [1], rhsContracting: [1]), result: .float32)
    let scores = try b.add(product, b.constant(Tensor([pairs.count], Array(rho[..<pairs.count]))))

    // Votes [N, classes]: a positive score is a vote for i, any other for j.
    func membership(_ select: ((Int, Int)) -> Int) -> ValueID {
      let matrix = pairs.flatMap { pair in (0..<classCount).map { select(pair) == $0 ? Float(1) : 0 } }
      return b.constant(Tensor([pairs.count, classCount], matrix))
    }
    let isFirst = try b.convert(b.compare(.greater, scores, b.scalar(0, .float32)), to: .float32)
    let isSecond = try b.subtract(b.scalar(1, .float32), isFirst)
    let votes = try b.add(b.matrixProduct(isFirst, membership { $0.0 }), b.matrixProduct(isSecond, membership { $0.1 }))
    let label = try labels.best(votes, b)

    let (slopes, offsets) = (try c.floats("prob_a") ?? [], try c.floats("prob_b") ?? [])
    if slopes.isEmpty {
      if pairs.count > 1 { return [label, try transform.apply(scores, b)] }
      return [label, try transform.pair(scores, isSigned: transform == .none, b)]
    }
    guard slopes.count == pairs.count, offsets.count == pairs.count else {
      throw c.invalid(found: "\(slopes.count) in prob_a, \(offsets.count) in prob_b", expected: "\(pairs.count)")
    }
    // Platt's probability of i against j: 1 / (1 + exp(a · score + b)).
    let exponent = try b.add(
      b.multiply(scores, b.constant(Tensor([pairs.count], slopes))), b.constant(Tensor([pairs.count], offsets)))
    let first = try b.unary(.logistic, b.unary(.negate, exponent))
    let bounded = try b.minimum(b.maximum(first, b.scalar(1e-7, .float32)), b.scalar(1 - 1e-7, .float32))
    let probabilities = try b.pairwiseCoupling(bounded, classCount: classCount)
    return [label, try transform.apply(probabilities, b)]
  }
}
