import Tensors

extension Graph {
  /// The graph as text; constants of more than 16 elements show as a hash.
  public var text: String { text(maximumConstantCount: 16) }

  /// The graph as text, with constants of up to so many elements written out. `Graph(parsing:)` reads it back when all
  /// are (`.max`).
  ///
  ///     graph main(%0: float32[N, 3, 224, 224] "input") {
  ///       %1 = constant int64[2] [0, -1]
  ///       %2 = reshape(%0, %1) {zeroCopies: true} : float32[N, 150528] "flat" @ "Reshape 'flatten'"
  ///       return %2
  ///     }
  ///
  /// Quoted after a type: the value's name. After `=` behind a type: the known elements. After `@`: the source.
  public func text(maximumConstantCount: Int) -> String {
    GraphPrinter(symbols: symbols, maximumConstantCount: maximumConstantCount).text(self)
  }
}

struct GraphPrinter {
  let symbols: [SymbolInfo]
  let maximumConstantCount: Int

  func text(_ graph: Graph) -> String {
    var lines: [String] = []
    print(graph, indentation: "", &lines)
    return lines.joined(separator: "\n") + "\n"
  }

  /// One node under the ids that the graph gives, without its regions: what errors show.
  func line(_ node: Node, of graph: Graph) -> String { line(node, of: graph) { $0.description } }

  private func print(_ graph: Graph, indentation: String, _ lines: inout [String]) {
    // Values are numbered in the order of the text.
    var numbers = [Int](repeating: -1, count: graph.values.count)
    var next = 0
    func number(_ id: ValueID) {
      numbers[Int(id.index)] = next
      next += 1
    }
    let definitions = graph.definitions
    for id in graph.inputs { number(id) }
    for definition in definitions {
      switch definition {
      case .input: break
      case .constant(let id): number(id)
      case .node(let id): graph[id].results.forEach(number)
      }
    }
    func name(_ id: ValueID) -> String {
      numbers.indices.contains(Int(id.index)) ? "%\(numbers[Int(id.index)])" : "%invalid"
    }

    let inputs = graph.inputs.map { "\(name($0)): \(described(graph[$0]))" }
    lines.append(
      "\(indentation)graph \(TextName.quotedIfNeeded(graph.name))(\(inputs.joined(separator: ", "))) {")
    let inner = indentation + "  "
    for definition in definitions {
      switch definition {
      case .input: break
      case .constant(let id): lines.append("\(inner)\(name(id)) = constant \(constant(graph[id]))")
      case .node(let id):
        let node = graph[id]
        lines.append(inner + line(node, of: graph, name) + (node.regions.isEmpty ? "" : " with"))
        for region in node.regions { print(region, indentation: inner + "  ", &lines) }
      }
    }
    let outputs = graph.outputs.map(name).joined(separator: ", ")
    lines.append("\(inner)return\(outputs.isEmpty ? "" : " " + outputs)")
    lines.append("\(indentation)}")
  }

  private func line(_ node: Node, of graph: Graph, _ name: (ValueID) -> String) -> String {
    var line = ""
    if !node.results.isEmpty { line += node.results.map(name).joined(separator: ", ") + " = " }
    line += "\(node.operation.name)(\(node.operands.map(name).joined(separator: ", ")))"
    let attributes = node.operation.attributes
    if !attributes.isEmpty { line += " {\(AttributeTree.text(attributes))}" }
    if !node.results.isEmpty { line += " : " + node.results.map { described(graph[$0]) }.joined(separator: ", ") }
    if let source = node.source { line += " @ \(TextName.quoted(source))" }
    return line
  }

  /// Type, known elements, name.
  private func described(_ value: Value) -> String {
    var text = self.text(value.type)
    if let elements = value.elements { text += " = [\(elements.map(self.text).joined(separator: ", "))]" }
    if let name = value.name { text += " \(TextName.quoted(name))" }
    return text
  }

  private func text(_ type: ValueType) -> String { type.text(symbolText) }
  private func text(_ dimension: Dimension) -> String { dimension.text(symbolText) }
  private func symbolText(_ symbol: Symbol) -> String {
    symbol == .varying ? "_" : TextName.quotedIfNeeded(symbol.text(symbols: symbols))
  }

  private func constant(_ value: Value) -> String {
    guard let tensor = value.constant else { return "\(text(value.type)) <missing>" }
    let contents =
      tensor.elementCount <= maximumConstantCount
      ? ConstantText.text(tensor) : "<\(ConstantText.hash(tensor)), \(tensor.elementCount) elements>"
    return "\(text(value.type)) \(contents)" + (value.name.map { " \(TextName.quoted($0))" } ?? "")
  }
}

extension Operation {
  /// What stands between the braces after the operands.
  var attributes: [AttributeTree.Field] {
    // Encoding into memory does not fail: the encoder throws nothing, and the synthesised code only passes errors on.
    guard let tree = try? AttributeEncoder.tree(self), case .object(let cases) = tree, let payload = cases.first,
      case .object(let fields) = payload.value
    else { return [] }
    return fields
  }
}
