import Engine
import Tensors

/// A model's inputs for many rows, given one after the other.
public struct CalibrationData {
  /// Inputs in the model's order for each run.
  public let runs: [[RuntimeValue]]
  /// For each run, what the arrays named like outputs hold for it.
  public let expected: [[String: Tensor]]

  /// Takes arrays by the names of inputs (all) and outputs (any) whose first axis is the rows. Rows come one by one, or as
  /// many as an input's fixed first extent asks for; what is left over is dropped.
  public init(_ arrays: [(name: String, tensor: Tensor)], for model: Model) throws {
    let byName = Dictionary(arrays.map { ($0.name, $0.tensor) }) { first, _ in first }
    let known = Set(model.inputs.map(\.name) + model.outputs.map(\.name))
    for array in arrays where !known.contains(array.name) {
      throw QuantizationError(
        "the calibration data has '\(array.name)', but the model's inputs are "
          + model.inputs.map { "'\($0.name)'" }.joined(separator: ", "))
    }
    let inputs = try model.inputs.map { port in
      guard let tensor = byName[port.name] else {
        throw QuantizationError("the calibration data has no array '\(port.name)', which the model reads")
      }
      return tensor
    }
    guard let rowCount = inputs.map({ $0.shape.rank > 0 ? $0.shape[0] : 0 }).max(), rowCount > 0 else {
      throw QuantizationError("the calibration data has no rows")
    }
    let extents = model.inputs.compactMap { $0.type.tensor?.shape.first?.constant }
    let step = max(1, extents.first ?? 1)
    guard rowCount >= step else {
      throw QuantizationError("the calibration data has \(rowCount) rows, the model takes \(step) at a time")
    }
    func rows(_ tensor: Tensor, _ first: Int) -> Tensor {
      tensor.shape.rank > 0 && tensor.shape[0] == rowCount ? tensor.rows(first..<first + step) : tensor
    }
    let starts = Array(stride(from: 0, through: rowCount - step, by: step))
    runs = starts.map { start in inputs.map { RuntimeValue.tensor(rows($0, start)) } }
    let references = byName.filter { entry in model.outputs.contains { $0.name == entry.key } }
    expected = starts.map { start in references.mapValues { rows($0, start) } }
  }
}

extension Tensor {
  /// Entries of the first axis, in the same memory.
  func rows(_ range: Range<Int>) -> Tensor {
    let rest = shape.dimensions.dropFirst()
    let rowByteCount = elementType.byteCount(of: rest.reduce(1, *)) ?? 0
    return Tensor(
      elementType, Shape([range.count] + rest), storage: storage,
      byteOffset: byteOffset + range.lowerBound * rowByteCount)
  }
}
