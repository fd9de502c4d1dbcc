import GraphIR
import Tensors

extension Contractions {
  static func dot(
    _ node: Node, _ lhs: Tensor, _ rhs: Tensor, _ dimensions: DotDimensions, result: ElementType,
    _ context: EvaluationContext
  ) throws -> Tensor {
    let layout = try DotLayout(node, lhs.shape, rhs.shape, dimensions)
    func multiply<Arithmetic: MatrixArithmetic>(_: Arithmetic.Type) throws -> Tensor {
      let a = try factors(lhs, as: Arithmetic.Factor.self)
      let b = try factors(rhs, as: Arithmetic.Factor.self)
      let isDirect = Arithmetic.Sum.elementType == result
      let sums =
        try isDirect
        ? context.makeTensor(result, layout.result)
        : Tensor(Arithmetic.Sum.elementType, layout.result, zeroed: false)
      try layout.multiply(Arithmetic.self, a, b, into: sums, threads: context.threadCount)
      return try isDirect ? sums : narrowed(sums, to: result)
    }
    func multiplyComplex<Real: ComplexComponent>(_: Real.Type) throws -> Tensor {
      let sums = try context.makeTensor(result, layout.result)
      layout.multiplyComplex(
        try factors(lhs, as: Complex<Real>.self), try factors(rhs, as: Complex<Real>.self), into: sums,
        of: Complex<Real>.self)
      return sums
    }
    switch try arithmetic(node, lhs, rhs, result: result) {
    case .float32: return try multiply(RealArithmetic<Float>.self)
    case .float64: return try multiply(RealArithmetic<Double>.self)
    case .smallIntegers: return try multiply(SmallIntegerArithmetic.self)
    case .int32: return try multiply(IntegerArithmetic<Int32>.self)
    case .int64: return try multiply(IntegerArithmetic<Int64>.self)
    case .complex64: return try multiplyComplex(Float.self)
    case .complex128: return try multiplyComplex(Double.self)
    }
  }
}

/// A dot product as a batch of matrix products: [batch…, rows…, depth…] · [batch…, depth…, columns…].
private struct DotLayout {
  /// Some axes of an operand, in the order in which the product runs over them.
  struct Axes {
    var extents: [Int]
    var strides: [Int]
    /// Product of the extents.
    var count: Int

    init(_ axes: [Int], of shape: Shape) {
      let allStrides = shape.strides
      extents = axes.map { shape[$0] }
      strides = axes.map { allStrides[$0] }
      count = Shape(extents).elementCount
    }

    /// The distance between neighbours, if running over all axes is one run with equal steps.
    var singleStride: Int? {
      var stride: Int?
      var covered = 1
      for (extent, step) in zip(extents, strides).reversed() where extent != 1 {
        if let stride {
          guard step == stride * covered else { return nil }
        } else {
          stride = step
        }
        covered *= extent
      }
      return stride ?? 1
    }

    /// Offset of the element at a flat position.
    func offset(of position: Int) -> Int {
      var position = position
      var offset = 0
      for (extent, step) in zip(extents, strides).reversed() {
        offset += position % extent * step
        position /= extent
      }
      return offset
    }
  }

  let result: Shape
  let lhsBatch: Axes
  let rhsBatch: Axes
  let rows: Axes
  let columns: Axes
  let lhsDepth: Axes
  let rhsDepth: Axes

  init(_ node: Node, _ lhs: Shape, _ rhs: Shape, _ dimensions: DotDimensions) throws {
    func check(_ batch: [Int], _ contracting: [Int], _ shape: Shape, _ name: String) throws {
      let axes = batch + contracting
      guard axes.allSatisfy({ 0 <= $0 && $0 < shape.rank }), Set(axes).count == axes.count else {
        throw EvaluationError(node, "axes \(axes) of \(name) \(shape)", expected: "different axes within the rank")
      }
    }
    try check(dimensions.lhsBatch, dimensions.lhsContracting, lhs, "lhs")
    try check(dimensions.rhsBatch, dimensions.rhsContracting, rhs, "rhs")
    let matches =
      dimensions.lhsBatch.map { lhs[$0] } == dimensions.rhsBatch.map { rhs[$0] }
      && dimensions.lhsContracting.map { lhs[$0] } == dimensions.rhsContracting.map { rhs[$0] }
    guard matches else {
      throw EvaluationError(node, "shapes \(lhs) and \(rhs)", expected: "equal batch and contracted extents")
    }
    let lhsFree = lhs.dimensions.indices.filter {
      !dimensions.lhsBatch.contains($0) && !dimensions.lhsContracting.contains($0)
    }
    let rhsFree = rhs.dimensions.indices.filter {
      !dimensions.rhsBatch.contains($0) && !dimensions.rhsContracting.contains($0)
    }
    let extents = dimensions.lhsBatch.map { lhs[$0] } + lhsFree.map { lhs[$0] } + rhsFree.map { rhs[$0] }
    guard let result = Shape(checking: extents) else {
      throw EvaluationError(node, "result extents \(extents)", expected: "a tensor that fits in memory")
    }
    self.result = result
    lhsBatch = Axes(dimensions.lhsBatch, of: lhs)
    rhsBatch = Axes(dimensions.rhsBatch, of: rhs)
    rows = Axes(lhsFree, of: lhs)
    columns = Axes(rhsFree, of: rhs)
    lhsDepth = Axes(dimensions.lhsContracting, of: lhs)
    rhsDepth = Axes(dimensions.rhsContracting, of: rhs)
  }

  func multiply<Arithmetic: MatrixArithmetic>(
    _: Arithmetic.Type, _ lhs: Tensor, _ rhs: Tensor, into sums: Tensor, threads: Int
  ) throws {
    if result.elementCount == 0 { return }
    let left = try Matrices<Arithmetic.Factor>(lhs, batch: lhsBatch, rows: rows, columns: lhsDepth)
    let right = try Matrices<Arithmetic.Factor>(rhs, batch: rhsBatch, rows: rhsDepth, columns: columns)
    let product = MatrixProduct<Arithmetic>(rows: rows.count, columns: columns.count, depth: lhsDepth.count)
    sums.withMutableElements(of: Arithmetic.Sum.self) { sums in
      // An empty result was returned above, so there is a first element.
      guard let base = sums.baseAddress else { return }
      withExtendedLifetime((left, right)) {
        product.run(count: lhsBatch.count, threads: threads) { index in
          .init(
            left: left[index], right: right[index], result: base + index * rows.count * columns.count,
            resultStride: columns.count)
        }
      }
    }
  }

  /// Rarely used, so plain loops.
  func multiplyComplex<Real: ComplexComponent>(
    _ lhs: Tensor, _ rhs: Tensor, into sums: Tensor, of type: Complex<Real>.Type
  ) {
    sums.withMutableElements(of: type) { sums in
      lhs.withElements(of: type) { lhs in
        rhs.withElements(of: type) { rhs in
          for index in 0..<result.elementCount {
            let (outer, column) = index.quotientAndRemainder(dividingBy: columns.count)
            let (batch, row) = outer.quotientAndRemainder(dividingBy: rows.count)
            let left = lhsBatch.offset(of: batch) + rows.offset(of: row)
            let right = rhsBatch.offset(of: batch) + columns.offset(of: column)
            var sum = Complex<Real>(0)
            for depth in 0..<lhsDepth.count {
              sum = sum + lhs[left + lhsDepth.offset(of: depth)] * rhs[right + rhsDepth.offset(of: depth)]
            }
            sums[index] = sum
          }
        }
      }
    }
  }

  /// The matrices of one operand: views into it where its layout allows, into a permuted copy otherwise.
  final class Matrices<Factor: TensorElement> {
    private let tensor: Tensor
    private let batch: Axes
    private let rowStride: Int
    private let columnStride: Int
    /// Elements of one matrix of a copy.
    private let copiedStride: Int?

    init(_ tensor: Tensor, batch: Axes, rows: Axes, columns: Axes) throws {
      self.batch = batch
      if let rowStride = rows.singleStride, let columnStride = columns.singleStride {
        (self.tensor, self.rowStride, self.columnStride, copiedStride) = (tensor, rowStride, columnStride, nil)
        return
      }
      let copy = try Tensor(tensor.elementType, tensor.shape, zeroed: false)
      tensor.withElements(of: Factor.self) { source in
        copy.withMutableElements(of: Factor.self) { target in
          var position = 0
          let columnOffsets = (0..<columns.count).map(columns.offset(of:))
          for index in 0..<batch.count {
            let matrix = batch.offset(of: index)
            for row in 0..<rows.count {
              let start = matrix + rows.offset(of: row)
              for offset in columnOffsets {
                target[position] = source[start + offset]
                position += 1
              }
            }
          }
        }
      }
      self.tensor = copy
      rowStride = columns.count
      columnStride = 1
      copiedStride = rows.count * columns.count
    }

    /// Valid while `self` is held.
    subscript(index: Int) -> MatrixView<Factor> {
      let offset = copiedStride.map { index * $0 } ?? batch.offset(of: index)
      return MatrixView(
        base: UnsafePointer(tensor.base.assumingMemoryBound(to: Factor.self)) + offset, rowStride: rowStride,
        columnStride: columnStride)
    }
  }
}
