import Tensors

extension GraphBuilder {
  /// Class probabilities [N, k] from those of each pair of classes i < j [N, k·(k-1)/2], by the second method of Wu, Lin
  /// and Weng (JMLR 5, 2004) in LIBSVM's iteration: it stops when no component is off by more than 0.005 / k, which
  /// shows in the third digit, so that other solvers would give other numbers.
  public func pairwiseCoupling(_ pairs: ValueID, classCount k: Int) throws -> ValueID {
    // r[i][j], [N, 1] each: the probability of i against j.
    var r = [[ValueID?]](repeating: [ValueID?](repeating: nil, count: k), count: k)
    var next = 0
    for i in 0..<k {
      for j in i + 1..<k {
        let probability = try slice(pairs, axis: 1, from: next, to: next + 1)
        r[i][j] = probability
        r[j][i] = try subtract(scalar(1, like: pairs), probability)
        next += 1
      }
    }
    // Q [N, k, k]: the sum of r[j][i]² on the diagonal, -r[j][i]·r[i][j] elsewhere.
    var rows: [ValueID] = []
    for i in 0..<k {
      var row: [ValueID] = []
      for j in 0..<k {
        if let a = r[i][j], let b = r[j][i] {
          row.append(try unary(.negate, multiply(b, a)))
        } else {
          let squares = try (0..<k).compactMap { r[$0][i] }.map { try multiply($0, $0) }
          row.append(try squares.dropFirst().reduce(squares[0]) { try add($0, $1) })
        }
      }
      rows.append(try expandDimensions(concatenate(row, axis: 1), axes: [1]))
    }
    let q = try concatenate(rows, axis: 1)
    let start = try full(1 / Double(k), elementType(of: pairs), shape: shape([.of(pairs, 0), .constant(k)]))

    let region = self.region(named: "coupling")
    region.input("iteration", .tensor(TensorType(.int64, [])))
    region.input("condition", .tensor(TensorType(.bool, [])))
    let p = region.input("p", type(of: start))
    let matrix = region.capture(q, of: self)
    region.setOutputs(try region.couplingStep(p, matrix, classCount: k))
    let always = constant(Tensor(scalar: true))
    return try add(.loop(carried: 1), [index(max(100, k)), always, start, q], regions: [region.graph])[0]
  }

  /// (whether a row has not converged, p after one round): rows that have converged keep their p.
  private func couplingStep(_ start: ValueID, _ q: ValueID, classCount k: Int) throws -> [ValueID] {
    let batched = DotDimensions(lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [1])
    var p = start
    var qp = try dot(q, p, batched, result: elementType(of: p))
    var pqp = try reduce(.sum, multiply(p, qp), axes: [1], keepDimensions: true)
    let error = try reduce(.maximum, unary(.absolute, subtract(qp, pqp)), axes: [1], keepDimensions: true)
    let isOff = try compare(.greaterOrEqual, error, scalar(0.005 / Double(k), like: p))
    let one = try scalar(1, like: p)
    for i in 0..<k {
      let row = try removeDimensions(slice(q, axis: 1, from: i, to: i + 1), axes: [1])
      let diagonal = try slice(row, axis: 1, from: i, to: i + 1)
      let own = try slice(qp, axis: 1, from: i, to: i + 1)
      let step = try divide(subtract(pqp, own), diagonal)
      let grown = try add(one, step)
      let unit = constant(Tensor([k], (0..<k).map { $0 == i ? Float(1) : 0 }))
      let growth = try multiply(convert(unit, to: elementType(of: p)), step)
      let change = try multiply(step, add(multiply(step, diagonal), multiply(scalar(2, like: p), own)))
      pqp = try divide(divide(add(pqp, change), grown), grown)
      qp = try divide(add(qp, multiply(row, step)), grown)
      p = try divide(add(p, growth), grown)
    }
    let goesOn = try reduce(.or, isOff, axes: [0, 1])
    return [goesOn, try select(isOff, p, start)]
  }
}
