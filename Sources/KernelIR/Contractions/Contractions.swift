import Tensors

/// What a contraction multiplies.
public enum Factors: Hashable, Sendable {
  case float32
  /// A or x is bfloat16 in memory, B or the filter a float32 constant that is rounded to bfloat16, to nearest even, when
  /// it is packed. A step multiplies two neighbours of the depth; products are exact, sums are float32. Numbers below
  /// 2⁻¹²⁶ may count as zeros. Depths and channels of a group are even.
  case bfloat16
  /// A or x is uint8, B or the filter int8 (a constant), the accumulators are int32, exact but for wrapping around.
  /// Depths and channels of a group are multiples of 4, those of a depthwise convolution excepted.
  case bytes

  /// Of A.
  public var elementType: ElementType {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .bytes: .uint8
    }
  }
  public var accumulatorType: ElementType { self == .bytes ? .int32 : .float32 }
  /// What depths and channels of a group are multiples of.
  public var depthUnit: Int {
    switch self {
    case .float32: 1
    case .bfloat16: 2
    case .bytes: 4
    }
  }
}

/// A packed B in few bits: B[k, n] = (code − zero point) · scale, both those of the block that k is in.
public struct WeightCodes: Hashable, Sendable {
  /// 4 or 8
  public var bits: Int
  public var isSigned: Bool
  /// Neighbouring k with one scale: the depth, or `32 / bits` times a power of two.
  public var blockSize: Int
  /// That of all blocks; nil where they differ.
  public var zeroPoint: Int?

  public init(bits: Int, isSigned: Bool, blockSize: Int, zeroPoint: Int?) {
    self.bits = bits
    self.isSigned = isSigned
    self.blockSize = blockSize
    self.zeroPoint = zeroPoint
  }

  /// What takes the place of B: codes, scales, and zero points that differ.
  public var bufferCount: Int { zeroPoint == nil ? 3 : 2 }
}

/// C[batch…, m, n] = epilogue(Σ k: A[batch…, m, k] · B[batch…, k, n]). Strides in elements.
///
/// Buffers: A, B, the epilogue's operands, C. Parameters: rows M, then the outermost batch extent. For B in codes there
/// are the codes [K, N], the scales [blocks, N] and, unless all are the same, the zero points [blocks, N], all packed.
public struct Gemm: Hashable, Sendable {
  public enum RightHandSide: Hashable, Sendable {
    /// A constant, packed at load into panels as the code generator wants them, from [K, N] with these strides.
    case packed
    /// B[k, n] at k·rowStride + n
    case rows(stride: Int)
    /// B[k, n] at n·columnStride + k
    case columns(stride: Int)
  }
  public struct BatchAxis: Hashable, Sendable {
    /// 0 for the outermost, whose extent comes with the call.
    public var extent: Int
    public var aStride: Int
    public var bStride: Int
    public var cStride: Int

    public init(extent: Int, aStride: Int, bStride: Int, cStride: Int) {
      self.extent = extent
      self.aStride = aStride
      self.bStride = bStride
      self.cStride = cStride
    }
  }

  public var columns: Int
  public var depth: Int
  /// A[m, k] at m·aRowStride + k
  public var aRowStride: Int
  public var b: RightHandSide
  public var cRowStride: Int
  public var batch: [BatchAxis]
  public var epilogue: Epilogue
  /// With bytes and bfloat16, B is packed.
  public var factors: Factors
  /// How a packed B of float32 factors is written; nil for float32 numbers.
  public var codes: WeightCodes?

  public init(
    columns: Int, depth: Int, aRowStride: Int, b: RightHandSide, cRowStride: Int, batch: [BatchAxis] = [],
    epilogue: Epilogue = .none, factors: Factors = .float32, codes: WeightCodes? = nil
  ) {
    self.codes = codes
    self.factors = factors
    self.columns = columns
    self.depth = depth
    self.aRowStride = aRowStride
    self.b = b
    self.cRowStride = cRowStride
    self.batch = batch
    self.epilogue = epilogue
  }
}

extension Gemm {
  /// Where the epilogue's operands begin among the buffers.
  public var firstOperandPosition: Int { 1 + (codes?.bufferCount ?? 1) }
}

/// The sliding window of a convolution over one, two or three spatial axes; arrays have one entry each.
public struct ConvolutionGeometry: Hashable, Sendable {
  public var input: [Int]
  public var output: [Int]
  public var window: [Int]
  public var strides: [Int]
  public var dilations: [Int]
  public var padding: [Int]

  public init(input: [Int], output: [Int], window: [Int], strides: [Int], dilations: [Int], padding: [Int]) {
    self.input = input
    self.output = output
    self.window = window
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
  }
}

/// x [N, spatial…, C] ∗ filter [window…, C/groups, M] → epilogue → [N, spatial'…, M].
///
/// Buffers: x, packed filter, the epilogue's operands (rows are the output pixels of all images), y. Parameter: N.
public struct ConvolutionKernel: Hashable, Sendable {
  public var geometry: ConvolutionGeometry
  public var groups: Int
  /// Of all groups.
  public var inputChannels: Int
  public var outputChannels: Int
  /// Elements from one pixel to the next, at least the channels.
  public var inputPixelStride: Int
  public var outputPixelStride: Int
  public var epilogue: Epilogue
  public var factors: Factors

  public init(
    geometry: ConvolutionGeometry, groups: Int, inputChannels: Int, outputChannels: Int, inputPixelStride: Int? = nil,
    outputPixelStride: Int? = nil, epilogue: Epilogue = .none, factors: Factors = .float32
  ) {
    self.factors = factors
    self.geometry = geometry
    self.groups = groups
    self.inputChannels = inputChannels
    self.outputChannels = outputChannels
    self.inputPixelStride = inputPixelStride ?? inputChannels
    self.outputPixelStride = outputPixelStride ?? outputChannels
    self.epilogue = epilogue
  }
}

/// A convolution of small groups, most of all one filter for each channel: x [N, spatial…, C],
/// filter [window…, groupInputs, M] → [N, spatial'…, M] with groups of `groupOutputs` channels of the M. With bytes, one filter for each channel.
///
/// Buffers: x, filter, the epilogue's operands, y. Parameter: N.
public struct DepthwiseKernel: Hashable, Sendable {
  public var geometry: ConvolutionGeometry
  /// Of the result, in all groups.
  public var channels: Int
  public var groupInputs: Int
  public var groupOutputs: Int
  public var inputPixelStride: Int
  public var outputPixelStride: Int
  public var epilogue: Epilogue
  public var factors: Factors

  public init(
    geometry: ConvolutionGeometry, channels: Int, groupInputs: Int = 1, groupOutputs: Int = 1,
    inputPixelStride: Int? = nil, outputPixelStride: Int? = nil, epilogue: Epilogue = .none, factors: Factors = .float32
  ) {
    self.factors = factors
    self.geometry = geometry
    self.channels = channels
    self.groupInputs = groupInputs
    self.groupOutputs = groupOutputs
    self.inputPixelStride = inputPixelStride ?? channels / groupOutputs * groupInputs
    self.outputPixelStride = outputPixelStride ?? channels
    self.epilogue = epilogue
  }
}

/// softmax(mask(scale · Q Kᵀ)) V for each batch entry and head, float32, one pass over K and V with a running maximum
/// and sum.
///
/// Q[b, h, s, d] at b·batch + h·head + s·row + d with the strides of its `Layout`; K, V and the result likewise. Buffers:
/// Q, K, V, the masks, result. Parameters: batch, query rows S, key rows T.
public struct AttentionKernel: Hashable, Sendable {
  public struct Layout: Hashable, Sendable {
    public var batchStride: Int
    public var headStride: Int
    public var rowStride: Int
    public init(batchStride: Int, headStride: Int, rowStride: Int) {
      self.batchStride = batchStride
      self.headStride = headStride
      self.rowStride = rowStride
    }
  }
  /// What is done with the scaled scores: mask[b, h, s, t] at b·batch + h·head + s·row + t·column; stride 0 repeats.
  public struct Mask: Hashable, Sendable {
    public enum Form: Hashable, Sendable {
      /// float32
      case added
      /// bool: where it is `keeps`, a score stays, elsewhere it becomes the float32 of these bits.
      case selecting(keeps: Bool, otherwise: UInt32)
    }
    public var layout: Layout
    /// 0 or 1
    public var columnStride: Int
    public var form: Form
    public init(layout: Layout, columnStride: Int, form: Form = .added) {
      self.layout = layout
      self.columnStride = columnStride
      self.form = form
    }
  }

  public var heads: Int
  /// Divides `heads`: each group of heads shares one K and V.
  public var keyHeads: Int
  public var headSize: Int
  public var valueSize: Int
  /// Bit pattern of a float32.
  public var scale: UInt32
  /// Query s sees the keys t ≤ s.
  public var isCausal: Bool
  /// Bit pattern of a float32 c: scores are c · tanh(scale · Q Kᵀ). nil: as they are.
  public var softcap: UInt32?
  /// A query whose scores are all -∞ gives zeros, not NaN.
  public var unseenIsZero: Bool
  public var query: Layout
  public var key: Layout
  public var value: Layout
  public var result: Layout
  /// One after the other.
  public var masks: [Mask]
  /// float32 or bfloat16
  public var resultType = ElementType.float32
  /// With bfloat16, Q, K, V and the weights may be rounded to it before they are multiplied.
  public var factors = Factors.float32

  public init(
    heads: Int, keyHeads: Int, headSize: Int, valueSize: Int, scale: Float, isCausal: Bool, softcap: Float? = nil,
    unseenIsZero: Bool = false, query: Layout, key: Layout, value: Layout, result: Layout, masks: [Mask] = []
  ) {
    self.heads = heads
    self.keyHeads = keyHeads
    self.headSize = headSize
    self.valueSize = valueSize
    self.scale = scale.bitPattern
    self.isCausal = isCausal
    self.softcap = softcap?.bitPattern
    self.unseenIsZero = unseenIsZero
    self.query = query
    self.key = key
    self.value = value
    self.result = result
    self.masks = masks
  }
}

/// One direction of an LSTM, GRU or plain recurrent layer over all time steps, after the product of the inputs with W and the biases, which a
/// Gemm has done.
///
/// Buffers: input products [T, B, gates·H] (row stride `inputRowStride`), packed R, recurrent bias [gates·H] (GRU with
/// linear-before-reset only), peepholes [3·H] if any, initial h [B, H], initial c [B, H] (LSTM only), all h [T, B, H] (row
/// stride `outputRowStride`), last h [B, H], last c [B, H] (LSTM only). Parameters: T, B. Gate order is ONNX's.
///
/// With `factors` bytes, for an LSTM, R is int8 and h is quantised before each product: a row's q = round(h / s) with
/// s = max(largest |h|, 1e-30) / 127; a product is float(Σ q · R) · (s · scale). Two buffers follow R: the scales of its
/// rows [gates·H], float32, and packed offsets.
public struct RecurrenceKernel: Hashable, Sendable {
  public enum Cell: Hashable, Sendable {
    /// h' = tanh(x + h·Rᵀ), or max(0, x + h·Rᵀ).
    case rnn(rectifies: Bool)
    case lstm(hasPeepholes: Bool)
    case gru(linearBeforeReset: Bool)
  }
  public var cell: Cell
  public var hiddenSize: Int
  public var isReverse: Bool
  public var inputRowStride: Int
  public var outputRowStride: Int
  public var factors: Factors

  public init(
    cell: Cell, hiddenSize: Int, isReverse: Bool, inputRowStride: Int, outputRowStride: Int,
    factors: Factors = .float32
  ) {
    self.factors = factors
    self.cell = cell
    self.hiddenSize = hiddenSize
    self.isReverse = isReverse
    self.inputRowStride = inputRowStride
    self.outputRowStride = outputRowStride
  }
}
