/// One function to generate. Equal kernels have equal code.
///
/// Every generated function is called in the same way:
///
///     function(arguments, begin, end, scratch)
///
/// `arguments` points to 8-byte entries: the addresses of the buffers in the kernel's order (but the scratch buffers of
/// a `LoopKernel`, which lie in `scratch` at its `scratchOffsets`), then its integer parameters. The work is cut into units that may run in any order and on any thread; one call does the units
/// `begin..<end`. `scratch` is memory of the calling thread, 64-byte aligned.
public enum Kernel: Hashable, Sendable {
  case loops(LoopKernel)
  case gemm(Gemm)
  case convolution(ConvolutionKernel)
  case depthwise(DepthwiseKernel)
  case transposedConvolution(TransposedConvolutionKernel)
  case attention(AttentionKernel)
  case recurrence(RecurrenceKernel)
  case trees(TreeKernel)
}
