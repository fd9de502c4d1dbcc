import Glibc

/// A finished function: position-independent bytes, code first, constants behind it on their own cache lines.
public struct MachineCode: Sendable {
  public var bytes: [UInt8]
  /// Bytes of instructions; constants start at the next multiple of 64.
  public var codeSize: Int
  public var requiredFeatures: CPUFeatures
  var lines: [Line]

  struct Line: Sendable {
    var offset: Int
    var count: Int
    var text: String

    init(offset: Int, count: Int, text: String) {
      self.offset = offset
      self.count = count
      self.text = text
    }

    init(constant: ConstantPool.Entry, at offset: Int) {
      self.init(
        offset: offset, count: constant.bytes.count,
        text: "\(constant.label.text): constant of \(constant.bytes.count) bytes")
    }
  }

  /// Whether all code keeps its listing: `APUS_DUMP` wants to see it.
  public static let areListed = getenv("APUS_DUMP").map { $0.pointee != 0 } ?? false

  /// Offset, bytes and Intel text of each instruction; empty unless the assembler kept a listing.
  public var listing: String {
    var result = ""
    for line in lines {
      let hexadecimal = bytes[line.offset..<line.offset + line.count].map(Self.hexadecimal).joined(separator: " ")
      let offset = String(line.offset, radix: 16)
      result += String(repeating: " ", count: max(0, 6 - offset.count)) + offset + "  " + line.text
      if line.count > 0 { result += "  # " + hexadecimal }
      result += "\n"
    }
    return result
  }

  static func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
}
