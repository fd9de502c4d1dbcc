// The text that assemblers for Intel's syntax read, and that listings show.

extension Label {
  var text: String { "L\(index)" }
}

extension Request {
  /// `vfmadd231ps zmm0{k1}{z}, zmm1, dword ptr [rax + 64]{1to16}`
  var text: String {
    var operands: [String] = []
    for position in 0..<Form.count {
      switch self[position] {
      case .none: continue
      case .register(let register): operands.append(register.description)
      case .immediate(let value): operands.append("\(value)")
      case .label(let label): operands.append(label.text)
      case .memory(let memory): operands.append(text(of: memory))
      }
      if position == 0, let mask { operands[0] += "{\(mask)}" + (zeroing ? "{z}" : "") }
    }
    if rounding != .current {
      let hasImmediate = if case .immediate = self[operands.count - 1] { true } else { false }
      operands.insert(rounding.text, at: operands.count - (hasImmediate ? 1 : 0))
    }
    let prefix = instruction.vexText ? "{vex} " : ""
    guard !operands.isEmpty else { return prefix + instruction.mnemonic }
    return prefix + instruction.mnemonic + " " + operands.joined(separator: ", ")
  }

  private func text(of memory: Memory) -> String {
    let vectorBytes = vectorByteCount
    let size: String
    var suffix = ""
    if memory.isBroadcast, let element = instruction.tuple.broadcastBytes {
      size = Self.sizeName(element)
      suffix = "{1to\(max(1, instruction.tuple.byteCount(vectorBytes: vectorBytes) / element))}"
    } else if memory.index?.kind.isVector ?? false {
      size = ""
    } else {
      size = Self.sizeName(memoryByteCount(vectorBytes: vectorBytes))
    }
    return size + memory.text + suffix
  }

  /// The length that the table means by "whole vector".
  private var vectorByteCount: Int {
    switch instruction.lengths {
    case .l0: return 16
    case .l1: return 32
    case .l2: return 64
    case .all, .wide: break
    }
    for position in 0..<Form.count {
      if let register = self[position].register, register.kind.isVector {
        // A half (quarter …) in a register implies its whole; no form has one beside a memory operand, however.
        return register.kind.byteCount
      }
    }
    return 16
  }

  private func memoryByteCount(vectorBytes: Int) -> Int {
    guard case .legacy(let shape) = instruction.encoding else {
      if instruction.form == .generalRMV || instruction.form == .generalRVM { return a.register?.kind.byteCount ?? 0 }
      return instruction.tuple.byteCount(vectorBytes: vectorBytes)
    }
    switch shape {
    case .extend: return instruction.tuple.byteCount(vectorBytes: 0)
    case .condition: return 1
    case .memory, .address: return 0
    case .indirect: return 8
    default: return (a.register ?? b.register)?.kind.byteCount ?? 0
    }
  }

  private static func sizeName(_ bytes: Int) -> String {
    switch bytes {
    case 1: "byte ptr "
    case 2: "word ptr "
    case 4: "dword ptr "
    case 8: "qword ptr "
    case 16: "xmmword ptr "
    case 32: "ymmword ptr "
    case 64: "zmmword ptr "
    default: ""
    }
  }
}

extension Memory {
  /// `[rax + 4*rcx - 64]`
  var text: String {
    var terms: [String] = []
    if let label { terms.append("rip + \(label.text)") }
    if let base { terms.append(base.description) }
    if let index { terms.append(scale == 1 && !index.kind.isVector ? index.description : "\(scale)*\(index)") }
    var text = terms.joined(separator: " + ")
    if terms.isEmpty {
      text = "\(displacement)"
    } else if displacement > 0 {
      text += " + \(displacement)"
    } else if displacement < 0 {
      text += " - \(displacement.magnitude)"
    }
    return "[\(text)]"
  }
}
