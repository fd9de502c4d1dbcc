import GraphIR
import KernelIR
import Tensors
import TestSupport
import Testing

/// Packed trees mean what the interpreter of graphs says, bit by bit.
@Suite struct TreeKernelTests {
  @Test(arguments: RandomTrees.forms())
  func isWhatTheNodeIs(form: RandomTrees.Form) throws {
    for isWide in [false, true] {
      var trees = RandomTrees(form, seed: 7)
      guard case .treeEnsemble(let ensemble) = trees.operation else { return }
      let constants = TreeConstants(trees.constants)
      guard var kernel = TreeKernel(ensemble, constants, features: form.features) else {
        // The forms that are left to the interpreter.
        #expect(form.aggregation == .minimum || form.aggregation == .maximum)
        return
      }
      if isWide, !kernel.isWide {
        kernel.isWide = true
        if kernel.leaves == .weight { kernel.leaves = .dense }
      }
      let packed = try kernel.pack(constants)
      for rows in [1, 9, 40] {
        let x = trees.rows(rows)
        let found = try Tensor(x.elementType, [rows, form.targets])
        kernel.interpret([x.base, packed.base, found.base], [1, rows, rows])
        let expected = try trees.expected(x)
        #expect(found.bytes == expected.bytes, "\(form), \(rows) rows, wide \(kernel.isWide)")
      }
    }
  }

  @Test func knowsItsForm() throws {
    func kernel(_ change: (inout RandomTrees.Form) -> Void) -> TreeKernel? {
      var form = RandomTrees.Form()
      form.kinds = [0]
      change(&form)
      let trees = RandomTrees(form, seed: 3)
      guard case .treeEnsemble(let ensemble) = trees.operation else { return nil }
      return TreeKernel(ensemble, TreeConstants(trees.constants), features: form.features)
    }
    #expect(kernel { _ in }?.leaves == .weight)
    #expect(kernel { _ in }?.hasNegatives == false)
    #expect(kernel { $0.kinds = [4] }?.hasNegatives == true)
    #expect(kernel { $0.isDouble = true }?.isWide == true)
    #expect(kernel { ($0.leaves, $0.targets) = (.oneHot, 10) }?.leaves == .dense)
    #expect(kernel { ($0.leaves, $0.targets) = (.oneHot, 100) }?.leaves == .sparse)
    #expect(kernel { ($0.leaves, $0.targets) = (.all, 100) }?.leaves == .dense)
    #expect(kernel { ($0.leaves, $0.targets, $0.trees) = (.any, 3, 50) }?.leaves == .sparse)
    #expect(kernel { $0.aggregation = .maximum }?.leaves == .weight)
    #expect(kernel { ($0.aggregation, $0.leaves, $0.targets) = (.maximum, .all, 2) } == nil)
  }

  @Test func refusesFeaturesThatAreNotThere() {
    var form = RandomTrees.Form()
    form.trees = 30
    let trees = RandomTrees(form, seed: 1)
    guard case .treeEnsemble(let ensemble) = trees.operation else { return }
    #expect(TreeKernel(ensemble, TreeConstants(trees.constants), features: form.features) != nil)
    #expect(TreeKernel(ensemble, TreeConstants(trees.constants), features: form.features - 1) == nil)
  }
}

extension Tensor {
  fileprivate var bytes: [UInt8] {
    withExtendedLifetime(self) { Array(UnsafeRawBufferPointer(start: base, count: byteCount)) }
  }
}
