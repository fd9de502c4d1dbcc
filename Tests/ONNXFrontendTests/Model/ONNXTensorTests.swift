import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

/// Reads a `TensorProto` on its own.
func readTensor(_ message: MessageWriter) throws -> Tensor {
  let value = try ONNXValueFile.read(bytes: message.bytes, name: "t.pb", as: .tensor(nil, dimensions: nil))
  return try #require(value.tensor)
}

extension Tensor {
  /// Elements as they lie in memory.
  var memory: [UInt8] {
    withExtendedLifetime(storage) { Array(UnsafeRawBufferPointer(start: base, count: byteCount)) }
  }
}

/// Five elements of a type in every form that `TensorProto` has for it.
struct ElementForms: Sendable, CustomTestStringConvertible {
  let type: ElementType
  /// Elements as memory holds them, which is also `raw_data` except for 6-bit floats.
  var memory: [UInt8]
  var raw: [UInt8]
  /// `[field: entries]` of the one typed field.
  var int32s: [Int]?
  var int64s: [Int]?
  var uint64s: [Int]?
  var floats: [Float]?
  var doubles: [Double]?

  var testDescription: String { type.name }

  init(_ type: ElementType, _ memory: [UInt8], raw: [UInt8]? = nil) {
    self.type = type
    self.memory = memory
    self.raw = raw ?? memory
  }

  private static func bytes<Element>(_ elements: [Element]) -> [UInt8] { elements.withUnsafeBytes { Array($0) } }

  private static func make<Element>(
    _ type: ElementType, _ elements: [Element], _ set: (inout ElementForms) -> Void
  ) -> ElementForms {
    var forms = ElementForms(type, bytes(elements))
    set(&forms)
    return forms
  }

  static let all: [ElementForms] = [
    make(.float32, [1, -2, .infinity, 0.5, 0] as [Float]) { $0.floats = [1, -2, .infinity, 0.5, 0] },
    make(.float64, [1, -2, .infinity, 0.5, 0] as [Double]) { $0.doubles = [1, -2, .infinity, 0.5, 0] },
    make(.complex64, (1...10).map(Float.init)) { $0.floats = (1...10).map(Float.init) },
    make(.complex128, (1...10).map(Double.init)) { $0.doubles = (1...10).map(Double.init) },
    make(.int8, [-128, -1, 0, 1, 127] as [Int8]) { $0.int32s = [-128, -1, 0, 1, 127] },
    make(.uint8, [0, 1, 127, 128, 255] as [UInt8]) { $0.int32s = [0, 1, 127, 128, 255] },
    make(.int16, [-32768, -1, 0, 1, 32767] as [Int16]) { $0.int32s = [-32768, -1, 0, 1, 32767] },
    make(.uint16, [0, 1, 32767, 32768, 65535] as [UInt16]) { $0.int32s = [0, 1, 32767, 32768, 65535] },
    make(.int32, [.min, -1, 0, 1, .max] as [Int32]) { $0.int32s = [-2_147_483_648, -1, 0, 1, 2_147_483_647] },
    make(.uint32, [0, 1, 2, 3, .max] as [UInt32]) { $0.uint64s = [0, 1, 2, 3, 4_294_967_295] },
    make(.int64, [.min, -1, 0, 1, .max] as [Int64]) { $0.int64s = [.min, -1, 0, 1, .max] },
    make(.uint64, [0, 1, 2, 3, .max] as [UInt64]) { $0.uint64s = [0, 1, 2, 3, -1] },
    make(.bool, [0, 1, 1, 0, 1] as [UInt8]) { $0.int32s = [0, 1, 1, 0, 1] },
    make(.float16, [0x3C00, 0x8000, 0xFBFF, 1, 0x7C00] as [UInt16]) {
      $0.int32s = [0x3C00, 0x8000, 0xFBFF, 1, 0x7C00]
    },
    make(.bfloat16, [0x3F80, 0x8000, 0xFF7F, 1, 0x7F80] as [UInt16]) {
      $0.int32s = [0x3F80, 0x8000, 0xFF7F, 1, 0x7F80]
    },
    oneByte(.float8E4M3FN), oneByte(.float8E4M3FNUZ), oneByte(.float8E5M2), oneByte(.float8E5M2FNUZ),
    oneByte(.float8E8M0),
    packed(.int4, [0xF1, 0x87, 0x03]), packed(.uint4, [0xF1, 0x87, 0x03]), packed(.float4E2M1, [0xF1, 0x87, 0x03]),
    packed(.int2, [0b11_01_00_10, 0b11]), packed(.uint2, [0b11_01_00_10, 0b11]),
    sixBit(.float6E2M3), sixBit(.float6E3M2),
  ]

  private static func oneByte(_ type: ElementType) -> ElementForms {
    make(type, [0, 1, 0x7F, 0x80, 0xFF] as [UInt8]) { $0.int32s = [0, 1, 0x7F, 0x80, 0xFF] }
  }

  private static func packed(_ type: ElementType, _ memory: [UInt8]) -> ElementForms {
    make(type, memory) { $0.int32s = memory.map(Int.init) }
  }

  private static func sixBit(_ type: ElementType) -> ElementForms {
    // 1, 2, 3, 63, 33: six bits each from the lowest bit on.
    var forms = ElementForms(type, [1, 2, 3, 63, 33], raw: [0b10_000001, 0b0011_0000, 0b111111_00, 0b100001])
    forms.int32s = [1, 2, 3, 63, 33]
    return forms
  }

  /// The typed field, packed or element by element.
  func writeTyped(_ writer: inout MessageWriter, packed: Bool) {
    for (field, entries) in [(5, int32s), (7, int64s), (11, uint64s)] {
      guard let entries else { continue }
      if packed { writer.packedInts(field, entries) } else { for entry in entries { writer.int(field, entry) } }
    }
    if let floats {
      if packed { writer.packedFloats(4, floats) } else { for entry in floats { writer.float(4, entry) } }
    }
    if let doubles {
      if packed { writer.packedDoubles(10, doubles) } else { for entry in doubles { writer.double(10, entry) } }
    }
  }
}

@Suite struct ONNXTensorTests {
  @Test func everyElementTypeIsTested() {
    let tested = Set(ElementForms.all.map(\.type)).union([.string])
    #expect(tested == Set(ElementType.allCases))
  }

  @Test(arguments: ElementForms.all, [1, 5, 8] as [Int])
  func rawData(forms: ElementForms, padding: Int) throws {
    // The padding moves the data to other alignments, so that both ways of reading are taken.
    let tensor = try readTensor(
      .tensor(String(repeating: "n", count: padding), Int(forms.type.rawValue), [5]) { $0.bytes(9, forms.raw) })
    #expect(tensor.elementType == forms.type)
    #expect(tensor.shape == [5])
    #expect(tensor.memory == forms.memory)
  }

  @Test(arguments: ElementForms.all, [true, false])
  func typedFields(forms: ElementForms, packed: Bool) throws {
    let tensor = try readTensor(
      .tensor("t", Int(forms.type.rawValue), [1, 5]) { forms.writeTyped(&$0, packed: packed) })
    #expect(tensor.elementType == forms.type)
    #expect(tensor.shape == [1, 5])
    #expect(tensor.memory == forms.memory)
  }

  @Test(arguments: ElementForms.all)
  func externalData(forms: ElementForms) throws {
    let folder = TemporaryFolder()
    folder.file("weights", [9, 9, 9] + forms.raw + [9])
    let path = folder.file(
      "t.pb",
      MessageWriter.tensor("t", Int(forms.type.rawValue), [5]) {
        $0.int(14, 1)
        for (key, value) in [("location", "weights"), ("offset", "3"), ("length", "\(forms.raw.count)")] {
          $0.message(13) {
            $0.string(1, key)
            $0.string(2, value)
          }
        }
      }.bytes)
    let tensor = try ONNXValueFile.readTensor(path: path)
    #expect(tensor.elementType == forms.type)
    #expect(tensor.memory == forms.memory)
  }

  @Test func strings() throws {
    let tensor = try readTensor(
      .tensor("t", 8, [2, 2]) { writer in
        for text in ["a", "", "ünï", "d"] { writer.string(6, text) }
      })
    #expect(tensor.shape == [2, 2])
    #expect(tensor.strings == ["a", "", "ünï", "d"])
  }

  @Test(arguments: ElementType.allCases)
  func tensorsWithoutElementsNeedNoData(type: ElementType) throws {
    for form in 0..<2 where form == 0 || type != .string {
      let tensor = try readTensor(
        .tensor("t", Int(type.rawValue), [3, 0]) { if form == 1 { $0.bytes(9, []) } })
      #expect(tensor.shape == [3, 0])
      #expect(tensor.byteCount == 0)
    }
  }

  @Test(arguments: ElementForms.all)
  func oneElementTooFewOrTooManyIsAnError(forms: ElementForms) throws {
    let type = Int(forms.type.rawValue)
    // Nine elements take another byte in every type, one takes fewer.
    for dims in [[9], [1], [], [5, 5], [0]] {
      #expect(throws: ONNXError.self) { try readTensor(.tensor("t", type, dims) { $0.bytes(9, forms.raw) }) }
      #expect(throws: ONNXError.self) {
        try readTensor(.tensor("t", type, dims) { forms.writeTyped(&$0, packed: true) })
      }
    }
    #expect(throws: ONNXError.self) { try readTensor(.tensor("t", type, [5])) }
  }

  @Test(arguments: ElementForms.all, [4, 5, 6, 7, 10, 11])
  func elementsInAFieldOfAnotherTypeAreAnError(forms: ElementForms, field: Int) throws {
    guard field != ONNXTensor.typedField(of: forms.type).rawValue else { return }
    #expect(throws: ONNXError.self) {
      try readTensor(
        .tensor("t", Int(forms.type.rawValue), [1]) {
          switch field {
          case 4: $0.packedFloats(4, [1])
          case 6: $0.string(6, "x")
          case 10: $0.packedDoubles(10, [1])
          default: $0.packedInts(field, [1])
          }
        })
    }
  }

  @Test func dataInTwoFieldsIsAnError() {
    #expect(throws: ONNXError.self) {
      try readTensor(
        .tensor("t", 1, [1]) {
          $0.packedFloats(4, [1])
          $0.bytes(9, [0, 0, 0, 0])
        })
    }
    #expect(throws: ONNXError.self) {
      try readTensor(
        .tensor("t", 1, [1]) {
          $0.packedFloats(4, [1])
          $0.packedInts(5, [1])
        })
    }
  }

  @Test func emptyFieldsBesideTheDataDoNotMatter() throws {
    let tensor = try readTensor(
      .tensor("t", 1, [1]) {
        $0.packedInts(5, [])
        $0.packedFloats(4, [2])
        $0.bytes(9, [])
      })
    #expect(tensor.elements() == [2] as [Float])
  }

  @Test func boolsOfOtherBytesBecomeTrue() throws {
    let tensor = try readTensor(.tensor("t", 9, [4]) { $0.bytes(9, [0, 1, 2, 255]) })
    #expect(tensor.memory == [0, 1, 1, 1])
    let typed = try readTensor(.tensor("t", 9, [3]) { $0.packedInts(5, [0, 256, -1]) })
    #expect(typed.memory == [0, 1, 1])
  }

  @Test(arguments: [[-1], [Int.max, 2], [1 << 32, 1 << 32], [Int.min], [1 << 61], [3, -1, 0]])
  func impossibleDimensionsAreErrors(dims: [Int]) {
    for type in [1, 8, 14, 22, 25, 27] {
      #expect(throws: ONNXError.self) { try readTensor(.tensor("t", type, dims) { $0.bytes(9, [0, 0, 0, 0]) }) }
      #expect(throws: ONNXError.self) { try readTensor(.tensor("t", type, dims)) }
    }
  }

  @Test func hugeClaimsAreRefusedBeforeAnythingIsAllocated() {
    // A terabyte would not be there: an attempt to allocate it would be `outOfMemory`.
    let error = #expect(throws: ONNXError.self) {
      try readTensor(.tensor("weights", 1, [1 << 40]) { $0.packedFloats(4, [1]) })
    }
    #expect(
      error?.description.hasSuffix(
        "tensor 'weights': it has 1 entries of float_data, but float32[1099511627776] takes 1099511627776 entries")
        == true)
  }

  @Test func undefinedAndUnknownTypesAreErrors() {
    for type in [0, 29, 255, 256, -1] {
      #expect(throws: ONNXError.self) { try readTensor(.tensor("t", type, [1]) { $0.bytes(9, [0]) }) }
    }
    #expect(throws: ONNXError.self) { try readTensor(MessageWriter()) }
  }

  @Test func stringsInRawDataAreAnError() {
    #expect(throws: ONNXError.self) { try readTensor(.tensor("t", 8, [1]) { $0.bytes(9, [0]) }) }
  }

  @Test func alignedWeightsAreBorrowedAndOthersCopied() throws {
    var borrowed = 0
    for padding in 0..<4 {
      let bytes = MessageWriter.tensor(String(repeating: "n", count: padding), 1, [2]) {
        $0.bytes(9, [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])
      }.bytes
      let source = ONNXSource(file: try MappedFile(copying: bytes, path: "t.pb"), folder: nil)
      let tensor = try ONNXTensor(WireReader(source.file.slice), ONNXParseContext(source)).tensor()
      let start = UInt(bitPattern: source.file.base)
      let isBorrowed = (start..<start + UInt(bytes.count)).contains(UInt(bitPattern: tensor.base))
      #expect(isBorrowed == ((bytes.count - 8) % 4 == 0))
      #expect(UInt(bitPattern: tensor.base) % 4 == 0)
      #expect(tensor.elements() == [1, 2] as [Float])
      borrowed += isBorrowed ? 1 : 0
    }
    #expect(borrowed == 1)
  }

  @Test func largeUnalignedWeightsAreCopiedWhenTheyAreRead() throws {
    let elements = (0..<Tensor.minimumDerivedByteCount / 4).map(Float.init)
    let raw = elements.withUnsafeBytes { Array($0) }
    var derived = 0
    for padding in 0..<4 {
      let name = String(repeating: "n", count: padding)
      let tensor = try readTensor(.tensor(name, 1, [elements.count]) { $0.bytes(9, raw) })
      derived += tensor.storage.isInMemory ? 0 : 1
      #expect(try Tensor.reading([tensor]) { $0[0].elements(of: Float.self) == elements })
      #expect(tensor.elements() == elements)
      #expect(UInt(bitPattern: tensor.base) % 4 == 0)
    }
    #expect(derived == 3)
  }

  @Test func borrowedWeightsOutliveTheModel() throws {
    let bytes = MessageWriter.model {
      $0.message(5, .tensor("w", 2, [4]) { $0.bytes(9, [1, 2, 3, 4]) })
    }.bytes
    let tensor = try ONNXModel(bytes: bytes, name: "m").graph.initializers[0].tensor()
    #expect(tensor.memory == [1, 2, 3, 4])
  }
}

@Suite struct ONNXSparseTensorTests {
  private func dense(_ values: MessageWriter, _ indices: MessageWriter, _ dims: [Int]) throws -> Tensor {
    let message = MessageWriter {
      $0.message(1, values)
      $0.message(2, indices)
      $0.packedInts(3, dims)
    }
    let value = try ONNXValueFile.read(bytes: message.bytes, name: "s.pb", as: .sparseTensor(nil, dimensions: nil))
    return try #require(value.tensor)
  }

  private func indices(_ dims: [Int], _ numbers: [Int]) -> MessageWriter {
    .tensor("", 7, dims) { $0.packedInts(7, numbers) }
  }

  private let two = MessageWriter.tensor("s", 1, [2]) { $0.packedFloats(4, [5, 6]) }

  @Test func positionsAreRowMajorOrCoordinates() throws {
    let linear = try dense(two, indices([2], [1, 5]), [2, 3])
    #expect(linear.shape == [2, 3])
    #expect(linear.elements() == [0, 5, 0, 0, 0, 6] as [Float])
    let coordinates = try dense(two, indices([2, 2], [0, 1, 1, 2]), [2, 3])
    #expect(coordinates.elements() == [0, 5, 0, 0, 0, 6] as [Float])
  }

  @Test func elementsBelowAByteKeepTheirNeighbours() throws {
    let values = MessageWriter.tensor("s", 22, [3]) { $0.bytes(9, [0x21, 0x03]) }
    #expect(try dense(values, indices([3], [0, 3, 4]), [5]).memory == [0x01, 0x20, 0x03])
  }

  @Test func stringsBecomeDense() throws {
    let values = MessageWriter.tensor("s", 8, [1]) { $0.string(6, "x") }
    #expect(try dense(values, indices([1], [1]), [3]).strings == ["", "x", ""])
  }

  @Test(arguments: [
    ([2], [1, 6], [2, 3]), ([2], [-1, 0], [2, 3]), ([2, 2], [0, 1, 1, 3], [2, 3]), ([2, 2], [0, 1, -1, 2], [2, 3]),
    ([1], [0], [2, 3]), ([2, 1], [0, 1], [2, 3]), ([2], [0, 1], [-2, 3]), ([2], [0, 1], [1 << 40, 1 << 40]),
    ([2], [0, 1], [1 << 40]), ([2], [0, 1], [0]),
    ([2, 3], [0, 0, 0, 1 << 40, 1 << 40, 1 << 40], [1 << 41, 1 << 41, 1 << 41]),
  ])
  func impossibleIndicesAndSizesAreErrors(shape: [Int], numbers: [Int], dims: [Int]) {
    #expect(throws: ONNXError.self) { try dense(two, indices(shape, numbers), dims) }
  }

  @Test func indicesOfAnotherTypeAreAnError() {
    let indices = MessageWriter.tensor("", 6, [2]) { $0.packedInts(5, [0, 1]) }
    #expect(throws: ONNXError.self) { try dense(two, indices, [3]) }
  }
}
