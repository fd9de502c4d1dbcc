import GraphIR
import Tensors

extension Images {
  /// ONNX NonMaxSuppression: (batch, class, box) of the boxes kept, best first within a class.
  static func nonMaxSuppression(
    _ node: Node, _ x: [Tensor], centerPointBox: Bool, _ context: EvaluationContext
  ) throws -> Tensor {
    let (boxes, scores) = (x[0].shape, x[1].shape)
    guard boxes.rank == 3, scores.rank == 3, boxes[2] == 4, boxes[0] == scores[0], boxes[1] == scores[2] else {
      throw EvaluationError(node, "boxes \(boxes), scores \(scores)", expected: "[B, N, 4] and [B, C, N]")
    }
    /// Operand `index`, one number, if it is there.
    func number(_ index: Int) throws -> Double? {
      guard x.count > index, x[index].elementCount > 0 else { return nil }
      return try numbers(x[index], as: Double.self)[0]
    }
    let most = try x.count > 2 && x[2].elementCount > 0 ? numbers(x[2], as: Int64.self)[0] : 0
    let overlap = Float(try number(3) ?? 0)
    let least = try number(4).map(Float.init)
    let corners = try numbers(x[0], as: Float.self)
    let points = try numbers(x[1], as: Float.self)
    let count = boxes[1]
    var kept: [Int64] = []
    if most > 0 && points.count > 0 {
      for batch in 0..<boxes[0] {
        let areas = (0..<count).map { box in
          let start = (batch * count + box) * 4
          return DetectionBox(corners[start..<(start + 4)], isCentered: centerPointBox)
        }
        for category in 0..<scores[1] {
          let start = (batch * scores[1] + category) * count
          // Equal scores: the lower index first. NaN is no score.
          let candidates = (0..<count)
            .filter { index in least.map { points[start + index] > $0 } ?? !points[start + index].isNaN }
            .sorted { (points[start + $0], $1) > (points[start + $1], $0) }
          var chosen: [Int] = []
          for candidate in candidates where chosen.count < most {
            if chosen.allSatisfy({ !(areas[candidate].overlap(areas[$0]) > overlap) }) { chosen.append(candidate) }
          }
          for box in chosen { kept += [Int64(batch), Int64(category), Int64(box)] }
        }
      }
    }
    let result = try context.makeTensor(.int64, Shape([kept.count / 3, 3]))
    result.withMutableElements(of: Int64.self) { _ = $0.update(fromContentsOf: kept) }
    return result
  }
}

/// A box by its sides.
private struct DetectionBox {
  var left: Float
  var right: Float
  var top: Float
  var bottom: Float

  /// [y1, x1, y2, x2] with any diagonal, or [x centre, y centre, width, height].
  init(_ numbers: ArraySlice<Float>, isCentered: Bool) {
    let n = Array(numbers)
    if isCentered {
      (left, right) = (n[0] - n[2] / 2, n[0] + n[2] / 2)
      (top, bottom) = (n[1] - n[3] / 2, n[1] + n[3] / 2)
    } else {
      (left, right) = n[1] >= n[3] ? (n[3], n[1]) : (n[1], n[3])
      (top, bottom) = n[0] >= n[2] ? (n[2], n[0]) : (n[0], n[2])
    }
  }

  var area: Float { (right - left) * (bottom - top) }

  /// Intersection over union; -infinity for boxes that do not touch or have no area, which suppress nothing.
  func overlap(_ other: DetectionBox) -> Float {
    let width = min(right, other.right) - max(left, other.left)
    let height = min(bottom, other.bottom) - max(top, other.top)
    let intersection = width * height
    guard width > 0, height > 0, intersection > 0 else { return -.infinity }
    let union = area + other.area - intersection
    guard area > 0, other.area > 0, union > 0 else { return -.infinity }
    return intersection / union
  }
}
