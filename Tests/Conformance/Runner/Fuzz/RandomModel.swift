import GraphIR
import ONNXFrontend
import TestSupport

/// A model of random nodes that mostly make sense, with a few things wrong on purpose: names, types, shapes, order,
/// attributes, functions that call themselves. A node that the importer refuses is mostly taken out again: otherwise
/// hardly any model would get past it. The same bytes for a seed everywhere, while the importer stays the same.
struct RandomModel {
  private(set) var bytes: [UInt8] = []
  private var writtenFunctions: [MessageWriter] = []
  private var irVersion = 10
  private var opset = 28
  private var importsDomains = true
  private var random: SeededGenerator
  private var functions: [Function] = []
  private var nameCount = 0
  /// How often, in percent, something is not as it should be.
  private let wrongness: Int

  private struct Function {
    var name: String
    var inputCount: Int
    var outputCount: Int
  }

  /// What the generator knows of a value in sight.
  private struct Value {
    var name: String
    /// ONNX's number of the element type; 0 for no tensor, or unknown.
    var elementType: Int
    var shape: [Int]?
    var isSequence = false
  }

  /// A graph while it is written.
  private struct Body {
    var nodes: [MessageWriter] = []
    var initializers: [MessageWriter] = []
    var sparseInitializers: [MessageWriter] = []
    var inputs: [MessageWriter] = []
    var outputs: [MessageWriter] = []
    var values: [Value] = []
    /// Values of graphs around this one.
    var outer: [Value] = []
  }

  private enum Code {
    static let float = 1, byte = 2, signedByte = 3, int64 = 7, string = 8, bool = 9
    static let all = 0...29
  }

  init(seed: Int) {
    random = SeededGenerator(seed)
    wrongness = [0, 0, 1, 3, 10, 30][random.integer(0...5)]
    let functionCount = random.chance(20) ? random.integer(1...3) : 0
    for index in 0..<functionCount {
      functions.append(
        Function(name: "F\(index)", inputCount: random.integer(0...3), outputCount: random.integer(1...2)))
    }
    let known = functions
    writtenFunctions = known.map { function($0) }
    opset = random.chance(70) ? 28 : random.integer(-1...30)
    if wrong() { irVersion = random.integer(-1...20) }
    importsDomains = !wrong()
    bytes = model(graph(nodeCount: random.integer(1...12), depth: 0, inputs: [], outer: []))
  }

  private func model(_ graph: MessageWriter) -> [UInt8] {
    MessageWriter {
      $0.int(1, irVersion)
      $0.message(7, graph)
      $0.message(8) { $0.int(2, opset) }
      for domain in importsDomains ? ["ai.onnx.ml", "com.microsoft", "own"] : [] {
        $0.message(8) {
          $0.string(1, domain)
          $0.int(2, domain == "ai.onnx.ml" ? 5 : 1)
        }
      }
      for function in writtenFunctions { $0.message(25, function) }
    }.bytes
  }

  private mutating func wrong() -> Bool { random.chance(wrongness) }

  private mutating func freshName() -> String {
    nameCount += 1
    return "v\(nameCount)"
  }

  // MARK: Graphs

  private mutating func graph(nodeCount: Int, depth: Int, inputs: [MessageWriter], outer: [Value]) -> MessageWriter {
    var body = Body(inputs: inputs, outer: outer)
    fill(&body, nodeCount: nodeCount, depth: depth)
    return write(body, outputs: outputs(of: body, count: random.integer(1...3)))
  }

  private mutating func fill(_ body: inout Body, nodeCount: Int, depth: Int) {
    for _ in 0..<nodeCount {
      for _ in 0..<4 {
        let before = body
        switch random.integer(0...99) {
        case 0..<8 where depth < 3: addControlFlow(&body, depth: depth)
        case 8..<14 where !functions.isEmpty: addCall(&body)
        default: addNode(&body)
        }
        // Bodies are looked at with the node that they belong to, functions where they are called.
        if depth > 0 || wrong() || isAccepted(&body) { break }
        body = before
      }
    }
    if wrong(), body.nodes.count > 1 { body.nodes.swapAt(0, body.nodes.count - 1) }
    if wrong(), let node = body.nodes.first { body.nodes.append(node) }
  }

  /// Whether the importer takes the graph so far. If so, the last value gets the type that was inferred.
  private mutating func isAccepted(_ body: inout Body) -> Bool {
    guard let last = body.values.last else { return false }
    let bytes = model(write(body, outputs: [last.name]))
    do {
      let graph = try Importer(ONNXModel(bytes: bytes, name: "fuzz")).importGraph()
      var value = Value(name: last.name, elementType: 0)
      switch graph.outputs.first.map(graph.type) {
      case .tensor(let type):
        value.elementType = Int(type.elementType.rawValue)
        let extents = type.shape.compactMap(\.constant)
        value.shape = extents.count == type.shape.count ? extents : nil
      case .sequence: value.isSequence = true
      default: break
      }
      body.values[body.values.count - 1] = value
      return true
    } catch {
      // That it asks for the values of inputs is no refusal.
      if case ONNXError.requiresConstantInputs = error { return true }
      if case ONNXError.requiresInputTypes = error { return true }
      return false
    }
  }

  /// Names of the last values, mostly.
  private mutating func outputs(of body: Body, count: Int) -> [String] {
    (0..<count).map { index in
      if wrong() { return random.pick(["", "nowhere", body.outer.first?.name ?? "v1"]) }
      guard body.values.count > index else { return "nowhere" }
      return body.values[body.values.count - 1 - index].name
    }
  }

  private mutating func write(_ body: Body, outputs: [String]) -> MessageWriter {
    var infos: [MessageWriter] = []
    for output in outputs { infos.append(valueInfo(output, type: 0, shape: nil)) }
    return MessageWriter {
      for node in body.nodes { $0.message(1, node) }
      $0.string(2, "g")
      for initializer in body.initializers { $0.message(5, initializer) }
      for initializer in body.sparseInitializers { $0.message(15, initializer) }
      for input in body.inputs { $0.message(11, input) }
      for info in infos { $0.message(12, info) }
    }
  }

  // MARK: Values

  private mutating func valueInfo(_ name: String, type: Int, shape: [Int]?, isSequence: Bool = false) -> MessageWriter {
    guard type > 0 else { return MessageWriter { $0.string(1, name) } }
    let type = wrong() ? random.integer(Code.all) : type
    let extents = shape.map { shape in shape.map { extent(declared: $0) } }
    let tensor = MessageWriter {
      $0.int(1, type)
      if let extents {
        $0.message(2) { for extent in extents { $0.message(1, extent) } }
      }
    }
    return MessageWriter {
      $0.string(1, name)
      $0.message(2) {
        if isSequence { $0.message(4) { $0.message(1) { $0.message(1, tensor) } } } else { $0.message(1, tensor) }
      }
    }
  }

  /// A number, a name or nothing.
  private mutating func extent(declared: Int) -> MessageWriter {
    if wrong() {
      return MessageWriter { $0.int(1, random.pick([0, -1, 1 << 20, 1 << 31, 1 << 40, 1 << 62, .max, .min])) }
    }
    switch random.integer(0...9) {
    case 0: return MessageWriter { $0.string(2, random.pick(["N", "M", "-1", "N+1"])) }
    case 1: return MessageWriter()
    default: return MessageWriter { $0.int(1, declared) }
    }
  }

  private mutating func addInput(_ body: inout Body, type: Int, shape: [Int], isSequence: Bool = false) -> String {
    let name = freshName()
    body.inputs.append(valueInfo(name, type: type, shape: wrong() ? nil : shape, isSequence: isSequence))
    body.values.append(
      Value(name: name, elementType: isSequence ? 0 : type, shape: isSequence ? nil : shape, isSequence: isSequence))
    return name
  }

  private mutating func addInitializer(_ body: inout Body, type: Int, shape: [Int]) -> String {
    let name = freshName()
    if type == Code.float, random.chance(8) {
      body.sparseInitializers.append(sparseTensor(name, shape))
    } else {
      body.initializers.append(tensor(name, type: type, shape: shape))
    }
    // One that a caller may override.
    if random.chance(10) { body.inputs.append(valueInfo(name, type: type, shape: shape)) }
    body.values.append(Value(name: name, elementType: type, shape: shape))
    return name
  }

  private mutating func tensor(_ name: String, type: Int, shape: [Int]) -> MessageWriter {
    var count = shape.reduce(1, *)
    if wrong() { count = random.integer(0...8) }
    var claimed = shape
    if wrong(), !claimed.isEmpty {
      claimed[random.integer(0...claimed.count - 1)] = random.pick([-1, 0, 1 << 33, 1 << 62])
    }
    let floats = (0..<count).map { _ in Float(random.integer(-8...8)) / 4 }
    let integers = (0..<count).map { _ in integer(0...3) }
    let texts = (0..<count).map { _ in random.pick(["a", "b", "", "aa bb", "é"]) }
    return .tensor(name, type, claimed) {
      switch type {
      case Code.float: $0.packedFloats(4, floats)
      case Code.string: for text in texts { $0.string(6, text) }
      case Code.int64: $0.packedInts(7, integers)
      default: $0.packedInts(5, integers.map { abs($0 % 4) })
      }
    }
  }

  private mutating func sparseTensor(_ name: String, _ shape: [Int]) -> MessageWriter {
    let size = shape.reduce(1, *)
    let count = min(size, 3)
    var positions = Array(0..<count)
    if wrong() { positions = positions.map { _ in integer(0...size) } }
    let values = tensor(name, type: Code.float, shape: [count])
    let extents = wrong() ? [1 << 20, 1 << 20] : shape
    return MessageWriter {
      $0.message(1, values)
      $0.message(2, .tensor("", Code.int64, [count]) { $0.packedInts(7, positions) })
      $0.packedInts(3, extents)
    }
  }

  /// Within the range, unless something is to be wrong.
  private mutating func integer(_ range: ClosedRange<Int>) -> Int {
    guard wrong() else { return random.integer(range) }
    return random.pick([-1, 0, 1, 1000, 1 << 31, 1 << 40, 1 << 62, .max, .min, -1 << 40])
  }

  // MARK: Operands

  private mutating func operand(_ kind: OperatorForm.Operand.Kind, _ body: inout Body) -> String {
    if wrong() { return random.pick(["", "nowhere", body.values.last?.name ?? "", "v\(nameCount + 2)"]) }
    let all = body.outer + body.values
    switch kind {
    case .any: return all.isEmpty ? addInput(&body, type: Code.float, shape: [2, 3]) : random.pick(all).name
    case .float: return known(all, Code.float) { _ in true } ?? tensor(&body, Code.float, random.pick(Self.shapes))
    case .image: return known(all, Code.float) { $0?.count == 4 } ?? tensor(&body, Code.float, [1, 4, 6, 6])
    case .matrix: return known(all, Code.float) { $0?.count == 2 } ?? tensor(&body, Code.float, [6, 6])
    case .filter: return addInitializer(&body, type: Code.float, shape: [4, 4, random.integer(1...3), 3])
    case .channels: return addInitializer(&body, type: Code.float, shape: [4])
    case .integer:
      return known(all, Code.int64) { _ in true } ?? tensor(&body, Code.int64, random.pick([[3], [2, 3], []]))
    case .boolean:
      return known(all, Code.bool) { _ in true } ?? tensor(&body, Code.bool, random.pick([[3], [2, 3], []]))
    case .string:
      return known(all, Code.string) { _ in true } ?? tensor(&body, Code.string, random.pick([[3], [2, 2]]))
    case .byte: return tensor(&body, random.pick([Code.byte, Code.signedByte]), [4, 4])
    case .scale:
      return addInitializer(&body, type: random.pick([Code.float, Code.byte]), shape: random.pick([[], [4]]))
    case .list: return addInitializer(&body, type: Code.int64, shape: [random.integer(0...4)])
    case .scalar:
      return addInitializer(
        &body, type: random.pick([Code.int64, Code.int64, Code.float]), shape: random.pick([[], [1]]))
    case .sequence:
      if let known = all.last(where: \.isSequence), random.chance(80) { return known.name }
      return addInput(&body, type: Code.float, shape: [2, 3], isSequence: true)
    }
  }

  private static let shapes = [
    [], [4], [6, 6], [2, 3, 4], [1, 4, 6, 6], [1, 1], [3, 1, 2], [0, 3], [1, 4, 1, 1, 2],
  ]

  /// A value in sight that fits, the later the likelier.
  private mutating func known(_ all: [Value], _ type: Int, _ fits: ([Int]?) -> Bool) -> String? {
    guard random.chance(75) else { return nil }
    let candidates = all.filter { $0.elementType == type && fits($0.shape) }
    guard !candidates.isEmpty else { return nil }
    return candidates[max(random.integer(0...candidates.count - 1), random.integer(0...candidates.count - 1))].name
  }

  private mutating func tensor(_ body: inout Body, _ type: Int, _ shape: [Int]) -> String {
    random.chance(60) ? addInput(&body, type: type, shape: shape) : addInitializer(&body, type: type, shape: shape)
  }

  // MARK: Nodes

  private mutating func addNode(_ body: inout Body) {
    let form = random.pick(OperatorForm.all)
    var names: [String] = []
    for operand in form.operands {
      names.append(operand.isOptional && random.chance(50) ? "" : self.operand(operand.kind, &body))
    }
    while names.last == "" { names.removeLast() }
    if wrong(), !names.isEmpty { names.removeLast() }
    if wrong() { names.append(body.values.last?.name ?? "") }
    let first = (body.outer + body.values).last { $0.name == names.first }
    var results: [String] = []
    let count = wrong() ? random.integer(0...9) : random.integer(1...max(form.resultCount, 1))
    for _ in 0..<count { results.append(wrong() ? body.values.last?.name ?? "" : freshName()) }
    let attributes = form.attributes.compactMap { attribute in
      random.chance(65) ? self.attribute(attribute.name, attribute.kind) : nil
    }
    body.nodes.append(node(form.name, names, results, attributes))
    if let name = results.first {
      let value = form.keepsType ? first : nil
      body.values.append(
        Value(
          name: name, elementType: value?.elementType ?? Self.resultType(form), shape: value?.shape,
          isSequence: form.name.hasPrefix("Sequence") || form.name == "SplitToSequence"))
    }
  }

  private static func resultType(_ form: OperatorForm) -> Int {
    switch form.name {
    case "Shape", "Size", "NonZero", "ArgMax", "ArgMin", "SequenceLength": Code.int64
    case "Equal", "Greater", "Less", "IsNaN", "IsInf", "OptionalHasElement", "RegexFullMatch": Code.bool
    case "StringConcat", "StringSplit", "StringNormalizer", "com.microsoft.Tokenizer": Code.string
    case "SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence",
      "ai.onnx.ml.ZipMap", "Optional":
      0
    default: Code.float
    }
  }

  private func node(
    _ name: String, _ inputs: [String], _ outputs: [String], _ attributes: [MessageWriter]
  ) -> MessageWriter {
    let parts = name.split(separator: ".")
    let domain = parts.dropLast().joined(separator: ".")
    return .node(String(parts.last ?? ""), inputs, outputs) {
      for attribute in attributes { $0.message(5, attribute) }
      if !domain.isEmpty { $0.string(7, domain) }
    }
  }

  private mutating func addCall(_ body: inout Body) {
    let function = random.pick(functions)
    var names: [String] = []
    for _ in 0..<function.inputCount { names.append(operand(.float, &body)) }
    let results = (0..<function.outputCount).map { _ in freshName() }
    let attribute = self.attribute("alpha", .float)
    body.nodes.append(node("own.\(function.name)", names, results, random.chance(50) ? [attribute] : []))
    for result in results { body.values.append(Value(name: result, elementType: Code.float, shape: nil)) }
  }

  private mutating func function(_ function: Function) -> MessageWriter {
    var body = Body()
    let parameters = (0..<function.inputCount).map { _ in freshName() }
    for parameter in parameters { body.values.append(Value(name: parameter, elementType: Code.float, shape: nil)) }
    // A function knows neither inputs nor initializers of its own: what it lacks there is missing.
    fill(&body, nodeCount: random.integer(1...4), depth: 2)
    let reference = MessageWriter {
      $0.string(1, "alpha")
      $0.string(21, random.pick(["alpha", "beta"]))
      $0.int(20, 1)
    }
    if let parameter = parameters.first {
      let result = freshName()
      body.nodes.append(node("LeakyRelu", [parameter], [result], [reference]))
      body.values.append(Value(name: result, elementType: Code.float, shape: nil))
    }
    if wrong() { addCall(&body) }
    let results = outputs(of: body, count: function.outputCount)
    return MessageWriter {
      $0.string(1, function.name)
      for parameter in parameters { $0.string(4, parameter) }
      for result in results { $0.string(5, result) }
      $0.string(6, "alpha")
      for node in body.nodes { $0.message(7, node) }
      $0.message(9) { $0.int(2, 21) }
      $0.string(10, "own")
    }
  }

  // MARK: Control flow

  private mutating func addControlFlow(_ body: inout Body, depth: Int) {
    let outer = body.outer + body.values
    let result = freshName()
    let count = random.integer(1...4)
    switch random.integer(0...3) {
    case 0:
      let condition = operand(.boolean, &body)
      let branches = ["then_branch", "else_branch"].map { name in
        Self.attribute(name, graph: graph(nodeCount: count, depth: depth + 1, inputs: [], outer: outer))
      }
      body.nodes.append(node("If", [condition], [result], branches))
    case 1:
      let carried = operand(.float, &body)
      let shape = outer.last { $0.name == carried }?.shape
      let iteration = freshName()
      let condition = freshName()
      let state = freshName()
      let inputs = [
        valueInfo(iteration, type: Code.int64, shape: []), valueInfo(condition, type: Code.bool, shape: []),
        valueInfo(state, type: Code.float, shape: shape),
      ]
      var inner = Body(inputs: inputs, outer: outer)
      inner.values = [
        Value(name: iteration, elementType: Code.int64, shape: []),
        Value(name: state, elementType: Code.float, shape: shape),
      ]
      fill(&inner, nodeCount: count, depth: depth + 1)
      let names = [condition] + outputs(of: inner, count: random.integer(1...2))
      let limit = addInitializer(&body, type: Code.int64, shape: [])
      let attribute = Self.attribute("body", graph: write(inner, outputs: names))
      body.nodes.append(node("Loop", [limit, "", carried], [result], [attribute]))
    case 2:
      let scanned = operand(.float, &body)
      let element = freshName()
      var inner = Body(inputs: [valueInfo(element, type: Code.float, shape: nil)], outer: outer)
      inner.values = [Value(name: element, elementType: Code.float, shape: nil)]
      fill(&inner, nodeCount: count, depth: depth + 1)
      let attribute = Self.attribute("body", graph: write(inner, outputs: outputs(of: inner, count: 1)))
      body.nodes.append(node("Scan", [scanned], [result], [attribute, self.attribute("num_scan_inputs", .int(1...1))]))
    default:
      let sequence = operand(.sequence, &body)
      let element = freshName()
      var inner = Body(inputs: [valueInfo(element, type: Code.float, shape: nil)], outer: outer)
      inner.values = [Value(name: element, elementType: Code.float, shape: nil)]
      fill(&inner, nodeCount: count, depth: depth + 1)
      let attribute = Self.attribute("body", graph: write(inner, outputs: outputs(of: inner, count: 1)))
      body.nodes.append(node("SequenceMap", [sequence], [result], [attribute]))
    }
    body.values.append(Value(name: result, elementType: Code.float, shape: nil))
  }

  // MARK: Attributes

  private static func attribute(_ name: String, graph: MessageWriter) -> MessageWriter {
    MessageWriter {
      $0.string(1, name)
      $0.message(6, graph)
      $0.int(20, 5)
    }
  }

  private mutating func attribute(_ name: String, _ kind: OperatorForm.Attribute) -> MessageWriter {
    // Of another kind than the operator takes.
    let kind = wrong() ? random.pick([.int(-1...1), .ints(count: 2, 0...1), .float, .words, .tensor]) : kind
    var result = MessageWriter()
    result.string(1, name)
    switch kind {
    case .int(let range):
      result.int(3, integer(range))
      result.int(20, 2)
    case .ints(let count, let range):
      for _ in 0..<(wrong() ? random.integer(0...5) : count) { result.int(8, integer(range)) }
      result.int(20, 7)
    case .float:
      result.float(
        2, wrong() ? random.pick([.nan, .infinity, -.infinity, 0, 1e38]) : Float(random.integer(-4...4)) / 4)
      result.int(20, 1)
    case .floats:
      for _ in 0..<random.integer(1...6) { result.float(7, Float(random.integer(-4...4)) / 4) }
      result.int(20, 6)
    case .word(let words):
      result.string(4, wrong() ? "magic" : random.pick(words))
      result.int(20, 3)
    case .words:
      for _ in 0..<random.integer(1...3) {
        result.string(9, random.pick(["a", "b", "", "Relu", "Tanh", "LEAF", "BRANCH_LEQ", "(a*)*"]))
      }
      result.int(20, 8)
    case .tensor:
      result.message(
        5, tensor("", type: random.pick([Code.float, Code.int64, Code.string]), shape: random.pick([[], [1], [3]])))
      result.int(20, 4)
    case .elementType:
      result.int(3, integer(Code.all))
      result.int(20, 2)
    }
    return result
  }
}
