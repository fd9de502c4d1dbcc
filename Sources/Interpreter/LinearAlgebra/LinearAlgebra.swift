import GraphIR
import Tensors

/// Fourier transforms, determinants and inverses.
enum LinearAlgebra {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .fft(let axis, let inverse): [try fft(node, x[0], axis: axis, inverse: inverse, context)]
    case .determinant: [try determinant(node, x[0], context)]
    case .inverse: [try inverse(node, x[0])]
    default: preconditionFailure("not a linear algebra primitive: \(node.operation)")
    }
  }

  private static func fft(
    _ node: Node, _ x: Tensor, axis: Int, inverse: Bool, _ context: EvaluationContext
  ) throws -> Tensor {
    guard x.elementType.kind == .complex, 0 <= axis, axis < x.shape.rank else {
      throw EvaluationError(node, "axis \(axis) of \(x.elementType.name)\(x.shape)", expected: "complex numbers")
    }
    let result = try context.makeTensor(x.elementType, x.shape)
    let length = x.shape[axis]
    if x.elementCount == 0 { return result }
    let inner = x.shape.dimensions[(axis + 1)...].reduce(1, *)
    var transform = FourierTransform(length: length, inverse: inverse)
    func run<Real: ComplexComponent>(_: Real.Type) {
      x.withElements(of: Complex<Real>.self) { x in
        result.withMutableElements(of: Complex<Real>.self) { result in
          for line in 0..<(x.count / length) {
            let start = line / inner * inner * length + line % inner
            transform.run { index in
              let number = x[start + index * inner]
              return Complex128(Double(number.real), Double(number.imaginary))
            } store: { index, number in
              result[start + index * inner] = Complex<Real>(Real(number.real), Real(number.imaginary))
            }
          }
        }
      }
    }
    x.elementType == .complex64 ? run(Float.self) : run(Double.self)
    return result
  }

  /// Rows of each of the square matrices.
  private static func size(of x: Tensor, _ node: Node) throws -> Int {
    let rank = x.shape.rank
    guard rank >= 2, x.shape[rank - 1] == x.shape[rank - 2], x.elementType.isFloat else {
      throw EvaluationError(node, "\(x.elementType.name)\(x.shape)", expected: "square matrices of floats")
    }
    return x.shape[rank - 1]
  }

  /// By Gauss and Jordan's elimination with partial pivoting, in float64.
  private static func inverse(_ node: Node, _ x: Tensor) throws -> Tensor {
    let size = try size(of: x, node)
    let numbers = try x.converted(to: .float64)
    let wide = try Tensor(.float64, x.shape, zeroed: false)
    if x.elementCount == 0 { return try wide.converted(to: x.elementType) }
    try numbers.withElements(of: Double.self) { numbers in
      try wide.withMutableElements(of: Double.self) { results in
        for start in stride(from: 0, to: results.count, by: size * size) {
          var matrix = Array(numbers[start..<start + size * size])
          guard let inverse = inverse(&matrix, size) else {
            throw EvaluationError(node, "a matrix without an inverse", expected: "matrices that can be inverted")
          }
          for (index, number) in inverse.enumerated() { results[start + index] = number }
        }
      }
    }
    return try wide.converted(to: x.elementType)
  }

  /// Nil for a singular matrix; `matrix` becomes the identity.
  private static func inverse(_ matrix: inout [Double], _ size: Int) -> [Double]? {
    var result = [Double](repeating: 0, count: size * size)
    for index in 0..<size { result[index * size + index] = 1 }
    for column in 0..<size {
      var pivot = column
      for row in column..<size where abs(matrix[row * size + column]) > abs(matrix[pivot * size + column]) {
        pivot = row
      }
      let divisor = matrix[pivot * size + column]
      if divisor == 0 { return nil }
      for index in 0..<size {
        matrix.swapAt(pivot * size + index, column * size + index)
        result.swapAt(pivot * size + index, column * size + index)
        matrix[column * size + index] /= divisor
        result[column * size + index] /= divisor
      }
      for row in 0..<size where row != column {
        let factor = matrix[row * size + column]
        for index in 0..<size {
          matrix[row * size + index] -= factor * matrix[column * size + index]
          result[row * size + index] -= factor * result[column * size + index]
        }
      }
    }
    return result
  }

  /// By LU decomposition with partial pivoting, in float64.
  private static func determinant(_ node: Node, _ x: Tensor, _ context: EvaluationContext) throws -> Tensor {
    let size = try size(of: x, node)
    let rank = x.shape.rank
    let numbers = try x.converted(to: .float64)
    let shape = Shape(Array(x.shape.dimensions[..<(rank - 2)]))
    let wide = try Tensor(.float64, shape, zeroed: false)
    numbers.withElements(of: Double.self) { numbers in
      wide.withMutableElements(of: Double.self) { results in
        for index in 0..<results.count {
          var matrix = Array(numbers[(index * size * size)..<((index + 1) * size * size)])
          results[index] = determinant(&matrix, size)
        }
      }
    }
    return try wide.converted(to: x.elementType)
  }

  private static func determinant(_ matrix: inout [Double], _ size: Int) -> Double {
    var product = 1.0
    for column in 0..<size {
      var pivot = column
      for row in column..<size where abs(matrix[row * size + column]) > abs(matrix[pivot * size + column]) {
        pivot = row
      }
      if matrix[pivot * size + column] == 0 { return 0 }
      if pivot != column {
        for index in 0..<size { matrix.swapAt(pivot * size + index, column * size + index) }
        product = -product
      }
      let diagonal = matrix[column * size + column]
      product *= diagonal
      for row in (column + 1)..<size {
        let factor = matrix[row * size + column] / diagonal
        for index in column..<size { matrix[row * size + index] -= factor * matrix[column * size + index] }
      }
    }
    return product
  }
}
