// Vector IR: x86 instructions on virtual registers, in structured loops. Start here.
//
// A `VectorBuilder` collects a function; `build()` allocates registers and gives machine code:
//
//     let builder = VectorBuilder(name: "scale", instructionSet: .avx512)
//     let source = builder.load(.general, Address(builder.arguments, displacement: 0))
//     builder.loop(from: .value(builder.begin), to: .value(builder.end), step: builder.lanes) { index, _ in
//       let x = builder.load(Address(source, index: index, scale: 4))
//       builder.store(builder.multiply(x, builder.constant(2)), to: Address(source, index: index, scale: 4))
//       return []
//     }
//     let code = try builder.build()
//
// Values are SSA: each is defined by one operation. Three kinds of operations cover the whole instruction table:
//
//   define    result = instruction(operands…): the result is the assembler's first operand
//   update    result = instruction(old, operands…): the first operand is read and written (FMA, masked merge); the old
//             value may live on, the allocator copies it then
//   perform   instruction(operands…) without result: stores, prefetches
//
// What a loop changes is carried: initial values go in, parameters stand for them inside, the closure returns the next
// ones, and the parameters hold the final ones behind the loop. Values defined in a loop are not seen outside. A
// `repeat` goes on while a value of its body is not 0 instead of counting.
//
// Registers: Liveness finds where each value lives, Coalescing joins what may share a register (loop-carried values,
// updates, initial values), LinearScan gives registers, spilling what is cheapest by uses and loop depth; constants are
// made again instead. rax and rdx stay free for division and moves. Masks are k1–k7 with AVX-512; with AVX2 a mask is
// a vector of all-ones lanes.

/// A virtual register.
public struct Value: Hashable, Sendable {
  var index: Int32
}

/// `[base + index·scale + displacement]`; with `broadcast` one element repeated over the vector (AVX-512 operands).
public struct Address: Hashable, Sendable {
  /// What stands in place of a base register.
  enum Anchor: UInt8, Sendable {
    case none, value
    /// An entry of `VectorFunction.constants`.
    case constant
    case slot
  }

  public var displacement: Int
  private var anchorIndex: Int32
  /// -1 for none.
  private var indexNumber: Int32
  private(set) var anchor: Anchor
  public var scale: UInt8
  public var isBroadcast: Bool

  private init(_ anchor: Anchor, _ anchorIndex: Int32, index: Value?, scale: Int, displacement: Int) {
    self.displacement = displacement
    self.anchorIndex = anchorIndex
    indexNumber = index?.index ?? -1
    self.anchor = anchor
    self.scale = UInt8(scale)
    isBroadcast = false
  }

  public init(_ base: Value, index: Value? = nil, scale: Int = 1, displacement: Int = 0) {
    self.init(.value, base.index, index: index, scale: scale, displacement: displacement)
  }

  init(constant: Int32) { self.init(.constant, constant, index: nil, scale: 1, displacement: 0) }

  init(slot: Int32) { self.init(.slot, slot, index: nil, scale: 1, displacement: 0) }

  public var base: Value? {
    get { anchor == .value ? Value(index: anchorIndex) : nil }
    set { (anchor, anchorIndex) = newValue.map { (.value, $0.index) } ?? (.none, 0) }
  }

  public var index: Value? {
    get { indexNumber >= 0 ? Value(index: indexNumber) : nil }
    set { indexNumber = newValue?.index ?? -1 }
  }

  var constant: Int32? { anchor == .constant ? anchorIndex : nil }
  var slot: Int32? { anchor == .slot ? anchorIndex : nil }

  public var broadcast: Address {
    var result = self
    result.isBroadcast = true
    return result
  }

  public func advanced(by bytes: Int) -> Address {
    var result = self
    result.displacement += bytes
    return result
  }
}

/// What an operation reads.
public enum VectorOperand: Hashable, Sendable {
  case value(Value)
  /// The value seen through another register width.
  case view(Value, Register.Kind)
  case memory(Address)
  case immediate(Int64)
}

/// An integer that is known when the function is built, or a 64-bit general-purpose value.
public enum IntegerOperand: Hashable, Sendable {
  case immediate(Int)
  case value(Value)
}

/// When a conditional part runs.
public enum Condition: Sendable {
  public enum Comparison: Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }
  /// Signed 64-bit integers.
  case compare(Value, Comparison, IntegerOperand)
  /// Some lane of a mask is set.
  case anyLane(Value)
}

/// A function that cannot be built: a tile that does not fit the registers, or an operand form that does not exist.
public enum VectorError: Error, CustomStringConvertible {
  /// Pinned values alone need more registers than there are.
  case registersExhausted(function: String, kind: String, pinned: Int)
  case assembler(function: String, AssemblerError)
  case invalid(function: String, String)

  public var description: String {
    switch self {
    case .registersExhausted(let function, let kind, let pinned):
      "\(function): \(pinned) pinned values do not fit the \(kind) registers"
    case .assembler(let function, let error): "\(function): \(error)"
    case .invalid(let function, let problem): "\(function): \(problem)"
    }
  }
}
