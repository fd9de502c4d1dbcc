import GraphIR
import Interpreter
import Tensors
import Testing

@Suite("sequences and optionals")
struct SequenceTests {
  private func scalar(_ value: Int) -> RuntimeValue { .tensor(Tensor(scalar: Int64(value))) }
  private func sequence(_ values: [Int]) -> RuntimeValue { .sequence(values.map(scalar)) }

  private func values(_ value: RuntimeValue?) -> [Int64] {
    guard case .sequence(let elements)? = value else { return [] }
    return elements.compactMap { $0.tensor?.elements(of: Int64.self).first }
  }

  private func run(_ operation: GraphIR.Operation, _ operands: [RuntimeValue]) throws -> RuntimeValue {
    try Primitive(operation).results(operands)[0]
  }

  @Test("positions may count from the end")
  func positions() throws {
    let s = sequence([10, 20, 30])
    for (position, expected) in [(0, 10), (2, 30), (-1, 30), (-3, 10)] {
      #expect(try run(.sequenceAt, [s, scalar(position)]).tensor?.elements(of: Int64.self) == [Int64(expected)])
    }
    for position in [3, -4, .max, .min] {
      #expect(throws: EvaluationError.self) { try run(.sequenceAt, [s, scalar(position)]) }
    }
    #expect(values(try run(.sequenceInsert, [s, scalar(5)])) == [10, 20, 30, 5])
    #expect(values(try run(.sequenceInsert, [s, scalar(5), scalar(3)])) == [10, 20, 30, 5])
    #expect(values(try run(.sequenceInsert, [s, scalar(5), scalar(1)])) == [10, 5, 20, 30])
    #expect(values(try run(.sequenceInsert, [s, scalar(5), scalar(-1)])) == [10, 20, 5, 30])
    #expect(values(try run(.sequenceInsert, [s, scalar(5), scalar(-3)])) == [5, 10, 20, 30])
    #expect(values(try run(.sequenceInsert, [.sequence([]), scalar(5), scalar(0)])) == [5])
    #expect(throws: EvaluationError.self) { try run(.sequenceInsert, [s, scalar(5), scalar(4)]) }
    #expect(throws: EvaluationError.self) { try run(.sequenceInsert, [s, scalar(5), scalar(-4)]) }
    #expect(values(try run(.sequenceErase, [s])) == [10, 20])
    #expect(values(try run(.sequenceErase, [s, scalar(0)])) == [20, 30])
    #expect(values(try run(.sequenceErase, [s, scalar(-2)])) == [10, 30])
    #expect(throws: EvaluationError.self) { try run(.sequenceErase, [.sequence([])]) }
    #expect(try run(.sequenceLength, [s]).tensor?.elements() == [3] as [Int64])
    #expect(values(try run(.sequenceConstruct, [scalar(1), scalar(2)])) == [1, 2])
    #expect(values(try run(.sequenceEmpty(.float32), [])) == [])
  }

  @Test("joining along an axis, present or new", arguments: 0..<20)
  func joining(seed: Int) throws {
    var generator = SeededGenerator(seed)
    let rank = generator.integer(1...3)
    let axis = generator.integer(0...(rank - 1))
    var extents = (0..<rank).map { _ in generator.integer(1...3) }
    let parts = (0..<generator.integer(1...4)).map { _ in
      extents[axis] = generator.integer(0...3)
      return generator.integers(Shape(extents), of: Int16.self)
    }
    let joined = try #require(
      run(.sequenceConcatenate(axis: axis - rank, newAxis: false), [.sequence(parts.map(RuntimeValue.tensor))]).tensor)
    // Splitting gives the parts back.
    let extentsAlongAxis = parts.map { Int64($0.shape[axis]) }
    let split = try run(
      .sequenceSplit(axis: axis, keepDimension: true),
      [.tensor(joined), .tensor(Tensor([parts.count], extentsAlongAxis))])
    guard case .sequence(let pieces) = split else { throw Primitive.NoTensor() }
    #expect(pieces.compactMap { $0.tensor?.shape } == parts.map(\.shape))
    #expect(pieces.compactMap { $0.tensor?.elements(of: Int16.self) } == parts.map { $0.elements(of: Int16.self) })
    // Stacking equal shapes and taking them apart, too.
    let equal = [joined, joined, joined]
    let newAxis = generator.integer(0...rank)
    let stacked = try #require(
      run(.sequenceConcatenate(axis: newAxis, newAxis: true), [.sequence(equal.map(RuntimeValue.tensor))]).tensor)
    #expect(stacked.shape[newAxis] == 3 && stacked.shape.rank == rank + 1)
    let apart = try run(.sequenceSplit(axis: newAxis, keepDimension: false), [.tensor(stacked)])
    guard case .sequence(let elements) = apart else { throw Primitive.NoTensor() }
    #expect(elements.compactMap { $0.tensor?.shape } == equal.map(\.shape))
    #expect(elements.compactMap { $0.tensor?.elements(of: Int16.self) } == equal.map { $0.elements(of: Int16.self) })
  }

  @Test("strings and packed integers join and split")
  func otherTypes() throws {
    let words = Tensor([2, 2], strings: ["a", "b", "c", "d"])
    let joined = try run(.sequenceConcatenate(axis: 1, newAxis: false), [.sequence([.tensor(words), .tensor(words)])])
    #expect(joined.tensor?.strings == ["a", "b", "a", "b", "c", "d", "c", "d"])
    let split = try run(.sequenceSplit(axis: 1, keepDimension: true), [.tensor(words)])
    guard case .sequence(let columns) = split else { throw Primitive.NoTensor() }
    #expect(columns.compactMap(\.tensor?.strings) == [["a", "c"], ["b", "d"]])

    let nibbles = try Tensor([3], [1, -2, 3] as [Int8]).converted(to: .int4)
    let six = try #require(
      run(.sequenceConcatenate(axis: 0, newAxis: false), [.sequence([.tensor(nibbles), .tensor(nibbles)])]).tensor)
    #expect(try six.widened().elements() == [1, -2, 3, 1, -2, 3] as [Int8])
  }

  @Test("a scalar split leaves a smaller last piece")
  func scalarSplit() throws {
    let x = Tensor([5], [1, 2, 3, 4, 5] as [Int64])
    guard
      case .sequence(let pieces) = try run(.sequenceSplit(axis: -1, keepDimension: false), [.tensor(x), scalar(2)])
    else { throw Primitive.NoTensor() }
    #expect(pieces.compactMap { $0.tensor?.elements(of: Int64.self) } == [[1, 2], [3, 4], [5]])
    for bad in [0, -1] {
      #expect(throws: EvaluationError.self) {
        try run(.sequenceSplit(axis: 0, keepDimension: true), [.tensor(x), scalar(bad)])
      }
    }
    for bad in [[2, 2], [6, -1], [.max, .max]] {
      #expect(throws: EvaluationError.self) {
        let split = RuntimeValue.tensor(Tensor([2], bad.map(Int64.init)))
        return try run(.sequenceSplit(axis: 0, keepDimension: true), [.tensor(x), split])
      }
    }
    #expect(throws: EvaluationError.self) { try run(.sequenceSplit(axis: 1, keepDimension: true), [.tensor(x)]) }
  }

  @Test("optionals")
  func optionals() throws {
    let empty = try run(.optional(.float32), [])
    let full = try run(.optional(nil), [scalar(7)])
    #expect(try run(.optionalHasElement, [empty]).tensor?.elements() == [false])
    #expect(try run(.optionalHasElement, [full]).tensor?.elements() == [true])
    #expect(try run(.optionalHasElement, [scalar(7)]).tensor?.elements() == [true])
    #expect(try run(.optionalHasElement, []).tensor?.elements() == [false])
    #expect(try run(.optionalGetElement, [full]).tensor?.elements() == [7] as [Int64])
    #expect(try run(.optionalGetElement, [scalar(7)]).tensor?.elements() == [7] as [Int64])
    #expect(throws: EvaluationError.self) { try run(.optionalGetElement, [empty]) }
  }

  @Test("what does not join is an error")
  func errors() {
    func join(_ tensors: [Tensor], axis: Int, newAxis: Bool = false) throws {
      _ = try run(.sequenceConcatenate(axis: axis, newAxis: newAxis), [.sequence(tensors.map(RuntimeValue.tensor))])
    }
    let x = Tensor([2], [1, 2] as [Int64])
    #expect(throws: EvaluationError.self) { try join([], axis: 0) }
    #expect(throws: EvaluationError.self) { try join([x], axis: 1) }
    #expect(throws: EvaluationError.self) { try join([x], axis: -2) }
    #expect(throws: EvaluationError.self) { try join([x, Tensor([2], [1, 2] as [Float])], axis: 0) }
    #expect(throws: EvaluationError.self) { try join([x, x.reshaped([1, 2])], axis: 0) }
    #expect(throws: EvaluationError.self) { try join([x, Tensor([1], [1] as [Int64])], axis: 0, newAxis: true) }
    #expect(throws: EvaluationError.self) { try run(.sequenceAt, [.tensor(x), scalar(0)]) }
    #expect(throws: EvaluationError.self) { try run(.sequenceAt, [sequence([1])]) }
  }
}
