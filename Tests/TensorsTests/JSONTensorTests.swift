import Tensors
import Testing

@Suite struct JSONTensorTests {
  func decode(_ text: String, _ type: ElementType) throws -> Tensor {
    try Array(text.utf8).withUnsafeBytes { try JSONTensorDecoder.decode($0, as: type) }
  }

  func message(_ text: String, _ type: ElementType) -> String {
    do { _ = try decode(text, type) } catch { return "\(error)" }
    return "no error"
  }

  func encode(_ tensor: Tensor) throws -> String {
    String(decoding: try JSONTensorEncoder.encode(tensor), as: UTF8.self)
  }

  @Test(
    arguments: [
      ("1", []), ("[]", [0]), ("[1]", [1]), ("[[1,2],[3,4],[5,6]]", [3, 2]), ("[[],[]]", [2, 0]),
      ("[[[]]]", [1, 1, 0]),
      (" [ [ 1 , 2 ] ,\n[ 3 , 4 ] ] ", [2, 2]), ("[[[[1]]],[[[2]]]]", [2, 1, 1, 1]),
    ] as [(String, [Int])])
  func findsTheShape(_ text: String, _ shape: [Int]) throws {
    for type in [ElementType.float32, .float64, .int64, .uint8, .float16, .bfloat16, .int4, .float8E5M2] {
      #expect(try decode(text, type).shape.dimensions == shape)
    }
  }

  @Test(arguments: [
    ("[[1,2,3],[4,5]]", "ragged at [1]: expected 3 found 2"),
    ("[[[1],[2]],[[3],[4,5]]]", "ragged at [1, 1]: expected 1 found 2"),
    ("[[[1],[2]],[[3]]]", "ragged at [1]: expected 2 found 1"),
    ("[1,[2]]", "expected float32, found ["), ("[[1],2]", "ragged at [1]: expected an array found an element"),
    ("[[1],[[2]]]", "ragged at [1, 0]: expected an element found an array"),
    ("[[],[1]]", "ragged at [1]: expected 0 found 1"),
    ("[[],[[]]]", "ragged at [1, 0]: expected an element found an array"),
    ("[[[1]],[]]", "ragged at [1]: expected 1 found 0"),
    ("[1,true]", "expected float32, found true"), ("[\"a\"]", "expected float32, found \"a\""),
    ("[1,]", "expected float32, found ]"), ("[1", "expected ',' or ']', found the end"),
    ("[1]x", "expected the end, found x"),
  ])
  func explainsWhatIsWrong(_ text: String, _ problem: String) {
    #expect(message(text, .float32).hasSuffix(problem), "\(message(text, .float32))")
  }

  @Test func floats() throws {
    let values = try decode(#"[1.5, NaN, Infinity, -Infinity, null, "NaN", "-Infinity", 16777217, -0]"#, .float32)
    let expected: [Float] = [1.5, .nan, .infinity, -.infinity, .nan, .nan, -.infinity, 16_777_216, -0.0]
    #expect(
      zip(values.elements(of: Float.self), expected).allSatisfy {
        $0.bitPattern == $1.bitPattern || ($0.isNaN && $1.isNaN)
      })
    let half = try decode("[65504, 65520, 1e-8, 0.1]", .float16).widened().elements(of: Float.self)
    #expect(half == [65504, .infinity, 0, 0.099975586])
  }

  @Test func integersAndBools() throws {
    #expect(try decode("[9223372036854775807, -9223372036854775808, 3.0]", .int64).elements() == [Int64.max, .min, 3])
    #expect(try decode("[18446744073709551615]", .uint64).elements() == [UInt64.max])
    #expect(message("[1, 3.5]", .int64).hasSuffix("expected int64, found 3.5"))
    #expect(message("[300]", .uint8).hasSuffix("expected uint8, found 300"))
    #expect(message("[true]", .int32).hasSuffix("expected int32, found true"))
    #expect(message("[null]", .int32).hasSuffix("expected int32, found null"))
    #expect(message("[8]", .int4).hasSuffix("8 does not fit int4"))
    #expect(try decode("[-8, 7]", .int4).widened().elements() == [Int8(-8), 7])
    #expect(try decode("[true, false, 1, 0]", .bool).elements() == [true, false, true, false])
    #expect(message("[2]", .bool).hasSuffix("expected bool, found 2"))
  }

  @Test func stringsAndComplex() throws {
    #expect(try decode(#"[["a","\u00e9"],["",""]]"#, .string).strings == ["a", "é", "", ""])
    #expect(message("[1]", .string).hasSuffix("expected a string, found 1"))
    #expect(try decode("[[1,2],[3,4]]", .complex64).elements() == [Complex64(1, 2), Complex64(3, 4)])
    #expect(try decode("[1,2]", .complex128).shape == .scalar)
    #expect(message("[1,2,3]", .complex64).hasSuffix("expected pairs [re, im] for complex64, found shape [3]"))
  }

  @Test func writesNestedArrays() throws {
    #expect(try encode(Tensor([2, 2], [Float(1), 2.5, 1e-7, .nan])) == "[[1.0,2.5],[1e-07,NaN]]")
    #expect(try encode(Tensor([2, 1, 2], [Int32(1), -2, 3, 4])) == "[[[1,-2]],[[3,4]]]")
    #expect(try encode(Tensor(scalar: true)) == "true")
    #expect(try encode(Tensor(.float32, [2, 0])) == "[[],[]]")
    #expect(try encode(Tensor(.float32, [0, 3])) == "[]")
    #expect(try encode(Tensor([2], strings: ["a\"", "é"])) == "[\"a\\\"\",\"é\"]")
    #expect(try encode(Tensor([1], [Complex64(1, -2)])) == "[[1.0,-2.0]]")
    #expect(try encode(Tensor([2], [Int8(-8), 7]).converted(to: .int4)) == "[-8,7]")
    #expect(throws: TensorError.self) { try JSONTensorEncoder.encode(Tensor(.float32, [1 << 40, 0])) }
  }

  @Test(arguments: ElementType.allCases) func roundTrip(_ type: ElementType) throws {
    var random = Seeded(UInt64(type.rawValue) + 100)
    for shape in [[], [0], [1], [7], [3, 5], [2, 3, 4], [5, 1], [40, 30]] as [Shape] {
      let words = (0..<shape.elementCount).map { _ in Int64(bitPattern: random.next()) >> Int64(random.next() % 64) }
      let original = try Tensor(shape, words).converted(to: .float64).converted(to: type == .string ? .float32 : type)
        .converted(to: type)
      let text = try encode(original)
      let back = try decode(text, type)
      #expect(back.shape == shape)
      if type == .string {
        #expect(back.strings == original.strings)
      } else {
        let same = (0..<original.byteCount).allSatisfy {
          original.base.load(fromByteOffset: $0, as: UInt8.self) == back.base.load(fromByteOffset: $0, as: UInt8.self)
        }
        #expect(same || text.contains("NaN"))
      }
    }
  }

  /// Growing memory: many more elements than the first guess, with and without a hint.
  @Test(arguments: [0, 10, 100_000, Int.max]) func hintsAreOnlyHints(_ hint: Int) throws {
    let text = Array(("[" + (0..<50_000).map(String.init).joined(separator: ",") + "]").utf8)
    let tensor = try text.withUnsafeBytes { bytes in
      var reader = JSONReader(bytes)
      return try JSONTensorDecoder.decode(&reader, as: .int32, expectedCount: hint)
    }
    #expect(tensor.elements(of: Int32.self) == (0..<50_000).map { Int32($0) })
  }
}
