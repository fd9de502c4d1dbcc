/// Why a kernel is none.
public enum LoopError: Error, Hashable, CustomStringConvertible {
  case buffer(Int, String)
  case axis(AxisID, String)
  case value(KernelValue, String)
  case index(buffer: Int, String)

  public var description: String {
    switch self {
    case .buffer(let buffer, let message): "buffer \(buffer): \(message)"
    case .axis(let axis, let message): "axis \(axis.name): \(message)"
    case .value(let value, let message): "%\(value.index): \(message)"
    case .index(let buffer, let message): "index into buffer \(buffer): \(message)"
    }
  }
}

extension AxisID {
  /// As the text form calls it: i, j, k …, then axis18 and on.
  public var name: String {
    let letters = Array("ijklmnopqrstuvwxyz")
    return letters.indices.contains(index) ? String(letters[index]) : "axis\(index)"
  }
}
