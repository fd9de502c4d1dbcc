import Glibc
import Testing

@testable import X86

/// The bytes of every instruction and operand form, against those that an external assembler confirmed.
///
/// A golden file has, for each instruction, a line `# mnemonic count digest` over all its cases, and about eight of
/// them as `text<TAB>bytes`. `scripts/golden_instructions` writes the files, after it has compared every case with
/// llvm-mc; it asks for the cases with APUS_X86_CASES=folder.
@Suite struct GoldenTests {
  static let families = Instruction.families.map(\.name)

  @Test(arguments: families) func bytesAreThoseOfTheExternalAssembler(family: String) throws {
    let instructions = try #require(Instruction.families.first { $0.name == family }).instructions
    var lines: [String] = []
    var dump = ""
    for (position, instruction) in instructions.enumerated() {
      let cases = CaseEnumerator.cases(instruction)
      // Jumps to labels have no bytes of their own: AssemblerTests.
      if cases.isEmpty { continue }
      var digest = Digest()
      let stride = max(1, cases.count / 8)
      var examples: [String] = []
      for (place, item) in cases.enumerated() {
        let bytes: [UInt8]
        do {
          bytes = try item.encode()
        } catch {
          Issue.record("\(item.text): \(error)")
          continue
        }
        let line = item.text + "\t" + bytes.map(MachineCode.hexadecimal).joined()
        digest.add(line)
        if place % stride == 0 { examples.append(line) }
        if Self.casesFolder != nil { dump += "\(position) \(instruction.mnemonic)\t\(line)\n" }
      }
      lines.append("# \(instruction.mnemonic) \(cases.count) \(digest.text)")
      lines += examples
    }
    if let folder = Self.casesFolder {
      try write(dump, to: folder + "/" + family + ".cases")
      return
    }
    let golden = try #require(read(Self.goldenFolder + "/" + family + ".txt"), "no golden file for \(family)")
      .split(separator: "\n")
    try #require(golden.count == lines.count, "\(family): \(lines.count) lines, \(golden.count) in the golden file")
    for (found, expected) in zip(lines, golden) { #expect(found == expected) }
  }

  @Test func everyLineOfTheTablesIsInAFamily() throws {
    for (family, instructions) in Instruction.families {
      let path = Self.sourceFolder + "/Instructions/" + family + ".swift"
      let source = try #require(read(path))
      let declared = source.split(separator: "\n").count { $0.contains("static let") && $0.contains("= Instruction(") }
      #expect(instructions.count == declared, "\(family)")
    }
  }

  static let casesFolder = getenv("APUS_X86_CASES").map { String(cString: $0) }
  static let testsFolder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
    .joined(separator: "/")
  static let goldenFolder = testsFolder + "/Fixtures/X86"
  static let sourceFolder = testsFolder + "/../Sources/X86"
}

/// FNV-1a over lines.
struct Digest {
  private var state: UInt64 = 0xCBF2_9CE4_8422_2325

  mutating func add(_ line: String) {
    for byte in line.utf8 { state = (state ^ UInt64(byte)) &* 0x100_0000_01B3 }
    state = (state ^ 10) &* 0x100_0000_01B3
  }

  var text: String { String(state, radix: 16) }
}

func read(_ path: String) -> String? {
  guard let file = fopen(path, "rb") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&chunk, 1, chunk.count, file)
    if count == 0 { return String(decoding: bytes, as: UTF8.self) }
    bytes += chunk[0..<count]
  }
}

func write(_ text: String, to path: String) throws {
  let file = try #require(fopen(path, "wb"))
  defer { fclose(file) }
  let bytes = Array(text.utf8)
  #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
}
