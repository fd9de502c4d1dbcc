import GraphIR

extension Pass {
  /// What a loop carries without changing it becomes a capture, as exporters of TensorFlow pass the weights of a
  /// recurrent layer from step to step. A constant is then one inside too, and packed once.
  public static let captureInvariants = Pass(
    Rule(
      name: "capture-invariants",
      rewrite: { rewriter, step in
        guard case .loop(let carried) = step.operation, let loop = step.regions.first else { return nil }
        let invariants = (0..<carried).filter { position in
          let input = loop.inputs[position + 2]
          return loop.outputs[position + 1] == input
            && loop[input].type == rewriter.builder.type(of: step.operands[position + 2])
        }
        return invariants.isEmpty ? nil : try rewriter.loop(step, carried: carried, capturing: invariants)
      }))
}

extension Rewriter {
  /// The same loop, some of whose carried values are captures instead.
  ///
  /// Operands: trip count, condition, carried…, captures…; the region's outputs: condition, carried…, scanned…
  fileprivate func loop(_ step: Step, carried: Int, capturing invariants: [Int]) throws -> [ValueID] {
    let region = step.regions[0]
    let changing = Array(0..<carried).filter { !invariants.contains($0) }
    let operandOrder =
      [0, 1] + changing.map { $0 + 2 } + Array(carried + 2..<step.operands.count) + invariants.map { $0 + 2 }
    let resultOrder = changing + Array(carried..<region.outputs.count - 1)

    // A loop that changes nothing.
    if resultOrder.isEmpty { return Array(step.operands[2..<carried + 2]) }

    let inner = Rewriter(builder.region(named: region.name), rules: [])
    var arguments = region.inputs
    for position in operandOrder {
      arguments[position] = inner.builder.parameter(like: region[region.inputs[position]])
    }
    let outputs = try inner.inline(region, arguments: arguments)
    inner.builder.setOutputs([outputs[0]] + resultOrder.map { outputs[$0 + 1] })

    let results = try add(
      Step(
        operation: .loop(carried: changing.count), operands: operandOrder.map { step.operands[$0] },
        regions: [inner.builder.graph], known: step.known.map { known in resultOrder.map { known[$0] } }))
    let ofResult = Dictionary(uniqueKeysWithValues: zip(resultOrder, results))
    return (0..<region.outputs.count - 1).map { ofResult[$0] ?? step.operands[$0 + 2] }
  }
}
