import GraphIR
import Tensors

extension Ordering {
  /// Positions of the elements that are not zero, false or empty, in row-major order: int64[rank, n].
  static func nonZero(_ x: Tensor, _ node: Node, _ context: EvaluationContext) throws -> Tensor {
    let places = try nonZeroPlaces(x)
    let result = try context.makeTensor(.int64, [x.shape.rank, places.count])
    let strides = x.shape.strides
    result.withMutableElements(of: Int64.self) { positions in
      for axis in 0..<x.shape.rank {
        for (index, place) in places.enumerated() {
          positions[axis * places.count + index] = Int64(place / strides[axis] % x.shape[axis])
        }
      }
    }
    return result
  }

  private static func nonZeroPlaces(_ x: Tensor) throws -> [Int] {
    if x.elementType == .string { return x.strings.indices.filter { !x.strings[$0].isEmpty } }
    let truth = try x.converted(to: .bool)
    return truth.withElements(of: Bool.self) { truth in truth.indices.filter { truth[$0] } }
  }
}
