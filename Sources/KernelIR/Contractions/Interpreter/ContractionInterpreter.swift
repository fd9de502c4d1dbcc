import Tensors

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

/// The products of a contraction's first two buffers.
struct KernelProducts {
  private let a: UnsafeMutableRawPointer
  private let b: UnsafeMutableRawPointer
  private let factors: Factors

  init(_ call: KernelArguments, _ factors: Factors) {
    (a, b) = (call.buffers[0], call.buffers[1])
    self.factors = factors
  }

  /// Σ a[i] · b[j] over the pairs of elements that `pair` gives.
  func sum(_ range: Range<Int>, _ pair: (Int) -> (Int, Int)) -> EpilogueNumber {
    switch factors {
    case .float32:
      let (a, b) = (a.assumingMemoryBound(to: Float.self), b.assumingMemoryBound(to: Float.self))
      var sum = 0.0
      for position in range {
        let (i, j) = pair(position)
        sum += Double(a[i]) * Double(b[j])
      }
      return .float(Float(sum))
    case .bfloat16:
      let (a, b) = (a.assumingMemoryBound(to: UInt16.self), b.assumingMemoryBound(to: Float.self))
      var sum = 0.0
      for position in range {
        let (i, j) = pair(position)
        sum += Double(Float(bfloat16: a[i])) * Double(b[j])
      }
      return .float(Float(sum))
    case .bytes:
      let (a, b) = (a.assumingMemoryBound(to: UInt8.self), b.assumingMemoryBound(to: Int8.self))
      var sum: Int32 = 0
      for position in range {
        let (i, j) = pair(position)
        sum &+= Int32(a[i]) * Int32(b[j])
      }
      return .integer(sum)
    }
  }
}
