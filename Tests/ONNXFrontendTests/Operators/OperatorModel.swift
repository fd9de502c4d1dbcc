import GraphIR
import Interpreter
import Tensors
import TestSupport

@testable import ONNXFrontend

/// A model of one node, for tests of lowerings.
struct OperatorModel {
  enum Attribute {
    case int(String, Int)
    case ints(String, [Int])
    case float(String, Float)
    case text(String, String)
    case texts(String, [String])
  }

  /// The type of an input; extents that are no numbers are symbols.
  struct Declared {
    var elementType: ElementType = .float32
    var shape: [String]
  }

  var type: String
  var version = 23
  var outputs = 1
  var attributes: [Attribute] = []

  init(_ type: String, version: Int = 23, outputs: Int = 1, _ attributes: Attribute...) {
    self.type = type
    self.version = version
    self.outputs = outputs
    self.attributes = attributes
  }

  /// The results for these operands; nil ones are left out.
  func run(_ operands: Tensor?...) throws -> [Tensor] {
    let declared = operands.map { operand in
      operand.map { Declared(elementType: $0.elementType, shape: $0.shape.dimensions.map(String.init)) }
    }
    let graph = try graph(declared)
    return try Interpreter.run(graph, inputs: operands.compactMap(\.self).map(RuntimeValue.tensor))
      .compactMap(\.tensor)
  }

  /// The first result as float32. `constants` follow the operands, by their number: lowering sees their elements.
  func callAsFunction(_ operands: Tensor?..., constants: [Int: Tensor] = [:]) throws -> [Float] {
    let all = operands + constants.sorted { $0.key < $1.key }.map(\.value)
    let declared = all.map { operand in
      operand.map { Declared(elementType: $0.elementType, shape: $0.shape.dimensions.map(String.init)) }
    }
    let results = try Interpreter.run(
      graph(declared, constants: constants), inputs: all.compactMap(\.self).map(RuntimeValue.tensor))
    return try results[0].tensor?.converted(to: .float32).elements(of: Float.self) ?? []
  }

  /// The lowered node. Extents that are no numbers are symbols.
  func graph(_ operands: [Declared?], constants: [Int: Tensor] = [:]) throws -> Graph {
    let model = MessageWriter {
      $0.int(1, 10)
      $0.message(7) { graph in
        graph.message(1, node(operands))
        for (index, operand) in operands.enumerated() {
          if let operand { graph.message(11, Self.valueInfo("x\(index)", operand)) }
        }
        for index in 0..<outputs { graph.message(12) { $0.string(1, "y\(index)") } }
      }
      $0.message(8) { $0.int(2, version) }
    }
    var options = ImportOptions()
    for (index, constant) in constants { options.inputConstants["x\(index)"] = constant }
    return try Importer(ONNXModel(bytes: model.bytes, name: "m.onnx"), options: options).importGraph()
  }

  /// Types of the results as text.
  func types(_ operands: [String]...) throws -> [String] {
    let graph = try graph(operands.map { Declared(shape: $0) })
    return graph.outputs.map { graph.type(of: $0).text(symbols: graph.symbols) }
  }

  private func node(_ operands: [Declared?]) -> MessageWriter {
    let inputs = operands.enumerated().map { $1 == nil ? "" : "x\($0)" }
    return .node(type, inputs, (0..<outputs).map { "y\($0)" }) { node in
      for attribute in attributes { node.message(5, Self.attribute(attribute)) }
    }
  }

  private static func attribute(_ attribute: Attribute) -> MessageWriter {
    MessageWriter {
      switch attribute {
      case .int(let name, let value):
        $0.string(1, name)
        $0.int(3, value)
        $0.int(20, 2)
      case .ints(let name, let values):
        $0.string(1, name)
        for value in values { $0.int(8, value) }
        $0.int(20, 7)
      case .float(let name, let value):
        $0.string(1, name)
        $0.float(2, value)
        $0.int(20, 1)
      case .text(let name, let value):
        $0.string(1, name)
        $0.string(4, value)
        $0.int(20, 3)
      case .texts(let name, let values):
        $0.string(1, name)
        for value in values { $0.string(9, value) }
        $0.int(20, 8)
      }
    }
  }

  private static func valueInfo(_ name: String, _ declared: Declared) -> MessageWriter {
    MessageWriter {
      $0.string(1, name)
      $0.message(2) {
        $0.message(1) { tensor in
          tensor.int(1, Int(declared.elementType.rawValue))
          tensor.message(2) { shape in
            for extent in declared.shape {
              shape.message(1) {
                if let value = Int(extent) { $0.int(1, value) } else { $0.string(2, extent) }
              }
            }
          }
        }
      }
    }
  }
}

/// Numbers that are the same in every run (SplitMix64).
struct SeededNumbers {
  private var state: UInt64

  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) }

  private mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// Uniform in -1 ..< 1.
  mutating func floats(_ shape: Int...) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(Shape(shape), (0..<count).map { _ in Float(next() >> 40) / Float(1 << 23) - 1 })
  }
}

/// The largest difference between two lists of equal length; infinite for other lengths.
func distance(_ a: [Float], _ b: [Float]) -> Float {
  a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
}
