import Tensors
import Testing

@Suite struct JSONReaderTests {
  @Test func readsARequest() throws {
    let text =
      #" {"id" : "a\u00e9\ud83d\ude00\n" , "skip": [1, {"x": [null, true, "]"]}, []], "n": -2.5e1, "ok":true} "#
    try withReader(text) { reader in
      try reader.beginObject()
      #expect(try reader.nextKey() == "id")
      #expect(try reader.readString() == "aé😀\n")
      #expect(try reader.nextKey() == "skip")
      #expect(try reader.peek() == .array)
      try reader.skipValue()
      #expect(try reader.nextKey() == "n")
      #expect(try reader.readDouble() == -25)
      #expect(try reader.nextKey() == "ok")
      #expect(try reader.readBool())
      #expect(try reader.nextKey() == nil)
      try reader.finish()
    }
  }

  @Test func readsArrays() throws {
    let sum = try withReader("[ 1 ,2,\n[3, 4], [] ]") { reader in
      var sum = 0
      try reader.beginArray()
      while try reader.nextElement() {
        if try reader.peek() == .array {
          try reader.beginArray()
          while try reader.nextElement() { sum += try reader.readInteger(Int.self) }
        } else {
          sum += try reader.readInteger(Int.self)
        }
      }
      try reader.finish()
      return sum
    }
    #expect(sum == 10)
  }

  @Test(arguments: [
    "", " ", "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,",
    "{\"a\":1,}",
    "{a:1}", "{\"a\" 1}", "{1:2}", "{\"a\":1 \"b\":2}", "01", "1.", ".5", "+1", "-", "1e", "1e+", "--1", "0x1", "1_0",
    "tru",
    "truex", "nul", "\"", "\"abc", "\"\\\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
    "\"a\nb\"", "[1]]", "1 2", "NaNs", "Infinit", "-Inf", "[}", "{]", "\u{feff}1", "'a'", "//", "[1]//",
  ])
  func refuses(_ text: String) {
    #expect(throws: TensorError.self) {
      try withReader(text) { reader in
        try reader.skipValue()
        try reader.finish()
      }
    }
  }

  @Test(arguments: [
    "0", "-0.5e-3", "\"\"", "\"\\/\\b\\f\\n\\r\\t\\\"\\\\\"", "[]", "{}", "[[],{}]", "{\"a\":{\"b\":[]}}", "null",
    "NaN",
    "[NaN,Infinity,-Infinity]", "\t\r\n 1 ", "{\"\":\"\",\"\":1}",
  ])
  func accepts(_ text: String) throws {
    try withReader(text) { reader in
      try reader.skipValue()
      try reader.finish()
    }
  }

  @Test func depthIsLimited() throws {
    let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
    try withReader(deep) { try $0.skipValue() }
    let deeper = String(repeating: "[", count: 1_000_000)
    #expect(throws: TensorError.self) { try withReader(deeper) { try $0.skipValue() } }
    #expect(throws: TensorError.self) {
      try deeper.utf8.withContiguousStorageIfAvailable {
        _ = try JSONTensorDecoder.decode(UnsafeRawBufferPointer($0), as: .float32)
      }
    }
  }

  @Test func errorsSayWhereAndWhat() {
    func message(_ text: String, _ body: (inout JSONReader) throws -> Void) -> String {
      do { try withReader(text, body) } catch { return "\(error)" }
      return "no error"
    }
    #expect(
      message("{\n  \"a\": oops}") { reader in
        try reader.beginObject()
        _ = try reader.nextKey()
        _ = try reader.readDouble()
      } == "JSON: line 2, column 8 (byte 9): expected a number, found oops")
    #expect(message("3.5") { _ = try $0.readInteger(Int64.self) }.hasSuffix("expected int64, found 3.5"))
    #expect(message("[1") { try $0.skipValue() }.hasSuffix("expected ']', found the end"))
    #expect(message("[1 2]") { try $0.skipValue() }.hasSuffix("expected ',' or ']', found 2"))
    #expect(message("\"a\u{1}\"") { _ = try $0.readString() }.contains("control character"))
  }

  @Test func stringsMustBeUTF8() {
    for bytes in [[0x22, 0xff, 0x22], [0x22, 0xc0, 0x80, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22]] as [[UInt8]] {
      #expect(throws: TensorError.self) {
        try bytes.withUnsafeBytes { bytes in
          var reader = JSONReader(bytes)
          _ = try reader.readString()
        }
      }
    }
  }

  @Test func stringsSurviveTheRoundTrip() throws {
    let strings = ["", "plain", "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}", "ünï😀", String(repeating: "\u{1}", count: 500)]
    for string in strings {
      var writer = JSONWriter()
      writer.append(string: string)
      let text = String(decoding: writer.array(), as: UTF8.self)
      #expect(try withReader(text) { try $0.readString() } == string)
    }
  }

  /// Mutations of good texts never trap, whatever is asked of them. Run with the same seed every time.
  @Test func fuzz() {
    var random = Seeded(15)
    let good = [
      #"{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1.5,-2e10],[0.1,NaN]]}],"id":"\u00e9\ud83d\ude00"}"#,
      #"[[[1,2,3],[4,5,6]],[[7,8,9],[10,11,12]]]"#,
      #"[true,false,null,"a\\b\"c",-Infinity,123456789012345678901234567890e-30]"#,
      #"[[],[],[]]"#, #"["NaN",1.00000000000000000000001,1e400,-0.0]"#,
    ].map { Array($0.utf8) }
    let spice = Array("[]{},:\"\\0123456789.eE+-ntfuNaI \n".utf8) + [0, 0x80, 0xff]
    for round in 0..<20_000 {
      var bytes = good[round % good.count]
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        guard !bytes.isEmpty else { break }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch random.next() % 4 {
        case 0: bytes[place] = spice.randomElement(using: &random)!
        case 1: bytes.insert(spice.randomElement(using: &random)!, at: place)
        case 2: bytes.remove(at: place)
        default: bytes.removeLast(min(bytes.count, Int(random.next() % 20)))
        }
      }
      bytes.withUnsafeBytes { buffer in
        var reader = JSONReader(buffer)
        _ = try? reader.skipValue()
        #expect(reader.position <= buffer.count)
        let type = ElementType.allCases[Int(random.next() % UInt64(ElementType.allCases.count))]
        _ = try? JSONTensorDecoder.decode(buffer, as: type)
        _ = try? JSONTensorDecoder.decode(buffer, as: .float32)
      }
    }
  }
}
