import ModelFiles
import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

@Suite struct ONNXModelTests {
  private func parse(_ model: MessageWriter) throws -> ONNXModel { try ONNXModel(bytes: model.bytes, name: "m.onnx") }

  @Test func everyPartOfAModelIsRead() throws {
    let model = try parse(sampleModel)
    #expect(model.irVersion == 10)
    #expect(model.producerName == "pencil")
    #expect(model.producerVersion == "2")
    #expect(model.domain == "org.example")
    #expect(model.modelVersion == 7)
    #expect(model.opsetImports == ["": 21, "ai.onnx.ml": 5])
    #expect(model.metadata.map { "\($0.key)=\($0.value)" } == ["author=ann", "task=none"])

    let graph = model.graph
    #expect(graph.name == "main")
    #expect(graph.inputs.map(\.name) == ["x", "ids", "table", "maybe", "untyped"])
    #expect(
      graph.inputs.map(\.type) == [
        .tensor(.float32, dimensions: [.parameter("batch"), .value(3), .unknown, .unknown]),
        .sequence(.tensor(.int64, dimensions: nil)),
        .map(key: .string, value: .tensor(.float32, dimensions: [])),
        .optional(.sparseTensor(.float64, dimensions: [.value(2)])),
        nil,
      ])
    #expect(graph.outputs.map(\.name) == ["y"])
    #expect(graph.valueInfos.map(\.name) == ["h"])
    #expect(graph.initializers.map(\.name) == ["w"])
    #expect(try graph.initializers[0].tensor().elements() == [1, 2, 3] as [Float])
    #expect(graph.sparseInitializers.map(\.name) == ["s"])
    #expect(graph.nodes.map(\.opType) == ["Conv", "If"])
    #expect(graph.nodes.map(\.domain) == ["", "com.microsoft"])
    #expect(graph.nodes.map(\.label) == ["first", "y"])
    #expect(graph.nodes[0].inputs == ["x", "", "w"])
    #expect(graph.nodes[0].outputs == ["h"])
    #expect(graph.nodes[1].overload == "o")

    let function = try #require(model.functions.first)
    #expect(function.name == "Twice")
    #expect(function.domain == "org.example")
    #expect(function.overload == "f32")
    #expect(function.inputs == ["a"])
    #expect(function.outputs == ["b"])
    #expect(function.attributeNames == ["alpha"])
    #expect(function.attributeDefaults.map(\.name) == ["beta"])
    #expect(function.opsetImports == ["": 18])
    #expect(function.valueInfos.map(\.name) == ["b"])
    #expect(function.nodes[0].attributes[0].refAttrName == "alpha")
    #expect(function.nodes[0].attributes[0].kind == .float)
  }

  @Test func attributesOfEveryTypeAreRead() throws {
    let node = try parse(sampleModel).graph.nodes[0]
    #expect(try node.float("f") == 0.5)
    #expect(try node.int("i") == -3)
    #expect(try node.string("s") == "SAME_UPPER")
    #expect(try node.tensor("t")?.tensor().elements() == [9] as [Int64])
    #expect(try node.graph("g")?.nodes.map(\.opType) == ["Inner"])
    #expect(try node.floats("floats") == [1, 2])
    #expect(try node.ints("ints") == [1, -1, 300])
    #expect(try node.ints("unpacked") == [5, 6])
    #expect(try node.strings("strings") == ["a", "", "b"])
    #expect(try node.type("tp") == .tensor(.bool, dimensions: nil))
    #expect(try node.sparseTensor("sparse")?.tensor().elements() == [0, 4, 0] as [Float])
    #expect(try node.ints("empty") == [])
    #expect(try node.int("absentInt", default: 4) == 4)
    #expect(try node.int("untyped") == 8)
    #expect(try node.float("zero") == 0)
    guard case .tensors(let tensors) = node.attribute("tensors")?.value else { throw Missing() }
    #expect(tensors.map(\.name) == ["p", "q"])
    guard case .graphs(let graphs) = node.attribute("graphs")?.value else { throw Missing() }
    #expect(graphs.map(\.name) == ["k"])
    guard case .types(let types) = node.attribute("types")?.value else { throw Missing() }
    #expect(types == [.unknown, .tensor(.int8, dimensions: nil)])
    #expect(node.attribute("future")?.kind == nil)
  }

  private struct Missing: Error {}

  @Test func absentAttributesAreNilAndWrongOnesAreErrors() throws {
    let node = try parse(sampleModel).graph.nodes[0]
    #expect(try node.int("none") == nil)
    #expect(try node.ints("none") == nil)
    #expect(try node.bool("none", default: true))
    #expect(
      throws: ONNXError.invalidNode(
        file: "m.onnx", node: "first", operator: "Conv", found: "attribute f of type FLOAT", expected: "INTS")
    ) { try node.ints("f") }
    #expect(
      throws: ONNXError.invalidNode(
        file: "m.onnx", node: "first", operator: "Conv", found: "i = -3", expected: "0 or 1")
    ) { try node.bool("i", default: false) }
    let unresolved = try parse(sampleModel).functions[0].nodes[0]
    #expect(
      throws: ONNXError.invalidNode(
        file: "m.onnx", node: "b", operator: "Mul",
        found: "attribute scale that refers to alpha outside of a function", expected: "FLOAT")
    ) { try unresolved.float("scale") }
  }

  @Test func aDeclaredAttributeWithoutItsValueIsAnError() {
    let model = MessageWriter.model {
      $0.message(
        1,
        .node("Op", [], ["y"]) {
          $0.message(5) {
            $0.string(1, "body")
            $0.int(20, 5)
          }
        })
    }
    #expect(throws: ONNXError.self) { try parse(model) }
  }

  @Test func whatIsNotAModelSaysSo() {
    #expect(throws: ONNXError.invalidModel(file: "m", problem: "not an ONNX model: it has no graph")) {
      try ONNXModel(bytes: [], name: "m")
    }
    let pointer = Array("version https://git-lfs.github.com/spec/v1\noid sha256:1\n".utf8)
    #expect(
      throws: ONNXError.invalidModel(file: "m", problem: "a Git LFS pointer instead of a model: run 'git lfs pull'")
    ) { try ONNXModel(bytes: pointer, name: "m") }
    #expect(throws: ONNXError.self) { try ONNXModel(bytes: Array("<!DOCTYPE html>".utf8), name: "m") }
    #expect(throws: ONNXError.self) { try ONNXModel(path: "/nowhere/model.onnx") }
  }

  @Test func errorsTellTheUserWhereAndWhat() throws {
    var bytes = sampleModel.bytes
    bytes.removeLast(3)
    let error = #expect(throws: ONNXError.self) { try ONNXModel(bytes: bytes, name: "m.onnx") }
    #expect(error?.description.hasPrefix("m.onnx: malformed at byte ") == true)
    #expect(
      ONNXError.unsupportedOperator(file: "m.onnx", node: "n", operator: "Foo", domain: "", version: 9).description
        .hasPrefix("m.onnx: node 'n': operator Foo of domain ai.onnx version 9 is not supported; "))
    #expect(
      ONNXError.invalidNode(file: "m.onnx", node: "n", operator: "Add", found: "3 inputs", expected: "2").description
        == "m.onnx: node 'n' (Add): found 3 inputs, expected 2")
    #expect(
      ONNXError.requiresConstantInputs(["a", "b"]).description
        == "the model's structure depends on the values of its inputs 'a', 'b': give them as constants")
  }
}

/// A model with one of everything.
let sampleModel = MessageWriter {
  $0.int(1, 10)
  $0.string(2, "pencil")
  $0.string(3, "2")
  $0.string(4, "org.example")
  $0.int(5, 7)
  $0.string(6, "documentation")
  $0.message(8) {
    $0.string(1, "ai.onnx")
    $0.int(2, 21)
  }
  $0.message(8) {
    $0.string(1, "ai.onnx.ml")
    $0.int(2, 5)
  }
  for (key, value) in [("author", "ann"), ("task", "none")] {
    $0.message(14) {
      $0.string(1, key)
      $0.string(2, value)
    }
  }
  $0.message(7, sampleGraph)
  $0.message(25, sampleFunction)
}

private let sampleGraph = MessageWriter {
  $0.string(2, "main")
  $0.message(
    1,
    .node("Conv", ["x", "", "w"], ["h"]) {
      $0.string(3, "first")
      $0.string(7, "ai.onnx")
      for attribute in sampleAttributes { $0.message(5, attribute) }
    })
  $0.message(
    1,
    .node("If", ["h"], ["y"]) {
      $0.string(7, "com.microsoft")
      $0.string(8, "o")
    })
  $0.message(5, .tensor("w", 1, [3]) { $0.packedFloats(4, [1, 2, 3]) })
  $0.message(15, sparseTensor("s"))
  $0.message(11, value("x", tensorType(1, tensorDimensions)))
  $0.message(11, value("ids", MessageWriter { $0.message(4) { $0.message(1, tensorType(7, nil)) } }))
  $0.message(
    11,
    value(
      "table",
      MessageWriter {
        $0.message(5) {
          $0.int(1, 8)
          $0.message(2, tensorType(1, []))
        }
      }))
  $0.message(
    11,
    value(
      "maybe",
      MessageWriter {
        $0.message(9) {
          $0.message(1) {
            $0.message(8) {
              $0.int(1, 11)
              $0.message(2) { $0.message(1) { $0.int(1, 2) } }
            }
          }
        }
      }))
  $0.message(11) { $0.string(1, "untyped") }
  $0.message(12, value("y", tensorType(1, nil)))
  $0.message(13, value("h", tensorType(1, nil)))
}

private let tensorDimensions = [
  MessageWriter { $0.string(2, "batch") }, MessageWriter { $0.int(1, 3) }, MessageWriter(),
  MessageWriter { $0.int(1, -1) },
]

private let sampleFunction = MessageWriter {
  $0.string(1, "Twice")
  $0.string(10, "org.example")
  $0.string(13, "f32")
  $0.string(4, "a")
  $0.string(5, "b")
  $0.string(6, "alpha")
  $0.message(
    11,
    attribute("beta", 1) { $0.float(2, 2) })
  $0.message(
    7,
    .node("Mul", ["a"], ["b"]) {
      $0.message(5, attribute("scale", 1) { $0.string(21, "alpha") })
    })
  $0.message(9) { $0.int(2, 18) }
  $0.message(12) { $0.string(1, "b") }
}

private let sampleAttributes = [
  attribute("f", 1) { $0.float(2, 0.5) },
  attribute("i", 2) { $0.int(3, -3) },
  attribute("s", 3) { $0.string(4, "SAME_UPPER") },
  attribute("t", 4) { $0.message(5, .tensor("t", 7, []) { $0.int(7, 9) }) },
  attribute("g", 5) { $0.message(6) { $0.message(1, .node("Inner", [], ["z"])) } },
  attribute("floats", 6) { $0.packedFloats(7, [1, 2]) },
  attribute("ints", 7) { $0.packedInts(8, [1, -1, 300]) },
  attribute("unpacked", 7) {
    $0.int(8, 5)
    $0.int(8, 6)
  },
  attribute("strings", 8) { for text in ["a", "", "b"] { $0.string(9, text) } },
  attribute("tensors", 9) { for name in ["p", "q"] { $0.message(10, .tensor(name, 1, [0])) } },
  attribute("graphs", 10) { $0.message(11) { $0.string(2, "k") } },
  attribute("sparse", 11) { $0.message(22, sparseTensor("v")) },
  attribute("tp", 13) { $0.message(14, tensorType(9, nil)) },
  attribute("types", 14) {
    $0.message(15, MessageWriter())
    $0.message(15, tensorType(3, nil))
  },
  attribute("empty", 7) { _ in },
  attribute("zero", 1) { _ in },
  attribute("untyped", 0) { $0.int(3, 8) },
  attribute("future", 77) { $0.int(3, 8) },
]

private func attribute(_ name: String, _ type: Int, _ build: (inout MessageWriter) -> Void) -> MessageWriter {
  MessageWriter {
    $0.string(1, name)
    build(&$0)
    if type != 0 { $0.int(20, type) }
  }
}

private func value(_ name: String, _ type: MessageWriter) -> MessageWriter {
  MessageWriter {
    $0.string(1, name)
    $0.message(2, type)
  }
}

private func tensorType(_ element: Int, _ dimensions: [MessageWriter]?) -> MessageWriter {
  MessageWriter {
    $0.message(1) {
      $0.int(1, element)
      if let dimensions { $0.message(2) { for dimension in dimensions { $0.message(1, dimension) } } }
    }
  }
}

/// Three elements, of which the middle one is 4.
private func sparseTensor(_ name: String) -> MessageWriter {
  MessageWriter {
    $0.message(1, .tensor(name, 1, [1]) { $0.packedFloats(4, [4]) })
    $0.message(2, .tensor("", 7, [1]) { $0.packedInts(7, [1]) })
    $0.packedInts(3, [3])
  }
}
