import Tensors
import Testing

@testable import GraphIR
@testable import Interpreter

@Suite("control flow")
struct ControlFlowTests {
  private let floats = ValueType.tensor(TensorType(.float32, constant: [2]))

  /// Multiplies a vector by a matrix.
  private let matrixTimesVector = GraphIR.Operation.dot(
    DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)

  private func tensors(_ values: [RuntimeValue]) -> [Tensor] { values.compactMap(\.tensor) }

  @Test("a branch gets the captures", arguments: [true, false])
  func branches(isTrue: Bool) throws {
    func branch(_ swapped: Bool) -> Graph {
      var maker = RegionMaker()
      let (a, b) = (maker.input(.float32), maker.input(.float32))
      return maker.region(swapped ? [b, a] : [a, b])
    }
    let found = try Primitive(.if, regions: [branch(false), branch(true)]).results(
      Tensor(scalar: isTrue), Tensor(scalar: Float(1)), Tensor(scalar: Float(2)))
    #expect(found.map { $0.elements(of: Float.self) } == (isTrue ? [[1], [2]] : [[2], [1]]))
  }

  /// (iteration, condition, v, matrix) → (condition, matrix · v, v and iteration as scanned outputs)
  private var powers: Graph {
    var maker = RegionMaker()
    let iteration = maker.input(.int64)
    let condition = maker.input(.bool)
    let v = maker.input(.float32, [2])
    let matrix = maker.input(.float32, [2, 2])
    let next = maker.node(matrixTimesVector, [matrix, v], [floats])
    return maker.region([condition, next[0], v, iteration])
  }

  private let fibonacci = Tensor([2, 2], [1, 1, 1, 0] as [Float])

  @Test("a loop carries, scans and captures", arguments: [0, 1, 5, -3] as [Int64])
  func trips(count: Int64) throws {
    let found = try Primitive(.loop(carried: 1), regions: [powers]).results(
      Tensor(scalar: count), Tensor(scalar: true), Tensor([2], [1, 0] as [Float]), fibonacci)
    let numbers: [Float] = [0, 1, 1, 2, 3, 5, 8]
    let trips = Int(max(0, count))
    #expect(found[0].elements() == [numbers[trips + 1], numbers[trips]])
    // Without iterations the body's type gives the extents.
    #expect(found[1].shape == [trips, 2])
    #expect(found[1].elements() == (0..<trips).flatMap { [numbers[$0 + 1], numbers[$0]] })
    #expect(found[2].shape == [trips])
    #expect(found[2].elements() == (0..<Int64(trips)).map { $0 })
  }

  @Test("a loop ends when its condition is false")
  func condition() throws {
    // The conditions to come are carried along: true, true, false.
    var maker = RegionMaker()
    _ = maker.input(.int64)
    _ = maker.input(.bool)
    let coming = [maker.input(.bool), maker.input(.bool), maker.input(.bool)]
    let never = maker.constant(Tensor(scalar: false))
    let body = maker.region([coming[0], coming[1], coming[2], never, coming[0]])
    func run(_ first: Bool) throws -> [Tensor] {
      try Primitive(.loop(carried: 3), regions: [body]).results(
        Tensor(scalar: Int64.max), Tensor(scalar: first), Tensor(scalar: true), Tensor(scalar: true),
        Tensor(scalar: false))
    }
    #expect(try run(true)[3].elements() == [true, true, false])
    #expect(try run(false)[3].elements(of: Bool.self) == [])
  }

  @Test("a composite runs its decomposition, nested regions too")
  func composite() throws {
    var maker = RegionMaker()
    let v = maker.input(.float32, [2])
    let matrix = maker.constant(fibonacci)
    let trips = maker.constant(Tensor(scalar: Int64(4)))
    let goesOn = maker.constant(Tensor(scalar: true))
    let results = maker.node(
      .loop(carried: 1), [trips, goesOn, v, matrix],
      [floats, .tensor(TensorType(.float32, constant: [4, 2])), .tensor(TensorType(.int64, constant: [4]))],
      regions: [powers])
    let primitive = Primitive(.composite(Composite("Powers")), regions: [maker.region([results[0], v])])
    let found = try primitive.results(Tensor([2], [1, 0] as [Float]))
    #expect(found[0].elements() == [5, 3] as [Float])
    #expect(found[1].elements() == [1, 0] as [Float])
  }

  @Test("the plan's memory is for the node's results, not for those in its regions")
  func slots() throws {
    let node = Node(
      operation: .loop(carried: 1), operands: [], results: [], regions: [powers], source: nil)
    let arena = try TensorStorage(byteCount: 256)
    let context = EvaluationContext()
    context.slots = (0..<3).map { TensorStorage(borrowing: arena.base + 64 * $0, byteCount: 64, owner: arena) }
    let found = tensors(
      try Interpreter.evaluate(
        node,
        [Tensor(scalar: Int64(3)), Tensor(scalar: true), Tensor([2], [1, 0] as [Float]), fibonacci]
          .map(RuntimeValue.tensor), context))
    #expect(found[0].elements() == [3, 2] as [Float])
    #expect(found[1].base == arena.base + 64)
    #expect(found[1].elements() == [1, 0, 1, 1, 2, 1] as [Float])
    #expect(context.slots.count == 3)
  }

  @Test("malformed loops and branches are errors")
  func errors() {
    let one = Tensor(scalar: Int64(1))
    let yes = Tensor(scalar: true)
    let v = Tensor([2], [1, 0] as [Float])
    func loop(_ operands: [Tensor], carried: Int = 1) throws {
      _ = try Primitive(.loop(carried: carried), regions: [powers]).results(operands.map(RuntimeValue.tensor))
    }
    #expect(throws: EvaluationError.self) { try loop([one, yes, v]) }
    #expect(throws: EvaluationError.self) { try loop([yes, yes, v, fibonacci]) }
    #expect(throws: EvaluationError.self) { try loop([one, one, v, fibonacci]) }
    #expect(throws: EvaluationError.self) { try loop([one, yes, v, fibonacci], carried: 9) }
    #expect(throws: EvaluationError.self) { try loop([one, Tensor([2], [true, true]), v, fibonacci]) }
    #expect(throws: EvaluationError.self) { _ = try Primitive(.if, regions: [powers]).results(yes) }
    // Shapes that change between iterations cannot be stacked.
    var maker = RegionMaker()
    _ = maker.input(.int64)
    let condition = maker.input(.bool)
    let (a, b) = (maker.input(.float32, [2]), maker.input(.float32, [2, 2]))
    let body = maker.region([condition, b, b, a])
    #expect(throws: EvaluationError.self) {
      _ = try Primitive(.loop(carried: 2), regions: [body]).results(Tensor(scalar: Int64(2)), yes, v, fibonacci)
    }
  }
}
