/// The plain meaning of every contraction kernel: what a code generator's output is compared with.
///
/// Sums are taken in float64 and rounded once, so that a difference is the generator's. Packed operands are what
/// `Packing.plain` gives.
public enum ContractionInterpreter {
  /// Does all units of a kernel. `buffers` and `parameters` are in the order that the kernel's documentation lists.
  public static func run(_ kernel: Gemm, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }

  public static func run(_ kernel: ConvolutionKernel, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }

  public static func run(_ kernel: DepthwiseKernel, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }

  public static func run(
    _ kernel: TransposedConvolutionKernel, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]
  ) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }

  public static func run(_ kernel: AttentionKernel, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }

  public static func run(_ kernel: RecurrenceKernel, _ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    kernel.interpret(KernelArguments(buffers, parameters))
  }
}

/// What a kernel is called with.
struct KernelArguments {
  var buffers: [UnsafeMutableRawPointer]
  var parameters: [Int]

  init(_ buffers: [UnsafeMutableRawPointer], _ parameters: [Int]) {
    self.buffers = buffers
    self.parameters = parameters
  }

  func floats(_ buffer: Int) -> UnsafeMutablePointer<Float> { buffers[buffer].assumingMemoryBound(to: Float.self) }
}
