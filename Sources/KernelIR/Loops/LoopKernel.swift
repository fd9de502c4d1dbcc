import Tensors

/// A fused loop nest: everything that is elementwise, a reduction, a movement of elements, or a mix of them.
///
/// The first `parallelCount` axes are the outer loops. Their product, in row-major order, is the units of work; the
/// extent of axis 0 is not part of the kernel. All other loops stand in `body`, perfectly nested or not. At most one
/// axis of a nest is of kind `vector`; loops inside it are serial and run for each of its positions (a window, a
/// column), so that what they reduce and carry is a value for each lane.
///
/// Units are independent of one another, and so are the positions of a vector axis: none reads what another one stores.
/// The text form is `description`'s; `LoopInterpreter` has the meaning, `verify()` what every reader takes for granted.
public struct LoopKernel: Hashable, Sendable {
  public struct Buffer: Hashable, Sendable {
    public enum Access: UInt8, Hashable, Sendable, CaseIterable { case read, write, scratch }
    /// As stored. Narrow types widen when loaded, see `computeType`.
    public var elementType: ElementType
    public var access: Access
    /// Elements of a scratch buffer, which each thread has for itself and whose contents do not outlive a unit; 0 for
    /// the others. Scratch buffers come last.
    public var elementCount: Int

    public init(_ elementType: ElementType, _ access: Access, elementCount: Int = 0) {
      self.elementType = elementType
      self.access = access
      self.elementCount = elementCount
    }
  }

  public struct Axis: Hashable, Sendable {
    public enum Kind: UInt8, Hashable, Sendable, CaseIterable { case parallel, serial, vector }
    public var kind: Kind
    /// 0 for axis 0, whose extent comes with the call.
    public var extent: Int

    public init(_ kind: Kind, extent: Int) {
      self.kind = kind
      self.extent = extent
    }
  }

  /// A readable name: what it does, not for what it is used. Not part of the kernel's identity.
  public var name: String
  public var buffers: [Buffer]
  public var axes: [Axis]
  public var parallelCount: Int
  /// The type of each value, always a `computeType`.
  public var types: [ElementType]
  public var body: [Statement]

  public init(
    name: String, buffers: [Buffer], axes: [Axis], parallelCount: Int, types: [ElementType], body: [Statement]
  ) {
    self.name = name
    self.buffers = buffers
    self.axes = axes
    self.parallelCount = parallelCount
    self.types = types
    self.body = body
  }

  public static func == (left: LoopKernel, right: LoopKernel) -> Bool {
    left.buffers == right.buffers && left.axes == right.axes && left.parallelCount == right.parallelCount
      && left.types == right.types && left.body == right.body
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(buffers)
    hasher.combine(axes)
    hasher.combine(body)
  }

  /// The type that elements of `type` are computed in: float16 and bfloat16 as float32, 8- and 16-bit integers as int32;
  /// float32, float64, int32, int64, uint32, uint64 and bool as themselves; nil for types that no kernel computes with.
  public static func computeType(_ type: ElementType) -> ElementType? {
    switch type {
    case .float32, .float64, .int32, .int64, .uint32, .uint64, .bool: type
    case .float16, .bfloat16: .float32
    case .int8, .uint8, .int16, .uint16: .int32
    default: nil
    }
  }
}

/// An axis of a kernel, by its place in `LoopKernel.axes`.
public struct AxisID: Hashable, Sendable {
  public var index: Int
  public init(_ index: Int) { self.index = index }
}

/// A value of a kernel, by its place in `LoopKernel.types`. Defined once, before its uses, in the same or an
/// enclosing loop. One that does not depend on the vector axis is the same for all lanes.
public struct KernelValue: Hashable, Sendable {
  public var index: Int
  public init(_ index: Int) { self.index = index }
}
