import Foundation
import GraphIR
import Interpreter
import Tensors
import Testing

@Suite("linear algebra")
struct LinearAlgebraTests {
  @Test("a transform is its sum", arguments: [1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 30, 64, 100])
  func transforms(length: Int) throws {
    var generator = SeededGenerator(length)
    let shape: Shape = [2, length, 3]
    let x = Tensor(
      shape,
      zip(generator.doubles(shape).elements(of: Double.self), generator.doubles(shape).elements(of: Double.self))
        .map { Complex128($0, $1) })
    let numbers = x.elements(of: Complex128.self)
    for inverse in [false, true] {
      let found = try Primitive(.fft(axis: 1, inverse: inverse))(x).elements(of: Complex128.self)
      for (index, position) in positions(shape.dimensions).enumerated() {
        var sum = Complex128(0)
        for k in 0..<length {
          let angle = 2 * Double.pi * Double(k * position[1] % length) / Double(length)
          let root = Complex128(cos(angle), inverse ? sin(angle) : -sin(angle))
          sum = sum + numbers[shape.offset([position[0], k, position[2]])] * root
        }
        if inverse { sum = Complex128(sum.real / Double(length), sum.imaginary / Double(length)) }
        #expect(abs(found[index].real - sum.real) < 1e-12)
        #expect(abs(found[index].imaginary - sum.imaginary) < 1e-12)
      }
    }
  }

  @Test("complex64 is transformed in float64 and rounded once")
  func singles() throws {
    let x = Tensor([3], [Complex64(1, 0), Complex64(0, 1), Complex64(-1, 2)])
    let there = try Primitive(.fft(axis: 0, inverse: false))(x)
    let back = try Primitive(.fft(axis: 0, inverse: true))(there)
    #expect(there.elementType == .complex64)
    for (a, b) in zip(back.elements(of: Complex64.self), x.elements(of: Complex64.self)) {
      #expect(abs(a.real - b.real) < 1e-6 && abs(a.imaginary - b.imaginary) < 1e-6)
    }
  }

  @Test("determinants", arguments: 0...5)
  func determinants(size: Int) throws {
    var generator = SeededGenerator(size)
    let x = generator.floats([2, size, size])
    let numbers = x.elements(of: Float.self).map(Double.init)
    /// Leibniz' formula by expansion along rows.
    func expand(_ matrix: Int, _ row: Int, _ columns: [Int]) -> Double {
      if row == size { return 1 }
      return columns.enumerated().reduce(0) { sum, entry in
        var rest = columns
        rest.remove(at: entry.offset)
        let sign: Double = entry.offset % 2 == 0 ? 1 : -1
        return sum + sign * numbers[(matrix * size + row) * size + entry.element] * expand(matrix, row + 1, rest)
      }
    }
    let found = try Primitive(.determinant)(x)
    #expect(found.shape == [2])
    #expect(difference(found.elements(), (0..<2).map { expand($0, 0, Array(0..<size)) }) < 1e-6)
  }

  @Test func inverses() throws {
    let x = Tensor([2, 2, 2], [0, 2, 4, 0, 4, 2, 2, 3] as [Double])
    #expect(try Primitive(.inverse)(x).elements() == [0, 0.25, 0.5, 0, 0.375, -0.25, -0.25, 0.5] as [Double])
    #expect(try Primitive(.inverse)(Tensor(.float32, [3, 0, 0])).shape == [3, 0, 0])
    #expect(throws: EvaluationError.self) { try Primitive(.inverse)(Tensor([2, 2], [1, 2, 2, 4] as [Double])) }
  }

  @Test("singular matrices, scalars' worth of results, errors")
  func edges() throws {
    let singular = Tensor([2, 2], [1, 2, 2, 4] as [Double])
    #expect(try Primitive(.determinant)(singular).elements() == [0] as [Double])
    #expect(try Primitive(.determinant)(singular).shape == .scalar)
    #expect(throws: EvaluationError.self) { try Primitive(.determinant)(Tensor(.float32, [2, 3])) }
    #expect(throws: EvaluationError.self) { try Primitive(.determinant)(Tensor(.float32, [4])) }
    #expect(throws: EvaluationError.self) { try Primitive(.fft(axis: 1, inverse: false))(Tensor(.complex64, [4])) }
    #expect(throws: EvaluationError.self) { try Primitive(.fft(axis: 0, inverse: false))(Tensor(.float32, [4])) }
    let empty = try Primitive(.fft(axis: 0, inverse: false))(Tensor(.complex64, [0, 2]))
    #expect(empty.shape == [0, 2])
  }
}
