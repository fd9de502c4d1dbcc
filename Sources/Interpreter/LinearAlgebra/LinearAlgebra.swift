import GraphIR
import Tensors

/// Fourier transforms and determinants.
enum LinearAlgebra {
  static func evaluate(_ node: Node, _ x: [Tensor], _ context: EvaluationContext) throws -> [Tensor] {
    switch node.operation {
    case .fft(let axis, let inverse): [try fft(node, x[0], axis: axis, inverse: inverse, context)]
    case .determinant: [try determinant(node, x[0], context)]
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

  /// By LU decomposition with partial pivoting, in float64.
  private static func determinant(_ node: Node, _ x: Tensor, _ context: EvaluationContext) throws -> Tensor {
    let rank = x.shape.rank
    guard rank >= 2, x.shape[rank - 1] == x.shape[rank - 2], x.elementType.isFloat else {
      throw EvaluationError(node, "\(x.elementType.name)\(x.shape)", expected: "square matrices of floats")
    }
    let size = x.shape[rank - 1]
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
