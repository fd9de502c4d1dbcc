import Glibc
import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite struct PowerTests {
  @Test func integersMultiplyOut() throws {
    let base = Tensor([8], [2, 3, -2, 0, 1, -1, -1, 2] as [Int32])
    let exponent = Tensor([8], [10, 0, 3, 0, -5, -3, -2, -1] as [Int64])
    let result = try Primitive(.binary(.power))(base, exponent)
    #expect(result.elements(of: Int32.self) == [1024, 1, -8, 1, 1, -1, 1, 0])
  }

  @Test func integersWrap() throws {
    let result = try Primitive(.binary(.power))(Tensor([2], [3, 200] as [UInt8]), Tensor(scalar: UInt8(6)))
    #expect(result.elements(of: UInt8.self) == [UInt8(truncatingIfNeeded: 729), 0])
    // A large unsigned base is not -1.
    let large = try Primitive(.binary(.power))(Tensor([1], [UInt64.max]), Tensor(scalar: Int64(-2)))
    #expect(large.elements(of: UInt64.self) == [0])
    let odd = try Primitive(.binary(.power))(Tensor([1], [Int64(-1)]), Tensor(scalar: UInt64.max))
    #expect(odd.elements(of: Int64.self) == [-1])
  }

  @Test func theBaseGivesTheType() throws {
    let whole = try Primitive(.binary(.power))(Tensor([3], [1, 2, 3] as [Int32]), Tensor([3], [4, 5, 0.5] as [Float]))
    #expect(whole.elements(of: Int32.self) == [1, 32, 1])
    let real = try Primitive(.binary(.power))(Tensor([3], [1, 2, 3] as [Float]), Tensor([3], [4, 5, 6] as [Int64]))
    #expect(real.elements(of: Float.self) == [1, 32, 729])
    let half = try Tensor([2], [2, 3] as [Float]).converted(to: .float16)
    let result = try Primitive(.binary(.power))(half, Tensor([2, 1], [2, -1] as [Int32]))
    #expect(result.elementType == .float16 && result.shape == [2, 2])
    #expect(try result.doubles == [4, 9, 0.5, 0.333251953125])
  }

  @Test(arguments: ElementType.wideFloats)
  func floatsFollowC(_ type: ElementType) throws {
    let bases: [Double] = [2, -8, 0, -0.0, .infinity, .nan, 1, -1, 0.5]
    let exponents: [Double] = [0.5, 1.0 / 3, -1, 0, .infinity, .nan, 3]
    let result = try Primitive(.binary(.power))(
      Tensor([9, 1], bases).converted(to: type), Tensor([7], exponents).converted(to: type))
    let expected = bases.flatMap { base in exponents.map { pow(base, $0) } }
    for (found, expected) in zip(try result.doubles, expected) {
      #expect(found == expected || found.isNaN && expected.isNaN || abs(found - expected) < 1e-6)
    }
  }
}
