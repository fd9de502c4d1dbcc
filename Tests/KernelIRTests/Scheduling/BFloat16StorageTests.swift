import GraphIR
import Interpreter
import Tensors
import TestSupport
import Testing

@testable import KernelIR

/// Which contractions multiply bfloat16, and what lies in memory as bfloat16 for them.
@Suite struct BFloat16StorageTests {
  private static let target: ScheduleTarget = {
    var target = ScheduleTarget.everything
    target.factors = .bfloat16
    return target
  }()

  /// The schedules of a graph with float32 and with bfloat16 factors; the second gives about what the graph gives.
  private func schedules(
    _ outputs: (GraphBuilder, ScheduleCheck.Values) throws -> [ValueID]
  ) throws -> (float32: Schedule, bfloat16: Schedule) {
    let builder = GraphBuilder(name: "test")
    let values = ScheduleCheck.Values(builder)
    builder.setOutputs(try outputs(builder, values))
    let graph = builder.graph
    let schedule = Scheduler.schedule(graph, target: Self.target)
    try schedule.verify()
    let inputs = values.inputs.map(RuntimeValue.tensor)
    let expected = try Interpreter.run(graph, inputs: inputs)
    let found = try ScheduleInterpreter(schedule).run(inputs)
    var isRounded = false
    for (a, b) in zip(expected, found) {
      let (x, y) = (try #require(a.tensor), try #require(b.tensor))
      #expect(x.elementType == y.elementType && x.shape == y.shape)
      let (left, right) = (x.elements(of: Float.self), y.elements(of: Float.self))
      let scale = left.reduce(0) { max($0, abs($1)) }
      #expect(zip(left, right).allSatisfy { abs($0 - $1) <= 0.03 * scale }, "\(schedule)")
      isRounded = isRounded || left != right
    }
    #expect(isRounded, "\(schedule)")
    return (Scheduler.schedule(graph, target: .everything), schedule)
  }

  private func factors(_ schedule: Schedule) -> [Factors] {
    schedule.steps.compactMap { if case .kernel(let kernel, _) = $0.work { kernel.factors } else { nil } }
  }

  private func types(_ schedule: Schedule) -> [ElementType?] {
    schedule.steps.flatMap(\.results).map { schedule.graph.type(of: $0).elementType }
  }

  @Test("What the next convolution reads is rounded when it is stored, and read so as a residual")
  func chain() throws {
    let both = try schedules { builder, values in
      let x = values.input([1, 8, 8, 3])
      let first = try builder.convolve(x, values.constant([3, 3, 3, 8]), padding: 1)
      let second = try builder.convolve(first, values.constant([3, 3, 8, 8]), padding: 1)
      let third = try builder.convolve(
        builder.one(.binary(.add), [first, second]), values.constant([1, 1, 8, 6]))
      return [third]
    }
    // Three channels are no pairs.
    #expect(factors(both.bfloat16) == [.float32, .bfloat16, .bfloat16])
    #expect(types(both.bfloat16) == [.bfloat16, .bfloat16, .float32])
    #expect(factors(both.float32) == [.float32, .float32, .float32])
    guard case .kernel(.convolution(let second), _) = both.bfloat16.steps[1].work else {
      Issue.record("\(both.bfloat16)")
      return
    }
    #expect(second.epilogue.operands.map(\.elementType) == [.bfloat16])
    // A rounded operand is packed for what multiplies it.
    guard case .packed(_, .convolution(_, _, _, _, .bfloat16)) = both.bfloat16.steps[1].operands[1] else {
      Issue.record("\(both.bfloat16.steps[1].operands)")
      return
    }
  }

  @Test("An input is rounded by a step of its own where the products are worth it", arguments: [(2, 8), (256, 512)])
  func inputs(rows: Int, size: Int) throws {
    let builder = GraphBuilder(name: "test")
    let values = ScheduleCheck.Values(builder)
    let x = values.input([rows, size])
    let dimensions = DotDimensions(lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0])
    let products = try (0..<2).map { _ in
      try builder.one(.dot(dimensions, result: .float32), [x, values.constant([size, size])])
    }
    builder.setOutputs(products)
    let schedule = Scheduler.schedule(builder.graph, target: Self.target)
    try schedule.verify()
    let isWorthIt = rows > 100
    #expect(factors(schedule) == (isWorthIt ? [.bfloat16, .bfloat16] : [.float32, .float32]), "\(schedule)")
    // Once for both.
    #expect(schedule.steps.count == (isWorthIt ? 3 : 2), "\(schedule)")
    #expect(schedule.graph.type(of: x).elementType == .float32)
  }

  @Test("What a node, an output or another product reads as well stays float32")
  func fixedValues() throws {
    let both = try schedules { builder, values in
      let x = try builder.convolve(values.input([1, 4, 4, 3]), values.constant([1, 1, 3, 8]))
      let y = try builder.convolve(x, values.constant([1, 1, 8, 8]))
      let z = try builder.convolve(y, values.constant([1, 1, 8, 4]))
      return [x, z]
    }
    #expect(factors(both.bfloat16) == [.float32, .float32, .bfloat16])
    #expect(types(both.bfloat16) == [.float32, .bfloat16, .float32])
  }

  @Test("Loops whose result others read as well store it twice")
  func residuals() throws {
    let both = try schedules { builder, values in
      let x = values.input([64, 512])
      let y = try builder.one(.unary(.hyperbolicTangent), [x])
      let dimensions = DotDimensions(lhsContracting: [1], rhsContracting: [0])
      let product = try builder.one(.dot(dimensions, result: .float32), [y, values.constant([512, 512])])
      return [try builder.one(.binary(.add), [product, y]), y]
    }
    #expect(factors(both.bfloat16) == [.bfloat16])
    #expect(types(both.bfloat16) == [.float32, .bfloat16, .float32], "\(both.bfloat16)")
    #expect(both.bfloat16.steps.count == 2)
  }

  @Test("Values are rounded on their way through loops, views and parts of concatenations")
  func movements() throws {
    let both = try schedules { builder, values in
      let x = values.input([1, 4, 4, 3])
      let left = try builder.convolve(x, values.constant([1, 1, 3, 8]))
      let right = try builder.convolve(x, values.constant([1, 1, 3, 6]))
      let joined = try builder.one(.concatenate(axis: 3), [left, right])
      let y = try builder.convolve(joined, values.constant([3, 3, 14, 8]))
      let pooled = try builder.one(.unary(.hyperbolicTangent), [builder.one(.unary(.exponential), [y])])
      return [try builder.convolve(pooled, values.constant([1, 1, 8, 4]))]
    }
    #expect(factors(both.bfloat16).filter { $0 == .bfloat16 }.count == 2, "\(both.bfloat16)")
    // The second part begins behind 8 channels of two bytes.
    #expect(both.bfloat16.steps.map(\.resultByteOffset).max() == 16)
    #expect(both.float32.steps.map(\.resultByteOffset).max() == 32)
  }

  @Test("Only bfloat16 asks for it, and only where products of it are fast")
  func precisions() {
    for precision in Precision.allCases {
      #expect(precision.factors(multipliesBFloat16: false) == .float32)
      #expect(precision.running(multipliesBFloat16: false) == .float32)
    }
    #expect(Precision.bfloat16.factors(multipliesBFloat16: true) == .bfloat16)
    #expect(Precision.bfloat16.running(multipliesBFloat16: true) == .bfloat16)
    #expect(Precision.fast.running(multipliesBFloat16: true) == .float32)
    #expect(Precision.float32.running(multipliesBFloat16: true) == .float32)
  }
}
