/// Collects one function; see VectorIR.swift.
public final class VectorBuilder {
  public let instructionSet: InstructionSet
  // Everything here is done with the function, thousands of times: no access to it is checked while the program runs.
  @exclusivity(unchecked) var function: VectorFunction
  /// Where constants stand in the function's table.
  var constantIndices: [[UInt8]: Int] = [:]

  /// `arguments`: address of the argument entries; `begin`, `end`: units of work; `scratch`: address.
  public let arguments: Value
  public let begin: Value
  public let end: Value
  public let scratch: Value

  public init(name: String, instructionSet: InstructionSet) {
    precondition(instructionSet >= .avx2, "code is generated for AVX2 and later")
    self.instructionSet = instructionSet
    function = VectorFunction(name: name)
    function.reserveCapacity(2048)
    for _ in 0..<4 {
      let value = function.newValue(.gpr64)
      function.arguments.append(value)
    }
    (arguments, begin, end, scratch) = (
      function.arguments[0], function.arguments[1], function.arguments[2], function.arguments[3]
    )
  }

  // MARK: What the instruction set gives

  public var hasAVX512: Bool { instructionSet >= .avx512 }
  /// The widest vector register.
  public var vectorKind: Register.Kind { hasAVX512 ? .zmm : .ymm }
  public var vectorByteCount: Int { hasAVX512 ? 64 : 32 }
  /// 32-bit lanes of the widest vector.
  public var lanes: Int { vectorByteCount / 4 }
  public func kind(of value: Value) -> Register.Kind { function.kind(of: value) }

  // MARK: Operations

  /// A new value: `result = instruction(operands…)`.
  @discardableResult
  public func define(
    _ instruction: Instruction, _ kind: Register.Kind, _ a: VectorOperand? = nil, _ b: VectorOperand? = nil,
    _ c: VectorOperand? = nil, _ d: VectorOperand? = nil, mask: Value? = nil, zeroing: Bool = false,
    rounding: Rounding = .current, rematerializable: Bool = false
  ) -> Value {
    let result = function.newValue(kind)
    append(
      VectorFunction.Operation(
        instruction: instruction, result: result, updates: false, operands: VectorOperands(a, b, c, d), mask: mask,
        zeroing: zeroing, rounding: rounding, isRematerializable: rematerializable))
    return result
  }

  /// A new value from an old one that the instruction reads and overwrites.
  public func update(
    _ instruction: Instruction, _ old: Value, _ b: VectorOperand? = nil, _ c: VectorOperand? = nil,
    _ d: VectorOperand? = nil, mask: Value? = nil, zeroing: Bool = false, rounding: Rounding = .current
  ) -> Value {
    let result = function.newValue(like: old)
    append(
      VectorFunction.Operation(
        instruction: instruction, result: result, updates: true, operands: VectorOperands(.value(old), b, c, d),
        mask: mask, zeroing: zeroing, rounding: rounding))
    return result
  }

  /// An instruction without a result: operands in the assembler's order.
  public func perform(
    _ instruction: Instruction, _ a: VectorOperand? = nil, _ b: VectorOperand? = nil, _ c: VectorOperand? = nil,
    _ d: VectorOperand? = nil, mask: Value? = nil
  ) {
    append(
      VectorFunction.Operation(
        instruction: instruction, result: nil, updates: false, operands: VectorOperands(a, b, c, d), mask: mask))
  }

  func append(_ operation: VectorFunction.Operation) { function.append(operation) }

  /// The value must stay in a register all its life: building fails when that is impossible.
  public func pin(_ values: Value...) { pin(values) }
  public func pin(_ values: [Value]) {
    for value in values { function.isPinned[Int(value.index)] = true }
  }

  // MARK: Control

  /// Runs the body for index = from, from + step, … < to. The closure gets the index and the carried values and returns
  /// what the carried values become. Returns the final ones.
  @discardableResult
  public func loop(
    from: IntegerOperand = .immediate(0), to: IntegerOperand, step: Int = 1, carrying initials: [Value] = [],
    runsAtLeastOnce: Bool = false, _ body: (_ index: Value, _ carried: [Value]) throws -> [Value]
  ) rethrows -> [Value] {
    var atLeastOnce = runsAtLeastOnce
    if case .immediate(let first) = from, case .immediate(let last) = to { atLeastOnce = first < last }
    let index = function.newValue(.gpr64)
    let parameters = initials.map { function.newValue(like: $0) }
    for (initial, parameter) in zip(initials, parameters) where function.isPinned[Int(initial.index)] {
      function.isPinned[Int(parameter.index)] = true
    }
    let id = function.loops.count
    function.loops.append(
      VectorFunction.Loop(
        index: index, from: from, to: to, step: step, runsAtLeastOnce: atLeastOnce, parameters: parameters,
        initials: initials))
    function.entries.append(.loopBegin(Int32(id)))
    let nexts = try body(index, parameters)
    precondition(nexts.count == parameters.count, "\(function.name): a loop carries \(parameters.count) values")
    function.loops[id].nexts = nexts
    function.entries.append(.loopEnd(Int32(id)))
    return parameters
  }

  /// Runs the body once, and again as long as `again`, a general-purpose value that it gives, is not 0. Carries values
  /// as a counted loop does.
  @discardableResult
  public func `repeat`(
    carrying initials: [Value], _ body: (_ carried: [Value]) throws -> (nexts: [Value], again: Value)
  ) rethrows -> [Value] {
    let parameters = initials.map { function.newValue(like: $0) }
    let id = function.loops.count
    function.loops.append(
      VectorFunction.Loop(
        index: function.newValue(.gpr64), from: .immediate(0), to: .immediate(0), step: 0, runsAtLeastOnce: true,
        parameters: parameters, initials: initials, isCounted: false))
    function.entries.append(.loopBegin(Int32(id)))
    let (nexts, again) = try body(parameters)
    precondition(nexts.count == parameters.count, "\(function.name): a loop carries \(parameters.count) values")
    function.loops[id].nexts = nexts
    function.loops[id].again = again
    function.entries.append(.loopEnd(Int32(id)))
    return parameters
  }

  /// Runs one of two parts; each returns the values that the conditional gives.
  @discardableResult
  public func `if`(
    _ condition: Condition, _ then: () throws -> [Value], else otherwise: () throws -> [Value]
  ) rethrows -> [Value] {
    let id = function.conditionals.count
    function.conditionals.append(VectorFunction.Conditional(condition: condition, results: []))
    function.entries.append(.ifBegin(Int32(id)))
    let thenValues = try then()
    function.entries.append(.ifElse(Int32(id)))
    let elseValues = try otherwise()
    precondition(thenValues.count == elseValues.count, "\(function.name): the two parts give different values")
    let results = thenValues.map { function.newValue(like: $0) }
    function.conditionals[id].results = results
    function.conditionals[id].thenValues = thenValues
    function.conditionals[id].elseValues = elseValues
    function.entries.append(.ifEnd(Int32(id)))
    return results
  }

  /// Runs the part when the condition holds.
  public func `if`(_ condition: Condition, _ then: () throws -> Void) rethrows {
    try self.if(
      condition,
      {
        try then()
        return []
      }, else: { [] })
  }

  // MARK: End

  /// The text of the function, before registers are allocated.
  public var text: String { function.text }

  /// Allocates registers and assembles, which ends the function: nothing may be added any more. `keepingListing` records
  /// the assembly text. Debug builds verify the function first: what is wrong with it is so for every model, and tests
  /// find it.
  public func build(keepingListing: Bool = MachineCode.areListed) throws(VectorError) -> MachineCode {
    #if DEBUG
      try function.verify()
    #endif
    // In place: a copy of the function would be as much work as a round of the allocation.
    let registers = try RegisterAllocation.run(&function, instructionSet)
    return try VectorEmission(function, registers).run(keepingListing: keepingListing)
  }
}
