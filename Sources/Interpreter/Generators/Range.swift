import GraphIR
import Tensors

extension Generators {
  /// More elements than this are taken for a mistake: a range is made of three numbers that a request may send.
  static let maximumRangeCount = 1 << 31

  /// start, start + delta, … up to but without limit: ceil((limit - start) / delta) of them.
  static func range(
    _ start: Tensor, _ limit: Tensor, _ delta: Tensor, _ node: Node, _ context: EvaluationContext
  ) throws -> Tensor {
    let type = start.elementType
    guard [limit, delta].allSatisfy({ $0.elementType == type }), type.isNumeric,
      [start, limit, delta].allSatisfy({ $0.elementCount == 1 })
    else {
      let found = [start, limit, delta].map { "\($0.elementType.name)\($0.shape)" }
      throw EvaluationError(
        node, found.joined(separator: ", "), expected: "three scalars of one real element type")
    }
    return try Widening.evaluate([start, limit, delta], context) { x, context in
      let computation = Range(start: x[0], limit: x[1], delta: x[2], node: node, context: context)
      // Of the two switches the one for integers does not know floats and the other way round.
      if let result = try x[0].elementType.dispatch(FloatRange(range: computation)) { return result }
      guard let result = try x[0].elementType.dispatch(IntegerRange(range: computation)) else {
        throw EvaluationError(node, unsupported: type)
      }
      return result
    }
  }

  private struct Range {
    let start, limit, delta: Tensor
    let node: Node
    let context: EvaluationContext

    func values<Element>(_ type: Element.Type) -> (start: Element, limit: Element, delta: Element) {
      withExtendedLifetime((start, limit, delta)) {
        (start.pointer(Element.self)[0], limit.pointer(Element.self)[0], delta.pointer(Element.self)[0])
      }
    }

    func makeTensor(count: Int?) throws -> Tensor {
      guard let count, count <= maximumRangeCount else {
        throw EvaluationError(
          node, "start, limit and delta of \(count.map(String.init) ?? "unknown many") elements",
          expected: "a delta other than 0, finite numbers and at most \(maximumRangeCount) elements")
      }
      return try context.makeTensor(start.elementType, [count])
    }
  }

  private struct FloatRange: FloatComputation {
    let range: Range

    func run<Element: FloatNumber>(_ type: Element.Type) throws -> Tensor? {
      let (start, limit, delta) = range.values(Element.self)
      let count = ((Double(limit) - Double(start)) / Double(delta)).rounded(.up)
      let result = try range.makeTensor(count: delta == 0 || !count.isFinite ? nil : Int(min(max(count, 0), 1e18)))
      withExtendedLifetime(result) {
        let target = result.pointer(Element.self)
        for index in 0..<result.elementCount { target[index] = start + Element(index) * delta }
      }
      return result
    }
  }

  private struct IntegerRange: IntegerComputation {
    let range: Range

    func run<Element: WholeNumber>(_ type: Element.Type) throws -> Tensor? {
      let (start, limit, delta) = range.values(Element.self)
      let result = try range.makeTensor(count: count(start, limit, delta))
      withExtendedLifetime(result) {
        let target = result.pointer(Element.self)
        var value = start
        for index in 0..<result.elementCount {
          target[index] = value
          value = value &+ delta
        }
      }
      return result
    }

    private func count<Element: WholeNumber>(_ start: Element, _ limit: Element, _ delta: Element) -> Int? {
      if delta == 0 { return nil }
      guard delta > 0 ? start < limit : start > limit else { return 0 }
      // The distance of two numbers of 64 bits fits 64 bits without a sign.
      let distance = UInt64(truncatingIfNeeded: Int64(truncatingIfNeeded: limit) &- Int64(truncatingIfNeeded: start))
      let magnitude = delta > 0 ? distance : 0 &- distance
      return Int(exactly: (magnitude - 1) / UInt64(delta.magnitude) + 1)
    }
  }
}
