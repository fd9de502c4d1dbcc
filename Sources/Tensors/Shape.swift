/// Extents of a dense row-major tensor; empty for a scalar. Extents are never negative.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let dimensions: [Int]
  /// Product of the extents, computed once.
  public let elementCount: Int

  /// For extents that the program itself made. Traps on a negative extent or a product beyond `Int`.
  public init(_ dimensions: [Int]) {
    guard let shape = Shape(checking: dimensions) else { preconditionFailure("invalid shape \(dimensions)") }
    self = shape
  }

  /// For extents from outside: nil when one is negative or the product of the non-zero ones overflows.
  public init?(checking dimensions: [Int]) {
    var product = 1
    var isEmpty = false
    for extent in dimensions {
      if extent < 0 { return nil }
      if extent == 0 {
        isEmpty = true
        continue
      }
      let (next, overflow) = product.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      product = next
    }
    self.dimensions = dimensions
    self.elementCount = isEmpty ? 0 : product
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  public static let scalar = Shape([])

  @inlinable public var rank: Int { dimensions.count }
  @inlinable public subscript(axis: Int) -> Int { dimensions[axis] }

  /// Elements between neighbours along each axis, row-major.
  public var strides: [Int] {
    var strides = [Int](repeating: 1, count: rank)
    var step = 1
    for axis in dimensions.indices.reversed() {
      strides[axis] = step
      step = step &* max(dimensions[axis], 1)
    }
    return strides
  }

  public var description: String { "[\(dimensions.map(String.init).joined(separator: ", "))]" }
}
