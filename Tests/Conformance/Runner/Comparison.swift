import Tensors

/// Compares results with references: shapes, types, integers and strings exactly, floats within tolerances.
struct Comparison {
  var relativeTolerance: Double
  var absoluteTolerance: Double
  var shapesOnly: Bool

  /// What differs, or nil.
  func difference(_ found: RuntimeValue, _ expected: RuntimeValue) -> String? {
    switch (found, expected) {
    case (.tensor(let a), .tensor(let b)): return difference(a, b)
    case (.optional(let a?), .optional(let b?)): return difference(a, b)
    case (.optional(nil), .optional(nil)): return nil
    case (.optional(let a?), _): return difference(a, expected)
    case (_, .optional(let b?)): return difference(found, b)
    case (.sequence(let a), .sequence(let b)):
      guard a.count == b.count else { return "found \(a.count) elements, expected \(b.count)" }
      for (index, (a, b)) in zip(a, b).enumerated() {
        if let problem = difference(a, b) { return "element \(index): \(problem)" }
      }
      return nil
    default: return "found \(found), expected \(expected)"
    }
  }

  private func difference(_ found: Tensor, _ expected: Tensor) -> String? {
    guard found.elementType == expected.elementType else {
      return "found type \(found.elementType.name), expected \(expected.elementType.name)"
    }
    guard found.shape == expected.shape else { return "found shape \(found.shape), expected \(expected.shape)" }
    if shapesOnly { return nil }
    switch found.elementType.kind {
    case .string:
      return first(found.strings, expected.strings) { $0 == $1 }
    case .float:
      let (relative, absolute) = tolerances(found.elementType)
      guard let a = try? found.converted(to: .float64).elements(of: Double.self),
        let b = try? expected.converted(to: .float64).elements(of: Double.self)
      else { return "cannot convert \(found.elementType.name)" }
      return first(a, b) { isClose($0, $1, relative, absolute) }
    case .complex:
      guard let a = try? found.converted(to: .complex128).elements(of: Complex128.self),
        let b = try? expected.converted(to: .complex128).elements(of: Complex128.self)
      else { return "cannot convert \(found.elementType.name)" }
      return first(a, b) {
        isClose($0.real, $1.real, relativeTolerance, absoluteTolerance)
          && isClose($0.imaginary, $1.imaginary, relativeTolerance, absoluteTolerance)
      }
    case .signedInteger, .unsignedInteger, .bool:
      // Widened, so that unused bits of packed types do not count.
      guard let a = try? found.widened(), let b = try? expected.widened() else { return "cannot widen" }
      return first(bytes(a), bytes(b)) { $0 == $1 }
    }
  }

  private func bytes(_ tensor: Tensor) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: tensor.base, count: tensor.byteCount))
  }

  private func tolerances(_ type: ElementType) -> (relative: Double, absolute: Double) {
    switch type {
    case .float16: (max(relativeTolerance, 1e-3), max(absoluteTolerance, 1e-3))
    case .bfloat16: (max(relativeTolerance, 1.0 / 64), max(absoluteTolerance, 1e-3))
    default: (relativeTolerance, absoluteTolerance)
    }
  }

  private func isClose(_ a: Double, _ b: Double, _ relative: Double, _ absolute: Double) -> Bool {
    a == b || (a.isNaN && b.isNaN) || abs(a - b) <= absolute + relative * abs(b)
  }

  private func first<Element>(
    _ a: [Element], _ b: [Element], _ agree: (Element, Element) -> Bool
  ) -> String? {
    for index in a.indices where !agree(a[index], b[index]) {
      return "element \(index): found \(a[index]), expected \(b[index])"
    }
    return nil
  }
}
