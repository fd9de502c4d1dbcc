import Foundation
import Testing

@testable import Tensors

@Suite struct TensorStorageTests {
  @Test(arguments: [0, 1, 63, 64, 4096, TensorStorage.minimumHugeByteCount - 1], [false, true])
  func memoryIsAlignedForVectors(byteCount: Int, prefersHugePages: Bool) throws {
    let storage = try TensorStorage(byteCount: byteCount, prefersHugePages: prefersHugePages)
    #expect(Int(bitPattern: storage.base) % TensorStorage.alignment == 0)
    #expect(storage.byteCount == byteCount)
  }

  @Test(arguments: [0, 1, 12345, TensorStorage.hugePageSize]) func largeMemoryBeginsAtAHugePage(excess: Int) throws {
    let byteCount = TensorStorage.minimumHugeByteCount + excess
    let storage = try TensorStorage(byteCount: byteCount, prefersHugePages: true)
    #expect(Int(bitPattern: storage.base) % TensorStorage.hugePageSize == 0)
    #expect(UnsafeRawBufferPointer(start: storage.base, count: byteCount).allSatisfy { $0 == 0 })
  }

  /// "hg" in the flags of the mapping is the advice that the kernel has taken.
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/sys/kernel/mm/transparent_hugepage/enabled")))
  func theKernelIsAskedForHugePages() throws {
    let storage = try TensorStorage(byteCount: 16 << 20, prefersHugePages: true)
    let address = UInt(bitPattern: storage.base)
    var isInside = false
    var flags: Substring?
    // A file without a size, of which `String(contentsOfFile:)` reads the first page.
    let mappings = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/smaps")).readToEnd()
    for line in String(decoding: try #require(mappings), as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      let bounds = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      if bounds.count == 2 { isInside = bounds[0] <= address && address < bounds[1] }
      if isInside, words[0] == "VmFlags:" { flags = line }
    }
    #expect(try #require(flags).split(separator: " ").contains("hg"))
  }
}
