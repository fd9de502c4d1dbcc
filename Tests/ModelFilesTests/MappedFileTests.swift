import Glibc
import Testing

@testable import ModelFiles

@Suite struct MappedFileTests {
  @Test func aMappedFileHoldsTheBytesOfTheFile() throws {
    let folder = TemporaryFolder()
    let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try MappedFile(path: folder.file("model", bytes))
    #expect(file.byteCount == bytes.count)
    #expect(file.slice.bytes == bytes)
    #expect(FileSlice(file: file, offset: 100, count: 3).bytes == Array(bytes[100..<103]))
  }

  @Test func anEmptyFileIsAnEmptySlice() throws {
    let folder = TemporaryFolder()
    let file = try MappedFile(path: folder.file("empty", []))
    #expect(file.byteCount == 0)
    #expect(file.slice.bytes == [])
    file.willNeed(0..<0)
    file.dontNeed(0..<0)
  }

  @Test func bytesInMemoryBehaveLikeAFile() throws {
    let file = try MappedFile(copying: [1, 2, 3], path: "request")
    file.dontNeed(0..<3)
    #expect(file.slice.bytes == [1, 2, 3])
    #expect(file.path == "request")
    #expect(try MappedFile(copying: [], path: "request").slice.bytes == [])
  }

  @Test func aMissingFileIsAnError() {
    #expect(throws: ModelFileError(path: "/nowhere/model", problem: .system(call: "open", code: ENOENT))) {
      try MappedFile(path: "/nowhere/model")
    }
  }

  @Test func onlyRegularFilesAreRead() {
    let folder = TemporaryFolder()
    let pipe = folder.path + "/pipe"
    #expect(mkfifo(pipe, 0o600) == 0)
    for path in [folder.path, pipe, "/dev/zero"] {
      #expect(throws: ModelFileError(path: path, problem: .notARegularFile)) { try MappedFile(path: path) }
    }
  }

  @Test func aFileAboveTheLimitIsRefused() {
    let folder = TemporaryFolder()
    let path = folder.file("model", [1, 2, 3])
    #expect(throws: ModelFileError(path: path, problem: .tooLarge(bytes: 3, limit: 2))) {
      try MappedFile(path: path, limitInBytes: 2)
    }
  }

  @Test func linksAreRefusedWhenAskedTo() throws {
    let folder = TemporaryFolder()
    let path = folder.file("model", [1])
    let link = folder.path + "/link"
    #expect(symlink(path, link) == 0)
    #expect(try MappedFile(path: link).slice.bytes == [1])
    #expect(throws: ModelFileError(path: link, problem: .system(call: "open", code: ELOOP))) {
      try MappedFile(path: link, followsLinks: false)
    }
  }

  @Test func aSliceKeepsItsFileAlive() throws {
    let folder = TemporaryFolder()
    var file: MappedFile? = try MappedFile(path: folder.file("model", [5, 6, 7]))
    weak let observer = file
    var slice = file?.slice
    file = nil
    #expect(observer != nil)
    #expect(slice?.bytes == [5, 6, 7])
    slice = nil
    #expect(observer == nil)
  }

  @Test func movingGivesThePagesBackAndCopiesEveryByte() throws {
    let folder = TemporaryFolder()
    let count = 12 << 20
    var bytes = [UInt8](repeating: 0, count: count)
    for index in stride(from: 0, to: count, by: 4093) { bytes[index] = UInt8(truncatingIfNeeded: index) }
    let file = try MappedFile(path: folder.file("weights", bytes))
    let slice = FileSlice(file: file, offset: 3, count: count - 3)
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: slice.count, alignment: 64)
    defer { copy.deallocate() }
    slice.move(to: copy.baseAddress!)
    #expect(copy.elementsEqual(bytes[3...]))
    #expect(residentPages(file) <= 8, "pages of the source stayed in memory")
    #expect(slice.bytes.elementsEqual(bytes[3...]), "given back pages can be read again")
  }

  /// Pages of the mapping that this process holds, from `/proc/self/smaps`.
  private func residentPages(_ file: MappedFile) -> Int {
    guard let stream = fopen("/proc/self/smaps", "r") else { return 0 }
    defer { fclose(stream) }
    var line = [CChar](repeating: 0, count: 1024)
    var isInside = false
    while fgets(&line, Int32(line.count), stream) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if text.hasSuffix(file.path + "\n") { isInside = true }
      if isInside, text.hasPrefix("Rss:") {
        return (Int(text.split(separator: " ")[1]) ?? 0) * 1024 / MappedFile.pageSize
      }
    }
    return 0
  }
}
