/// A function of the vector IR: operations in order, loops and conditionals as brackets around them.
struct VectorFunction {
  struct Operation {
    var instruction: Instruction
    var result: Value?
    /// The first operand is the old value of the result.
    var updates: Bool
    var operands: VectorOperands
    var mask: Value?
    var zeroing: Bool = false
    var rounding: Rounding = .current
    /// The result may not share a register with any operand: gathers.
    var separatesResult: Bool = false
    /// Making the value again costs no more than loading it from the stack.
    var isRematerializable: Bool = false
    /// The operation clobbers its mask operand.
    var clobbersMask: Bool = false
  }

  struct Loop {
    var index: Value
    var from: IntegerOperand
    var to: IntegerOperand
    var step: Int
    /// The count is known to be positive: no test before the first iteration.
    var runsAtLeastOnce: Bool
    var parameters: [Value]
    var initials: [Value]
    var nexts: [Value] = []
    /// Instead of an index and a bound: the loop goes on while this value of the body is not 0.
    var again: Value?
    var isCounted = true
  }

  struct Conditional {
    var condition: Condition
    /// Defined behind the conditional.
    var results: [Value]
    var thenValues: [Value] = []
    var elseValues: [Value] = []
  }

  enum Entry {
    case operation(Operation)
    case loopBegin(Int)
    case loopEnd(Int)
    case ifBegin(Int)
    case ifElse(Int)
    case ifEnd(Int)
    /// (quotient, remainder) = dividend / divisor, signed 64-bit, through rax and rdx.
    case divide(quotient: Value?, remainder: Value?, dividend: Value, divisor: Value)
  }

  var name: String
  /// Register kind of each value.
  var kinds: [Register.Kind] = []
  /// Whether a value must stay in a register.
  var isPinned: [Bool] = []
  /// The stack slot that a value lives in, -1 for those in registers.
  var slots: [Int32] = []
  /// Entries of the constant pool.
  var constants: [[UInt8]] = []
  var entries: [Entry] = []
  var loops: [Loop] = []
  var conditionals: [Conditional] = []
  /// The four arguments of the calling convention.
  var arguments: [Value] = []
  var slotCount = 0

  func kind(of value: Value) -> Register.Kind { kinds[Int(value.index)] }
  func isInSlot(_ value: Value) -> Bool { slots[Int(value.index)] >= 0 }

  mutating func newValue(_ kind: Register.Kind) -> Value {
    kinds.append(kind)
    isPinned.append(false)
    slots.append(-1)
    return Value(index: Int32(kinds.count - 1))
  }
}

extension VectorFunction.Operation {
  /// Calls `body` with every value that is read, addresses and mask included.
  func forEachUse(_ body: (Value) -> Void) {
    for operand in operands {
      switch operand {
      case .value(let value), .view(let value, _): body(value)
      case .memory(let address):
        if let base = address.base { body(base) }
        if let index = address.index { body(index) }
      case .immediate: break
      }
    }
    if let mask { body(mask) }
  }

  mutating func replaceUses(_ replacement: (Value) -> Value) {
    for position in operands.indices {
      switch operands[position] {
      case .value(let value): operands[position] = .value(replacement(value))
      case .view(let value, let kind): operands[position] = .view(replacement(value), kind)
      case .memory(var address):
        address.base = address.base.map(replacement)
        address.index = address.index.map(replacement)
        operands[position] = .memory(address)
      case .immediate: break
      }
    }
    mask = mask.map(replacement)
  }
}

extension IntegerOperand {
  var value: Value? {
    if case .value(let value) = self { value } else { nil }
  }
}

extension Condition {
  func forEachUse(_ body: (Value) -> Void) {
    switch self {
    case .compare(let left, _, let right):
      body(left)
      if let right = right.value { body(right) }
    case .anyLane(let mask): body(mask)
    }
  }
}

/// Up to four operands, in place: functions have thousands of operations, which are copied when values are spilled.
struct VectorOperands: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
  private var a, b, c, d: VectorOperand
  let count: Int

  init(_ operands: some Collection<VectorOperand>) {
    precondition(operands.count <= 4, "\(operands.count) operands")
    (a, b, c, d) = (.immediate(0), .immediate(0), .immediate(0), .immediate(0))
    count = operands.count
    for (position, operand) in operands.enumerated() { self[position] = operand }
  }

  init(arrayLiteral operands: VectorOperand...) { self.init(operands) }

  var startIndex: Int { 0 }
  var endIndex: Int { count }

  subscript(position: Int) -> VectorOperand {
    get {
      switch position {
      case 0: a
      case 1: b
      case 2: c
      default: d
      }
    }
    set {
      switch position {
      case 0: a = newValue
      case 1: b = newValue
      case 2: c = newValue
      default: d = newValue
      }
    }
  }
}

/// The files that are allocated separately.
enum RegisterFile: Int, CaseIterable {
  case general, vector, mask, tile

  init(_ kind: Register.Kind) {
    switch kind {
    case .gpr8, .gpr16, .gpr32, .gpr64: self = .general
    case .xmm, .ymm, .zmm: self = .vector
    case .mask: self = .mask
    case .tile: self = .tile
    }
  }
}
