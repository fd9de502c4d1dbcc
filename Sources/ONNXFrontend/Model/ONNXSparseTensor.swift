import ModelFiles
import Tensors

/// A `SparseTensorProto` in coordinate form; `tensor()` makes it dense.
public struct ONNXSparseTensor: Sendable {
  /// `[n]`: the elements that are not zero. Their tensor's name is the sparse tensor's name.
  public var values: ONNXTensor
  /// int64, `[n]` (row-major positions) or `[n, rank]` (coordinates).
  public var indices: ONNXTensor
  public var dims: [Int] = []

  public var name: String { values.name }

  enum Field: Int, WireMessage {
    static var messageName: String { "SparseTensorProto" }
    case values = 1
    case indices = 2
    case dims = 3
  }

  init(_ message: WireReader<Field>, _ context: ONNXParseContext) throws(WireError) {
    var reader = message
    var values: ONNXTensor?
    var indices: ONNXTensor?
    var extents: RepeatedField?
    while let field = try reader.next() {
      switch field {
      case .values: values = try ONNXTensor(try reader.message(), context)
      case .indices: indices = try ONNXTensor(try reader.message(), context)
      case .dims:
        try reader.repeated(.varint, into: &extents)
        if let extents, extents.count > ONNXTensor.rankLimit { throw reader.error("too many dimensions") }
      }
    }
    guard let values, let indices else { throw reader.error("values or indices are missing") }
    self.values = values
    self.indices = indices
    self.dims = try extents?.integers() ?? []
  }

  /// The dense tensor. Its size is a claim of the file, so it is bounded by a multiple of the file's size.
  public func tensor() throws(ONNXError) -> Tensor {
    let values = try values.tensor()
    let positions = try positions(count: values.elementCount)
    let type = values.elementType
    guard let shape = Shape(checking: dims), let byteCount = type.byteCount(of: shape.elementCount) else {
      throw invalid("its dimensions \(dims) are negative or too large")
    }
    let limit = self.values.source.allocationLimit
    let fits =
      type == .string ? shape.elementCount <= limit / MemoryLayout<String>.stride : byteCount <= limit
    guard fits else {
      throw invalid("\(type.name)\(shape) takes more than the \(limit) bytes that a file of its size may ask for")
    }
    guard positions.allSatisfy({ $0 >= 0 && $0 < shape.elementCount }) else {
      throw invalid("an index lies outside of \(shape)")
    }
    if type == .string {
      var strings = [String](repeating: "", count: shape.elementCount)
      for (position, string) in zip(positions, values.strings) { strings[position] = string }
      return Tensor(shape, strings: strings)
    }
    let dense: Tensor
    do { dense = try Tensor(type, shape) } catch { throw ONNXError(error, file: self.values.source.file.path) }
    Self.scatter(values, to: dense, at: positions)
    return dense
  }

  private static func scatter(_ values: Tensor, to dense: Tensor, at positions: [Int]) {
    let width = values.elementType.bitWidth
    withExtendedLifetime((values, dense)) {
      for (index, position) in positions.enumerated() {
        if width >= 8 {
          (dense.base + position * (width / 8)).copyMemory(
            from: values.base + index * (width / 8), byteCount: width / 8)
          continue
        }
        let mask = UInt8(1 << width - 1)
        let byte = values.base.load(fromByteOffset: index * width / 8, as: UInt8.self)
        let bits = byte >> UInt8(index * width % 8) & mask
        let (target, shift) = (position * width / 8, UInt8(position * width % 8))
        let old = dense.base.load(fromByteOffset: target, as: UInt8.self)
        dense.base.storeBytes(of: old & ~(mask << shift) | bits << shift, toByteOffset: target, as: UInt8.self)
      }
    }
  }

  /// Row-major positions of the values. Coordinates outside of their axis become -1.
  private func positions(count: Int) throws(ONNXError) -> [Int] {
    let indices = try indices.tensor()
    guard indices.elementType == .int64 else {
      throw invalid("its indices are \(indices.elementType.name), expected int64")
    }
    let numbers: [Int64] = indices.elements()
    if indices.shape.rank == 1, numbers.count == count { return numbers.map { Int($0) } }
    guard indices.shape.rank == 2, indices.shape[0] == count, indices.shape[1] == dims.count else {
      throw invalid("its indices have shape \(indices.shape), expected [\(count)] or [\(count), \(dims.count)]")
    }
    return (0..<count).map { row in
      var position = 0
      for (axis, extent) in dims.enumerated() {
        let coordinate = Int(numbers[row * dims.count + axis])
        guard coordinate >= 0, coordinate < extent else { return -1 }
        let (scaled, overflow) = position.multipliedReportingOverflow(by: extent)
        if overflow { return -1 }
        position = scaled &+ coordinate
        if position < 0 { return -1 }
      }
      return position
    }
  }

  private func invalid(_ problem: String) -> ONNXError { values.invalid("sparse: \(problem)") }
}
