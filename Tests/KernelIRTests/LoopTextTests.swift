import GraphIR
import KernelIR
import Testing

/// Kernels for the tests of this folder.
enum SampleKernels {
  static let softmax = """
    kernel softmax
      buffer 0 read float32
      buffer 1 write float32
      axis i parallel
      axis j vector 5
      loop j {
        %0 = load 0[i*5 + j]
      } reduce %1 = maximum %0
      loop j {
        %2 = load 0[i*5 + j]
        %3 = subtract %2 %1
        %4 = exponential %3
        store 1[i*5 + j] %4
      } reduce %5 = sum %4
      %6 = reciprocal %5
      loop j {
        %7 = load 1[i*5 + j]
        %8 = multiply %7 %6
        store 1[i*5 + j] %8
      }

    """

  /// Maximum over windows of 3 with stride 2 and one element of padding, for 2 channels.
  static let pool = """
    kernel "max pool"
      buffer 0 read float32
      buffer 1 write float32
      axis i parallel
      axis j serial 3
      axis k vector 2
      loop k {
        %0 = constant float32 -inf
        loop j {
          %1 = load 0[i*4 + j*2 + k - 2 where 0 <= i*2 + j - 1 < 4] otherwise %0
        } reduce %2 = maximum %1
        store 1[i*2 + k] %2
      }

    """

  /// Running sums of what an index list picks, kept in scratch memory first.
  static let gatheredSums = """
    kernel gatheredSums
      buffer 0 read int64
      buffer 1 read uint8
      buffer 2 write int16
      buffer 3 scratch int32 4
      axis i parallel
      axis j serial 4
      %0 = constant int32 0
      loop j carry %1 from %0 by %4 to %5 {
        %2 = load 0[i*4 + j]
        %3 = load 1[%2*2 + 1]
        %4 = add %1 %3
        store 3[j] %4
      }
      loop j {
        %6 = load 3[-j + 3]
        store 2[i*4 + j] %6
      }

    """

  static let all = [softmax, pool, gatheredSums]
}

@Suite struct LoopTextTests {
  @Test("Text that is printed is the text that was read", arguments: SampleKernels.all)
  func roundTrip(text: String) throws {
    #expect(try LoopKernel(parsing: text).description == text)
  }

  @Test("Constants keep their bits", arguments: [0, 0x7FC0_0001, 0xFF80_0000, 0x8000_0000, 1, 0x3DCC_CCCD])
  func constants(bits: UInt64) throws {
    let kernel = LoopKernel(
      name: "constant", buffers: [.init(.float32, .write)], axes: [.init(.parallel, extent: 0)], parallelCount: 1,
      types: [.float32],
      body: [.define(KernelValue(0), .constantBits(bits)), .store(buffer: 0, Index(), KernelValue(0))])
    #expect(try LoopKernel(parsing: kernel.description) == kernel)
  }

  @Test(
    "What is no kernel says where and why",
    arguments: [
      ("kernel k axis i vector 4 loop i { %0 = load 3[i] }", "no buffer 3"),
      ("kernel k buffer 0 read float32 axis i vector 4 loop i { %0 = load 0[k] }", "no axis 'k'"),
      ("kernel k buffer 0 read float32 axis i vector 4 loop i { %0 = load 0[i] %1 = frob %0 }", "no function 'frob'"),
      ("kernel k buffer 0 read bool axis i vector 4 loop i { %0 = load 0[i] %1 = add %0 %0 }", "no add of bool"),
      ("kernel k axis i parallel loop i { }", "is looped over already"),
      ("kernel k axis i serial 2 loop i { %0 = add %1 %1 }", "%1 is not defined"),
      ("kernel k axis i serial 2 axis k serial 3", "expected axis j"),
      ("kernel k axis i serial 2 %0 = constant float32 zero", "number"),
    ])
  func errors(text: String, reason: String) {
    let error = #expect(throws: GraphTextError.self) { try LoopKernel(parsing: text) }
    #expect("\(error!)".contains(reason), "\(error!)")
  }
}
