// General-purpose values: 64-bit signed integers and addresses.

extension VectorBuilder {
  public func integer(_ value: Int) -> Value {
    define(.mov, .gpr64, .immediate(Int64(value)), rematerializable: true)
  }

  /// The 8 bytes at an address.
  public func loadInteger(_ address: Address) -> Value { define(.mov, .gpr64, .memory(address)) }
  /// Sign-extended.
  public func loadInteger32(_ address: Address) -> Value { define(.movsxd, .gpr64, .memory(address)) }

  /// Entry `position` of the argument block.
  public func argument(_ position: Int) -> Value { loadInteger(Address(arguments, displacement: position * 8)) }

  public func store(integer value: Value, to address: Address) { perform(.mov, .memory(address), .value(value)) }

  public func address(_ address: Address) -> Value { define(.lea, .gpr64, .memory(address)) }

  public func add(_ left: Value, _ right: IntegerOperand) -> Value {
    switch right {
    case .immediate(0): left
    case .immediate(let value) where Int32(exactly: value) != nil:
      define(.lea, .gpr64, .memory(Address(left, displacement: value)))
    case .immediate(let value): update(.add, left, .value(integer(value)))
    case .value(let right): define(.lea, .gpr64, .memory(Address(left, index: right)))
    }
  }

  public func subtract(_ left: Value, _ right: IntegerOperand) -> Value {
    switch right {
    case .immediate(let value): add(left, .immediate(-value))
    case .value(let right): update(.sub, left, .value(right))
    }
  }

  public func multiply(_ left: Value, by factor: Int) -> Value {
    switch factor {
    case 1: left
    case 0: integer(0)
    case 3, 5, 9: define(.lea, .gpr64, .memory(Address(left, index: left, scale: factor - 1)))
    case let factor where factor > 0 && factor & (factor - 1) == 0:
      update(.shl, left, .immediate(Int64(factor.trailingZeroBitCount)))
    case let factor where Int32(exactly: factor) != nil:
      define(.imulImmediate, .gpr64, .value(left), .immediate(Int64(factor)))
    default: update(.imul, left, .value(integer(factor)))
    }
  }

  public func shiftLeft(_ value: Value, _ count: Int) -> Value { update(.shl, value, .immediate(Int64(count))) }
  public func shiftRightArithmetic(_ value: Value, _ count: Int) -> Value {
    update(.sar, value, .immediate(Int64(count)))
  }
  public func and(_ left: Value, _ mask: Int) -> Value { update(.and, left, .immediate(Int64(mask))) }

  /// The smaller one.
  public func minimum(_ left: Value, _ right: IntegerOperand) -> Value { choose(.less, left, right) }
  public func maximum(_ left: Value, _ right: IntegerOperand) -> Value { choose(.greater, left, right) }

  private func choose(_ comparison: Condition.Comparison, _ left: Value, _ right: IntegerOperand) -> Value {
    let other = right.value ?? { if case .immediate(let value) = right { integer(value) } else { left } }()
    // cmp sets the flags that the following cmov reads; moves that the allocator puts between do not touch them.
    perform(.cmp, .value(other), .value(left))
    return update(comparison == .less ? .cmovl : .cmovg, left, .value(other))
  }

  /// Truncated quotient and remainder; the divisor must not be 0.
  public func divide(_ dividend: Value, by divisor: Int) -> (quotient: Value, remainder: Value) {
    if divisor == 1 { return (dividend, integer(0)) }
    return divide(dividend, by: integer(divisor))
  }

  public func divide(_ dividend: Value, by divisor: Value) -> (quotient: Value, remainder: Value) {
    let quotient = function.newValue(.gpr64)
    let remainder = function.newValue(.gpr64)
    function.divisions.append(
      VectorFunction.Division(quotient: quotient, remainder: remainder, dividend: dividend, divisor: divisor))
    function.entries.append(.divide(Int32(function.divisions.count - 1)))
    return (quotient, remainder)
  }
}
