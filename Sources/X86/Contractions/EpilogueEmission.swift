import GraphIR
import KernelIR
import Tensors

/// Emits the elementwise work on accumulators, one vector at a time.
struct EpilogueEmission {
  let builder: VectorBuilder
  let epilogue: Epilogue
  private let accumulatorType: ElementType
  private let lanes: Lanes
  private let maths: VectorMaths
  private let shortcuts: EpilogueShortcuts

  /// - Parameter factors: of the contraction whose sums these are.
  init(
    _ builder: VectorBuilder, _ epilogue: Epilogue, factors: Factors = .float32
  ) throws(ContractionError) {
    self.builder = builder
    accumulatorType = factors.accumulatorType
    self.epilogue = epilogue
    maths = VectorMaths(builder)
    lanes = Lanes(builder: builder, count: builder.lanes, hasWideMasks: false)
    guard !epilogue.terms.isEmpty else { throw .unsupported("an epilogue without terms") }
    shortcuts = EpilogueShortcuts(epilogue)
    guard Self.isStored(epilogue.resultType) else { throw .unsupported("a result of type \(epilogue.resultType)") }
    for operand in epilogue.operands where !Self.isStored(operand.elementType) {
      throw .unsupported("an epilogue operand of type \(operand.elementType)")
    }
  }

  private static func isStored(_ type: ElementType) -> Bool {
    switch type {
    case .float32, .bfloat16, .int32, .uint8, .int8, .bool: true
    default: false
    }
  }

  /// Bytes of an element of the result.
  var resultByteCount: Int { epilogue.resultType.bitWidth / 8 }

  /// Elementary functions need many registers and instructions: they are applied in a loop over stored accumulators,
  /// not unrolled over a tile that fills the registers.
  var isLong: Bool {
    epilogue.terms.contains(where: \.isElementaryFunction)
      || shortcuts.operationCount > Self.longestUnrolled
  }

  /// Operations of an epilogue that is unrolled: requantising a sum and a residual takes 13. resnet50 in 8 bits is 2 %
  /// slower by way of sums in memory.
  private static let longestUnrolled = 20

  /// Where the vectors of a tile lie in the result and in the operands: addresses of its first row and column.
  struct Pointers {
    var result: Value
    var resultRowStride: Int
    /// One for each operand.
    var operands: [Value]
  }

  /// The place of a row and a column, where arguments are two inputs, the operands and the result.
  /// - Parameter operands: where rows of a tile are not neighbours, the operands with the strides of neighbouring rows.
  func pointers(
    row: Value, column: Value, resultRowStride: Int, operands: [Epilogue.Operand]? = nil
  ) -> Pointers {
    func pointer(_ argument: Int, rowStride: Int, columnStride: Int, size: Int) -> Value {
      var pointer = builder.argument(2 + argument)
      if rowStride != 0 { pointer = builder.add(pointer, .value(builder.multiply(row, by: rowStride * size))) }
      return columnStride == 0 ? pointer : builder.address(Address(pointer, index: column, scale: size))
    }
    return Pointers(
      result: pointer(epilogue.operands.count, rowStride: resultRowStride, columnStride: 1, size: resultByteCount),
      resultRowStride: resultRowStride,
      operands: (operands ?? epilogue.operands).enumerated().map {
        pointer($0, rowStride: $1.rowStride, columnStride: $1.columnStride, size: $1.elementByteCount)
      })
  }

  /// Whether the epilogue reads another matrix, a residual, element by element.
  private func isMatrix(_ operand: Epilogue.Operand) -> Bool { operand.rowStride != 0 && operand.columnStride == 1 }

  /// Asks, before a tile is computed, for what its epilogue reads and writes. Where there is no residual, the hardware
  /// does as well by itself: 56×56×64 → 256 with a residual gains a factor of 1.5, without nothing.
  func prefetch(rows: Int, vectors: Int, at pointers: () -> Pointers) {
    guard !isLong, epilogue.operands.contains(where: isMatrix) else { return }
    let pointers = pointers()
    for (operand, pointer) in zip(epilogue.operands, pointers.operands) where isMatrix(operand) {
      forEachVector(rows, vectors, rowStride: operand.rowStride, size: operand.elementByteCount) {
        builder.perform(.prefetcht0, .memory(Address(pointer, displacement: $0)))
      }
    }
    // Every CPU with AVX-512 has prefetchw.
    guard builder.hasAVX512 else { return }
    forEachVector(rows, vectors, rowStride: pointers.resultRowStride, size: resultByteCount) {
      builder.perform(.prefetchw, .memory(Address(pointers.result, displacement: $0)))
    }
  }

  private func forEachVector(
    _ rows: Int, _ vectors: Int, rowStride: Int, size: Int, _ body: (_ offset: Int) -> Void
  ) {
    // Vectors of bytes are neighbours in a cache line.
    for row in 0..<rows {
      for vector in Swift.stride(from: 0, to: vectors, by: 4 / size) {
        body((row * rowStride + vector * builder.lanes) * size)
      }
    }
  }

  /// Applies the epilogue to the tile and stores it; lanes of the last vector outside `lastMask` do not exist.
  func store(_ tile: RegisterTile, at pointers: Pointers, lastMask: ColumnMask?) throws {
    var constants = Constants()
    for row in 0..<tile.rows {
      for vector in 0..<tile.vectors {
        let mask = vector == tile.vectors - 1 ? lastMask : nil
        let value = try self.value(
          of: tile.accumulator(row, vector), row: row, vector: vector, pointers, mask, &constants)
        let address = Address(
          pointers.result, displacement: (row * pointers.resultRowStride + vector * builder.lanes) * resultByteCount)
        store(value, to: address, mask: mask)
      }
    }
  }

  /// Applies the epilogue to rows of sums in memory, one vector at a time.
  /// - Parameters:
  ///   - sums: the first row; its first column is the block's.
  ///   - pointers: of the first row and the block's first column.
  func storeRows(
    _ sums: Value, rowByteCount: Int, rowCount: IntegerOperand, blocks: ColumnBlocks, block: Value,
    at pointers: Pointers
  ) throws {
    let carried = [sums, pointers.result] + pointers.operands
    try builder.loop(to: rowCount, carrying: carried) { _, carried in
      func emit(_ column: Value, _ mask: ColumnMask?) throws {
        func at(_ pointer: Value, _ size: Int) -> Value {
          builder.address(Address(pointer, index: column, scale: size))
        }
        let there = Pointers(
          result: at(carried[1], resultByteCount), resultRowStride: pointers.resultRowStride,
          operands: zip(epilogue.operands, carried[2...]).map {
            $0.columnStride == 0 ? $1 : at($1, $0.elementByteCount)
          })
        var constants = Constants()
        let sum = builder.load(Address(carried[0], index: column, scale: 4))
        let value = try self.value(of: sum, row: 0, vector: 0, there, mask, &constants)
        store(value, to: Address(there.result), mask: mask)
      }
      try blocks.forEachVector(builder, block: block) {
        try emit($0, nil)
      } partial: {
        try emit($0, ColumnMask(builder, count: blocks.tailColumns))
      }
      return nextRow(carried, rowByteCount: rowByteCount, resultRowStride: pointers.resultRowStride)
    }
  }

  /// The same for a few vectors of columns; lanes of the last one outside `lastMask` do not exist.
  /// - Parameter pointers: of the first row and column.
  func storeRows(
    _ sums: Value, rowByteCount: Int, rowCount: IntegerOperand, vectors: Int, lastMask: ColumnMask?,
    at pointers: Pointers
  ) throws {
    try builder.loop(to: rowCount, carrying: [sums, pointers.result] + pointers.operands) { _, carried in
      let there = Pointers(
        result: carried[1], resultRowStride: pointers.resultRowStride, operands: Array(carried[2...]))
      var constants = Constants()
      for vector in 0..<vectors {
        let mask = vector == vectors - 1 ? lastMask : nil
        let sum = builder.load(Address(carried[0], displacement: vector * builder.vectorByteCount))
        let value = try self.value(of: sum, row: 0, vector: vector, there, mask, &constants)
        store(
          value, to: Address(there.result, displacement: vector * builder.lanes * resultByteCount), mask: mask)
      }
      return nextRow(carried, rowByteCount: rowByteCount, resultRowStride: pointers.resultRowStride)
    }
  }

  /// The addresses of sums, result and operands, a row further.
  private func nextRow(_ pointers: [Value], rowByteCount: Int, resultRowStride: Int) -> [Value] {
    let strides =
      [rowByteCount, resultRowStride * resultByteCount] + epilogue.operands.map { $0.rowStride * $0.elementByteCount }
    return zip(pointers, strides).map { builder.add($0, .immediate($1)) }
  }

  /// A result as `value(of:)` gives it.
  func store(_ value: Value, to address: Address, mask: ColumnMask?) {
    lanes.storeResult(epilogue.resultType, value, address, mask: mask)
  }

  /// Constants of a tile, made once.
  struct Constants {
    /// Few: looked through in order.
    private var values: [(bits: UInt32, value: Value)] = []

    fileprivate mutating func value(_ bits: UInt32, _ builder: VectorBuilder) -> Value {
      if let known = values.first(where: { $0.bits == bits }) { return known.value }
      let value = builder.constant(Float(bitPattern: bits))
      values.append((bits, value))
      return value
    }
  }

  // MARK: Terms

  private enum Evaluated {
    case float(Value)
    case integer(Value)
    /// A mask of lanes.
    case bool(Value)

    var value: Value {
      switch self {
      case .float(let value), .integer(let value), .bool(let value): value
      }
    }
  }

  /// The result for a vector of accumulators: int32 lanes where integers are stored.
  func value(
    of accumulator: Value, row: Int, vector: Int, _ pointers: Pointers, _ mask: ColumnMask?,
    _ constants: inout Constants
  ) throws -> Value {
    var results: [Evaluated?] = Array(repeating: nil, count: epilogue.terms.count)

    func address(_ operand: Int) -> Address {
      let strides = epilogue.operands[operand]
      return Address(
        pointers.operands[operand],
        displacement: (row * strides.rowStride + vector * builder.lanes * strides.columnStride)
          * strides.elementByteCount)
    }
    func evaluated(_ term: Int) -> Evaluated {
      if let result = results[term] { return result }
      // Only operands are left for later: everything else is evaluated in order.
      guard case .operand(let operand) = epilogue.terms[term] else { preconditionFailure("term \(term) has no value") }
      let type = epilogue.operands[operand].elementType
      let value =
        epilogue.operands[operand].columnStride == 0
        ? lanes.loadSpread(type, address(operand)) : lanes.load(type, address(operand), lanes.active(mask))
      let result: Evaluated = type.isFloat ? .float(value) : type == .bool ? .bool(value) : .integer(value)
      results[term] = result
      return result
    }
    func integer(_ term: Int) throws -> Value {
      guard case .integer(let value) = evaluated(term) else { throw ContractionError.unsupported("mixed operands") }
      return value
    }
    func isInteger(_ term: Int) -> Bool {
      switch epilogue.terms[term] {
      case .operand(let operand):
        let type = epilogue.operands[operand].elementType
        return !type.isFloat && type != .bool
      default: if case .integer? = results[term] { return true } else { return false }
      }
    }
    func isBool(_ term: Int) -> Bool {
      switch epilogue.terms[term] {
      case .operand(let operand): return epilogue.operands[operand].elementType == .bool
      default: if case .bool? = results[term] { return true } else { return false }
      }
    }
    func float(_ term: Int) throws -> Value {
      guard case .float(let value) = evaluated(term) else { throw ContractionError.unsupported("a bool as a number") }
      return value
    }
    /// The address of an operand that only one term reads, where the instruction may read it itself.
    func memory(_ term: Int) -> Address? {
      guard case .operand(let operand) = epilogue.terms[term], shortcuts.useCounts[term] == 1,
        results[term] == nil,
        epilogue.operands[operand].elementType == .float32
      else { return nil }
      if epilogue.operands[operand].columnStride == 0 {
        return builder.hasAVX512 ? address(operand).broadcast : nil
      }
      return mask == nil ? address(operand) : nil
    }

    for (position, term) in epilogue.terms.enumerated() where !shortcuts.absorbed.contains(position) {
      switch term {
      case _ where shortcuts.shortcuts[position] != nil:
        results[position] = .float(try shortcut(position, float, &constants))
      case .accumulator:
        results[position] = accumulatorType == .int32 ? .integer(accumulator) : .float(accumulator)
      case .operand: break
      case .constant(let bits): results[position] = .float(constants.value(bits, builder))
      case .integer(let number):
        results[position] = .integer(lanes.constant(.int32, bits: UInt64(UInt32(bitPattern: number))))
      case .float(let x):
        results[position] = .float(builder.define(.vcvtdq2ps, builder.vectorKind, .value(try integer(x))))
      case .binary(let function, let left, let right) where isInteger(left):
        guard let instruction = Self.integerArithmetic[function] else {
          throw ContractionError.unsupported("\(function) of integers in an epilogue")
        }
        let (a, b) = (try integer(left), try integer(right))
        results[position] = .integer(builder.define(instruction, builder.vectorKind, .value(a), .value(b)))
      case .unary(let function, let operand):
        results[position] = try unary(function, evaluated(operand))
      case .binary(let function, let left, let right):
        if isBool(left) {
          guard case .bool(let a) = evaluated(left), case .bool(let b) = evaluated(right) else {
            throw ContractionError.unsupported("mixed operands")
          }
          results[position] = .bool(try logical(function, a, b))
        } else if let instruction = Self.arithmetic[function], let address = memory(right) {
          results[position] = .float(
            builder.define(instruction, builder.vectorKind, .value(try float(left)), .memory(address)))
        } else if let instruction = Self.arithmetic[function], Self.commutes(function), let address = memory(left) {
          results[position] = .float(
            builder.define(instruction, builder.vectorKind, .value(try float(right)), .memory(address)))
        } else {
          results[position] = .float(try binary(function, left, right, float))
        }
      case .compare(let comparison, let left, let right):
        results[position] = .bool(
          builder.compare(try float(left), try float(right), predicate: Self.predicate(comparison)))
      case .select(let condition, let onTrue, let onFalse):
        guard case .bool(let mask) = evaluated(condition) else {
          throw ContractionError.unsupported("a select by numbers")
        }
        results[position] = .float(builder.select(mask, try float(onTrue), try float(onFalse)))
      }
    }
    let last = evaluated(epilogue.terms.count - 1)
    switch (last, epilogue.resultType) {
    case (.integer(let value), .int32), (.integer(let value), .uint8), (.integer(let value), .int8): return value
    case (.bool(let mask), .bool): return mask
    case (.bool, _), (.float, .bool):
      throw ContractionError.unsupported("a bool stored as a number, or a number as one")
    case (.integer, _): throw ContractionError.unsupported("an integer stored as \(epilogue.resultType)")
    case (_, .float32), (_, .bfloat16): return try float(epilogue.terms.count - 1)
    default:
      return builder.define(
        shortcuts.roundsAtEnd ? .vcvtps2dq : .vcvttps2dq, builder.vectorKind,
        .value(try float(epilogue.terms.count - 1)))
    }
  }

  private func shortcut(
    _ position: Int, _ float: (Int) throws -> Value, _ constants: inout Constants
  ) throws -> Value {
    switch shortcuts.shortcuts[position] {
    case .extreme(let isMaximum, let a, let b)?:
      let (a, b) = (try float(a), try float(b))
      return isMaximum ? builder.maximum(a, b) : builder.minimum(a, b)
    case .quotient(let x, let parts, let rounds)?:
      let x = try float(x)
      let high = constants.value(parts.high.bitPattern, builder)
      let quotient =
        parts.low == 0
        ? builder.multiply(x, high)
        : builder.multiplyAdd(
          x, high, adding: builder.multiply(x, constants.value(parts.low.bitPattern, builder)))
      return rounds ? lanes.round(.float32, quotient, mode: 0) : quotient
    case .unrounded(let x)?: return try float(x)
    case nil: preconditionFailure("term \(position) has no shortcut")
    }
  }

  private static let integerArithmetic: [BinaryFunction: Instruction] = [
    .add: .vpaddd, .subtract: .vpsubd, .multiply: .vpmulld, .maximum: .vpmaxsd, .minimum: .vpminsd,
  ]

  private static let arithmetic: [BinaryFunction: Instruction] = [
    .add: .vaddps, .subtract: .vsubps, .multiply: .vmulps, .divide: .vdivps,
  ]
  private static func commutes(_ function: BinaryFunction) -> Bool { function == .add || function == .multiply }

  static func predicate(_ comparison: Comparison) -> Int {
    switch comparison {
    case .equal: 0
    case .less: 1
    case .lessOrEqual: 2
    case .notEqual: 4
    case .greaterOrEqual: 13
    case .greater: 14
    }
  }

  private func binary(
    _ function: BinaryFunction, _ left: Int, _ right: Int, _ float: (Int) throws -> Value
  ) throws -> Value {
    switch function {
    case .add: return builder.add(try float(left), try float(right))
    case .subtract: return builder.subtract(try float(left), try float(right))
    case .multiply: return builder.multiply(try float(left), try float(right))
    case .divide: return builder.divide(try float(left), try float(right))
    case .maximum, .minimum:
      // x86's return the second operand when either is NaN: a constant, which is none, goes first.
      let combine: (Value, Value) -> Value = function == .maximum ? builder.maximum : builder.minimum
      if isNumber(right) { return combine(try float(right), try float(left)) }
      if isNumber(left) { return combine(try float(left), try float(right)) }
      let (a, b) = (try float(left), try float(right))
      return builder.select(builder.compare(a, a, predicate: 3), a, combine(a, b))
    case .power: return maths.power(try float(left), try float(right))
    default: throw ContractionError.unsupported("\(function) in an epilogue")
    }
  }

  /// A constant that is not NaN.
  private func isNumber(_ term: Int) -> Bool {
    if case .constant(let bits) = epilogue.terms[term] { !Float(bitPattern: bits).isNaN } else { false }
  }

  private func logical(_ function: BinaryFunction, _ left: Value, _ right: Value) throws -> Value {
    let (mask, vector): (Instruction, Instruction)
    switch function {
    case .and: (mask, vector) = (.kandw, .vandps)
    case .or: (mask, vector) = (.korw, .vorps)
    case .exclusiveOr: (mask, vector) = (.kxorw, .vxorps)
    default: throw ContractionError.unsupported("\(function) of bools in an epilogue")
    }
    return builder.define(
      builder.hasAVX512 ? mask : vector, builder.kind(of: left), .value(left), .value(right))
  }

  private func unary(_ function: UnaryFunction, _ operand: Evaluated) throws -> Evaluated {
    let x = operand.value
    if case .bool = operand {
      guard function == .not else { throw ContractionError.unsupported("\(function) of a bool in an epilogue") }
      return .bool(
        builder.hasAVX512
          ? builder.define(.knotw, .mask, .value(x)) : builder.exclusiveOr(x, builder.constant(bits: UInt32.max)))
    }
    if function == .isNaN { return .bool(builder.compare(x, x, predicate: 3)) }
    guard let result = maths.apply(function, x) else {
      throw ContractionError.unsupported("\(function) in an epilogue")
    }
    return .float(result)
  }
}

extension Epilogue.Term {
  func forEachOperand(_ body: (Int) -> Void) {
    switch self {
    case .accumulator, .operand, .constant, .integer: break
    case .unary(_, let x), .float(let x): body(x)
    case .binary(_, let x, let y), .compare(_, let x, let y):
      body(x)
      body(y)
    case .select(let x, let y, let z):
      body(x)
      body(y)
      body(z)
    }
  }

  var isOperation: Bool {
    switch self {
    case .accumulator, .operand, .constant, .integer: false
    case .float, .unary, .binary, .compare, .select: true
    }
  }

  /// More than a few instructions.
  var isElementaryFunction: Bool {
    guard case .unary(let function, _) = self else {
      if case .binary(.power, _, _) = self { return true }
      return false
    }
    switch function {
    case .absolute, .negate, .ceil, .floor, .roundNearestEven, .squareRoot, .reciprocal, .not, .isNaN: return false
    default: return true
    }
  }
}

extension Epilogue.Operand {
  var elementByteCount: Int { elementType.bitWidth / 8 }
}
