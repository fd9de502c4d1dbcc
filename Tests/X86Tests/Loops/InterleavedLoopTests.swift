import KernelIR
import Tensors
import Testing

@testable import X86

/// Four channels of bytes, each of which is far from the next one where it is read, are stored together.
@Suite struct InterleavedLoopTests {
  /// Images [rows, 4, width] of three channels as [rows, width + 2, 4] with a border, times a number of each channel.
  private func text(width: Int, _ type: String) -> String {
    """
    kernel interleave
      buffer 0 read float32
      buffer 1 read float32
      buffer 2 write \(type)
      axis i parallel
      axis j serial 4
      axis k vector \(width + 2)
      %0 = constant int32 114
      %1 = constant int32 0
      %2 = constant int32 \(width)
      loop j {
        %3 = load 1[j]
        loop k {
          %4 = load 0[i*\(3 * width) + j*\(width) + k - 1 where 0 <= j < 3, 0 <= k - 1 < \(width)]
          %5 = multiply %4 %3
          %6 = convert int32 through \(type) %5
          %7 = position int32 [k - 1]
          %8 = compare greaterOrEqual %7 %1
          %9 = compare less %7 %2
          %10 = and %8 %9
          %11 = select %10 %6 %0
          store 2[i*\(4 * width + 8) + j + k*4] %11
        }
      }

    """
  }

  @Test(arguments: LoopCodeTests.sets, ["uint8", "int8"])
  func channels(_ set: InstructionSet, _ type: String) throws {
    let region = try CodeRegion(capacity: 32 << 20, perf: nil)
    var generator = SeededGenerator(seed: 5)
    for width in [1, 6, 13, 14, 15, 30, 77] {
      let kernel = try LoopKernel(parsing: text(width: width, type))
      try kernel.verify()
      let code = try LoopCompiler.compile(kernel, set)
      // None of the bytes is stored by itself.
      #expect(try !LoopCompiler.vectorText(kernel, set).contains("vpextrb"))
      let sizes = [3 * 3 * width, 4, 3 * 4 * (width + 2)]
      let inputs = kernel.buffers.indices.map { index in
        KernelRun.memory(kernel.buffers[index].elementType, sizes[index], .anything, &generator)
      }
      let run = KernelRun(kernel: kernel, inputs: inputs, sizes: sizes, firstExtent: 3)
      let function: KernelRun.Function = try region.add(name: kernel.name, code).function()
      let interpreter = try LoopInterpreter(kernel)
      let expected = run.outputs(pieces: 1) { interpreter.run(arguments: $0, begin: $1, end: $2, scratch: $3) }
      let found = run.outputs(pieces: 2) { function($0, $1, $2, $3) }
      let (left, right) = (try #require(expected[2]), try #require(found[2]))
      #expect(left.bytes.elementsEqual(right.bytes), "width \(width)")
      #expect(right.isFrontIntact, "width \(width)")
    }
  }
}
