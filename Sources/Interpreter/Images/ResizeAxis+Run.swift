import GraphIR
import Tensors

extension ResizeAxis {
  /// The operand as [outer, extent, inner] around the axis, and the result's shape.
  private func layout(_ node: Node, _ x: Tensor) throws -> (outer: Int, inner: Int, shape: Shape) {
    var dimensions = x.shape.dimensions
    dimensions[axis] = output
    guard let shape = Shape(checking: dimensions) else {
      throw EvaluationError(node, "result extents \(dimensions)", expected: "a tensor that fits in memory")
    }
    if shape.elementCount == 0 { return (0, 0, shape) }
    return (dimensions[..<axis].reduce(1, *), dimensions[(axis + 1)...].reduce(1, *), shape)
  }

  /// Elements of any type with whole bytes, copied.
  func copyNearest(_ node: Node, _ x: Tensor, fill: Tensor) throws -> Tensor {
    let (outer, inner, shape) = try layout(node, x)
    let result = try Tensor(x.elementType, shape, zeroed: false)
    let width = x.elementType.bitWidth / 8
    let extent = x.shape[axis]
    withExtendedLifetime((x, fill, result)) {
      var target = result.base
      for position in 0..<outer {
        for index in 0..<output {
          if !isOutside.isEmpty, isOutside[index] {
            for element in 0..<inner { (target + element * width).copyMemory(from: fill.base, byteCount: width) }
          } else {
            let source = x.base + (position * extent + indices[index]) * inner * width
            target.copyMemory(from: source, byteCount: inner * width)
          }
          target += inner * width
        }
      }
    }
    return result
  }

  /// Weighted sums of the neighbours.
  func interpolate<Real: SampleReal & SIMDScalar>(
    _ node: Node, _ x: Tensor, fill: Real, threads: Int
  ) throws -> Tensor {
    let (outer, inner, shape) = try layout(node, x)
    let result = try Tensor(x.elementType, shape, zeroed: false)
    let extent = x.shape[axis]
    let weights = weights.map { Real($0) }
    let operations = Double(shape.elementCount) * Double(tapCount)
    x.withElements(of: Real.self) { x in
      result.withMutableElements(of: Real.self) { result in
        guard let x = x.baseAddress, let result = result.baseAddress else { return }
        parallelFor(outer * output, threads: operations < 1e6 ? 1 : threads) { part in
          for line in part {
            let (position, index) = line.quotientAndRemainder(dividingBy: output)
            let target = result + line * inner
            if !isOutside.isEmpty, isOutside[index] {
              target.update(repeating: fill, count: inner)
              continue
            }
            for tap in 0..<tapCount {
              let weight = weights[index * tapCount + tap]
              let source = x + (position * extent + indices[index * tapCount + tap]) * inner
              if tap == 0 {
                for element in 0..<inner { target[element] = source[element] * weight }
              } else {
                for element in 0..<inner { target[element] += source[element] * weight }
              }
            }
          }
        }
      }
    }
    return result
  }
}
