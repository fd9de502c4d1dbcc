import Tensors

/// The body of a counted loop while it is written.
public struct LoopBody {
  public var builder: GraphBuilder
  /// int64 scalar, from 0
  public var iteration: ValueID
  public var carried: [ValueID]
  public var captures: [ValueID]

  /// x[iteration]
  public func element(of x: ValueID) throws -> ValueID { try builder.gather(x, iteration, axis: 0) }
}

extension GraphBuilder {
  /// A loop of `count` (int64 scalar) rounds. `body` gives the next carried values, of unchanged types, and what is
  /// stacked along a new first axis of the results: final carried values, then stacks.
  public func countedLoop(
    _ name: String, count: ValueID, carried: [ValueID], captures: [ValueID],
    _ body: (LoopBody) throws -> (carried: [ValueID], scanned: [ValueID])
  ) throws -> [ValueID] {
    let region = self.region(named: name)
    let iteration = region.input("iteration", .tensor(TensorType(.int64, [])))
    let condition = region.input("condition", .tensor(TensorType(.bool, [])))
    // What is carried changes: of it the type is known, never the elements.
    let states = carried.map { region.input(nil, type(of: $0)) }
    let captured = captures.map { region.input(nil, type(of: $0), elements: graph[$0].elements) }
    let next = try body(
      LoopBody(builder: region, iteration: iteration, carried: states, captures: captured))
    region.setOutputs([condition] + next.carried + next.scanned)
    let condition0 = constant(Tensor(scalar: true))
    return try add(
      .loop(carried: carried.count), [count, condition0] + carried + captures, regions: [region.graph])
  }

  /// The extent of `x` at `axis` as an int64 scalar.
  public func scalarExtent(of x: ValueID, _ axis: Int) throws -> ValueID {
    if let constant = type(of: x).tensor?.shape[axis].constant { return index(constant) }
    return try gather(shape(x), index(axis), axis: 0)
  }
}
