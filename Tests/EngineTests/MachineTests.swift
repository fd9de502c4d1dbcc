import KernelIR
import Tensors
import Testing
import X86

@testable import Engine

@Suite(.enabled(if: (try? InstructionSet.current()) ?? .interpreter >= .avx2, "no code is generated on this CPU"))
struct MachineTests {
  private let packing = Packing.gemm(depth: 2, columns: 16, rowStride: 16, columnStride: 1)

  @Test("A constant is not taken for an earlier one that lay at its address")
  func packedConstants() throws {
    let machine = Machine(.avx2)
    let memory = try TensorStorage(byteCount: 128)
    let floats = memory.base.assumingMemoryBound(to: Float.self)
    func constant(_ number: Float) -> Tensor {
      for index in 0..<32 { floats[index] = number }
      return Tensor(.float32, [2, 16], storage: TensorStorage(borrowing: memory.base, byteCount: 128, owner: memory))
    }
    let first = constant(1)
    let packedFirst = try machine.packed(first, packing)
    #expect(try machine.packed(first, packing) === packedFirst)
    let packedSecond = try machine.packed(constant(2), packing)
    #expect(packedFirst.base.load(as: Float.self) == 1)
    #expect(packedSecond.base.load(as: Float.self) == 2)
  }

  @Test("Packed constants go with the last plan that uses them")
  func packedConstantsAreReleased() throws {
    let machine = Machine(.avx2)
    let constant = Tensor([2, 16], [Float](repeating: 1, count: 32))
    weak var packed: TensorStorage?
    do {
      let storage = try machine.packed(constant, packing)
      packed = storage
      withExtendedLifetime(storage) { #expect(packed != nil) }
    }
    #expect(packed == nil)
  }

  @Test("When a region is full, later kernels still get code and earlier ones still run")
  func fullRegion() throws {
    let machine = Machine(.avx2, regionCapacity: 1 << 12)
    var placed: [Machine.Placed] = []
    for extent in 1...40 { placed.append(try #require(machine.code(for: KernelForm(.loops(copy(extent)))))) }
    #expect(placed[0].region !== placed[39].region)
    for (index, kernel) in placed.enumerated() {
      let source = (0..<40).map { Float($0 + 1) }
      var target = [Float](repeating: 0, count: 40)
      source.withUnsafeBytes { source in
        target.withUnsafeMutableBytes { target in
          let arguments = [UInt(bitPattern: source.baseAddress), UInt(bitPattern: target.baseAddress)]
          arguments.withUnsafeBytes { kernel.function($0.baseAddress, 0, 1, nil) }
        }
      }
      #expect(target == source.enumerated().map { $0 <= index ? $1 : 0 })
    }
  }

  private func copy(_ extent: Int) -> LoopKernel {
    let index = Index(terms: [.init(AxisID(0), stride: 1)])
    return LoopKernel(
      name: "copy", buffers: [.init(.float32, .read), .init(.float32, .write)], axes: [.init(.vector, extent: extent)],
      parallelCount: 0, types: [.float32],
      body: [
        .loop(
          Loop(
            AxisID(0),
            body: [.define(KernelValue(0), .load(buffer: 0, index)), .store(buffer: 1, index, KernelValue(0))]))
      ])
  }

  @Test func whereBitsMustNotDependOnTheBatchTilesAreLeftOutForFloats() {
    let gemm = Kernel.gemm(Gemm(columns: 1024, depth: 1024, aRowStride: 1024, b: .packed, cRowStride: 1024))
    func form(_ floats: FloatProducts) -> KernelForm { KernelForm(gemm, parameters: [1024], .amx, floats: floats) }
    #expect(Machine(.amx).form(of: gemm, parameters: [1024]) == form(.float32))
    #expect(Machine(.amx, precision: .fast).form(of: gemm, parameters: [1024]) == form(.fast))
    // Float32 beside bfloat16.
    #expect(Machine(.amx, precision: .bfloat16).form(of: gemm, parameters: [1024]) == form(.fast))
    let invariant = Machine(.amx, precision: .fast, isBatchInvariant: true)
    #expect(invariant.form(of: gemm, parameters: [1024]) == form(.batchInvariant))
  }
}
