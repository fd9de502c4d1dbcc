import GraphIR
import Tensors

/// Softmax and its kin, and everything that standardises.
enum NormalizationOperators {
  static let table: [String: Lowering] = [
    "Softmax": { c in try softmax(c) { b, x, axes in try b.softmax(x, axes: axes) } },
    "LogSoftmax": { c in try softmax(c) { b, x, axes in try b.logSoftmax(x, axes: axes) } },
    "Hardmax": hardmax,
    "BatchNormalization": batchNormalization,
    "InstanceNormalization": { c in
      let b = c.builder
      let y = try b.instanceNormalization(
        b.channelsLast(c.operand(0)), scale: c.operand(1), bias: c.operand(2), epsilon: epsilon(c))
      return [try b.channelsFirst(y)]
    },
    "LayerNormalization": layerNormalization,
    "RMSNormalization": { c in
      let x = try c.operand(0)
      let axis = try c.axis(c.int("axis", -1), rank: c.rank(x))
      return [
        try c.builder.rmsNormalization(
          x, scale: c.operand(1), axis: axis, epsilon: epsilon(c), precision: precision(c, x))
      ]
    },
    "GroupNormalization": groupNormalization,
    "LRN": { c in
      guard let size = try c.int("size"), (1...LoweringContext.maximumSpatial).contains(size) else {
        throw c.invalid(found: "no attribute 'size'", expected: "a positive number of channels")
      }
      let b = c.builder
      let y = try b.localResponseNormalization(
        b.channelsLast(c.operand(0)), size: size, alpha: Double(c.float("alpha", 1e-4)),
        beta: Double(c.float("beta", 0.75)), bias: Double(c.float("bias", 1)))
      return [try b.channelsFirst(y)]
    },
    "LpNormalization": { c in
      let x = try c.operand(0)
      let power = try c.int("p", 2)
      guard power == 1 || power == 2 else { throw c.invalid(found: "p \(power)", expected: "1 or 2") }
      return [try c.builder.normNormalization(x, axis: c.axis(c.int("axis", -1), rank: c.rank(x)), p: power)]
    },
    "MeanVarianceNormalization": { c in
      let x = try c.operand(0)
      let axes = try c.axes(c.ints("axes") ?? [0, 2, 3], rank: c.rank(x))
      return [try c.builder.meanVarianceNormalization(x, axes: axes)]
    },
    "Dropout": dropout,
  ]

  private static func epsilon(_ c: LoweringContext) throws -> Double { Double(try c.float("epsilon", 1e-5)) }

  /// What `stash_type` asks for, but never less than x's own accumulator: float64 stays float64.
  private static func precision(_ c: LoweringContext, _ x: ValueID) throws -> ElementType {
    let own = try c.elementType(x).accumulator
    let asked = try c.elementType(attribute: "stash_type") ?? .float32
    return own == .float64 || asked.bitWidth < own.bitWidth ? own : asked
  }

  // MARK: Softmax

  /// Before version 13 the operand counted as a matrix: all axes from `axis` on were one.
  private static func softmax(
    _ c: LoweringContext, _ body: (GraphBuilder, ValueID, [Int]) throws -> ValueID
  ) throws -> [ValueID] {
    let x = try c.operand(0)
    let rank = try c.rank(x)
    if c.version >= 13 { return [try body(c.builder, x, [c.axis(c.int("axis", -1), rank: rank)])] }
    let axis = try c.axis(c.int("axis", 1), rank: rank)
    return [try body(c.builder, x, Array(axis..<rank))]
  }

  private static func hardmax(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.rank(x)
    if c.version >= 13 { return [try b.hardmax(x, axis: c.axis(c.int("axis", -1), rank: rank))] }
    let axis = try c.axis(c.int("axis", 1), rank: rank)
    let flat = try b.reshape(x, to: (0..<axis).map { .of(x, $0) } + [-1])
    return [try b.reshape(b.hardmax(flat, axis: axis), b.shape(x))]
  }

  // MARK: Standardisation

  private static func batchNormalization(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.rank(x)
    let parameters = try (1...4).map { try c.operand($0) }
    let epsilon = try epsilon(c)
    // Version 14 says by an attribute whether statistics are computed, the others by the outputs they have.
    let trains =
      c.version >= 14
      ? try c.flag("training_mode") : try !c.flag("is_test") && (1...4).contains(where: c.usesOutput)
    let perPosition = try c.version < 9 && !c.flag("spatial", true)
    let image = perPosition ? x : try b.channelsLast(x)
    func normalized(_ mean: ValueID, _ variance: ValueID) throws -> ValueID {
      let y = try b.batchNormalization(
        image, scale: parameters[0], bias: parameters[1], mean: mean, variance: variance, epsilon: epsilon)
      return perPosition ? y : try b.channelsFirst(y)
    }
    guard trains else { return [try normalized(parameters[2], parameters[3])] }

    let wide = try b.convert(image, to: c.elementType(x).accumulator)
    let axes = perPosition || rank < 2 ? [0] : Array(0..<rank - 1)
    let moments = try b.moments(wide, axes: axes)
    let mean = try b.removeDimensions(moments.mean, axes: axes)
    let variance = try b.removeDimensions(moments.variance, axes: axes)
    let momentum = Double(try c.float("momentum", 0.9))
    func running(_ old: ValueID, _ new: ValueID) throws -> ValueID {
      let type = try b.elementType(of: new)
      let kept = try b.multiply(b.convert(old, to: type), b.scalar(momentum, type))
      let added = try b.multiply(new, b.scalar(1 - momentum, type))
      return try b.convert(b.add(kept, added), to: b.elementType(of: old))
    }
    let outputs = [
      try normalized(mean, variance), try running(parameters[2], mean), try running(parameters[3], variance),
    ]
    // The batch's own statistics were outputs until version 14.
    if c.version >= 14 { return outputs }
    return try outputs + [mean, variance].map { try b.convert($0, to: c.elementType(x)) }
  }

  private static func layerNormalization(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let axis = try c.axis(c.int("axis", -1), rank: c.rank(x))
    let results = try c.builder.layerNormalization(
      x, scale: c.operand(1), bias: c.optionalOperand(2), axis: axis, epsilon: epsilon(c), precision: precision(c, x),
      statistics: c.usesOutput(1) || c.usesOutput(2))
    let stashType = try c.elementType(attribute: "stash_type") ?? .float32
    return try [results[0]] + results.dropFirst().map { try c.builder.convert($0, to: stashType) }
  }

  private static func groupNormalization(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    guard let groups = try c.int("num_groups"), groups > 0 else {
      throw c.invalid(found: "no attribute 'num_groups'", expected: "a positive number of groups")
    }
    var (scale, bias) = (try c.operand(1), try c.operand(2))
    if c.version < 21 {
      // One entry for each group: repeated for each of its channels.
      let perGroup = try b.divide(b.extent(of: x, 1), b.indices([groups]))
      func perChannel(_ vector: ValueID) throws -> ValueID {
        let shape = try b.shape([.constant(groups), .elements(perGroup)])
        return try b.reshape(b.broadcast(b.reshape(vector, [groups, 1]), to: shape), [-1])
      }
      (scale, bias) = (try perChannel(scale), try perChannel(bias))
    }
    let y = try b.groupNormalization(
      b.channelsLast(x), scale: scale, bias: bias, groups: groups, epsilon: epsilon(c), precision: precision(c, x))
    return [try b.channelsFirst(y)]
  }

  // MARK: Dropout

  private static func dropout(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    // Until version 12 files are served, never trained: `is_test = 0` is only what versions 1 and 6 default to.
    let trains = try c.version >= 12 && c.hasOperand(2) && isTrue(c.constant(2))
    let maskType: ElementType = c.version < 10 ? try c.elementType(x) : .bool
    func allKept() throws -> ValueID {
      let one = maskType == .bool ? b.constant(Tensor(scalar: true)) : try b.scalar(1, maskType)
      return try b.broadcast(one, to: b.shape(x))
    }
    guard trains else { return c.usesOutput(1) ? [x, try allKept()] : [x] }

    let ratio = try c.optionalOperand(1).map { try b.convert($0, to: .float32) } ?? b.scalar(0.5, .float32)
    let seed = try c.int("seed").map { UInt64(bitPattern: Int64($0)) }
    let numbers = try b.one(
      .random(.uniform(low: 0, high: 1), .float32, seed: seed), [b.shape(x)])
    let mask = try b.compare(.greaterOrEqual, numbers, ratio)
    let type = try c.elementType(x)
    let factor = try b.unary(.reciprocal, b.subtract(b.scalar(1, .float32), ratio))
    let wide = type.accumulator
    let scaled = try b.multiply(b.convert(x, to: wide), b.convert(factor, to: wide))
    let y = try b.convert(b.select(mask, scaled, b.scalar(0, wide)), to: type)
    return [y, mask]
  }

  private static func isTrue(_ tensor: Tensor) -> Bool {
    tensor.elementType == .bool && tensor.elementCount > 0 && tensor.elements(of: Bool.self)[0]
  }
}
