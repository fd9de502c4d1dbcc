import Glibc
import GraphIR
import Tensors

/// What a kernel may use besides its operands: memory for results, threads, random numbers.
public final class EvaluationContext {
  /// Threads that contractions may use.
  public let threadCount: Int

  /// Where the engine's memory plan wants the results of the node that runs next; nil entries and results larger
  /// than their slot go to the heap.
  public var slots: [TensorStorage?] = []

  /// Runs the regions of the node that runs next; nil leaves them to the interpreter.
  public var regionRunner: (any RegionRunner)?

  /// When to give up, in nanoseconds of the monotonic clock; nil never. Looked at before each node, loop bodies
  /// included.
  public var deadlineNanoseconds: UInt64?

  /// Nanoseconds of the monotonic clock.
  public static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Throws `DeadlineExceeded`.
  @inlinable public func checkDeadline() throws {
    guard let deadlineNanoseconds, Self.now > deadlineNanoseconds else { return }
    throw DeadlineExceeded()
  }

  public init(threadCount: Int = 1) { self.threadCount = threadCount }

  // MARK: What is made of constants

  private struct PreparedKey: Hashable {
    var storages: [ObjectIdentifier]
    var byteOffsets: [Int]
    var kind: ObjectIdentifier
  }

  /// The tensors are kept, so that no other one gets their storage's identity.
  private var prepared: [PreparedKey: (constants: [Tensor], value: Any)] = [:]
  private static let maximumPreparedCount = 256

  /// What `make` makes of a node's constant operands, such as a dictionary of their elements: once for all runs in this
  /// context. One `Value` type stands for one way of making it.
  func prepared<Value>(from constants: [Tensor], _ make: () throws -> Value) rethrows -> Value {
    let key = PreparedKey(
      storages: constants.map { ObjectIdentifier($0.storage) }, byteOffsets: constants.map(\.byteOffset),
      kind: ObjectIdentifier(Value.self))
    if let known = prepared[key]?.value as? Value { return known }
    let value = try make()
    if prepared.count == Self.maximumPreparedCount { prepared.removeAll() }
    prepared[key] = (constants, value)
    return value
  }

  /// Memory for result number `result` of the running node, not cleared.
  public func makeTensor(_ elementType: ElementType, _ shape: Shape, result: Int = 0) throws -> Tensor {
    if result < slots.count, let slot = slots[result], let needed = elementType.byteCount(of: shape.elementCount),
      elementType != .string, needed <= slot.byteCount
    {
      return Tensor(elementType, shape, storage: slot)
    }
    return try Tensor(elementType, shape, zeroed: false)
  }
}

/// The run took longer than it was given.
public struct DeadlineExceeded: Error, CustomStringConvertible {
  public init() {}
  public var description: String { "the run took longer than its time limit" }
}

/// A node that cannot be evaluated for the operands it got: shapes that do not fit, positions out of range.
public struct EvaluationError: Error, CustomStringConvertible {
  public var operation: Operation
  public var source: String?
  public var found: String
  public var expected: String

  public init(_ node: Node, _ found: String, expected: String) {
    operation = node.operation
    source = node.source
    self.found = found
    self.expected = expected
  }

  public var description: String {
    "\(source.map { "\($0): " } ?? "")\(operation): expected \(expected), found \(found)"
  }
}
