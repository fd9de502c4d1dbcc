import Glibc
import Testing

@testable import X86

@Suite struct PerfTests {
  @Test func namesAndBytesReachBothFiles() throws {
    defer {
      unlink(PerfMap.path)
      unlink(JITDump.path)
    }
    let region = try CodeRegion(capacity: 1 << 16, perf: "map,jitdump")
    let entry = try region.add(name: "kernel_with_a_name", [0xC3])
    let start = String(UInt(bitPattern: entry.pointer), radix: 16)
    #expect(try #require(read(PerfMap.path)).contains("\(start) 1 kernel_with_a_name\n"))
    let dump = try #require(read(JITDump.path))
    #expect(dump.hasPrefix("DTiJ"))
    #expect(dump.contains("kernel_with_a_name\0"))
  }

  @Test func anUnknownObserverIsAnError() {
    #expect(
      throws: MachineError.environment(
        variable: "APUS_PERF", value: "vtune", expected: "map, jitdump or map,jitdump")
    ) { try CodeRegion(capacity: 4096, perf: "vtune") }
  }

  @Test func manyThreadsAddAtOnce() async throws {
    let region = try CodeRegion(capacity: 1 << 20, perf: nil)
    let entries = try await withThrowingTaskGroup(of: (Int, CodeRegion.Entry).self) { group in
      for value in 0..<200 {
        group.addTask {
          var assembler = Assembler()
          try assembler.emit(.mov, .eax, .immediate(Int64(value)))
          try assembler.emit(.ret)
          return (value, try region.add(name: "f", assembler.finish()))
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    for (value, entry) in entries {
      let function: @convention(c) () -> Int32 = entry.function()
      #expect(function() == Int32(value))
    }
    #expect(Set(entries.map { $0.1.pointer }).count == 200)
  }
}
