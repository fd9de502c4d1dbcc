import Synchronization
import Testing

@testable import Tensors

@Suite struct DerivedTensorTests {
  /// Counts how often its bytes are made.
  private final class Counted: Sendable {
    let count = Atomic(0)

    func tensor(_ elements: [Float]) throws -> Tensor {
      try Tensor(deriving: .float32, [elements.count]) { [self] () throws(TensorError) -> Tensor in
        count.wrappingAdd(1, ordering: .relaxed)
        return Tensor([elements.count], elements)
      }
    }

    var value: Int { count.load(ordering: .relaxed) }
  }

  private let elements = (0..<100).map(Float.init)

  @Test func readersThatComeOnceLeaveNothing() throws {
    let counted = Counted()
    let tensor = try counted.tensor(elements)
    #expect(counted.value == 0)
    for round in 1...3 {
      let found = try Tensor.reading([tensor]) { $0[0].elements(of: Float.self) }
      #expect(found == elements)
      #expect(try tensor.readingBytes { $0.load(fromByteOffset: 12, as: Float.self) } == 3)
      #expect(counted.value == 2 * round)
      #expect(!tensor.storage.isInMemory)
    }
  }

  @Test func addressesStay() throws {
    let counted = Counted()
    let tensor = try counted.tensor(elements)
    try tensor.storage.materialize()
    let base = tensor.base
    #expect(tensor.elements(of: Float.self) == elements && tensor.base == base)
    #expect(try tensor.readingBytes { $0 == UnsafeRawPointer(base) })
    #expect(tensor.reshaped([4, 25]).base == base)
    #expect(counted.value == 1 && tensor.storage.isInMemory)
  }

  @Test func threadsThatAskAtOnceGetTheSameBytes() async throws {
    let counted = Counted()
    let tensor = try counted.tensor(elements)
    let addresses = await withTaskGroup(of: UInt.self) { group in
      for _ in 0..<16 { group.addTask { UInt(bitPattern: tensor.base) } }
      return await group.reduce(into: Set<UInt>()) { $0.insert($1) }
    }
    #expect(addresses.count == 1 && counted.value == 1)
  }

  @Test func aWantOfMemoryIsAnError() throws {
    let tensor = try Tensor(deriving: .float32, [8]) { () throws(TensorError) -> Tensor in
      throw .outOfMemory(bytes: 32)
    }
    #expect(throws: TensorError.outOfMemory(bytes: 32)) { try tensor.storage.materialize() }
    #expect(throws: TensorError.outOfMemory(bytes: 32)) { try tensor.readingBytes { _ in } }
    #expect(throws: TensorError.outOfMemory(bytes: 32)) { try Tensor.reading([tensor]) { _ in } }
  }

  @Test(arguments: [0, 1, 2, 3, 1023, 1024, 1025, 5000])
  func oneElementForAll(count: Int) throws {
    func check<Element: TensorElement & Equatable>(_ element: Element) throws {
      let tensor = try Tensor(repeating: Tensor(scalar: element), [count])
      #expect(tensor.repeatedElement?.elements(of: Element.self) == [element])
      #expect(tensor.elementSource.elementCount == 1)
      #expect(tensor.elements(of: Element.self) == [Element](repeating: element, count: count))
    }
    try check(UInt8(7))
    try check(Int16(-2))
    try check(Float(1.5))
    try check(Int64.min)
  }

  @Test(arguments: [1, 2, 3, 5])
  func unalignedBytesAreCopiedForThoseWhoNeedThat(offset: Int) throws {
    let owner = try TensorStorage(byteCount: 500)
    let bytes = UnsafeMutableRawBufferPointer(start: owner.base + offset, count: 400)
    for (index, element) in elements.enumerated() {
      bytes.storeBytes(of: element, toByteOffset: index * 4, as: Float.self)
    }
    let tensor = try Tensor(
      aligning: UnsafeRawBufferPointer(bytes), .float32, [100], owner: owner, isFileMapping: false)
    let address = try tensor.readingBytes { UInt(bitPattern: $0) }
    #expect(address == UInt(bitPattern: bytes.baseAddress))
    #expect(try Tensor.reading([tensor]) { $0[0].elements(of: Float.self) } == elements)
    #expect(!tensor.storage.isInMemory)
    #expect(tensor.elements(of: Float.self) == elements)
    #expect(UInt(bitPattern: tensor.base) % UInt(TensorStorage.alignment) == 0)
  }

  @Test func anotherOrderHasTheSameElements() throws {
    let source = Tensor([100], elements)
    func reversed(_ tensor: Tensor) throws -> Tensor {
      try Tensor(deriving: .float32, [100], reordering: tensor) { () throws(TensorError) -> Tensor in
        Tensor([100], tensor.elements(of: Float.self).reversed())
      }
    }
    let twice = try reversed(reversed(source))
    #expect(twice.elementSource.storage === source.storage)
    #expect(twice.elements(of: Float.self) == elements)
  }
}
