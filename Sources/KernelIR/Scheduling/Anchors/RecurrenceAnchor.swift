import GraphIR

/// The steps of an LSTM, GRU or plain recurrent layer: the composite `RecurrentSteps` as one kernel.
struct RecurrenceAnchor {
  private let number: Int
  private let step: Step

  /// Nil for other nodes, for weights that are no constant and for types other than float32 and weights of int8.
  init?(_ number: Int, _ index: GraphIndex, _ target: ScheduleTarget) {
    let node = index.node(number)
    guard target.kernels.contains(.recurrence), case .composite(let composite) = node.operation,
      RecurrentSteps.isPlain(composite), case .text(let cellName)? = composite.attributes["cell"],
      case .integer(let units)? = composite.attributes["units"],
      case .integers(let present)? = composite.attributes["operands"],
      let products = index.shape(node.operands[0])?.dimensions, products.count == 3,
      index.graph[node.operands[1]].constant != nil
    else { return nil }
    // Scales of the weights stand last of what may be absent.
    let isQuantized = present[3] == 1
    let types = node.operands.map { index.type($0) }
    guard types.indices.allSatisfy({ types[$0] == ($0 == 1 && isQuantized ? .int8 : .float32) }),
      !isQuantized || cellName == "LSTM"
    else { return nil }
    let hasBias = present[0] == 1
    let hasPeepholes = present[2] == 1
    let resetsAfterProduct = composite.attributes["linear_before_reset"] == .init(true)
    let cell: RecurrenceKernel.Cell
    if cellName == "RNN" {
      guard !hasBias else { return nil }
      cell = .rnn(rectifies: composite.attributes["activations"] == .text(RecurrentActivation.relu.text))
    } else if cellName == "LSTM" {
      cell = .lstm(hasPeepholes: hasPeepholes)
    } else {
      // Without biases nothing is added to the product, and the kernel wants something to add.
      guard hasBias == resetsAfterProduct else { return nil }
      cell = .gru(linearBeforeReset: resetsAfterProduct)
    }
    let kernel = RecurrenceKernel(
      cell: cell, hiddenSize: units, isReverse: false, inputRowStride: products[2], outputRowStride: units,
      factors: isQuantized ? .bytes : .float32)
    let (steps, batch) = (products[0], products[1])
    let operations = 2 * steps * batch * kernel.gateCount * units * units
    let (gates, weights) = (kernel.gateCount, node.operands[1])
    var rest = Array(node.operands.dropFirst(2))
    var operands: [ScheduleValue] = [
      .value(node.operands[0]),
      .packed(weights, .recurrence(gates: gates, hiddenSize: units, factors: kernel.factors)),
    ]
    if isQuantized {
      let scales = rest.remove(at: present[..<3].count { $0 == 1 })
      operands += [.value(scales), .packed(weights, .recurrenceOffsets(gates: gates, hiddenSize: units))]
    }
    operands += rest.map(ScheduleValue.value)
    self.number = number
    step = Step(
      work: .kernel(
        .recurrence(kernel),
        Step.Call(parameters: [steps, batch], estimatedNanoseconds: Double(operations) / Self.operationsPerNanosecond)),
      operands: operands, results: node.results, source: node.source ?? composite.name)
  }

  var anchor: Anchor { Anchor(members: [number], steps: [step]) }

  /// Small products that wait for each other run below the peak.
  private static let operationsPerNanosecond = 20.0
}
