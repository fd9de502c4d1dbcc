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

  /// (quotient, remainder) = dividend / divisor, signed 64-bit, through rax and rdx.
  struct Division {
    var quotient: Value
    var remainder: Value
    var dividend: Value
    var divisor: Value
  }

  /// What happens in order: positions in the tables below. Entries are moved and inserted, what they stand for stays
  /// where it is: operations are large, and functions have thousands.
  enum Entry {
    case operation(Int32)
    case divide(Int32)
    case loopBegin(Int32)
    case loopEnd(Int32)
    case ifBegin(Int32)
    case ifElse(Int32)
    case ifEnd(Int32)
  }

  var name: String
  /// Register kind of each value.
  var kinds: [Register.Kind] = []
  /// Whether a value must stay in a register.
  var isPinned: [Bool] = []
  /// The registers of tiles are not the allocator's to choose: each has its own number of rows and columns.
  var tileNumbers: [Value: UInt8] = [:]
  /// The stack slot that a value lives in, -1 for those in registers.
  var slots: [Int32] = []
  /// Entries of the constant pool.
  var constants: [[UInt8]] = []
  var entries: [Entry] = []
  var operations: [Operation] = []
  var divisions: [Division] = []
  var loops: [Loop] = []
  var conditionals: [Conditional] = []
  /// The four arguments of the calling convention.
  var arguments: [Value] = []
  var slotCount = 0

  func kind(of value: Value) -> Register.Kind { kinds[Int(value.index)] }
  func isInSlot(_ value: Value) -> Bool { slots[Int(value.index)] >= 0 }

  /// Tiles are pinned from the start: there is no cheap way to spill a kilobyte.
  mutating func newValue(_ kind: Register.Kind) -> Value {
    kinds.append(kind)
    isPinned.append(kind == .tile)
    slots.append(-1)
    return Value(index: Int32(kinds.count - 1))
  }

  /// A value that may follow another one in its register.
  mutating func newValue(like value: Value) -> Value {
    let result = newValue(kind(of: value))
    if kind(of: value) == .tile { tileNumbers[result] = tileNumbers[value] }
    return result
  }

  /// Makes room for so many operations: to grow is to copy them.
  mutating func reserveCapacity(_ count: Int) {
    entries.reserveCapacity(count)
    operations.reserveCapacity(count)
    kinds.reserveCapacity(count)
    isPinned.reserveCapacity(count)
    slots.reserveCapacity(count)
  }

  /// An entry for an operation that is in none yet.
  mutating func entry(_ operation: Operation) -> Entry {
    operations.append(operation)
    return .operation(Int32(operations.count - 1))
  }

  mutating func append(_ operation: Operation) { entries.append(entry(operation)) }
}

extension VectorFunction {
  func loop(_ id: Int32) -> Loop { loops[Int(id)] }
  func conditional(_ id: Int32) -> Conditional { conditionals[Int(id)] }
  func operation(_ number: Int32) -> Operation { operations[Int(number)] }
}

extension VectorFunction.Operation {
  /// Calls `body` with every value that is read, addresses and mask included.
  func forEachUse(_ body: (Value) -> Void) {
    for position in 0..<operands.count {
      switch operands[position] {
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

/// Up to four operands, in place: functions have thousands of operations.
struct VectorOperands: RandomAccessCollection, MutableCollection, ExpressibleByArrayLiteral {
  private var a, b, c, d: VectorOperand
  private let operandCount: UInt8

  /// Those that are given, which come first.
  init(_ a: VectorOperand? = nil, _ b: VectorOperand? = nil, _ c: VectorOperand? = nil, _ d: VectorOperand? = nil) {
    operandCount = d != nil ? 4 : c != nil ? 3 : b != nil ? 2 : a != nil ? 1 : 0
    self.a = a ?? .immediate(0)
    self.b = b ?? .immediate(0)
    self.c = c ?? .immediate(0)
    self.d = d ?? .immediate(0)
  }

  init(arrayLiteral operands: VectorOperand...) {
    precondition(operands.count <= 4, "\(operands.count) operands")
    func operand(_ position: Int) -> VectorOperand? { position < operands.count ? operands[position] : nil }
    self.init(operand(0), operand(1), operand(2), operand(3))
  }

  var count: Int { Int(operandCount) }
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
