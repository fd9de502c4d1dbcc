// Quantised graphs. Start here.
//
// Files say what is computed in 8 bits by putting `quantize` and `dequantize` around float nodes, or by composites that
// widen to int32 first. Four passes make integer work of both:
//
//   keepQuantized          what only moves numbers, moves them as they are stored: dequantize goes down past it, and
//                          meets the quantize that undoes it; int8 activations become uint8
//   integerProducts        contractions of quantised numbers with constant weights multiply 8-bit integers into int32
//   narrowWeights          weights that are widened by primitives stay narrow where products and look-ups read them
//   lowerQuantization      what is left of quantize and dequantize becomes elementwise primitives, for any fusion
//
// The meaning is the same on every target: sums of products are exact in int32; float(sum) · scale, each rounded to
// float32; to the nearest even; plus the zero point; saturated. Integers add up exactly in any order, and each float step
// is one rounding, so that results have the same bits whatever computes them.

import GraphIR
import Tensors

/// A value that stands for (numbers − zero point) · scale.
struct QuantizedValue {
  var numbers: ValueID
  var scale: ValueID
  var zeroPoint: ValueID?
}

extension Rewriter {
  /// The operands of the dequantize node behind a value: one scale for all, floats as a result.
  func dequantized(_ id: ValueID) -> QuantizedValue? {
    guard let node = producer(id), case .dequantize(let axis, .float32) = node.operation, axis.blockSize == 0,
      hasOneElement(node.operands[1]), elementType(node.operands[1]) == .float32,
      let type = elementType(node.operands[0]), type == .uint8 || type == .int8
    else { return nil }
    return QuantizedValue(
      numbers: node.operands[0], scale: node.operands[1], zeroPoint: node.operands.count > 2 ? node.operands[2] : nil)
  }

  func hasOneElement(_ id: ValueID) -> Bool { shape(id).map { $0.allSatisfy { $0 == .one } } ?? false }

  /// Surely the same numbers.
  func isSameConstant(_ a: ValueID?, _ b: ValueID?) -> Bool {
    if a == b { return true }
    let (left, right) = (a.map { uniform($0) } ?? 0, b.map { uniform($0) } ?? 0)
    return left != nil && left == right
  }

  /// The one number of a constant.
  func number(_ id: ValueID) -> Double? { hasOneElement(id) ? uniform(id) : nil }
}

extension Tensor {
  /// The elements of an integer tensor; nil for other types and for large numbers.
  func int32Elements() -> [Int32]? {
    guard elementType.isInteger, elementType.bitWidth <= 32, let wide = try? converted(to: .int32) else { return nil }
    return wide.elements(of: Int32.self)
  }

  /// The elements of a float tensor as float32.
  func float32Elements() -> [Float]? {
    guard elementType == .float32 else { return nil }
    return elements(of: Float.self)
  }
}
