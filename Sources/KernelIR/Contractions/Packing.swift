/// How the constant operand of a contraction is laid out for a code generator, which does the packing once, at load.
/// Equal packings of one constant are the same bytes. With bfloat16 factors the
/// constant is float32.
public enum Packing: Hashable, Sendable {
  /// The right-hand side of a `Gemm`: element (k, n) of the constant at k·rowStride + n·columnStride.
  case gemm(depth: Int, columns: Int, rowStride: Int, columnStride: Int, factors: Factors = .float32)
  /// The codes of a `Gemm` with `WeightCodes` of these bits: element (k, n) as above.
  case codes(depth: Int, columns: Int, rowStride: Int, columnStride: Int, bits: Int)
  /// Its zero points, integers, as the float32 numbers of a right-hand side; strides as above, 0 to repeat.
  case zeroPoints(depth: Int, columns: Int, rowStride: Int, columnStride: Int)
  /// The filter [window…, C/groups, M] of a `ConvolutionKernel`; `channels` are C and M of all groups.
  case convolution(
    window: [Int], groups: Int, inputChannels: Int, outputChannels: Int, factors: Factors = .float32)
  /// The filter [window…, M/groups, C] of a `TransposedConvolutionKernel`, phase by phase; `channels` as above.
  case transposedConvolution(TransposedPhases, groups: Int, inputChannels: Int, outputChannels: Int)
  /// R [gates·H, H] of a `RecurrenceKernel`.
  case recurrence(gates: Int, hiddenSize: Int, factors: Factors = .float32)
  /// What makes unsigned numbers of a quantised h, 128 higher, does to the products with int8 R: 128 · Σ k: R[·, k], int32
  /// [gates·H].
  case recurrenceOffsets(gates: Int, hiddenSize: Int)
}
