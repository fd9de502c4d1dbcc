import GraphIR
import KernelIR
import Tensors
import X86

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }
}

/// Kernels of every shape that a scheduler makes, over random types, extents, strides, guards and expressions. All
/// results are exact in every order of evaluation: sums and products run over small dyadic numbers.
struct RandomKernel {
  /// What fills a buffer that is read.
  enum Contents {
    case anything, dyadic, signs
    case positions(below: Int)
  }

  private(set) var kernel: LoopKernel
  /// Elements of each buffer.
  private(set) var sizes: [Int] = []
  private(set) var contents: [Contents] = []
  let firstExtent: Int
  private(set) var generator: SeededGenerator
  let instructionSet: InstructionSet

  private var extents: [Int]
  private var scope: [AxisID] = []
  private var body: [Statement] = []
  private var types: [ElementType] = []
  private var visible: [KernelValue] = []
  private var constants: Set<KernelValue> = []

  static let storedTypes: [ElementType] = [
    .float32, .float32, .float32, .float64, .int32, .int64, .uint32, .uint64, .bool, .float16, .bfloat16, .int8,
    .uint8, .int16, .uint16,
  ]
  static let vectorExtents = [1, 2, 3, 5, 8, 13, 16, 17, 31, 32, 33, 64, 65, 70, 96, 130, 200]

  init(seed: Int, _ instructionSet: InstructionSet) {
    var generator = SeededGenerator(seed: seed)
    self.instructionSet = instructionSet
    firstExtent = Int.random(in: 1...3, using: &generator)
    let second = Int.random(in: 1...4, using: &generator)
    let isTransposition = Int.random(in: 0..<8, using: &generator) == 0
    let serial = isTransposition ? Int.random(in: 2...40, using: &generator) : Int.random(in: 0...5, using: &generator)
    let window = Int.random(in: 1...4, using: &generator)
    let vector =
      isTransposition ? Int.random(in: 2...40, using: &generator) : Self.vectorExtents.randomElement(using: &generator)!
    let parallelCount = Int.random(in: 1...2, using: &generator)
    var axes: [LoopKernel.Axis] = [.init(.parallel, extent: 0)]
    if parallelCount == 2 { axes.append(.init(.parallel, extent: second)) }
    axes += [.init(.serial, extent: max(1, serial)), .init(.serial, extent: window), .init(.vector, extent: vector)]
    extents = axes.map(\.extent)
    extents[0] = firstExtent
    kernel = LoopKernel(
      name: "random\(seed)", buffers: [], axes: axes, parallelCount: parallelCount, types: [], body: [])
    self.generator = generator
    scope = (0..<parallelCount).map { AxisID($0) }
    if isTransposition {
      transposition()
    } else {
      build(emptiesSerial: serial == 0 && seed % 7 == 0)
    }
    kernel.types = types
    kernel.body = body
  }

  // MARK: Choices

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &generator) < percent }
  private mutating func pick<Element>(_ choices: [Element]) -> Element { choices.randomElement(using: &generator)! }

  private var serialAxis: AxisID { AxisID(kernel.parallelCount) }
  private var windowAxis: AxisID { AxisID(kernel.parallelCount + 1) }
  private var vectorAxis: AxisID { AxisID(kernel.parallelCount + 2) }

  private mutating func newValue(_ type: ElementType, isVisible: Bool = true) -> KernelValue {
    types.append(type)
    let value = KernelValue(types.count - 1)
    if isVisible { visible.append(value) }
    return value
  }

  private mutating func define(_ type: ElementType, _ expression: Expression) -> KernelValue {
    let value = newValue(type)
    body.append(.define(value, expression))
    if case .constantBits = expression { constants.insert(value) }
    return value
  }

  /// Runs `make` with its own list of statements and gives that.
  private mutating func nested(_ axes: [AxisID], _ make: (inout RandomKernel) -> Void) -> [Statement] {
    let (outerBody, outerVisible) = (body, visible)
    body = []
    scope += axes
    make(&self)
    scope.removeLast(axes.count)
    defer { (body, visible) = (outerBody, outerVisible) }
    return body
  }

  // MARK: Structure

  private mutating func build(emptiesSerial: Bool) {
    if emptiesSerial {
      kernel.axes[serialAxis.index].extent = 0
      extents[serialAxis.index] = 0
    }
    _ = constant(.float32)
    switch Int.random(in: 0..<7, using: &generator) {
    case 0: elementwise(vectorAxis)
    case 1: rows()
    case 2: windows()
    case 3: cumulative()
    case 4:
      // A vector loop inside a serial one.
      let inner = nested([serialAxis]) { $0.elementwise($0.vectorAxis) }
      body.append(.loop(Loop(serialAxis, body: inner)))
    case 5:
      rows()
      elementwise(vectorAxis)
    default:
      // No vector axis at all.
      elementwise(serialAxis)
      vertical()
    }
  }

  private mutating func elementwise(_ axis: AxisID) {
    let inner = nested([axis]) { kernel in
      kernel.loads()
      for _ in 0..<Int.random(in: 1...6, using: &kernel.generator) { kernel.expression() }
      kernel.storeSome()
    }
    body.append(.loop(Loop(axis, body: inner)))
  }

  /// Reductions of a row, then work on the row with what they gave.
  private mutating func rows() {
    let reductions = reducing(vectorAxis) { kernel in
      kernel.loads()
      for _ in 0..<Int.random(in: 0...3, using: &kernel.generator) { kernel.expression() }
    }
    body.append(.loop(reductions))
    for reduction in reductions.reductions { visible.append(reduction.result) }
    expression()
    elementwise(vectorAxis)
    storeUniform()
  }

  /// Windows that reach over the border, for each lane.
  private mutating func windows() {
    let inner = nested([vectorAxis]) { kernel in
      let outer = kernel.reducing(kernel.serialAxis) { kernel in
        let window = kernel.reducing(kernel.windowAxis) { kernel in
          kernel.windowLoad()
        }
        kernel.body.append(.loop(window))
        for reduction in window.reductions { kernel.visible.append(reduction.result) }
      }
      kernel.body.append(.loop(outer))
      for reduction in outer.reductions { kernel.visible.append(reduction.result) }
      kernel.loads()
      kernel.expression()
      kernel.storeSome()
    }
    body.append(.loop(Loop(vectorAxis, body: inner)))
  }

  /// Columns reduced, lane by lane or without any.
  private mutating func vertical() {
    let reductions = reducing(windowAxis) { $0.loads() }
    body.append(.loop(reductions))
    for reduction in reductions.reductions { visible.append(reduction.result) }
    storeUniform()
  }

  private mutating func cumulative() {
    let isPerLane = chance(60)
    let axes = isPerLane ? [vectorAxis] : []
    let outer = nested(axes) { kernel in
      let initial = kernel.constant(.float32, bits: UInt64(Float(0.5).bitPattern))
      let parameter = kernel.newValue(.float32, isVisible: false)
      var next = parameter
      let inner = kernel.nested([kernel.serialAxis]) { kernel in
        let x = kernel.load(.float32, .dyadic)
        next = kernel.define(.float32, .binary(.add, parameter, x))
        kernel.visible.append(parameter)
        kernel.store(kernel.chance(50) ? next : parameter)
      }
      let result = kernel.newValue(.float32)
      kernel.body.append(
        .loop(
          Loop(
            kernel.serialAxis, body: inner,
            carried: [Carried(parameter: parameter, initial: initial, next: next, result: result)])))
      kernel.store(result)
    }
    if isPerLane {
      body.append(.loop(Loop(vectorAxis, body: outer)))
    } else {
      body += outer
    }
  }

  /// A loop over the axis with one or two reductions of what `make` defined.
  private mutating func reducing(_ axis: AxisID, _ make: (inout RandomKernel) -> Void) -> Loop {
    var chosen: [(LoopReduction.Operation, KernelValue)] = []
    let start = types.count
    let inner = nested([axis]) { kernel in
      make(&kernel)
      if kernel.visible.allSatisfy({ $0.index < start }) { _ = kernel.load(.float32, .dyadic) }
      let candidates = kernel.visible.filter { $0.index >= start }
      for _ in 0..<Int.random(in: 1...2, using: &kernel.generator) {
        let operand = kernel.pick(candidates)
        let type = kernel.types[operand.index]
        var operations = LoopReduction.Operation.allCases.filter { $0.isDefined(for: type) }
        if type.isFloat {
          // Sums and products in another order round differently, unless the terms allow neither.
          operations = [.maximum, .minimum]
          if let exact = kernel.exactOperation(operand, in: kernel.body) { operations += [exact, exact] }
        }
        chosen.append((kernel.pick(operations), operand))
      }
    }
    let reductions = chosen.map { operation, operand in
      LoopReduction(newValue(types[operand.index], isVisible: false), operation, operand)
    }
    return Loop(axis, body: inner, reductions: reductions)
  }

  private func exactOperation(_ value: KernelValue, in body: [Statement]) -> LoopReduction.Operation? {
    for case .define(value, .load(let buffer, _, _)) in body {
      switch contents[buffer] {
      case .dyadic: return .sum
      case .signs: return .product
      default: return nil
      }
    }
    for case .loop(let loop) in body {
      for reduction in loop.reductions where reduction.result == value && reduction.operation == .sum { return .sum }
    }
    return nil
  }

  /// An operand that lies the other way round than the result, among others.
  private mutating func transposition() {
    let inner = nested([serialAxis, vectorAxis]) { kernel in
      for _ in 0..<Int.random(in: 1...2, using: &kernel.generator) {
        var index = Index(terms: [
          .init(kernel.serialAxis, stride: 1),
          .init(kernel.vectorAxis, stride: kernel.extents[kernel.serialAxis.index] + (kernel.chance(30) ? 3 : 0)),
        ])
        if kernel.chance(50) { index.terms.append(.init(AxisID(0), stride: 2000)) }
        let type = kernel.pick(Self.storedTypes)
        let buffer = kernel.newBuffer(type, .read, &index, .anything)
        _ = kernel.define(LoopKernel.computeType(type)!, .load(buffer: buffer, index))
      }
      if kernel.chance(50) { kernel.loads() }
      for _ in 0..<Int.random(in: 0...3, using: &kernel.generator) { kernel.expression() }
      kernel.storeSome()
    }
    body.append(.loop(Loop(serialAxis, body: [.loop(Loop(vectorAxis, body: inner))])))
  }

  // MARK: Memory

  private mutating func loads() {
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let type = pick(Self.storedTypes)
      _ = load(type, pick([.anything, .dyadic, .dyadic, .signs]))
    }
    if chance(15) { gather() }
  }

  private mutating func load(_ type: ElementType, _ contents: Contents) -> KernelValue {
    var index = randomIndex(percentStrided: 25, percentBroadcast: 30)
    var otherwise: KernelValue?
    let computed = LoopKernel.computeType(type)!
    if chance(25) {
      addGuard(to: &index)
      if chance(60) { otherwise = constant(computed) }
    }
    return define(computed, .load(buffer: newBuffer(type, .read, &index, contents), index, otherwise: otherwise))
  }

  private mutating func windowLoad() {
    let axis = kernel.parallelCount == 2 ? AxisID(1) : AxisID(0)
    let guards = [(axis, serialAxis), (axis, windowAxis)].map { outer, inner in
      Index.Guard(
        constant: -Int.random(in: 0...2, using: &generator),
        terms: [
          .init(outer, stride: pick([1, 1, 2])), .init(inner, stride: pick([1, 1, 2, 3])),
        ], extent: Int.random(in: 1...5, using: &generator))
    }
    var index = Index(terms: [.init(vectorAxis, stride: 1)], guards: guards)
    // The element that the two guarded positions name.
    var strides: [AxisID: Int] = [:]
    for (guarded, step) in zip(guards, [guards[1].extent, 1]) {
      index.constant += guarded.constant * step * extents[vectorAxis.index]
      for term in guarded.terms {
        strides[term.axis, default: 0] += term.stride * step * extents[vectorAxis.index]
      }
    }
    index.terms += strides.sorted { $0.key.index < $1.key.index }.map { .init($0.key, stride: $0.value) }
    let type = pick(Self.storedTypes.filter { $0 != .bool })
    let computed = LoopKernel.computeType(type)!
    let otherwise: KernelValue? =
      chance(50)
      ? constant(computed, bits: computed == .float32 ? UInt64((-Float.infinity).bitPattern) : nil) : nil
    _ = define(computed, .load(buffer: newBuffer(type, .read, &index, .dyadic), index, otherwise: otherwise))
  }

  private mutating func gather() {
    let positionType: ElementType = pick([.int32, .int64])
    let rows = Int.random(in: 1...9, using: &generator)
    var index = randomIndex(percentStrided: 0, percentBroadcast: 50)
    let positions = define(
      positionType,
      .load(buffer: newBuffer(positionType, .read, &index, .positions(below: rows)), index))
    var target = randomIndex(percentStrided: 10, percentBroadcast: 40)
    let type = pick(Self.storedTypes)
    let buffer = newBuffer(type, .read, &target, .anything)
    let stride = sizes[buffer]
    target.indirect = [.init(positions, stride: stride)]
    sizes[buffer] = stride * rows
    _ = define(LoopKernel.computeType(type)!, .load(buffer: buffer, target))
  }

  /// Row-major over the axes in scope in a random order, some of them left out or with gaps.
  private mutating func randomIndex(percentStrided: Int, percentBroadcast: Int) -> Index {
    var index = Index()
    var stride = chance(percentStrided) ? Int.random(in: 2...3, using: &generator) : 1
    var axes = Array(scope.reversed())
    if chance(percentStrided) { axes.shuffle(using: &generator) }
    for axis in axes {
      if chance(percentBroadcast) && axis != axes.first { continue }
      let isBackwards = chance(percentStrided / 4)
      index.terms.append(.init(axis, stride: isBackwards ? -stride : stride))
      stride *= max(1, extents[axis.index])
    }
    if chance(10), !index.terms.isEmpty { index.terms.removeFirst() }
    return index
  }

  private mutating func addGuard(to index: inout Index) {
    for _ in 0..<Int.random(in: 1...2, using: &generator) {
      var axes = scope.filter { _ in chance(45) }
      if axes.isEmpty { axes = [pick(scope)] }
      let terms = axes.map { Index.Term($0, stride: pick([1, 1, 1, 2, -1])) }
      let reach = axes.map { extents[$0.index] }.max() ?? 1
      index.guards.append(
        .init(
          constant: Int.random(in: -reach...reach, using: &generator), terms: terms,
          extent: Int.random(in: 0...(reach + 2), using: &generator)))
    }
  }

  /// A buffer that has exactly the elements which the index reaches; moves the index so that the first is element 0.
  private mutating func newBuffer(
    _ type: ElementType, _ access: LoopKernel.Buffer.Access, _ index: inout Index, _ contents: Contents
  ) -> Int {
    var least = Int.max
    var greatest = Int.min
    forEachPosition(scope) { positions in
      func value(_ constant: Int, _ terms: [Index.Term]) -> Int {
        terms.reduce(constant) { $0 + positions[$1.axis.index] * $1.stride }
      }
      for guarded in index.guards {
        let position = value(guarded.constant, guarded.terms)
        if position < 0 || position >= guarded.extent { return }
      }
      let element = value(index.constant, index.terms)
      least = min(least, element)
      greatest = max(greatest, element)
    }
    if least > greatest { (least, greatest) = (0, 0) }
    index.constant -= least
    kernel.buffers.append(.init(type, access))
    sizes.append(greatest - least + 1)
    self.contents.append(contents)
    return kernel.buffers.count - 1
  }

  private func forEachPosition(_ axes: [AxisID], _ body: ([Int]) -> Void) {
    var positions = [Int](repeating: 0, count: extents.count)
    func visit(_ rest: ArraySlice<AxisID>) {
      guard let axis = rest.first else { return body(positions) }
      for position in 0..<extents[axis.index] {
        positions[axis.index] = position
        visit(rest.dropFirst())
      }
    }
    visit(axes[...])
  }

  private mutating func storeSome() {
    for _ in 0..<Int.random(in: 1...2, using: &generator) { store(pick(visible)) }
  }

  /// To an element of its own at each position.
  private mutating func store(_ value: KernelValue) {
    let type = types[value.index]
    let targets = Self.storedTypes.filter { target in
      let computed = LoopKernel.computeType(target)!
      return !(type.isFloat && target.isInteger && target.kind == .unsignedInteger && type == .float64)
        && LoopCompiler.supports(conversionOf: type, to: computed, through: target, instructionSet)
    }
    var index = Index()
    var stride = chance(80) ? 1 : 2
    var axes = Array(scope.reversed())
    if chance(20) { axes.shuffle(using: &generator) }
    for axis in axes {
      index.terms.append(.init(axis, stride: stride))
      stride *= max(1, extents[axis.index])
    }
    let target = chance(60) && targets.contains(type) ? type : pick(targets)
    if chance(20) { addGuard(to: &index) }
    let buffer = newBuffer(target, .write, &index, .anything)
    body.append(.store(buffer: buffer, index, value))
  }

  private mutating func storeUniform() { store(pick(visible)) }

  // MARK: Expressions

  private mutating func constant(_ type: ElementType, bits: UInt64? = nil) -> KernelValue {
    let number = pick([-3, -1, 1, 2, 5, 100])
    let value: UInt64 =
      switch type {
      case .float32: UInt64((Float(number) / 2).bitPattern)
      case .float64: (Double(number) / 2).bitPattern
      case .bool: UInt64(number & 1)
      case .int32, .uint32: UInt64(UInt32(truncatingIfNeeded: number))
      default: UInt64(bitPattern: Int64(number))
      }
    return define(type, .constantBits(bits ?? value))
  }

  private mutating func expression() {
    let x = pick(visible)
    let type = types[x.index]
    switch Int.random(in: 0..<9, using: &generator) {
    case 0, 1:
      let functions = UnaryFunction.allCases.filter {
        LoopCompiler.supports($0, type, instructionSet) && Self.isExact($0)
      }
      guard !functions.isEmpty else { return }
      let function = pick(functions)
      _ = define(function.kernelResult(type)!, .unary(function, x))
    case 2, 3, 4:
      let functions = BinaryFunction.allCases.filter {
        LoopCompiler.supports($0, type, instructionSet) && $0 != .power && $0 != .arcTangent2
      }
      let function = pick(functions)
      _ = define(type, .binary(function, x, partner(of: x)))
    case 5: _ = define(.bool, .compare(pick(Comparison.allCases), x, partner(of: x)))
    case 6:
      let predicates = visible.filter { types[$0.index] == .bool }
      let other = partner(of: x)
      let predicate =
        predicates.isEmpty || chance(50)
        ? define(.bool, .compare(pick(Comparison.allCases), x, other)) : pick(predicates)
      _ = define(type, .select(predicate, x, other))
    case 7:
      if type.isFloat {
        let (y, z) = (partner(of: x), partner(of: x))
        _ = define(type, .multiplyAdd(x, y, z))
      } else {
        let axes = scope.filter { _ in chance(70) }
        let terms = axes.map { Index.Term($0, stride: pick([1, 2, -3])) }
        _ = define(pick([.int32, .int64]), .position(Index(constant: pick([0, 5, -2]), terms: terms)))
      }
    default:
      let targets: [ElementType] = [.float32, .float64, .int32, .int64, .uint32, .uint64, .bool]
      let target = pick(targets)
      let through = pick(Self.storedTypes)
      guard LoopCompiler.supports(conversionOf: type, to: target, through: through, instructionSet) else { return }
      _ = define(target, .convert(x, through: through))
    }
  }

  private static func isExact(_ function: UnaryFunction) -> Bool {
    switch function {
    case .absolute, .negate, .sign, .ceil, .floor, .roundNearestEven, .not, .squareRoot, .reciprocal, .isNaN,
      .isInfinite, .isPositiveInfinite, .isNegativeInfinite:
      true
    default: false
    }
  }

  private mutating func partner(of value: KernelValue) -> KernelValue {
    let type = types[value.index]
    let others = visible.filter { types[$0.index] == type }
    return chance(70) && !others.isEmpty ? pick(others) : constant(type)
  }
}
