import GraphIR
import Interpreter
import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

/// What the importer makes of models that are wrong in several ways, or only unusual.
@Suite struct ProblemTests {
  private func importer(_ graph: (inout MessageWriter) -> Void, functions: [MessageWriter] = []) throws -> Importer {
    let model = MessageWriter {
      $0.int(1, 10)
      $0.message(7, graph)
      $0.message(8) { $0.int(2, 21) }
      for function in functions { $0.message(25, function) }
    }
    return Importer(try ONNXModel(bytes: model.bytes, name: "m.onnx"))
  }

  private static func info(_ name: String, _ shape: [Int]) -> MessageWriter {
    MessageWriter {
      $0.string(1, name)
      $0.message(2) {
        $0.message(1) { tensor in
          tensor.int(1, 1)
          tensor.message(2) { for extent in shape { $0.message(1) { $0.int(1, extent) } } }
        }
      }
    }
  }

  @Test func allProblemsAreFoundAtOnce() throws {
    let importer = try importer {
      $0.message(11, Self.info("x", [2, 3]))
      $0.message(1, .node("Magic", ["x"], ["a"]) { $0.string(7, "org.example") })
      $0.message(1, .node("Relu", ["a"], ["fine"]))
      $0.message(1, .node("MatMul", ["x", "x"], ["b"]))
      $0.message(1, .node("Relu", ["nowhere"], ["c"]))
      $0.message(1, .node("Add", ["d", "x"], ["e"]))
      $0.message(1, .node("Neg", ["e"], ["d"]))
      $0.message(1, .node("Relu", ["x"], ["twice"]))
      $0.message(1, .node("Neg", ["x"], ["twice"]))
      $0.message(5, .tensor("w", 1, [4]) { $0.packedFloats(4, [1]) })
      $0.message(12) { $0.string(1, "fine") }
      $0.message(12) { $0.string(1, "absent") }
    }
    let problems = importer.problems().map(\.description)
    let parts = [
      "tensor 'w'", "use each other's results, or wait for such nodes: 'e', 'd'",
      "operator Magic of domain org.example",
      "node 'b' (MatMul)", "value 'nowhere' is used", "value 'twice' is defined twice", "value 'absent' is used",
    ]
    #expect(problems.count == parts.count, "\(problems)")
    for part in parts { #expect(problems.contains { $0.contains(part) }, "\(part) in \(problems)") }
    // What depends on a wrong node is no problem of its own.
    #expect(!problems.contains { $0.contains("'fine'") })
    #expect(throws: ONNXError.self) { try importer.importGraph() }
  }

  @Test func nodesMayComeInAnyOrder() throws {
    let importer = try importer {
      $0.message(11, Self.info("x", [2]))
      $0.message(1, .node("Neg", ["b"], ["y"]))
      $0.message(1, .node("Add", ["a", "x"], ["b"]))
      $0.message(1, .node("Relu", ["x"], ["a"]))
      $0.message(12) { $0.string(1, "y") }
    }
    #expect(importer.problems().isEmpty)
    let outputs = try Interpreter.run(
      importer.importGraph(), inputs: [.tensor(Tensor([2], [-1, 3] as [Float]))])
    #expect(outputs[0].tensor?.elements() == [1, -6] as [Float])
  }

  /// Each function calls the next one twice: 2 to the power of 40 nodes.
  @Test func functionsThatUnfoldWithoutEndAreRefused() throws {
    let functions = (0..<40).map { index in
      MessageWriter {
        $0.string(1, "F\(index)")
        $0.string(4, "x")
        $0.string(5, "y")
        let next = index == 39 ? "Relu" : "F\(index + 1)"
        for (input, output) in [("x", "m"), ("m", "y")] {
          $0.message(7, .node(next, [input], [output]) { if index < 39 { $0.string(7, "own") } })
        }
        $0.string(10, "own")
      }
    }
    let importer = try importer(
      {
        $0.message(11, Self.info("x", [2]))
        $0.message(1, .node("F0", ["x"], ["y"]) { $0.string(7, "own") })
        $0.message(12) { $0.string(1, "y") }
      }, functions: functions)
    #expect(throws: ONNXError.self) { try importer.importGraph() }
  }

  /// Twice, so that following the calls to the limit of their depth would take 2 to the power of 64 of them.
  @Test func functionsThatCallThemselvesAreRefusedAtOnce() throws {
    let function = MessageWriter {
      $0.string(1, "F")
      $0.string(4, "x")
      $0.string(5, "y")
      for (input, output) in [("x", "m"), ("m", "y")] {
        $0.message(7, .node("F", [input], [output]) { $0.string(7, "own") })
      }
      $0.string(10, "own")
    }
    let importer = try importer(
      {
        $0.message(11, Self.info("x", [2]))
        $0.message(1, .node("F", ["x"], ["y"]) { $0.string(7, "own") })
        $0.message(12) { $0.string(1, "y") }
      }, functions: [function])
    let problems = importer.problems().map(\.description)
    #expect(problems.count == 1 && problems[0].contains("function 'F' calls itself"), "\(problems)")
  }

  @Test func initializersThatAreInputsMayBeOverridden() throws {
    let model = try importer {
      $0.message(11, Self.info("x", [2]))
      $0.message(11, Self.info("w", [2]))
      $0.message(5, .tensor("w", 1, [2]) { $0.packedFloats(4, [10, 20]) })
      $0.message(1, .node("Add", ["x", "w"], ["y"]))
      $0.message(12) { $0.string(1, "y") }
    }.model
    let x = RuntimeValue.tensor(Tensor([2], [1, 2] as [Float]))
    let standard = try Interpreter.run(Importer(model).importGraph(), inputs: [x])
    #expect(standard[0].tensor?.elements() == [11, 22] as [Float])
    var options = ImportOptions()
    options.overriddenInitializers = ["w"]
    let overridden = try Interpreter.run(Importer(model, options: options).importGraph(), inputs: [x, x])
    #expect(overridden[0].tensor?.elements() == [2, 4] as [Float])
  }

  @Test func laterVersionsAreAcceptedWithAWarning() throws {
    let model = MessageWriter {
      $0.int(1, 99)
      $0.message(7) { graph in
        graph.message(11, Self.info("x", [2]))
        graph.message(1, .node("Relu", ["x"], ["y"]))
        graph.message(12) { $0.string(1, "y") }
      }
      $0.message(8) { $0.int(2, 77) }
    }
    let onnx = try ONNXModel(bytes: model.bytes, name: "m.onnx")
    #expect(onnx.warnings.count == 2 && onnx.warnings[0].contains("99") && onnx.warnings[1].contains("77"))
    #expect(Importer(onnx).problems().isEmpty)
  }
}
