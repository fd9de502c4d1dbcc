/// An instruction that does not exist as asked for, or a label that was never reached. Nothing was emitted for it.
public struct AssemblerError: Error, Equatable, CustomStringConvertible {
  public enum Problem: Equatable, Sendable {
    /// The operand at `position` (0 is the destination) must be something else.
    case operand(position: Int, expected: String)
    case operandCount(expected: Int)
    /// A register number beyond the file, such as zmm32 or k9.
    case registerNumber(String)
    case address(String)
    /// Upper registers, 512 bits, masks, broadcasts and embedded rounding need an EVEX form, which does not exist.
    case noEVEX
    /// The vector length does not exist for the instruction.
    case vectorLength(bytes: Int)
    case mask(String)
    case broadcast
    case rounding(String)
    case immediate(Int64)
    /// Registers that must differ are the same.
    case sameRegister
    case unboundLabel
    case labelBoundTwice
    case alignment(Int)
    case constantSize(Int)
    /// Code and constants of one function lie within 2 GiB.
    case tooLarge
  }

  public var instruction: String
  public var problem: Problem

  public var description: String {
    let what =
      switch problem {
      case .operand(let position, let expected): "operand \(position) must be \(expected)"
      case .operandCount(let expected): "it takes \(expected) operands"
      case .registerNumber(let name): "there is no register \(name)"
      case .address(let rule): rule
      case .noEVEX: "it has no EVEX form, which these operands need"
      case .vectorLength(let bytes): "it does not exist for vectors of \(bytes) bytes"
      case .mask(let rule): rule
      case .broadcast: "it cannot broadcast its memory operand"
      case .rounding(let rule): rule
      case .immediate(let value): "the immediate \(value) does not fit"
      case .sameRegister: "its registers must differ from each other"
      case .unboundLabel: "a label it refers to is never bound"
      case .labelBoundTwice: "a label is bound twice"
      case .alignment(let bytes): "\(bytes) is not an alignment between 1 and 64"
      case .constantSize(let bytes): "a constant of \(bytes) bytes is not between 1 and 64 bytes long"
      case .tooLarge: "the code is larger than 2 GiB"
      }
    return "\(instruction): \(what)"
  }
}
