import GraphIR
import Tensors

/// If, Loop, Scan and SequenceMap: regions whose captures become operands.
enum ControlFlowOperators {
  static let table: [String: Lowering] = [
    "If": branch,
    "Loop": loop,
    "Scan": scan,
    "SequenceMap": sequenceMap,
  ]

  // MARK: If

  private static func branch(_ c: LoweringContext) throws -> [ValueID] {
    let then = try requiredGraph(c, "then_branch")
    let otherwise = try requiredGraph(c, "else_branch")
    let condition = try c.builder.reshape(c.operand(0), [])
    var folder = ConstantFolder(c.builder.graph)
    guard try c.elementType(condition) == .bool else {
      throw c.invalid(found: "a condition of type \(try c.elementType(condition).name)", expected: "bool")
    }
    if let known = try folder.fold(condition) {
      let taken = known.elements(of: Bool.self)[0] ? then : otherwise
      let scope = c.scope.inlined()
      try scope.lower(taken)
      return try taken.outputs.map { try scope.resolve($0.name) }
    }
    let roots = folder.roots(of: condition)
    let regions: [Scope]
    do {
      regions = try [(then, "then"), (otherwise, "else")].map { graph, name in try region(c, graph, name) }
    } catch let error as ONNXError where error.isFinal && c.scope.importer.areInputs(roots.values) {
      // A branch that is wrong for these shapes may be one that is not taken: the value that decides tells.
      throw ONNXError.requiresConstantInputs(roots.values)
    }
    let captures = shareCaptures(regions)
    if !haveSameRanks(regions.map(\.builder.graph)) {
      // Usually such a condition asks for an extent, and is known once the inputs' shapes are.
      let unknown = c.scope.importer.inputsOfUnknownShape
      if roots.values.isEmpty, !roots.shapes.isEmpty, !unknown.isEmpty { throw ONNXError.requiresInputTypes(unknown) }
    }
    return try c.builder.add(.if, [condition] + captures, regions: regions.map(\.builder.graph))
  }

  private static func region(_ c: LoweringContext, _ graph: ONNXGraph, _ name: String) throws -> Scope {
    let scope = c.scope.region(named: name)
    try scope.lower(graph)
    scope.builder.setOutputs(try graph.outputs.map { try scope.resolve($0.name) })
    return scope
  }

  private static func haveSameRanks(_ regions: [Graph]) -> Bool {
    let ranks = regions.map { region in region.outputs.map { region.type(of: $0).tensor?.rank } }
    return ranks.allSatisfy { $0 == ranks[0] }
  }

  /// Makes regions take the same captures in the same order; gives them.
  private static func shareCaptures(_ regions: [Scope]) -> [ValueID] {
    var captures: [ValueID] = []
    for region in regions {
      for capture in region.captures where !captures.contains(capture) { captures.append(capture) }
    }
    for region in regions {
      let parameters = region.builder.graph.inputs.dropLast(region.captures.count)
      region.builder.setInputs(parameters + captures.map(region.parameter))
    }
    return captures
  }

  // MARK: Loop

  /// (trip count?, condition?, carried…) with body (iteration, condition, carried…) → (condition, carried…, scanned…)
  private static func loop(_ c: LoweringContext) throws -> [ValueID] {
    let body = try requiredGraph(c, "body")
    let limit = try c.optionalOperand(0).map { try c.builder.reshape($0, []) } ?? c.builder.index(.max)
    let condition = try c.optionalOperand(1).map { try c.builder.reshape($0, []) } ?? c.builder.scalar(1, .bool)
    let carried = try (2..<max(c.operandCount, 2)).map(c.operand)
    guard body.inputs.count == carried.count + 2, body.outputs.count > carried.count else {
      throw c.invalid(
        found: "a body of \(body.inputs.count) inputs and \(body.outputs.count) outputs",
        expected: "\(carried.count + 2) inputs and at least \(carried.count + 1) outputs")
    }
    return try addLoop(c, limit: limit, condition: condition, carried: carried) { scope, iteration, condition, values in
      for (input, value) in zip(body.inputs, [iteration, condition] + values) { scope.define(input.name, value) }
      try scope.lower(body)
      var outputs = try body.outputs.map { try scope.resolve($0.name) }
      outputs[0] = try scope.builder.reshape(outputs[0], [])
      return outputs
    }
  }

  /// Adds a loop whose body is lowered by `lowerBody` into a region's scope. Extents of carried values that the body
  /// changes become free: the body is lowered again until its results fit its parameters, which every round makes
  /// more general.
  private static func addLoop(
    _ c: LoweringContext, limit: ValueID, condition: ValueID, carried: [ValueID],
    lowerBody: (Scope, _ iteration: ValueID, _ condition: ValueID, _ carried: [ValueID]) throws -> [ValueID]
  ) throws -> [ValueID] {
    var types = carried.map { c.builder.type(of: $0) }
    while true {
      let scope = c.scope.region(named: "body")
      let iteration = scope.builder.input("iteration", .tensor(TensorType(.int64, [])))
      let active = scope.builder.input("condition", .tensor(TensorType(.bool, [])))
      let parameters = types.map { scope.builder.input(nil, $0) }
      var outputs = try lowerBody(scope, iteration, active, parameters)
      let general = try types.indices.map { index in
        try generalize(c, types[index], scope.builder.type(of: outputs[index + 1]))
      }
      if general == types {
        // An optional that the body always fills is one between iterations only.
        let filled = types.indices.filter {
          isOptional(types[$0]) && !isOptional(scope.builder.type(of: outputs[$0 + 1]))
        }
        for index in filled { outputs[index + 1] = try scope.builder.one(.optional(nil), [outputs[index + 1]]) }
        scope.builder.setOutputs(outputs)
        var results = try c.builder.add(
          .loop(carried: carried.count), [limit, condition] + carried + scope.captures, regions: [scope.builder.graph])
        for index in filled { results[index] = try c.builder.one(.optionalGetElement, [results[index]]) }
        return results
      }
      types = general
    }
  }

  private static func isOptional(_ type: ValueType) -> Bool { if case .optional = type { true } else { false } }

  /// The narrowest type that both a parameter and what the body makes of it fit.
  private static func generalize(_ c: LoweringContext, _ parameter: ValueType, _ result: ValueType) throws -> ValueType
  {
    switch (parameter, result) {
    case (.tensor(let a), .tensor(let b)) where a.elementType == b.elementType && a.rank == b.rank:
      let shape = zip(a.shape, b.shape).map { x, y in
        // A free extent stays the same free extent, so that the rounds end.
        x == y || isFree(c, x) ? x : Dimension(c.builder.freshSymbol())
      }
      return .tensor(TensorType(a.elementType, shape))
    case (.tensor(let a), .tensor(let b)) where a.elementType == b.elementType: return .unrankedTensor(a.elementType)
    case (.unrankedTensor(let a), _) where a == result.elementType: return parameter
    case (_, .unrankedTensor(let b)) where b == parameter.elementType: return result
    case (.sequence(let a), .sequence(let b)): return .sequence(try generalize(c, a, b))
    case (.optional(let a), .optional(let b)): return .optional(try generalize(c, a, b))
    case (.optional(let a), let b): return .optional(try generalize(c, a, b))
    case _ where parameter == result: return parameter
    default: throw c.invalid(found: "a body that turns \(parameter) into \(result)", expected: "the same element type")
    }
  }

  /// A symbol that no input declares: made by the importer for an extent that only a run can tell.
  private static func isFree(_ c: LoweringContext, _ dimension: Dimension) -> Bool {
    dimension.symbol.map(c.builder.isFresh) ?? false
  }

  // MARK: Scan

  /// Slices of the scanned operands, one an iteration; version 8 has a batch axis and sequence lengths besides.
  private static func scan(_ c: LoweringContext) throws -> [ValueID] {
    let body = try requiredGraph(c, "body")
    guard c.version >= 9 else { return try batchedScan(c, body) }
    let scannedCount = try scannedCount(c)
    let stateCount = c.operandCount - scannedCount
    guard scannedCount >= 1, stateCount >= 0, body.inputs.count == c.operandCount, body.outputs.count >= stateCount
    else {
      throw c.invalid(
        found: "\(c.operandCount) operands, \(scannedCount) of them scanned, and a body of \(body.inputs.count) inputs",
        expected: "at least one scanned operand and as many body inputs as operands")
    }
    let outputCount = body.outputs.count - stateCount
    let operands = try c.operands()
    let scanned = Array(operands[stateCount...])
    let axes = try (c.ints("scan_input_axes") ?? [Int](repeating: 0, count: scannedCount)).enumerated().map {
      try c.axis($1, rank: c.rank(scanned[min($0, scannedCount - 1)]))
    }
    let reversed = try c.ints("scan_input_directions") ?? [Int](repeating: 0, count: scannedCount)
    let outputAxes = try c.ints("scan_output_axes") ?? [Int](repeating: 0, count: outputCount)
    let outputReversed = try c.ints("scan_output_directions") ?? [Int](repeating: 0, count: outputCount)
    guard axes.count == scannedCount, reversed.count == scannedCount, outputAxes.count == outputCount,
      outputReversed.count == outputCount
    else { throw c.invalid(found: "axes or directions of another count", expected: "one for each scanned value") }
    let length = try c.builder.gather(c.builder.shape(scanned[0]), c.builder.index(axes[0]), axis: 0)
    let results = try addLoop(
      c, limit: length, condition: c.builder.scalar(1, .bool), carried: Array(operands[..<stateCount])
    ) { scope, iteration, condition, state in
      let b = scope.builder
      let last = try b.subtract(scope.capture(length), b.index(1))
      let slices = try (0..<scannedCount).map { index in
        let position = reversed[index] == 1 ? try b.subtract(last, iteration) : iteration
        return try b.gather(scope.capture(scanned[index]), position, axis: axes[index])
      }
      for (input, value) in zip(body.inputs, state + slices) { scope.define(input.name, value) }
      try scope.lower(body)
      return [condition] + (try body.outputs.map { try scope.resolve($0.name) })
    }
    return try results.enumerated().map { index, result in
      guard index >= stateCount else { return result }
      let output = index - stateCount
      let ordered = outputReversed[output] == 1 ? try c.builder.one(.reverse(axes: [0]), [result]) : result
      return try move(c, ordered, to: outputAxes[output])
    }
  }

  private static func scannedCount(_ c: LoweringContext) throws -> Int {
    let count = try c.int("num_scan_inputs", 0)
    guard (1...max(c.operandCount, 1)).contains(count) else {
      throw c.invalid(found: "num_scan_inputs \(count)", expected: "1 to \(c.operandCount)")
    }
    return count
  }

  /// Moves the first axis to where a scan stacks.
  private static func move(_ c: LoweringContext, _ x: ValueID, to axis: Int) throws -> ValueID {
    let rank = try c.rank(x)
    var permutation = Array(1..<max(rank, 1))
    permutation.insert(0, at: try c.axis(axis, rank: rank))
    return try c.builder.transpose(x, permutation)
  }

  /// Version 8: (sequence lengths?, states [batch, …], scanned [batch, time, …]). Each batch entry is scanned by
  /// itself, in a loop over the batch.
  private static func batchedScan(_ c: LoweringContext, _ body: ONNXGraph) throws -> [ValueID] {
    guard !c.hasOperand(0) else {
      throw c.invalid(found: "sequence lengths in Scan version 8", expected: "sequences of one length")
    }
    let scannedCount = try scannedCount(c)
    let operands = try (1..<max(c.operandCount, 1)).map(c.operand)
    let stateCount = operands.count - scannedCount
    guard scannedCount >= 1, stateCount >= 0, body.inputs.count == operands.count else {
      throw c.invalid(
        found: "a body of \(body.inputs.count) inputs", expected: "as many as states and scanned operands")
    }
    let reversed = try c.ints("directions") ?? [Int](repeating: 0, count: scannedCount)
    guard reversed.count == scannedCount else {
      throw c.invalid(found: "\(reversed.count) directions", expected: "\(scannedCount)")
    }
    let b = c.builder
    let shape = try b.shape(operands[stateCount])
    let batch = try b.gather(shape, b.index(0), axis: 0)
    let length = try b.gather(shape, b.index(1), axis: 0)
    return try addLoop(c, limit: batch, condition: b.scalar(1, .bool), carried: []) { outer, entry, condition, _ in
      let parts = try operands.map { try outer.builder.gather(outer.capture($0), entry, axis: 0) }
      let time = try outer.capture(length)
      let context = LoweringContext(scope: outer, node: c.node, version: c.version)
      let results = try addLoop(
        context, limit: time, condition: outer.builder.scalar(1, .bool), carried: Array(parts[..<stateCount])
      ) { scope, iteration, condition, state in
        let last = try scope.builder.subtract(scope.capture(time), scope.builder.index(1))
        let slices = try (0..<scannedCount).map { index in
          let position = reversed[index] == 1 ? try scope.builder.subtract(last, iteration) : iteration
          return try scope.builder.gather(scope.capture(parts[stateCount + index]), position, axis: 0)
        }
        for (input, value) in zip(body.inputs, state + slices) { scope.define(input.name, value) }
        try scope.lower(body)
        return [condition] + (try body.outputs.map { try scope.resolve($0.name) })
      }
      return [condition] + results
    }
  }

  // MARK: SequenceMap

  /// Applies the body to each element: a loop that carries the sequences it makes.
  private static func sequenceMap(_ c: LoweringContext) throws -> [ValueID] {
    let body = try requiredGraph(c, "body")
    let operands = try c.operands()
    guard let first = operands.first, body.inputs.count == operands.count else {
      throw c.invalid(found: "a body of \(body.inputs.count) inputs", expected: "as many as operands")
    }
    let isSequence = operands.map { if case .sequence = c.builder.type(of: $0) { true } else { false } }
    // Element types are the declared ones, which an empty result needs.
    let empties = try body.outputs.map { output in
      guard case .tensor(let type?, _) = output.type else {
        throw c.invalid(found: "body output '\(output.name)' without a type", expected: "a tensor type")
      }
      return try c.builder.one(.sequenceEmpty(type), [])
    }
    let length = try c.builder.one(.sequenceLength, [first])
    return try addLoop(c, limit: length, condition: c.builder.scalar(1, .bool), carried: empties) {
      scope, iteration, condition, sequences in
      for (index, input) in body.inputs.enumerated() {
        let operand = try scope.capture(operands[index])
        scope.define(
          input.name, isSequence[index] ? try scope.builder.one(.sequenceAt, [operand, iteration]) : operand)
      }
      try scope.lower(body)
      let grown = try zip(sequences, body.outputs).map { sequence, output in
        try scope.builder.one(.sequenceInsert, [sequence, scope.resolve(output.name)])
      }
      return [condition] + grown
    }
  }

  private static func requiredGraph(_ c: LoweringContext, _ name: String) throws -> ONNXGraph {
    guard let graph = try c.graph(name) else { throw c.invalid(found: "no '\(name)'", expected: "a graph") }
    return graph
  }
}
