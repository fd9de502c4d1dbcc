import Glibc
import Tensors
import Testing

@Suite struct NPYTests {
  /// A file of the given version, header text and data.
  func file(_ header: String, _ data: [UInt8] = [], version: UInt8 = 1) -> [UInt8] {
    let length = UInt32(header.utf8.count)
    let lengthBytes = (0..<(version == 1 ? 2 : 4)).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + lengthBytes + Array(header.utf8) + data
  }

  func read(_ bytes: [UInt8]) throws -> Tensor { try bytes.withUnsafeBytes { try NPY.read(bytes: $0, source: "test") } }

  func message(_ bytes: [UInt8]) -> String {
    do { _ = try read(bytes) } catch { return "\(error)" }
    return "no error"
  }

  @Test(arguments: [1, 2, 3] as [UInt8]) func readsAllVersions(_ version: UInt8) throws {
    let header = "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }   \n"
    let tensor = try read(file(header, [1, 0, 2, 0, 0xff, 0xff], version: version))
    #expect(tensor.elements() == [Int16(1), 2, -1])
  }

  @Test func readsOtherSpellings() throws {
    let header = "{ \"shape\" :(1L ,2) , \"descr\": '|u1', 'fortran_order':False}"
    #expect(try read(file(header, [5, 6])).elements() == [UInt8(5), 6])
    #expect(
      try read(file("{'descr': '=f4', 'fortran_order': False, 'shape': ()}", [0, 0, 0x80, 0x3f])).shape == .scalar)
    #expect(
      try read(file("{'descr': 'b1', 'fortran_order': False, 'shape': (2,)}", [7, 0])).elements() == [true, false])
  }

  @Test(arguments: [
    ("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "pickled Python objects"),
    ("{'descr': '<V2', 'fortran_order': False, 'shape': (1,)}", "save it as float32"),
    ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "structured types"),
    ("{'descr': '<f16', 'fortran_order': False, 'shape': (1,)}", "type '<f16' is not supported"),
    ("{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (1,)}", "is not supported"),
    ("{'descr': '<U', 'fortran_order': False, 'shape': (1,)}", "has no width"),
    ("{'descr': '<U99999999999999999999', 'fortran_order': False, 'shape': (1,)}", "has no width"),
    ("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}", "strings of no width"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 2)}", "is not possible"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", "does not fit"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "integer too large"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "expected an integer"),
    ("{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", "does not fit the 0 bytes"),
    ("{'descr': '<f4', 'fortran_order': False}", "once each"), ("{'descr': '<f4', 'descr': '<f4'", "expected '}'"),
    ("{'descr': '<f4', 'fortran_order': Maybe, 'shape': ()}", "expected True or False"), ("", "expected '{'"),
    ("{'x': 1}", "unknown key 'x'"), ("{'descr': 'a\\'", "escape"),
  ])
  func refuses(_ header: String, _ problem: String) {
    #expect(message(file(header)).contains(problem), "\(message(file(header)))")
  }

  @Test func refusesDamagedFiles() {
    let whole = file("{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n", [1, 0, 2, 0, 3, 0])
    for count in 0..<whole.count { #expect(throws: TensorError.self) { try read(Array(whole[..<count])) } }
    #expect(message(Array("PK\u{3}\u{4}xxxxxxxx".utf8)).contains("not an .npy file"))
    #expect(message(file("", version: 9)).contains("version 9.0 is not known"))
    var random = Seeded(21)
    for _ in 0..<20_000 {
      var bytes = whole
      for _ in 0..<3 { bytes[Int(random.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: random.next()) }
      _ = try? read(bytes)
    }
  }

  @Test(arguments: ElementType.allCases) func writesWhatItReads(_ type: ElementType) throws {
    for shape in [[], [0], [5], [2, 3], [2, 0, 4]] as [Shape] {
      let values = Tensor(shape, (0..<shape.elementCount).map { Int32($0 & 1) })
      let original = try values.converted(to: type == .string ? .bool : type).converted(to: type)
      let bytes = try NPY.write(original)
      let back = try read(bytes)
      #expect(back.shape == shape)
      #expect(back.elementType == (type == .float16 ? .float16 : type.widened ?? type))
      if type == .string {
        #expect(back.strings == original.strings)
      } else {
        #expect(try back.converted(to: .int32).elements(of: Int32.self) == original.converted(to: .int32).elements())
      }
    }
  }

  @Test func writesAsNumPyDoes() throws {
    let bytes = try NPY.write(Tensor([3], [Float(0), 1, 2]))
    #expect(bytes.count == 128 + 12)
    #expect(bytes[..<10] == [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0])
    #expect(
      String(decoding: bytes[10..<127], as: UTF8.self).hasPrefix(
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }  "))
    #expect(bytes[127] == 0x0a)
  }
}

@Suite struct NPZTests {
  func read(_ bytes: [UInt8], limit: Int = NPZ.defaultLargestByteCount) throws -> [(name: String, tensor: Tensor)] {
    try bytes.withUnsafeBytes { try NPZ.read(bytes: $0, source: "test.npz", largestByteCount: limit) }
  }

  @Test func readsWhatNumPySaves() throws {
    let stored = try read(NumPyFixtures.stored)
    #expect(stored.map(\.name) == ["x", "y"])
    #expect(stored[0].tensor.elements() == [Float(0), 1, 2])
    #expect(stored[1].tensor.shape == .scalar && stored[1].tensor.elements() == [Int64(7)])

    #expect(try read(NumPyFixtures.levelZero)[0].tensor.elements() == [UInt8(0), 1, 2, 3, 4])

    let members = try read(NumPyFixtures.compressed)
    for (name, tensor) in members where name.hasPrefix("little_") || name.hasPrefix("big_") {
      #expect(tensor.shape == [2, 3], "\(name)")
      #expect(try tensor.converted(to: .float64).elements() == [0.0, 1, 2, 3, 4, 5], "\(name)")
    }
    let named = Dictionary(members.map { ($0.name, $0.tensor) }) { first, _ in first }
    #expect(
      named.count == 29 && named["big_u8"]?.elementType == .uint64 && named["little_c8"]?.elementType == .complex64)
    #expect(named["fortran_i2"]?.elements() == [Int16(0), 1, 2, 3, 4, 5])
    #expect(named["fortran_big_f8"]?.shape == [2, 3, 4])
    #expect(named["fortran_big_f8"]?.elements() == (0..<24).map(Double.init))
    #expect(named["bool"]?.elements() == [true, false, true])
    #expect(named["unicode"]?.strings == ["a", "é😀", "", "long er"] && named["unicode"]?.shape == [2, 2])
    #expect(named["unicode_big"]?.strings == ["xy", "z"])
    #expect(named["bytes"]?.strings == ["ab", "c"])
    #expect(named["scalar"]?.shape == .scalar && named["scalar"]?.elements() == [Float(2.5)])
    #expect(named["empty"]?.shape == [2, 0, 3])
    #expect(named["dynamic"]?.elements() == (0..<400).map { Int32($0 * $0 % 97) })
    #expect(named["random"]?.elementCount == 300)
    #expect(named["fortran_unicode"]?.strings == ["a", "b", "c", "d"])
  }

  @Test func writesAndReadsFiles() throws {
    var directory = Array("/tmp/apus-npz-XXXXXX".utf8CString)
    let made = directory.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!).map { String(cString: $0) } }
    let folder = try #require(made)
    let path = folder + "/a.npz"
    defer {
      unlink(path)
      rmdir(folder)
    }
    let tensors = [
      ("x", Tensor([2, 2], [Float(1), 2, 3, 4])), ("näme", Tensor([2], strings: ["a", "bc"])),
      ("half", try Tensor([3], [Float(1), 2, 3]).converted(to: .bfloat16)),
    ]
    try NPZ.write(tensors, path: path)
    let back = try NPZ.read(path: path)
    #expect(back.map(\.name) == ["x", "näme", "half"])
    #expect(back[0].tensor.elements() == [Float(1), 2, 3, 4])
    #expect(back[1].tensor.strings == ["a", "bc"])
    #expect(back[2].tensor.elements() == [Float(1), 2, 3])
    #expect(throws: TensorError.self) { try NPZ.read(path: folder + "/none.npz") }
    #expect(throws: TensorError.self) { try NPZ.read(path: folder) }
    #expect(throws: TensorError.self) { try NPZ.write(tensors, path: folder) }
    #expect(try read(NPZ.write([])).isEmpty)
  }

  @Test func damageIsFound() throws {
    // A flipped bit in a member's data: the checksum tells, for stored and for compressed members.
    var stored = NumPyFixtures.stored
    let place = try #require(stored.indices.first { stored[$0...].starts(with: [0x80, 0x3f]) })
    stored[place] ^= 1
    #expect(throws: TensorError.self) { try read(stored) }
    for count in stride(from: 0, to: NumPyFixtures.compressed.count, by: 7) {
      #expect(throws: TensorError.self) { try read(Array(NumPyFixtures.compressed[..<count])) }
    }
    #expect(throws: TensorError.self) { try read(NumPyFixtures.compressed, limit: 1000) }
  }

  @Test func fuzz() throws {
    var random = Seeded(22)
    let own = try NPZ.write([("x", Tensor([2, 2], [Float(1), 2, 3, 4]))])
    let good = [NumPyFixtures.stored, own, NumPyFixtures.levelZero, NumPyFixtures.compressed]
    for round in 0..<1_500 {
      var bytes = good[round % 10 == 0 ? 3 : round % 3]
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch random.next() % 3 {
        case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: bytes[place] = 0xff
        default: bytes[place] ^= 1 << UInt8(random.next() % 8)
        }
      }
      _ = try? read(bytes, limit: 1 << 24)
    }
  }
}
