import Tensors
import Testing

@testable import ONNXFrontend

/// Attributes that no exporter writes: each is refused with an error, none traps.
@Suite struct HostileOperatorTests {
  struct Case: CustomStringConvertible, Sendable {
    var description: String
    var model: @Sendable () -> OperatorModel
    var operands: [[String]]

    init(_ description: String, _ model: @autoclosure @escaping @Sendable () -> OperatorModel, _ operands: [String]...)
    {
      self.description = description
      self.model = model
      self.operands = operands
    }
  }

  static let image = ["1", "4", "8", "8"]
  static let filter = ["6", "4", "3", "3"]
  static let cases = [
    Case("stride 0", OperatorModel("Conv", .ints("strides", [0, 1])), image, filter),
    Case("one stride of two", OperatorModel("Conv", .ints("strides", [1])), image, filter),
    Case("dilation of 2^62", OperatorModel("Conv", .ints("dilations", [1 << 62, 1 << 62])), image, filter),
    Case("least pad", OperatorModel("Conv", .ints("pads", [.min, 0, .max, 0])), image, filter),
    Case("no groups", OperatorModel("Conv", .int("group", 0)), image, filter),
    Case("3 groups of 4 channels", OperatorModel("Conv", .int("group", 3)), image, filter),
    Case("channels that differ", OperatorModel("Conv"), image, ["6", "5", "3", "3"]),
    Case("a filter larger than the image", OperatorModel("Conv"), image, ["6", "4", "30", "30"]),
    Case("no window", OperatorModel("MaxPool"), image),
    Case("a window of 2^63 - 1", OperatorModel("MaxPool", .ints("kernel_shape", [.max, .max])), image),
    Case("a negative norm", OperatorModel("LpPool", .int("p", -1), .ints("kernel_shape", [2, 2])), image),
    Case("an axis out of range", OperatorModel("Softmax", .int("axis", 4)), image),
    Case("the least axis", OperatorModel("Softmax", .int("axis", .min)), image),
    Case("no groups", OperatorModel("GroupNormalization", .int("num_groups", 0)), image, ["4"], ["4"]),
    Case("3-norm", OperatorModel("LpNormalization", .int("p", 3)), image),
    Case("window of 0 channels", OperatorModel("LRN", .int("size", 0)), image),
    Case("blocks of 0", OperatorModel("DepthToSpace", .int("blocksize", 0)), image),
    Case("blocks of 2^62", OperatorModel("SpaceToDepth", .int("blocksize", 1 << 62)), image),
    Case("an unknown mode", OperatorModel("Resize", .text("mode", "magic")), image, ["8"], ["4"]),
    Case("heads of nothing", OperatorModel("Attention"), ["1", "4", "8"], ["1", "4", "8"], ["1", "4", "8"]),
    Case("an output of -1", OperatorModel("RoiAlign", .int("output_height", -1)), image, ["1", "4"], ["1"]),
    Case(
      "hidden units of 2^61", OperatorModel("LSTM"), ["1", "1", "3"], ["1", "4", "3"],
      ["1", "4", "2305843009213693952"]),
    Case(
      "an unknown direction", OperatorModel("GRU", .text("direction", "up")), ["1", "1", "3"], ["1", "6", "3"],
      ["1", "6", "2"]),
    Case(
      "an unknown activation", OperatorModel("RNN", .texts("activations", ["Magic"])), ["1", "1", "3"],
      ["1", "2", "3"],
      ["1", "2", "2"]),
    Case("matrices that do not fit", OperatorModel("MatMul"), ["2", "3"], ["4", "5"]),
    Case("a scalar", OperatorModel("MatMul"), [], ["4", "5"]),
    Case("rank 3", OperatorModel("Gemm"), ["2", "3", "4"], ["4", "5"]),
  ]

  @Test(arguments: cases) func isRefused(_ test: Case) {
    #expect(throws: ONNXError.self) {
      try test.model().graph(test.operands.map { OperatorModel.Declared(shape: $0) })
    }
  }
}
