import KernelIR
import Testing

@Suite struct LoopKernelTests {
  @Test("Kernels that differ in name only are the same kernel")
  func identity() {
    var kernel = LoopKernel(
      name: "copy", buffers: [.init(.float32, .read), .init(.float32, .write)], axes: [.init(.vector, extent: 4)],
      parallelCount: 0, types: [.float32],
      body: [
        .loop(
          Loop(
            AxisID(0),
            body: [
              .define(KernelValue(0), .load(buffer: 0, Index(terms: [.init(AxisID(0), stride: 1)]))),
              .store(buffer: 1, Index(terms: [.init(AxisID(0), stride: 1)]), KernelValue(0)),
            ]))
      ])
    let first = kernel
    kernel.name = "other"
    #expect(first == kernel && first.hashValue == kernel.hashValue)
    kernel.axes[0].extent = 5
    #expect(first != kernel)
  }
}
