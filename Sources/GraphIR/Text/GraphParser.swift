import Tensors

extension Graph {
  /// Reads the text form: see `text(maximumConstantCount:)`. Types behind a `:` may be left out; where they stand they
  /// name the symbols that the type rules would make up, and must agree with the rules otherwise.
  public init(parsing text: String) throws(GraphTextError) {
    let scanner = TextScanner(text)
    var parser = GraphParser(scanner: scanner)
    self = try parser.parse()
  }
}

extension Operation {
  /// As in the text form, without operands: `gather {axis: 0, batchDimensions: 0}`.
  public var text: String { attributes.isEmpty ? name : "\(name) {\(AttributeTree.text(attributes))}" }

  /// Reads `text` back.
  public init(parsing text: String) throws(GraphTextError) {
    var parser = GraphParser(scanner: TextScanner(text))
    self = try parser.parseOperation()
  }
}

/// One pass over the text; every node goes through a `GraphBuilder`.
struct GraphParser {
  var scanner: TextScanner

  /// Regions in regions, types in types, expressions in expressions.
  private static let maximumDepth = 32

  mutating func parse() throws(GraphTextError) -> Graph {
    guard scanner.take(word: "graph") else { throw scanner.unexpected("'graph'") }
    let builder = GraphBuilder(name: try scanner.name("the graph's name"))
    builder.reservedNames = scanner.questionNames
    try parseBody(builder, depth: 0)
    if !scanner.isAtEnd() { throw scanner.unexpected("nothing after the graph") }
    return builder.graph
  }

  mutating func parseOperation() throws(GraphTextError) -> Operation {
    let name = try scanner.word("an operation")
    let fields = scanner.take("{") ? try parseFields(depth: 0) : []
    if !scanner.isAtEnd() { throw scanner.unexpected("nothing after the operation") }
    return try operation(name, fields, at: 0)
  }

  private func operation(
    _ name: String, _ fields: [AttributeTree.Field], at start: Int
  ) throws(GraphTextError) -> Operation {
    do {
      let tree = AttributeTree.object([AttributeTree.Field(key: name, value: .object(fields))])
      return try AttributeDecoder.value(Operation.self, from: tree)
    } catch let error as DecodingError {
      let message = AttributeDecoder.message(error)
      throw scanner.error("no operation '\(name)' with such attributes: \(message)", at: start)
    } catch {
      throw scanner.error("\(error)", at: start)
    }
  }

  /// From the parameters to the closing brace.
  private mutating func parseBody(_ builder: GraphBuilder, depth: Int) throws(GraphTextError) {
    var values: [String: ValueID] = [:]
    try scanner.expect("(")
    while !scanner.take(")") {
      let name = try parseNewName(values)
      try scanner.expect(":")
      let described = try parseDescribed(builder)
      values[name] = builder.input(described.name, described.type, elements: described.elements)
      if !scanner.isNext(")") { try scanner.expect(",") }
    }
    try scanner.expect("{")
    while !scanner.take(word: "return") { try parseStatement(builder, &values, depth: depth) }
    var outputs: [ValueID] = []
    while scanner.isNext("%") {
      outputs.append(try parseOperand(values))
      if !scanner.take(",") { break }
    }
    builder.setOutputs(outputs)
    try scanner.expect("}")
  }

  private mutating func parseStatement(
    _ builder: GraphBuilder, _ values: inout [String: ValueID], depth: Int
  ) throws(GraphTextError) {
    var names: [String] = []
    while scanner.isNext("%") {
      let name = try parseNewName(values)
      if names.contains(name) { throw scanner.error("%\(name) twice") }
      names.append(name)
      if !scanner.take(",") { break }
    }
    if !names.isEmpty { try scanner.expect("=") }
    scanner.skipSpace()
    let start = scanner.position
    let operation = try scanner.word("an operation")
    if operation == "constant", names.count == 1 {
      values[names[0]] = try parseConstant(builder)
      return
    }

    try scanner.expect("(")
    var operands: [ValueID] = []
    while !scanner.take(")") {
      operands.append(try parseOperand(values))
      if !scanner.isNext(")") { try scanner.expect(",") }
    }
    let attributes = scanner.take("{") ? try parseFields(depth: 0) : []
    var described: [Described] = []
    if scanner.take(":") {
      repeat { described.append(try parseDescribed(builder)) } while scanner.take(",")
    }
    builder.source = scanner.take("@") ? try scanner.string() : nil
    var regions: [Graph] = []
    if scanner.take(word: "with") {
      if depth >= Self.maximumDepth { throw scanner.error("regions nested too deeply") }
      while scanner.take(word: "graph") {
        let region = builder.region(named: try scanner.name("the region's name"))
        try parseBody(region, depth: depth + 1)
        regions.append(region.graph)
      }
    }

    let primitive = try self.operation(operation, attributes, at: start)
    let results: [ValueID]
    do {
      results = try builder.add(primitive, operands, regions: regions)
    } catch {
      throw scanner.error("\(error)", at: start)
    }
    builder.source = nil
    if names.count != results.count {
      throw scanner.error("\(operation) has \(results.count) results, not \(names.count)", at: start)
    }
    for (name, id) in zip(names, results) { values[name] = id }
    if described.isEmpty { return }
    if described.count != results.count {
      throw scanner.error("\(results.count) types expected, found \(described.count)", at: start)
    }
    for (id, described) in zip(results, described) { try declare(described, of: id, builder, at: start) }
  }

  private func declare(
    _ described: Described, of id: ValueID, _ builder: GraphBuilder, at start: Int
  ) throws(GraphTextError) {
    let inferred = builder.type(of: id)
    if !described.type.matches(inferred) {
      let symbols = builder.symbols
      throw scanner.error(
        "type \(described.type.text(symbols: symbols)), inferred \(inferred.text(symbols: symbols))", at: start)
    }
    builder.declare(described.type, elements: described.elements, of: id)
    builder.setName(described.name, of: id)
  }

  private mutating func parseNewName(_ values: [String: ValueID]) throws(GraphTextError) -> String {
    scanner.skipSpace()
    let start = scanner.position
    let name = try scanner.valueName()
    if values[name] != nil { throw scanner.error("%\(name) is defined already", at: start) }
    return name
  }

  private mutating func parseOperand(_ values: [String: ValueID]) throws(GraphTextError) -> ValueID {
    scanner.skipSpace()
    let start = scanner.position
    let name = try scanner.valueName()
    guard let id = values[name] else { throw scanner.error("%\(name) is not defined", at: start) }
    return id
  }

  // MARK: Constants

  private mutating func parseConstant(_ builder: GraphBuilder) throws(GraphTextError) -> ValueID {
    scanner.skipSpace()
    let start = scanner.position
    let type = try parseType(builder, depth: 0)
    guard let elementType = type.elementType, let shape = type.tensor?.constantShape else {
      throw scanner.error("a constant needs a tensor type with constant extents", at: start)
    }
    if scanner.isNext("<") { throw scanner.error("a constant that was left out cannot be read back") }
    let tensor: Tensor?
    if scanner.take("[") {
      tensor = ConstantText.tensor(elementType, shape, try parseList(depth: 0))
    } else {
      tensor = ConstantText.tensor(elementType, shape, bytes: try parseBytes())
    }
    guard let tensor else {
      throw scanner.error("expected \(shape.elementCount) elements of \(elementType.name)", at: start)
    }
    return builder.constant(tensor, name: scanner.isNext("\"") ? try scanner.string() : nil)
  }

  /// `0x3f80…`, two digits for each byte in memory.
  private mutating func parseBytes() throws(GraphTextError) -> [UInt8] {
    let digits = Array(try scanner.number().utf8)
    guard digits.count % 2 == 0, digits.starts(with: [UInt8(ascii: "0"), UInt8(ascii: "x")]) else {
      throw scanner.error("expected bytes as hexadecimal digits")
    }
    var bytes: [UInt8] = []
    for index in stride(from: 2, to: digits.count, by: 2) {
      guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
        throw scanner.error("expected bytes as hexadecimal digits")
      }
      bytes.append(byte)
    }
    return bytes
  }

  // MARK: Attributes

  /// Behind the opening brace.
  private mutating func parseFields(depth: Int) throws(GraphTextError) -> [AttributeTree.Field] {
    if depth > AttributeTree.maximumDepth { throw scanner.error("attributes nested too deeply") }
    var fields: [AttributeTree.Field] = []
    while !scanner.take("}") {
      var key = AttributeTree.positionalKey(fields.count)
      let value: AttributeTree
      if scanner.isNextWord() || scanner.isNext("\"") {
        // A key, or a value by position that begins alike.
        let start = scanner
        let word = try scanner.name("a key")
        if scanner.take(":") {
          key = word
        } else {
          scanner = start
        }
      }
      value = try parseValue(depth: depth)
      fields.append(AttributeTree.Field(key: key, value: value))
      if !scanner.isNext("}") { try scanner.expect(",") }
    }
    return fields
  }

  private mutating func parseValue(depth: Int) throws(GraphTextError) -> AttributeTree {
    if scanner.take("[") { return .list(try parseList(depth: depth + 1)) }
    if scanner.take("{") { return .object(try parseFields(depth: depth + 1)) }
    if scanner.isNext("\"") { return .text(try scanner.string()) }
    guard scanner.isNextWord(), !scanner.isNextWord("nan"), !scanner.isNextWord("inf") else {
      return .number(try scanner.number())
    }
    let word = try scanner.word("a value")
    if word == "true" || word == "false" { return .bool(word == "true") }
    if scanner.take("{") {
      return .object([AttributeTree.Field(key: word, value: .object(try parseFields(depth: depth + 1)))])
    }
    return .text(word)
  }

  /// Behind the opening bracket.
  private mutating func parseList(depth: Int) throws(GraphTextError) -> [AttributeTree] {
    if depth > AttributeTree.maximumDepth { throw scanner.error("attributes nested too deeply") }
    var elements: [AttributeTree] = []
    while !scanner.take("]") {
      elements.append(try parseValue(depth: depth))
      if !scanner.isNext("]") { try scanner.expect(",") }
    }
    return elements
  }

  // MARK: Types

  private typealias Described = (type: ValueType, elements: [Dimension]?, name: String?)

  private mutating func parseDescribed(_ builder: GraphBuilder) throws(GraphTextError) -> Described {
    let type = try parseType(builder, depth: 0)
    var elements: [Dimension]?
    if scanner.take("=") {
      try scanner.expect("[")
      let known = try parseDimensions(builder, isNested: false, maximumCount: SymbolicElements.maximumCount)
      guard let elementType = type.elementType, SymbolicElements.tracks(elementType),
        type.tensor?.constantShape?.elementCount == known.count
      else { throw scanner.error("\(known.count) known elements of \(type)") }
      elements = known
    }
    return (type, elements, scanner.isNext("\"") ? try scanner.string() : nil)
  }

  private mutating func parseType(_ builder: GraphBuilder, depth: Int) throws(GraphTextError) -> ValueType {
    if depth > Self.maximumDepth { throw scanner.error("types nested too deeply") }
    scanner.skipSpace()
    let start = scanner.position
    let word = try scanner.word("a type")
    switch word {
    case "sequence", "optional":
      try scanner.expect("<")
      let element = try parseType(builder, depth: depth + 1)
      try scanner.expect(">")
      return word == "sequence" ? .sequence(element) : .optional(element)
    case "map":
      try scanner.expect("<")
      let key = try parseElementType()
      try scanner.expect(",")
      let value = try parseType(builder, depth: depth + 1)
      try scanner.expect(">")
      return .map(key: key, value: value)
    default:
      guard let elementType = ElementType(name: word) else { throw scanner.error("no type '\(word)'", at: start) }
      try scanner.expect("[")
      if scanner.take(".") {
        try scanner.expect(".")
        try scanner.expect(".")
        try scanner.expect("]")
        return .unrankedTensor(elementType)
      }
      let shape = try parseDimensions(builder, isNested: depth > 0, maximumCount: Candidate.maximumRank)
      for extent in shape {
        if let extent = extent.constant, extent < 0 || extent > TypeRules.maximumExtent {
          throw scanner.error("an extent of \(extent)", at: start)
        }
      }
      return .tensor(TensorType(elementType, shape))
    }
  }

  private mutating func parseElementType() throws(GraphTextError) -> ElementType {
    let word = try scanner.word("an element type")
    guard let elementType = ElementType(name: word) else { throw scanner.error("no element type '\(word)'") }
    return elementType
  }

  // MARK: Dimensions

  /// Behind the opening bracket, through the closing one.
  private mutating func parseDimensions(
    _ builder: GraphBuilder, isNested: Bool, maximumCount: Int
  ) throws(GraphTextError) -> [Dimension] {
    var dimensions: [Dimension] = []
    while !scanner.take("]") {
      if dimensions.count == maximumCount { throw scanner.error("more than \(maximumCount) extents") }
      let dimension = try parseDimension(builder, depth: 0)
      if !isNested, dimension.symbols.contains(.varying) {
        throw scanner.error("'_' stands only inside a sequence, an optional or a map")
      }
      dimensions.append(dimension)
      if !scanner.isNext("]") { try scanner.expect(",") }
    }
    return dimensions
  }

  /// A sum of products.
  private mutating func parseDimension(_ builder: GraphBuilder, depth: Int) throws(GraphTextError) -> Dimension {
    if depth > Self.maximumDepth { throw scanner.error("extents nested too deeply") }
    var sum = try parseProduct(builder, isNegative: scanner.take("-"), depth: depth)
    while true {
      if scanner.take("+") {
        sum = sum + (try parseProduct(builder, isNegative: false, depth: depth))
      } else if scanner.take("-") {
        sum = sum + (try parseProduct(builder, isNegative: true, depth: depth))
      } else {
        return sum
      }
      if sum.isLarger(than: 4 * Dimension.maximumSize) { throw scanner.error("an extent that is too large") }
    }
  }

  private mutating func parseProduct(
    _ builder: GraphBuilder, isNegative: Bool, depth: Int
  ) throws(GraphTextError) -> Dimension {
    var product = Dimension.constant(isNegative ? -1 : 1)
    repeat {
      product = product * (try parseFactor(builder, depth: depth))
      if product.isLarger(than: 4 * Dimension.maximumSize) { throw scanner.error("an extent that is too large") }
    } while scanner.take("*")
    return product
  }

  private mutating func parseFactor(_ builder: GraphBuilder, depth: Int) throws(GraphTextError) -> Dimension {
    if scanner.isNext("\"") { return Dimension(builder.symbol(named: try scanner.string())) }
    guard scanner.isNextWord() else { return .constant(try scanner.integer()) }
    let word = try scanner.word("an extent")
    guard !TextName.isName(word) else { return Dimension(builder.symbol(named: word)) }
    if word == "_" { return .varying }
    try scanner.expect("(")
    let a = try parseDimension(builder, depth: depth + 1)
    try scanner.expect(",")
    let b = try parseDimension(builder, depth: depth + 1)
    try scanner.expect(")")
    switch word {
    case "floordiv": return a.floorDivided(by: b)
    case "mod": return a.modulo(b)
    case "min": return .minimum(a, b)
    case "max": return .maximum(a, b)
    case "broadcast": return .broadcast(a, b) ?? .atom(.broadcast(a, b))
    default: throw scanner.error("no function '\(word)'")
    }
  }
}
