import KernelIR
import Tensors
import Testing

@Suite struct LoopVerifierTests {
  let i = AxisID(0)
  let j = AxisID(1)

  /// One parallel and one vector axis; float32 in buffer 0 (read), 1 (written) and 2 (scratch, 8 elements).
  func kernel(_ types: [ElementType], _ body: [Statement]) -> LoopKernel {
    LoopKernel(
      name: "k",
      buffers: [.init(.float32, .read), .init(.float32, .write), .init(.float32, .scratch, elementCount: 8)],
      axes: [.init(.parallel, extent: 0), .init(.vector, extent: 8)], parallelCount: 1, types: types, body: body)
  }

  func value(_ index: Int) -> KernelValue { KernelValue(index) }

  func expect(_ kernel: LoopKernel, _ reason: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let error = #expect(throws: LoopError.self, sourceLocation: sourceLocation) { try kernel.verify() }
    #expect("\(error!)".contains(reason), "\(error!)", sourceLocation: sourceLocation)
  }

  @Test("Values are defined once, before their uses, where the uses can see them")
  func scopes() {
    let one = Statement.define(value(0), .constant(1 as Float))
    expect(kernel([.float32], [one, one]), "defined twice")
    expect(kernel([.float32, .float32], [one]), "never defined")
    expect(kernel([.float32], [.store(buffer: 1, Index(), value(0)), one]), "not defined")
    expect(
      kernel([.float32], [.loop(Loop(j, body: [one])), .store(buffer: 1, Index(), value(0))]),
      "used where it is not defined")
  }

  @Test("Types fit")
  func types() {
    let one = Statement.define(value(0), .constant(1 as Float))
    expect(kernel([.float16], [.define(value(0), .constantBits(0))]), "no type to compute in")
    expect(kernel([.float32, .int32], [one, .define(value(1), .unary(.negate, value(0)))]), "a int32 from")
    expect(kernel([.float32, .float32], [one, .define(value(1), .binary(.and, value(0), value(0)))]), "from operands")
    expect(
      kernel([.float32, .float32], [.loop(Loop(j, body: [one], reductions: [.init(value(1), .or, value(0))]))]),
      "no or of float32")
  }

  @Test("Axes are looped over where they are used, one vector axis in a nest")
  func axes() {
    let load = Statement.define(value(0), .load(buffer: 0, Index(terms: [.init(j, stride: 1)])))
    expect(kernel([.float32], [load]), "axis j is not looped over here")
    expect(kernel([.float32], [.loop(Loop(i, body: []))]), "looped over already")
    var two = kernel([], [.loop(Loop(j, body: [.loop(Loop(AxisID(2), body: []))]))])
    two.axes.append(.init(.vector, extent: 2))
    expect(two, "a vector axis inside another one")
  }

  @Test("Buffers: scratch is large enough and last, what is read is not stored to")
  func buffers() {
    let load = Statement.define(
      value(0), .load(buffer: 2, Index(constant: 1, terms: [.init(j, stride: 1)])))
    expect(kernel([.float32], [.loop(Loop(j, body: [load]))]), "elements 1...8 of 8")
    expect(
      kernel([.float32], [.define(value(0), .constant(1 as Float)), .store(buffer: 0, Index(), value(0))]), "only read")
    var scratchFirst = kernel([], [])
    scratchFirst.buffers.swapAt(1, 2)
    expect(scratchFirst, "behind a scratch buffer")
  }
}
