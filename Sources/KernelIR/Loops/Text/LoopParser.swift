import GraphIR
import Tensors

extension LoopKernel {
  /// Reads the text form of `description` and verifies the kernel.
  public init(parsing text: String) throws(GraphTextError) {
    var parser = LoopParser(text)
    self = try parser.parse()
    do {
      try verify()
    } catch {
      throw parser.scanner.error("\(error)", at: 0)
    }
  }
}

struct LoopParser {
  var scanner: TextScanner
  private var kernel = LoopKernel(name: "", buffers: [], axes: [], parallelCount: 0, types: [], body: [])
  /// Types so far; nil for numbers that no definition has taken.
  private var types: [ElementType?] = []
  private var axisNames: [String: AxisID] = [:]

  private static let maximumDepth = 32
  private static let maximumValueCount = 1 << 16

  init(_ text: String) { scanner = TextScanner(text) }

  mutating func parse() throws(GraphTextError) -> LoopKernel {
    try expect(word: "kernel")
    kernel.name = try scanner.name("the kernel's name")
    while scanner.take(word: "buffer") { try parseBuffer() }
    while scanner.take(word: "axis") { try parseAxis() }
    while !scanner.isAtEnd() { kernel.body.append(try parseStatement(depth: 0)) }
    for (index, type) in types.enumerated() {
      guard let type else { throw scanner.error("%\(index) is not defined") }
      kernel.types.append(type)
    }
    return kernel
  }

  private mutating func expect(word: String) throws(GraphTextError) {
    if !scanner.take(word: word) { throw scanner.unexpected("'\(word)'") }
  }

  private mutating func oneOf<Choice: CaseIterable>(
    _ choices: Choice.Type, _ expected: String
  ) throws(GraphTextError) -> Choice {
    scanner.skipSpace()
    let start = scanner.position
    let word = try scanner.word(expected)
    guard let choice = Choice.allCases.first(where: { "\($0)" == word }) else {
      throw scanner.error("'\(word)' is not \(expected)", at: start)
    }
    return choice
  }

  private mutating func parseBuffer() throws(GraphTextError) {
    let index = try scanner.integer()
    guard index == kernel.buffers.count else { throw scanner.error("expected buffer \(kernel.buffers.count)") }
    let access = try oneOf(LoopKernel.Buffer.Access.self, "an access")
    let type = try parseType()
    kernel.buffers.append(.init(type, access, elementCount: access == .scratch ? try scanner.integer() : 0))
  }

  private mutating func parseAxis() throws(GraphTextError) {
    let id = AxisID(kernel.axes.count)
    let name = try scanner.word("an axis")
    guard name == id.name else { throw scanner.error("expected axis \(id.name)") }
    axisNames[name] = id
    let kind = try oneOf(LoopKernel.Axis.Kind.self, "a kind of axis")
    let isFirst = id.index == 0 && kind == .parallel
    kernel.axes.append(.init(kind, extent: isFirst ? 0 : try scanner.integer()))
    kernel.parallelCount += kind == .parallel ? 1 : 0
  }

  // MARK: Statements

  private mutating func parseStatement(depth: Int) throws(GraphTextError) -> Statement {
    if scanner.take(word: "loop") { return .loop(try parseLoop(depth: depth)) }
    if scanner.take(word: "store") {
      let (buffer, index) = try parsePlace()
      return .store(buffer: buffer, index, try parseUse())
    }
    let value = try parseValue()
    try scanner.expect("=")
    let (type, expression) = try parseExpression()
    try define(value, type)
    return .define(value, expression)
  }

  private mutating func parseLoop(depth: Int) throws(GraphTextError) -> Loop {
    if depth == Self.maximumDepth { throw scanner.error("loops nested too deeply") }
    var loop = Loop(try parseAxisUse(), body: [])
    if scanner.take(word: "carry") {
      repeat {
        let parameter = try parseValue()
        try expect(word: "from")
        let initial = try parseUse()
        try define(parameter, type(of: initial))
        try expect(word: "by")
        let next = try parseValue()
        try expect(word: "to")
        loop.carried.append(Carried(parameter: parameter, initial: initial, next: next, result: try parseValue()))
      } while scanner.take(",")
    }
    try scanner.expect("{")
    while !scanner.take("}") { loop.body.append(try parseStatement(depth: depth + 1)) }
    for carried in loop.carried { try define(carried.result, type(of: carried.initial)) }
    if scanner.take(word: "reduce") {
      repeat {
        let result = try parseValue()
        try scanner.expect("=")
        let operation = try oneOf(LoopReduction.Operation.self, "a reduction")
        let operand = try parseUse()
        try define(result, type(of: operand))
        loop.reductions.append(LoopReduction(result, operation, operand))
      } while scanner.take(",")
    }
    return loop
  }

  private mutating func parseExpression() throws(GraphTextError) -> (ElementType, Expression) {
    scanner.skipSpace()
    let start = scanner.position
    let word = try scanner.word("an expression")
    switch word {
    case "constant":
      let type = try parseType()
      return (type, .constantBits(try parseConstant(type)))
    case "position":
      let type = try parseType()
      return (type, .position(try parseIndex()))
    case "load":
      let (buffer, index) = try parsePlace()
      guard kernel.buffers.indices.contains(buffer),
        let type = LoopKernel.computeType(kernel.buffers[buffer].elementType)
      else { throw scanner.error("no buffer \(buffer) to load from", at: start) }
      return (type, .load(buffer: buffer, index, otherwise: scanner.take(word: "otherwise") ? try parseUse() : nil))
    case "compare":
      let comparison = try oneOf(Comparison.self, "a comparison")
      return (.bool, .compare(comparison, try parseUse(), try parseUse()))
    case "select":
      let (predicate, a, b) = (try parseUse(), try parseUse(), try parseUse())
      return (type(of: a), .select(predicate, a, b))
    case "convert":
      let type = try parseType()
      let through = scanner.take(word: "through") ? try parseType() : type
      return (type, .convert(try parseUse(), through: through))
    case "bitcast":
      let type = try parseType()
      return (type, .bitcast(try parseUse()))
    case "multiplyAdd":
      let (a, b, c) = (try parseUse(), try parseUse(), try parseUse())
      return (type(of: a), .multiplyAdd(a, b, c))
    default: break
    }
    if let function = UnaryFunction(rawValue: word) {
      let x = try parseUse()
      guard let type = function.kernelResult(type(of: x)) else {
        throw scanner.error("no \(word) of \(type(of: x).name)", at: start)
      }
      return (type, .unary(function, x))
    }
    guard let function = BinaryFunction(rawValue: word) else { throw scanner.error("no function '\(word)'", at: start) }
    let (a, b) = (try parseUse(), try parseUse())
    guard let type = function.kernelResult(type(of: a)) else {
      throw scanner.error("no \(word) of \(type(of: a).name)", at: start)
    }
    return (type, .binary(function, a, b))
  }

  private mutating func parseConstant(_ type: ElementType) throws(GraphTextError) -> UInt64 {
    if type == .bool {
      if scanner.take(word: "true") { return 1 }
      if scanner.take(word: "false") { return 0 }
    }
    scanner.skipSpace()
    let start = scanner.position
    let isNegative = scanner.take("-")
    let digits = try scanner.number()
    if digits.hasPrefix("0x"), let bits = UInt64(digits.dropFirst(2), radix: 16) { return bits }
    let text = (isNegative ? "-" : "") + digits
    let bits: UInt64? =
      switch type {
      case .float32: Float(text).map { UInt64($0.bitPattern) }
      case .float64: Double(text).map(\.bitPattern)
      case .uint32, .uint64: UInt64(text)
      default: Int64(text).map { UInt64(bitPattern: $0) }
      }
    guard let bits else { throw scanner.error("'\(text)' is no \(type.name)", at: start) }
    return bits
  }

  // MARK: Values

  private mutating func parseValue() throws(GraphTextError) -> KernelValue {
    scanner.skipSpace()
    let start = scanner.position
    let name = try scanner.valueName()
    guard let index = Int(name), (0..<Self.maximumValueCount).contains(index) else {
      throw scanner.error("'%\(name)' is no number of a value", at: start)
    }
    return KernelValue(index)
  }

  private mutating func parseUse() throws(GraphTextError) -> KernelValue {
    scanner.skipSpace()
    let start = scanner.position
    let value = try parseValue()
    guard types.indices.contains(value.index), types[value.index] != nil else {
      throw scanner.error("%\(value.index) is not defined", at: start)
    }
    return value
  }

  private mutating func define(_ value: KernelValue, _ type: ElementType) throws(GraphTextError) {
    if value.index >= types.count {
      types += Array(repeating: nil, count: value.index + 1 - types.count)
    }
    if types[value.index] != nil { throw scanner.error("%\(value.index) is defined already") }
    types[value.index] = type
  }

  /// Of a value that `parseUse` gave.
  private func type(of value: KernelValue) -> ElementType { types[value.index] ?? .float32 }

  private mutating func parseType() throws(GraphTextError) -> ElementType { try oneOf(ElementType.self, "a type") }

  // MARK: Indices

  private mutating func parsePlace() throws(GraphTextError) -> (buffer: Int, Index) {
    (try scanner.integer(), try parseIndex())
  }

  private mutating func parseIndex() throws(GraphTextError) -> Index {
    try scanner.expect("[")
    var index = Index()
    (index.constant, index.terms, index.indirect) = try parseSum()
    if scanner.take(word: "where") {
      repeat {
        guard try scanner.integer() == 0 else { throw scanner.error("a guard begins with 0") }
        try parseLessOrEqual()
        let start = scanner.position
        let (constant, terms, indirect) = try parseSum()
        if !indirect.isEmpty { throw scanner.error("a guard has axes only", at: start) }
        try scanner.expect("<")
        index.guards.append(.init(constant: constant, terms: terms, extent: try scanner.integer()))
      } while scanner.take(",")
    }
    try scanner.expect("]")
    return index
  }

  private mutating func parseLessOrEqual() throws(GraphTextError) {
    try scanner.expect("<")
    try scanner.expect("=")
  }

  private mutating func parseSum() throws(GraphTextError) -> (Int, [Index.Term], [Index.Indirect]) {
    var constant = 0
    var terms: [Index.Term] = []
    var indirect: [Index.Indirect] = []
    var isNegative = scanner.take("-")
    while true {
      if scanner.isNext("%") {
        let value = try parseUse()
        indirect.append(.init(value, stride: try parseFactor(isNegative)))
      } else if scanner.isNextWord() {
        let axis = try parseAxisUse()
        terms.append(.init(axis, stride: try parseFactor(isNegative)))
      } else {
        let number = try scanner.integer()
        constant = isNegative ? constant &- number : constant &+ number
      }
      if scanner.take("+") {
        isNegative = false
      } else if scanner.take("-") {
        isNegative = true
      } else {
        return (constant, terms, indirect)
      }
    }
  }

  private mutating func parseFactor(_ isNegative: Bool) throws(GraphTextError) -> Int {
    let factor = scanner.take("*") ? try scanner.integer() : 1
    return isNegative ? 0 &- factor : factor
  }

  private mutating func parseAxisUse() throws(GraphTextError) -> AxisID {
    scanner.skipSpace()
    let start = scanner.position
    let name = try scanner.word("an axis")
    guard let axis = axisNames[name] else { throw scanner.error("no axis '\(name)'", at: start) }
    return axis
  }
}
