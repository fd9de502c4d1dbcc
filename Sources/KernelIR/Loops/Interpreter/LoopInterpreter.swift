import GraphIR
import Interpreter
import Tensors

/// Runs a kernel in plain Swift: the meaning that every code generator is tested against, and what runs where there is
/// none.
///
/// The kernel becomes a tree of closures, one a statement. Each value has a column of `laneCount` elements, so that a
/// closure does its work for many positions of the vector axis at a time. Sums and products of floats are taken in
/// float64.
public struct LoopInterpreter: Sendable {
  public let kernel: LoopKernel
  private let program: [Frame.Operation]

  public init(_ kernel: LoopKernel) throws(LoopError) {
    try kernel.verify()
    self.kernel = kernel
    self.program = LoopProgram(kernel: kernel).operations(of: kernel.body)
  }

  /// Does the units `begin..<end`.
  /// - Parameters:
  ///   - arguments: as `Kernel` says.
  ///   - scratch: `kernel.scratchSizeInBytes` bytes.
  public func run(arguments: UnsafeRawPointer, begin: Int, end: Int, scratch: UnsafeMutableRawPointer?) {
    let buffers = UnsafeMutablePointer<UnsafeMutableRawPointer>.allocate(capacity: kernel.buffers.count + 1)
    let positions = UnsafeMutablePointer<Int>.allocate(capacity: kernel.axes.count + 1)
    let columns = UnsafeMutableRawPointer.allocate(
      byteCount: (kernel.types.count + 1) * Frame.columnBytes, alignment: 64)
    defer {
      buffers.deallocate()
      positions.deallocate()
      columns.deallocate()
    }
    positions.initialize(repeating: 0, count: kernel.axes.count + 1)
    let scratchOffsets = kernel.scratchOffsets
    let passed = kernel.argumentBufferCount
    for index in kernel.buffers.indices {
      let address =
        index < passed
        ? arguments.load(fromByteOffset: index * 8, as: UnsafeMutableRawPointer?.self)
        : scratch.map { $0 + scratchOffsets[index - passed] }
      // Buffers without elements may have no address; nothing is read from them then.
      (buffers + index).initialize(to: address ?? columns)
    }
    let frame = Frame(buffers: buffers, positions: positions, columns: columns, lanes: 1)
    for unit in begin..<max(begin, end) {
      var rest = unit
      for axis in stride(from: kernel.parallelCount - 1, to: 0, by: -1) {
        (rest, positions[axis]) = rest.quotientAndRemainder(dividingBy: kernel.axes[axis].extent)
      }
      if kernel.parallelCount > 0 { positions[0] = rest }
      for operation in program { operation(frame) }
    }
  }
}

/// What operations work on.
struct Frame {
  typealias Operation = @Sendable (Frame) -> Void

  static let laneCount = 128
  static let columnBytes = laneCount * 8

  let buffers: UnsafeMutablePointer<UnsafeMutableRawPointer>
  /// Of each axis; of a vector axis, that of lane 0.
  let positions: UnsafeMutablePointer<Int>
  let columns: UnsafeMutableRawPointer
  /// 1 outside a loop over a vector axis.
  var lanes: Int

  @inline(__always)
  func elements<Element>(_ column: Column, _ type: Element.Type) -> UnsafeMutablePointer<Element> {
    (columns + column.offset).assumingMemoryBound(to: Element.self)
  }
}

/// The elements of a value.
struct Column: Sendable {
  /// In bytes.
  let offset: Int
  /// 0 for a value that is the same for all lanes.
  let step: Int
}
