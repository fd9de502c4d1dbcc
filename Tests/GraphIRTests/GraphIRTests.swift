import GraphIR
import Tensors
import Testing

@Suite struct SymbolicShapes {
  @Test func shapeArithmeticIsEvaluated() throws {
    let builder = GraphBuilder(name: "main")
    let batch = Dimension(builder.symbol(named: "N"))
    let x = builder.input("x", .tensor(TensorType(.float32, [batch, .constant(3), .constant(4)])))
    let shape = try builder.shape(x)
    let first = try builder.gather(shape, builder.indices([0]), axis: 0)
    let wanted = try builder.concatenate([first, builder.indices([-1])], axis: 0)
    let y = try builder.reshape(x, wanted)
    #expect(builder.type(of: y) == .tensor(TensorType(.float32, [batch, .constant(12)])))
    #expect(builder.elements(of: shape) == [batch, .constant(3), .constant(4)])
  }

  /// What PyTorch writes for `expand(-1, 4)`: a Where that replaces -1 by 1.
  @Test func expandPatternIsEvaluated() throws {
    let builder = GraphBuilder(name: "main")
    let batch = Dimension(builder.symbol(named: "N"))
    let x = builder.input("x", .tensor(TensorType(.float32, [batch, .constant(1)])))
    let wanted = builder.indices([-1, 4])
    let isOpen = try builder.compare(.equal, wanted, builder.indices([-1]))
    let shape = try builder.select(isOpen, builder.indices([1]), wanted)
    #expect(builder.constantValue(of: shape)?.elements(of: Int64.self) == [1, 4])
    #expect(
      builder.type(of: try builder.broadcast(x, to: shape)) == .tensor(TensorType(.float32, [batch, .constant(4)])))
  }
}
