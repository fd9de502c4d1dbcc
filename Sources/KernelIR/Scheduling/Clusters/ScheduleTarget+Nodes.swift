import GraphIR
import Tensors

extension ScheduleTarget {
  /// Whether loops can do what a node asks, for the types that it has.
  func calculates(_ node: Node, _ index: GraphIndex) -> Bool {
    guard node.results.count == 1, let result = index.type(node.results[0]), calculates(.access, result),
      let compute = LoopKernel.computeType(result)
    else { return false }
    let data = NodeForm.dataOperands(node)
    for operand in data {
      guard let type = index.type(operand), calculates(.access, type) else { return false }
    }
    let operandType = data.first.flatMap { index.type($0) } ?? result
    let from = LoopKernel.computeType(operandType) ?? compute
    switch node.operation {
    case .unary(let function): return calculates(.unary(function), from) && isExact(node, index)
    case .binary(let function): return calculates(.binary(function), from) && isExact(node, index)
    case .compare(let comparison): return calculates(.compare(comparison), from)
    case .select: return calculates(.select, compute)
    case .convert(_, let saturating):
      return calculates(.convert(from: from), result) && (saturating || result.bitWidth > 8)
    case .bitcast: return from == operandType && compute == result && from.bitWidth == compute.bitWidth && from != .bool
    case .reduce(let reduction, _): return result == compute && calculates(.reduce(reduction.loopOperation), compute)
    case .argReduce(let isMaximum, _, _):
      return calculates(.reduce(isMaximum ? .maximum : .minimum), from) && calculates(.reduce(.maximum), .int32)
        && calculates(.reduce(.minimum), .int32) && calculates(.compare(.equal), from)
    case .cumulative(let cumulation, _, _, _):
      let total = result.totalType
      return result == compute && calculates(.carry, total) && calculates(.binary(cumulation.function), total)
        && calculates(.convert(from: total), result) && calculates(.convert(from: result), total)
    case .reduceWindow(let reduction, _):
      return result == .float32 || reduction == .sum && result == .int32 && calculates(.reduce(.sum), .int32)
        || reduction == .maximum && (result == .uint8 || result == .int8) && calculates(.reduce(.maximum), .int32)
    case .iota: return result == compute
    default: return true
    }
  }

  /// Narrow operands give what the compute type gives, rounded; integers of 8 and 16 bits do so only where wrapping
  /// the result is all that the width changes.
  private func isExact(_ node: Node, _ index: GraphIndex) -> Bool {
    let types = node.operands.compactMap { index.type($0) }
    guard Set(types).count <= 1 else { return false }
    guard let type = types.first, type.isInteger, type.bitWidth < 32 else { return true }
    switch node.operation {
    case .binary(.add), .binary(.subtract), .binary(.multiply), .binary(.maximum), .binary(.minimum), .binary(.and),
      .binary(.or), .binary(.exclusiveOr), .unary(.negate), .unary(.absolute), .unary(.not):
      return true
    default: return false
    }
  }
}

extension Cumulation {
  var function: BinaryFunction { self == .sum ? .add : .multiply }
}

extension ElementType {
  /// In which running totals of a type are kept: long ones of float32 would lose what the interpreter keeps.
  var totalType: ElementType { self == .float32 ? .float64 : self }
}

extension Reduction {
  /// A mean is a sum that is divided.
  var loopOperation: LoopReduction.Operation {
    switch self {
    case .sum, .mean: .sum
    case .product: .product
    case .maximum: .maximum
    case .minimum: .minimum
    case .and: .and
    case .or: .or
    }
  }
}
