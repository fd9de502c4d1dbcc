import GraphIR
import Interpreter
import KernelIR
import Passes
import Tensors
import TestSupport
import Testing
import X86

@testable import Engine

/// Weights of 8 bits may have any zero point: products stay ones of bytes, with the interpreter's bits.
@Suite struct WeightZeroPointTests {
  /// What a file can say of weights and their zero points.
  enum Form: CaseIterable {
    /// uint8 with one zero point.
    case unsigned
    /// int8 with one zero point.
    case signed
    /// uint8 with a zero point for each channel.
    case channels
    /// One number everywhere, and a zero point that is not it.
    case equal
    /// Numbers and zero points at both ends of their range.
    case extreme
  }

  /// Random weights: numbers of a shape whose last axis is that of the channels.
  private struct Weights {
    var numbers: Tensor
    var zeroPoint: Tensor

    init(_ form: Form, _ shape: Shape, _ random: inout SeededGenerator) {
      let channels = shape.dimensions.last ?? 1
      func bytes(_ count: Int, _ range: ClosedRange<Int>) -> [UInt8] {
        (0..<count).map { _ in UInt8(random.integer(range)) }
      }
      switch form {
      case .unsigned:
        numbers = Tensor(shape, bytes(shape.elementCount, 0...255))
        zeroPoint = Tensor(scalar: UInt8(random.integer(0...255)))
      case .signed:
        numbers = Tensor(shape, bytes(shape.elementCount, 0...255).map { Int8(bitPattern: $0) })
        zeroPoint = Tensor(scalar: Int8(random.integer(-128...127)))
      case .channels:
        numbers = Tensor(shape, bytes(shape.elementCount, 0...255))
        zeroPoint = Tensor([channels], bytes(channels, 0...255))
      case .equal:
        numbers = Tensor(shape, [UInt8](repeating: UInt8(random.integer(0...255)), count: shape.elementCount))
        zeroPoint = Tensor(scalar: UInt8(random.integer(0...255)))
      case .extreme:
        numbers = Tensor(shape, bytes(shape.elementCount, 0...1).map { $0 * 255 })
        zeroPoint = Tensor([channels], bytes(channels, 0...1).map { $0 * 255 })
      }
    }
  }

  private func canonical(_ graph: Graph) throws -> Graph {
    var pipeline = Pipeline.canonical
    pipeline.verifies = true
    return try pipeline.run(graph)
  }

  /// The element types that products of a graph multiply.
  private func factors(_ graph: Graph) -> [[ElementType?]] {
    graph.nodes.compactMap { node in
      switch node.operation {
      case .dot, .convolution: node.operands.map { graph.type(of: $0).elementType }
      default: nil
      }
    }
  }

  private func image(_ shape: Shape, isSigned: Bool, _ random: inout SeededGenerator) -> Tensor {
    let bytes = (0..<shape.elementCount).map { _ in UInt8(random.integer(0...255)) }
    return isSigned ? Tensor(shape, bytes.map { Int8(bitPattern: $0) }) : Tensor(shape, bytes)
  }

  /// Runs a graph as the file has it in the interpreter, and its canonical form in plans.
  private func check(
    _ graph: Graph, _ inputs: [RuntimeValue], _ instructionSet: InstructionSet, isInteger: Bool = true,
    _ comment: Comment
  ) throws {
    let integers = try canonical(graph)
    if isInteger {
      #expect(factors(integers).allSatisfy { $0 == [.uint8, .int8] }, "\(comment)\n\(integers.text)")
    }
    let expected = try #require(try Interpreter.run(graph, inputs: inputs)[0].tensor)
    let kept = try #require(try Interpreter.run(integers, inputs: inputs)[0].tensor)
    #expect(kept.elements(of: Int32.self) == expected.elements(of: Int32.self), "\(comment)\n\(integers.text)")
    let cache = PlanCache(integers, Machine(instructionSet), ThreadUse.always(2))
    let found = try #require(try cache.run(inputs, EvaluationContext(threadCount: 2))[0].tensor)
    #expect(found.elements(of: Int32.self) == expected.elements(of: Int32.self), "\(comment)\n\(integers.text)")
    guard isInteger, let plan = cache.plan(for: inputs) else { return }
    let interpreted = plan.steps.count { if case .node = $0.work { true } else { false } }
    #expect(interpreted == 0, "\(comment)\n\(plan.schedule)")
  }

  @Test("Convolutions", arguments: InstructionSet.here, Form.allCases)
  func convolutions(_ instructionSet: InstructionSet, _ form: Form) throws {
    for seed in 0..<16 {
      var random = SeededGenerator(seed)
      let groups = random.pick([1, 1, 2, 6])
      let inputs = groups == 6 ? 6 : groups * random.pick([3, 4, 8])
      let outputs = groups == 6 ? random.pick([6, 12]) : groups * random.integer(1...20)
      let (size, pad) = (random.integer(1...3), random.integer(0...1))
      let weights = Weights(form, [size, size, inputs / groups, outputs], &random)
      let b = GraphBuilder(name: "convolution")
      let isSigned = random.chance(40)
      let shape = [random.integer(1...2), random.integer(5...9), random.integer(5...9), inputs]
      let type: ElementType = isSigned ? .int8 : .uint8
      let x = b.input("x", .tensor(TensorType(type, constant: shape)))
      let zero = random.chance(70) ? b.input("zero", .tensor(TensorType(type, constant: []))) : nil
      let convolution = Convolution(
        strides: [random.integer(1...2), 1], dilations: [1, random.integer(1...2)],
        padding: .explicit(low: [pad, 0], high: [pad, pad]), groups: groups)
      let sum = try b.integerConvolution(
        x, zeroPoint: zero, filter: b.constant(weights.numbers), zeroPoint: b.constant(weights.zeroPoint), convolution)
      b.setOutputs([sum])
      var values: [RuntimeValue] = [.tensor(image(Shape(shape), isSigned: isSigned, &random))]
      if zero != nil { values.append(.tensor(image(.scalar, isSigned: isSigned, &random))) }
      // Groups of channels that are no multiple of 4 have no kernel of bytes, but for one filter for each channel.
      let isInteger = groups == 1 || inputs / groups % 4 == 0 || inputs == groups && inputs == outputs
      try check(b.graph, values, instructionSet, isInteger: isInteger, "seed \(seed)")
    }
  }

  @Test("Matrix products", arguments: InstructionSet.here, Form.allCases)
  func products(_ instructionSet: InstructionSet, _ form: Form) throws {
    for seed in 0..<16 {
      var random = SeededGenerator(seed)
      let (rows, depth, columns) = (random.integer(1...7), random.integer(1...40), random.integer(1...40))
      let weights = Weights(form, [depth, columns], &random)
      let b = GraphBuilder(name: "product")
      let isSigned = random.chance(40)
      let type: ElementType = isSigned ? .int8 : .uint8
      let x = b.input("x", .tensor(TensorType(type, constant: [2, rows, depth])))
      let zero = random.chance(70) ? b.input("zero", .tensor(TensorType(type, constant: []))) : nil
      b.setOutputs([
        try b.integerMatrixProduct(
          x, zeroPoint: zero, b.constant(weights.numbers), zeroPoint: b.constant(weights.zeroPoint))
      ])
      var values: [RuntimeValue] = [.tensor(image([2, rows, depth], isSigned: isSigned, &random))]
      if zero != nil { values.append(.tensor(image(.scalar, isSigned: isSigned, &random))) }
      try check(b.graph, values, instructionSet, "seed \(seed)")
    }
  }

  /// A zero point for each row of the weights leaves differences of 9 bits in a column.
  @Test("Weights of more than 8 bits are not cut off", arguments: InstructionSet.here)
  func wide(_ instructionSet: InstructionSet) throws {
    let b = GraphBuilder(name: "wide")
    let x = b.input("x", .tensor(TensorType(.uint8, constant: [3, 8])))
    let zeros = Tensor([8, 1], (0..<8).map { UInt8($0 % 2 * 255) })
    let numbers = Tensor([8, 5], (0..<40).map { UInt8(255 - $0 / 5 % 2 * 255) })
    b.setOutputs([try b.integerMatrixProduct(x, zeroPoint: nil, b.constant(numbers), zeroPoint: b.constant(zeros))])
    var random = SeededGenerator(1)
    let input = image([3, 8], isSigned: false, &random)
    try check(b.graph, [.tensor(input)], instructionSet, isInteger: false, "")
  }

  /// float(Σ (x − z) (w − z')) · (s · t) by definition, which QDQ graphs come to.
  @Test("Floats around dequantized numbers", arguments: InstructionSet.here, Form.allCases)
  func dequantized(_ instructionSet: InstructionSet, _ form: Form) throws {
    for seed in 0..<8 {
      var random = SeededGenerator(seed)
      let (depth, columns) = (4 * random.integer(1...9), random.integer(1...20))
      let isConvolution = seed % 2 == 0
      let weights = Weights(form, [1, 1, depth, columns], &random)
      let b = GraphBuilder(name: "dequantized")
      let shape = isConvolution ? [1, 3, 4, depth] : [7, depth]
      let x = b.input("x", .tensor(TensorType(.uint8, constant: shape)))
      let real = try b.one(
        .dequantize(QuantizationAxis(axis: 0), to: .float32),
        [x, b.constant(Tensor(scalar: Float(0.02))), b.constant(Tensor(scalar: UInt8(77)))])
      let numbers = isConvolution ? weights.numbers : weights.numbers.reshaped([depth, columns])
      let channels = weights.zeroPoint.elementCount
      let scales = (0..<channels).map { Float($0 % 5 + 1) / 512 }
      let matrix = try b.one(
        .dequantize(QuantizationAxis(axis: numbers.shape.rank - 1), to: .float32),
        [
          b.constant(numbers), b.constant(Tensor(weights.zeroPoint.shape, scales)), b.constant(weights.zeroPoint),
        ])
      let convolution = Convolution(
        strides: [1, 1], dilations: [1, 1], padding: .explicit(low: [0, 0], high: [0, 0]), groups: 1)
      b.setOutputs([
        isConvolution
          ? try b.one(.convolution(convolution, result: .float32), [real, matrix])
          : try b.dot(real, matrix, DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
      ])
      let integers = try canonical(b.graph)
      #expect(factors(integers) == [[.uint8, .int8]], "seed \(seed)\n\(integers.text)")

      let input = image(Shape(shape), isSigned: false, &random)
      let found = try #require(
        try PlanCache(integers, Machine(instructionSet), ThreadUse()).run([.tensor(input)], EvaluationContext())[0]
          .tensor)
      let (left, right) = (input.elements(of: UInt8.self), try numbers.int32())
      let zeros = try weights.zeroPoint.int32()
      let expected = (0..<shape.dropLast().reduce(1, *) * columns).map { position -> Float in
        let (row, column) = (position / columns, position % columns)
        let channel = channels == 1 ? 0 : column
        var sum: Int32 = 0
        for k in 0..<depth {
          let factor = right[k * columns + column] - zeros[channel]
          sum += (Int32(left[row * depth + k]) - 77) * factor
        }
        return Float(sum) * (Float(0.02) * scales[channel])
      }
      #expect(found.elements(of: Float.self) == expected, "seed \(seed)\n\(integers.text)")
    }
  }
}

extension Tensor {
  fileprivate func int32() throws -> [Int32] { try converted(to: .int32).elements(of: Int32.self) }
}
