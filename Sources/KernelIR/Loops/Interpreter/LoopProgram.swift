import GraphIR
import Interpreter
import Tensors

/// Makes operations of statements.
struct LoopProgram {
  let kernel: LoopKernel
  /// Values that are defined in a loop over a vector axis: one for each lane.
  private let isVarying: [Bool]

  init(kernel: LoopKernel) {
    self.kernel = kernel
    isVarying = kernel.valuesPerLane
  }

  func column(_ value: KernelValue) -> Column {
    Column(offset: value.index * Frame.columnBytes, step: isVarying[value.index] ? 1 : 0)
  }
  func type(_ value: KernelValue) -> ElementType { kernel.types[value.index] }

  func operations(of body: [Statement], vectorAxis: AxisID? = nil) -> [Frame.Operation] {
    body.map { statement in
      switch statement {
      case .define(let value, let expression): define(value, expression, vectorAxis)
      case .store(let buffer, let index, let value): store(buffer, index, value, vectorAxis)
      case .loop(let loop): operation(of: loop, vectorAxis)
      }
    }
  }

  // MARK: Loops

  private func operation(of loop: Loop, _ vectorAxis: AxisID?) -> Frame.Operation {
    let axis = loop.axis.index
    let extent = kernel.axes[axis].extent
    let isVector = kernel.axes[axis].kind == .vector
    let body = operations(of: loop.body, vectorAxis: isVector ? loop.axis : vectorAxis)
    let reductions = loop.reductions.map { reduction($0, acrossLanes: isVector) }
    if isVector {
      return { frame in
        for reduction in reductions { reduction.begin(frame) }
        var frame = frame
        for start in stride(from: 0, to: extent, by: Frame.laneCount) {
          frame.positions[axis] = start
          frame.lanes = min(Frame.laneCount, extent - start)
          for operation in body { operation(frame) }
          for reduction in reductions { reduction.add(frame) }
        }
        frame.lanes = 1
        for reduction in reductions { reduction.end(frame) }
      }
    }
    let carried = loop.carried
    let begin = carried.map { copy($0.initial, to: $0.parameter) }
    // What several values become next may read any of them, so that all are set aside first, in the results.
    let setAside = carried.map { copy($0.next, to: $0.result) }
    let advance = carried.map { copy($0.result, to: $0.parameter) }
    let empty = carried.map { copy($0.initial, to: $0.result) }
    return { frame in
      for reduction in reductions { reduction.begin(frame) }
      for operation in begin { operation(frame) }
      if extent == 0 { for operation in empty { operation(frame) } }
      for position in 0..<extent {
        frame.positions[axis] = position
        for operation in body { operation(frame) }
        for operation in setAside { operation(frame) }
        for operation in advance { operation(frame) }
        for reduction in reductions { reduction.add(frame) }
      }
      for reduction in reductions { reduction.end(frame) }
    }
  }

  private func copy(_ source: KernelValue, to target: KernelValue) -> Frame.Operation {
    switch type(source).bitWidth {
    case 8: unary(source, target) { (x: UInt8) in x }
    case 32: unary(source, target) { (x: UInt32) in x }
    default: unary(source, target) { (x: UInt64) in x }
    }
  }

  // MARK: Reductions

  private struct Accumulation: Sendable {
    let begin: Frame.Operation
    let add: Frame.Operation
    let end: Frame.Operation
  }

  private func reduction(_ reduction: LoopReduction, acrossLanes: Bool) -> Accumulation {
    switch type(reduction.result) {
    case .float32: realReduction(reduction, acrossLanes, Float.self)
    case .float64: realReduction(reduction, acrossLanes, Double.self)
    case .int32: wholeReduction(reduction, acrossLanes, Int32.self)
    case .int64: wholeReduction(reduction, acrossLanes, Int64.self)
    case .uint32: wholeReduction(reduction, acrossLanes, UInt32.self)
    case .uint64: wholeReduction(reduction, acrossLanes, UInt64.self)
    default: truthReduction(reduction, acrossLanes)
    }
  }

  private func truthReduction(_ reduction: LoopReduction, _ acrossLanes: Bool) -> Accumulation {
    switch reduction.operation {
    case .and, .minimum, .product:
      accumulate(reduction, acrossLanes, 1, { (x: UInt8) in x }, { $0 & $1 }, { $0 })
    case .or, .maximum, .sum: accumulate(reduction, acrossLanes, 0, { (x: UInt8) in x }, { $0 | $1 }, { $0 })
    }
  }

  private func wholeReduction<Element: WholeNumber & SendableMetatype>(
    _ reduction: LoopReduction, _ acrossLanes: Bool, _ element: Element.Type
  ) -> Accumulation {
    switch reduction.operation {
    case .and:
      accumulate(reduction, acrossLanes, ~Element.zero, { (x: Element) in x }, { $0 & $1 }, { $0 })
    case .or: accumulate(reduction, acrossLanes, Element.zero, { (x: Element) in x }, { $0 | $1 }, { $0 })
    default: realReduction(reduction, acrossLanes, Element.self)
    }
  }

  private func realReduction<Element: RealNumber & SendableMetatype>(
    _ reduction: LoopReduction, _ acrossLanes: Bool, _ element: Element.Type
  ) -> Accumulation where Element.Total: SendableMetatype {
    typealias Total = Element.Total
    switch reduction.operation {
    case .maximum:
      return accumulate(reduction, acrossLanes, Element.lowest, { (x: Element) in x }, Element.larger, { $0 })
    case .minimum:
      return accumulate(reduction, acrossLanes, Element.highest, { (x: Element) in x }, Element.smaller, { $0 })
    case .product:
      return accumulate(
        reduction, acrossLanes, Total.one, { (x: Element) in x.total }, Total.product, Element.rounding)
    default:
      return accumulate(
        reduction, acrossLanes, Total.zero, { (x: Element) in x.total }, Total.sum, Element.rounding)
    }
  }

  /// The accumulators stand in the column of the result until the end.
  @inline(__always)
  private func accumulate<Element: Sendable, Total: Sendable>(
    _ reduction: LoopReduction, _ acrossLanes: Bool, _ neutral: Total, _ widen: @escaping @Sendable (Element) -> Total,
    _ combine: @escaping @Sendable (Total, Total) -> Total, _ finish: @escaping @Sendable (Total) -> Element
  ) -> Accumulation {
    let operand = column(reduction.operand)
    let result = column(reduction.result)
    return Accumulation(
      begin: { frame in
        let totals = frame.elements(result, Total.self)
        for lane in 0..<(acrossLanes ? 1 : frame.lanes) { totals[lane] = neutral }
      },
      add: { frame in
        let totals = frame.elements(result, Total.self)
        let operands = frame.elements(operand, Element.self)
        if acrossLanes {
          var total = totals[0]
          for lane in 0..<frame.lanes { total = combine(total, widen(operands[lane &* operand.step])) }
          totals[0] = total
        } else {
          for lane in 0..<frame.lanes {
            totals[lane] = combine(totals[lane], widen(operands[lane &* operand.step]))
          }
        }
      },
      end: { frame in
        let totals = frame.elements(result, Total.self)
        let results = frame.elements(result, Element.self)
        // An element is no wider than its total, so that none overwrites a total that is still needed.
        for lane in 0..<frame.lanes { results[lane] = finish(totals[lane]) }
      })
  }
}

extension LoopKernel {
  /// Which values stand inside a loop over a vector axis, one element for each lane.
  public var valuesPerLane: [Bool] {
    var result = Array(repeating: false, count: types.count)
    func visit(_ body: [Statement], _ isInside: Bool) {
      for statement in body {
        switch statement {
        case .define(let value, _): result[value.index] = isInside
        case .store: break
        case .loop(let loop):
          let isVector = axes[loop.axis.index].kind == .vector
          for carried in loop.carried {
            result[carried.parameter.index] = isInside
            result[carried.result.index] = isInside
          }
          for reduction in loop.reductions { result[reduction.result.index] = isInside }
          visit(loop.body, isInside || isVector)
        }
      }
    }
    visit(body, false)
    return result
  }
}
