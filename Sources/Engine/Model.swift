import GraphIR
import Tensors

/// A loaded model. Safe to use from any thread.
public final class Model: Sendable {
  public let path: String
  public let inputs: [Port]
  public let outputs: [Port]

  /// Loads `path`: an `.onnx` file, or a folder that holds `model.onnx`.
  public init(path: String) throws {
    self.path = path
    inputs = []
    outputs = []
  }
}
