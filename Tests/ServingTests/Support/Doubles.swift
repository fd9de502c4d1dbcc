import Engine
import Glibc
import GraphIR
import Tensors
import Testing

@testable import Serving

// Models written by hand, so that the server is tested without a file.

extension Port {
  /// -1 is a free extent.
  static func test(_ name: String, _ type: ElementType, _ extents: [Int]) -> Port {
    let dimensions = extents.enumerated().map { axis, extent in
      extent < 0 ? Dimension(Symbol(Int32(axis))) : Dimension.constant(extent)
    }
    let names = extents.map { $0 < 0 ? "N" : "\($0)" }
    return Port(name: name, type: .tensor(TensorType(type, dimensions)), dimensions: names)
  }
}

extension ServedModel {
  /// y = sum of each row of x.
  static func sums(index: Int = 0, name: String = "sums", columns: Int = 2) -> ServedModel {
    ServedModel(
      name: name, version: "1", index: index, inputs: [.test("x", .float32, [-1, columns])],
      outputs: [.test("y", .float32, [-1])]
    ) {
      { inputs, _ in
        let x = try #require(inputs[0].tensor)
        let elements = x.elements(of: Float.self)
        let sums = (0..<x.shape[0]).map { row in elements[row * columns..<(row + 1) * columns].reduce(0, +) }
        return [.tensor(Tensor([sums.count], sums))]
      }
    }
  }

  /// Returns its inputs under other names.
  static func echo(_ inputs: [Port], index: Int = 0, name: String = "echo") -> ServedModel {
    let outputs = inputs.map { Port(name: "same_\($0.name)", type: $0.type, dimensions: $0.dimensions) }
    return ServedModel(name: name, version: "1", index: index, inputs: inputs, outputs: outputs) {
      { inputs, _ in inputs }
    }
  }

  /// Answers as `sums` after a while.
  static func slow(milliseconds: Int, index: Int = 0) -> ServedModel {
    let sums = ServedModel.sums()
    return ServedModel(name: "slow", version: "1", index: index, inputs: sums.inputs, outputs: sums.outputs) {
      let run = try sums.makeRun()
      return { inputs, limit in
        usleep(UInt32(min(milliseconds, Int(limit / 1_000_000)) * 1000))
        if milliseconds * 1_000_000 > limit { throw EngineError.timeout }
        return try run(inputs, limit)
      }
    }
  }

  /// Does not heed the time limit.
  static func stuck(milliseconds: Int) -> ServedModel {
    let sums = ServedModel.sums()
    return ServedModel(name: "stuck", version: "1", index: 0, inputs: sums.inputs, outputs: sums.outputs) {
      let run = try sums.makeRun()
      return { inputs, limit in
        usleep(UInt32(milliseconds * 1000))
        return try run(inputs, limit)
      }
    }
  }

  static func failing(_ error: EngineError) -> ServedModel {
    let sums = ServedModel.sums()
    return ServedModel(name: "failing", version: "1", index: 0, inputs: sums.inputs, outputs: sums.outputs) {
      { _, _ in throw error }
    }
  }
}

extension ServedModel {
  /// A classifier of rows of two numbers as converters of scikit-learn write it: the class with the larger number, and
  /// the numbers as rows, or as maps from the classes.
  static func classifier(index: Int = 0, givesMaps: Bool) -> ServedModel {
    let map = ValueType.sequence(.map(key: .string, value: .tensor(TensorType(.float32, []))))
    let outputs = [
      Port.test("label", .string, [-1]),
      givesMaps
        ? Port(name: "output_probability", type: map, dimensions: []) : .test("probabilities", .float32, [-1, 2]),
    ]
    return ServedModel(
      name: "classifier", version: "1", index: index, inputs: [.test("x", .float32, [-1, 2])], outputs: outputs
    ) {
      { inputs, _ in
        let x = try #require(inputs[0].tensor)
        let elements = x.elements(of: Float.self)
        let labels = (0..<x.shape[0]).map { elements[2 * $0] > elements[2 * $0 + 1] ? "no" : "yes" }
        let maps = (0..<x.shape[0]).map { row in
          RuntimeValue.map(
            keys: Tensor([2], strings: ["no", "yes"]),
            values: (0..<2).map { .tensor(Tensor([], [elements[2 * row + $0]])) })
        }
        return [.tensor(Tensor([labels.count], strings: labels)), givesMaps ? .sequence(maps) : .tensor(x)]
      }
    }
  }
}
