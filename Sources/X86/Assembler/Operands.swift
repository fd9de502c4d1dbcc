/// An instruction as asked for: the table's line, its operands in Intel's order, EVEX decorations.
struct Request {
  var instruction: Instruction
  var a, b, c, d: Operand
  var mask: Register?
  var zeroing: Bool
  var rounding: Rounding

  subscript(_ position: Int) -> Operand {
    switch position {
    case 0: a
    case 1: b
    case 2: c
    default: d
    }
  }

  func error(_ problem: AssemblerError.Problem) -> AssemblerError {
    AssemblerError(instruction: instruction.mnemonic, problem: problem)
  }

  /// Checks that operands are given for the first `count` positions and no others.
  func requireCount(_ count: Int) throws(AssemblerError) {
    for position in 0..<Form.count where (self[position] != .none) != (position < count) {
      throw error(.operandCount(expected: count))
    }
  }

  func requireDecorationsAbsent() throws(AssemblerError) {
    if mask != nil || zeroing { throw error(.mask("it takes no mask")) }
    if rounding != .current { throw error(.rounding("it takes no rounding")) }
  }
}

/// What ModRM.rm stands for.
enum RegisterOrMemory {
  case register(Register)
  case memory(Memory)

  var memory: Memory? {
    if case .memory(let memory) = self { memory } else { nil }
  }
}

extension Operand {
  var register: Register? {
    if case .register(let register) = self { register } else { nil }
  }

  var isMemory: Bool {
    if case .memory = self { true } else { false }
  }
}

extension Memory {
  /// The rule that the address breaks, or nil. `vectorIndex` is the kind of the index of a gather or scatter.
  func violation(vectorIndex: Register.Kind?, needsSIB: Bool) -> AssemblerError.Problem? {
    for register in [base, index] {
      if let register, !register.isValid { return .registerNumber(register.description) }
    }
    if label != nil {
      guard base == nil, index == nil, vectorIndex == nil, !needsSIB else {
        return .address("an address relative to a label has neither base nor index")
      }
      return nil
    }
    if let base, base.kind != .gpr64 { return .address("the base must be a 64-bit register") }
    guard [1, 2, 4, 8].contains(scale) else { return .address("the scale must be 1, 2, 4 or 8") }
    if let vectorIndex {
      guard index?.kind == vectorIndex else { return .address("the index must be one of the \(vectorIndex) registers") }
    } else if let index {
      guard index.kind == .gpr64 else { return .address("the index must be a 64-bit register") }
      guard index.number != Register.rsp.number else { return .address("rsp cannot be an index") }
    }
    return nil
  }
}
