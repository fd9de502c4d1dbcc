import GraphIR
import KernelIR
import Tensors
import TestSupport
import Testing

@testable import X86

/// Generated walks against the plain ones of the kernel, bit by bit.
@Suite struct TreeCodeTests {
  @Test(arguments: ContractionRunner.caps, RandomTrees.forms())
  func isWhatTheKernelIs(cap: InstructionSet, form: RandomTrees.Form) throws {
    for isWide in [false, true] {
      var trees = RandomTrees(form, seed: 11)
      guard case .treeEnsemble(let ensemble) = trees.operation else { return }
      let constants = TreeConstants(trees.constants)
      guard var kernel = TreeKernel(ensemble, constants, features: form.features) else { return }
      if isWide {
        if kernel.isWide { return }
        kernel.isWide = true
        if kernel.leaves == .weight { kernel.leaves = .dense }
        if form.aggregation == .minimum || form.aggregation == .maximum { return }
      }
      let code = try TreeCode(kernel, cap)
      let packed = try kernel.pack(constants)
      for rows in [1, 2, 7, 8, 9, 31, 70] {
        let x = trees.rows(rows)
        let expected = try Tensor(x.elementType, [rows, form.targets])
        kernel.interpret([x.base, packed.base, expected.base], [1, rows, rows])
        for blockRows in [8, 32, kernel.maximumBlockRows] where blockRows <= kernel.maximumBlockRows {
          #expect(
            try code.run(x, packed, rows, blockRows) == expected.floats.map(\.bitPattern),
            "\(code.kernel.name), \(form), \(rows) rows in blocks of \(blockRows)")
        }
      }
    }
  }
}

/// A generated kernel and its calls.
private struct TreeCode {
  typealias Function = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

  let form: TreeKernel
  let kernel: CompiledKernel
  private let region: CodeRegion
  private let function: Function

  init(_ form: TreeKernel, _ cap: InstructionSet) throws {
    self.form = form
    kernel = try ContractionCompiler(instructionSet: cap).compile(.trees(form))
    region = try CodeRegion(capacity: 1 << 20)
    function = try region.add(name: kernel.name, kernel.code).function(as: Function.self)
  }

  /// The bits of the result, from guarded memory: neither x nor the scores are left by a byte.
  func run(_ x: Tensor, _ packed: Tensor, _ rows: Int, _ blockRows: Int) throws -> [UInt32] {
    let source = try GuardedBytes([UInt8](bytesOf: x.floats), .beforeGuard)
    let wordCount = rows * form.targets * form.elementByteCount / 4
    let target = try GuardedBytes([UInt8](bytesOf: [Float](repeating: 12345, count: wordCount)), .beforeGuard)
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: kernel.scratchByteCount + 64, alignment: 64)
    defer { scratch.deallocate() }
    (scratch + kernel.scratchByteCount).initializeMemory(as: UInt8.self, repeating: 0xFF, count: 64)
    let blocks = (rows + blockRows - 1) / blockRows
    let arguments = [
      UInt64(UInt(bitPattern: source.pointer)), UInt64(UInt(bitPattern: packed.base)),
      UInt64(UInt(bitPattern: target.pointer)), UInt64(blocks), UInt64(rows), UInt64(blockRows),
    ]
    #expect(kernel.units.count(parameters: [blocks, rows, blockRows]) == blocks)
    withExtendedLifetime(packed) {
      // The last block first.
      for block in (0..<blocks).reversed() {
        arguments.withUnsafeBytes { function($0.baseAddress!, block, block + 1, scratch) }
      }
    }
    let behind = UnsafeRawBufferPointer(start: scratch + kernel.scratchByteCount, count: 64)
    #expect(behind.allSatisfy { $0 == 0xFF }, "\(kernel.name) writes behind its scratch")
    return target.bytes.elements(of: UInt32.self)
  }
}

extension Tensor {
  /// Elements of 32 or 64 bits as words of 32.
  fileprivate var floats: [Float] {
    withExtendedLifetime(self) {
      Array(UnsafeBufferPointer(start: base.assumingMemoryBound(to: Float.self), count: byteCount / 4))
    }
  }
}
