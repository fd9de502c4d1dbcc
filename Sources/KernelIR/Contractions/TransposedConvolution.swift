/// The transpose of a convolution: x [N, spatial…, C], filter [window…, M/groups, C] → epilogue → [N, spatial'…, M],
/// float32. Element i of an input axis reaches element i·stride + k·dilation - padding of the output axis through
/// position k of the window.
///
/// Buffers: x, packed filter, the epilogue's operands (rows are the output pixels of all images), y. Parameter: N.
public struct TransposedConvolutionKernel: Hashable, Sendable {
  public var geometry: ConvolutionGeometry
  public var groups: Int
  /// Of all groups.
  public var inputChannels: Int
  public var outputChannels: Int
  /// Elements from one pixel to the next, at least the channels.
  public var inputPixelStride: Int
  public var outputPixelStride: Int
  public var epilogue: Epilogue

  public init(
    geometry: ConvolutionGeometry, groups: Int, inputChannels: Int, outputChannels: Int, inputPixelStride: Int? = nil,
    outputPixelStride: Int? = nil, epilogue: Epilogue = .none
  ) {
    self.geometry = geometry
    self.groups = groups
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.inputPixelStride = inputPixelStride ?? inputChannels
    self.outputPixelStride = outputPixelStride ?? outputChannels
    self.epilogue = epilogue
  }
}

/// A transposed convolution as plain ones.
///
/// Which positions of the window reach an output element depends on its position modulo the stride alone. Each
/// remainder, a phase, is a convolution of stride 1 with these positions in reverse order, whose pixels lie `stride`
/// apart in the output: no zeros between the input's pixels are multiplied.
public struct TransposedPhases: Hashable, Sendable {
  public var window: [Int]
  public var strides: [Int]
  public var dilations: [Int]
  public var padding: [Int]

  public init(window: [Int], strides: [Int], dilations: [Int], padding: [Int]) {
    self.window = window
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
  }

  public init(_ geometry: ConvolutionGeometry) {
    self.init(
      window: geometry.window, strides: geometry.strides, dilations: geometry.dilations, padding: geometry.padding)
  }

  /// Whether there are as few phases as networks have; each may be code of its own.
  public var areFew: Bool {
    let most = 512
    return strides.reduce(1) { min($0, most + 1) * min($1, most + 1) } <= most
  }

  /// The remainders along each axis, the last axis fastest.
  public var all: [[Int]] {
    strides.reduce([[]]) { phases, stride in phases.flatMap { phase in (0..<stride).map { phase + [$0] } } }
  }

  /// The positions of the window along one axis that reach a phase, those that see the first input element first.
  public func taps(_ axis: Int, phase: Int) -> [Int] {
    (0..<window[axis]).reversed().filter { (phase + padding[axis] - $0 * dilations[axis]) % strides[axis] == 0 }
  }

  /// The positions of the whole window that reach a phase, as flat indices in the order of the phase's own window.
  public func taps(_ phase: [Int]) -> [Int] {
    window.indices.reduce([0]) { flat, axis in
      let taps = taps(axis, phase: phase[axis])
      return flat.flatMap { index in taps.map { index * window[axis] + $0 } }
    }
  }

  /// The convolution that a phase is. Where no position of the window reaches it, its window is one position outside the
  /// image.
  public func geometry(_ phase: [Int], input: [Int], output: [Int]) -> ConvolutionGeometry {
    let axes = window.indices.map { axis -> (count: Int, dilation: Int, padding: Int) in
      let taps = taps(axis, phase: phase[axis])
      guard let first = taps.first else { return (1, 1, -input[axis]) }
      let start = (phase[axis] + padding[axis] - first * dilations[axis]) / strides[axis]
      let step = taps.count > 1 ? (first - taps[1]) * dilations[axis] / strides[axis] : 1
      return (taps.count, step, -start)
    }
    return ConvolutionGeometry(
      input: input,
      output: window.indices.map { max(0, (output[$0] - phase[$0] + strides[$0] - 1) / strides[$0]) },
      window: axes.map(\.count), strides: window.map { _ in 1 }, dilations: axes.map(\.dilation),
      padding: axes.map(\.padding))
  }
}
