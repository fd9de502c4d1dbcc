import GraphIR
import Tensors

/// Operators of ai.onnx.ml that translate between labels, categories, maps and numbers.
enum EncoderOperators {
  static let table: [String: Lowering] = [
    "LabelEncoder": labelEncoder,
    "CategoryMapper": categoryMapper,
    "OneHotEncoder": oneHotEncoder,
    "DictVectorizer": dictVectorizer,
    "CastMap": castMap,
    "ZipMap": zipMap,
  ]

  // MARK: Dictionaries

  /// The value at the position of each key, or the fallback, of shape [] or [1].
  private static func translate(
    _ c: LoweringContext, _ x: ValueID, keys: Tensor, values: Tensor, fallback: Tensor
  ) throws -> ValueID {
    let b = c.builder
    guard keys.elementCount == values.elementCount, fallback.elementCount == 1 else {
      throw c.invalid(
        found: "\(keys.elementCount) keys and \(values.elementCount) values", expected: "as many, and one default")
    }
    let type = try c.elementType(x)
    guard (keys.elementType == .string) == (type == .string) else {
      throw c.invalid(found: "keys of type \(keys.elementType.name)", expected: type.name)
    }
    let flat = keys.reshaped([keys.elementCount])
    let wanted = keys.elementType == type ? flat : try flat.converted(to: type)
    let all = try b.concatenate(
      [b.constant(values.reshaped([values.elementCount])), b.constant(fallback.reshaped([1]))], axis: 0)
    return try b.gather(all, b.one(.lookUp, [x, b.constant(wanted)]), axis: 0)
  }

  private static func strings(_ values: [String]) -> Tensor { Tensor([values.count], strings: values) }
  private static func integers(_ values: [Int]) -> Tensor { Tensor([values.count], values.map(Int64.init)) }

  /// One of the attributes `PREFIX_tensor`, `PREFIX_strings`, `PREFIX_int64s` and `PREFIX_floats`.
  private static func list(_ c: LoweringContext, _ prefix: String) throws -> Tensor? {
    if let tensor = try c.tensor(prefix + "_tensor") { return tensor }
    if let values = try c.strings(prefix + "_strings"), !values.isEmpty { return strings(values) }
    if let values = try c.ints(prefix + "_int64s"), !values.isEmpty { return integers(values) }
    if let values = try c.floats(prefix + "_floats"), !values.isEmpty { return Tensor([values.count], values) }
    return nil
  }

  private static func labelEncoder(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    if c.version < 2 {
      // Strings to their positions in `classes_strings`, or back.
      let classes = strings(try c.strings("classes_strings") ?? [])
      let positions = integers(Array(0..<classes.elementCount))
      let isText = try c.elementType(x) == .string
      let (number, text) = try defaults(c)
      return [
        try translate(
          c, x, keys: isText ? classes : positions, values: isText ? positions : classes,
          fallback: isText ? number : text)
      ]
    }
    guard let keys = try list(c, "keys"), let values = try list(c, "values") else {
      throw c.invalid(found: "no keys or no values", expected: "a list of each")
    }
    var fallback = try c.tensor("default_tensor")
    if fallback == nil {
      let (number, text) = try defaults(c)
      switch values.elementType {
      case .string: fallback = text
      case let type where type.isFloat: fallback = Tensor([1], [try c.float("default_float", -0.0)])
      default: fallback = number
      }
    }
    guard var fallback else { return [] }
    if fallback.elementType != values.elementType { fallback = try fallback.converted(to: values.elementType) }
    return [try translate(c, x, keys: keys, values: values, fallback: fallback)]
  }

  private static func defaults(_ c: LoweringContext) throws -> (number: Tensor, text: Tensor) {
    (integers([try c.int("default_int64", -1)]), strings([try c.string("default_string", "_Unused")]))
  }

  private static func categoryMapper(_ c: LoweringContext) throws -> [ValueID] {
    let x = try c.operand(0)
    let names = strings(try c.strings("cats_strings") ?? [])
    let numbers = integers(try c.ints("cats_int64s") ?? [])
    let (number, text) = try defaults(c)
    if try c.elementType(x) == .string { return [try translate(c, x, keys: names, values: numbers, fallback: number)] }
    return [try translate(c, x, keys: numbers, values: names, fallback: text)]
  }

  /// A new last axis, one where the category is. With `zeros = 0` an unknown category is an error of the run.
  private static func oneHotEncoder(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var x = try c.operand(0)
    let categories: Tensor
    if let names = try c.strings("cats_strings"), !names.isEmpty {
      categories = strings(names)
    } else {
      categories = integers(try c.ints("cats_int64s") ?? [])
      if try c.elementType(x).isNumeric { x = try b.convert(x, to: .int64) }
    }
    guard try c.elementType(x) == categories.elementType else {
      throw c.invalid(found: "categories of type \(categories.elementType.name)", expected: try c.elementType(x).name)
    }
    var positions = try b.one(.lookUp, [x, b.constant(categories)])
    let all = b.indices(Array(0..<categories.elementCount))
    // The gather refuses the position behind the last.
    if try !c.flag("zeros", true) { positions = try b.gather(all, positions, axis: 0) }
    let isHot = try b.compare(.equal, b.expandDimensions(positions, axes: [c.rank(x)]), all)
    return [try b.convert(isHot, to: .float32)]
  }

  // MARK: Maps

  private static func valueType(ofMap id: ValueID, _ c: LoweringContext) throws -> ElementType {
    guard case .map(_, let value) = c.builder.type(of: id), let type = value.elementType else {
      throw c.invalid(found: "\(c.builder.type(of: id))", expected: "a map to numbers or strings")
    }
    return type
  }

  private static func blank(_ type: ElementType, _ b: GraphBuilder) throws -> ValueID {
    type == .string ? b.constant(Tensor([], strings: [""])) : try b.scalar(0, type)
  }

  /// The values of the keys of the vocabulary, absent ones zero or empty: [1, n]
  private static func dictVectorizer(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let map = try c.operand(0)
    let vocabulary: Tensor
    if let names = try c.strings("string_vocabulary"), !names.isEmpty {
      vocabulary = strings(names)
    } else {
      vocabulary = integers(try c.ints("int64_vocabulary") ?? [])
    }
    let y = try b.one(.mapValues, [map, b.constant(vocabulary), blank(valueType(ofMap: map, c), b)])
    return [try b.expandDimensions(y, axes: [0])]
  }

  /// The values of a map in the order of its keys, or at the positions that its keys are: [1, n]
  private static func castMap(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let map = try c.operand(0)
    let names: [String: ElementType] = ["TO_FLOAT": .float32, "TO_STRING": .string, "TO_INT64": .int64]
    let name = try c.string("cast_to", "TO_FLOAT")
    guard let type = names[name] else {
      throw c.invalid(found: "cast_to '\(name)'", expected: "TO_FLOAT, TO_STRING or TO_INT64")
    }
    let y: ValueID
    switch try c.string("map_form", "DENSE") {
    case "DENSE": y = try b.one(.mapValues, [map])
    case "SPARSE":
      let count = try c.int("max_map", 1)
      guard (1...1 << 24).contains(count) else { throw c.invalid(found: "max_map \(count)", expected: "1 to 2^24") }
      y = try b.one(.mapValues, [map, b.indices(Array(0..<count)), blank(valueType(ofMap: map, c), b)])
    case let other: throw c.invalid(found: "map_form '\(other)'", expected: "DENSE or SPARSE")
    }
    return [try b.expandDimensions(b.convert(y, to: type), axes: [0])]
  }

  /// Scores [N, C] as a sequence of maps from class labels to scores.
  private static func zipMap(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let labels = try ClassLabels(c, integers: "classlabels_int64s")
    return [try b.one(.zipMap, [c.features(0, keepsDouble: true), b.constant(labels.values)])]
  }
}
