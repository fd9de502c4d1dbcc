import GraphIR
import KernelIR
import Tensors

/// What the emitter must know about a kernel before it begins.
struct LoopShape {
  /// Values that differ from lane to lane.
  private(set) var isVarying: [Bool]
  /// Values that are known when the code is made.
  private(set) var constants: [UInt64?]
  let laneCount: Int
  let hasWideLanes: Bool

  init(_ kernel: LoopKernel, _ instructionSet: InstructionSet) {
    var hasVectorAxis = false
    var widest = 4
    func widen(_ type: ElementType) { widest = max(widest, type.bitWidth / 8) }
    kernel.types.forEach(widen)
    Self.forEachStatement(kernel.body) { statement in
      switch statement {
      case .define(let value, .convert(let x, let through)):
        let middle = LoopKernel.computeType(through) ?? through
        widen(Lanes.wayOfConversion(kernel.types[x.index], to: middle))
        widen(Lanes.wayOfConversion(middle, to: kernel.types[value.index]))
      case .store(let buffer, _, let value):
        let stored = LoopKernel.computeType(kernel.buffers[buffer].elementType) ?? .float32
        widen(Lanes.wayOfConversion(kernel.types[value.index], to: stored))
      case .loop(let loop):
        if kernel.axes[loop.axis.index].kind == .vector { hasVectorAxis = true }
      case .define: break
      }
    }
    let vectorBytes = !hasVectorAxis ? 16 : instructionSet >= .avx512 ? 64 : 32
    laneCount = vectorBytes / widest
    hasWideLanes = widest == 8

    isVarying = Array(repeating: false, count: kernel.types.count)
    constants = Array(repeating: nil, count: kernel.types.count)
    findVarying(kernel, kernel.body, vectorAxis: nil)
    Self.forEachStatement(kernel.body) { statement in
      if case .define(let value, .constantBits(let bits)) = statement { constants[value.index] = bits }
    }
  }

  static func forEachStatement(_ body: [Statement], _ visit: (Statement) -> Void) {
    for statement in body {
      visit(statement)
      if case .loop(let loop) = statement { forEachStatement(loop.body, visit) }
    }
  }

  static func forEachIndex(_ body: [Statement], _ visit: (_ buffer: Int, Index) -> Void) {
    forEachStatement(body) { statement in
      switch statement {
      case .define(_, .load(let buffer, let index, _)): visit(buffer, index)
      case .store(let buffer, let index, _): visit(buffer, index)
      default: break
      }
    }
  }

  /// Whether the index is another one in each lane.
  func isVarying(_ index: Index, _ vectorAxis: AxisID?) -> Bool {
    guard let vectorAxis else { return false }
    return index.stride(of: vectorAxis) != 0 || index.indirect.contains { isVarying[$0.value.index] }
      || index.guards.contains { $0.terms.contains { $0.axis == vectorAxis } }
  }

  private mutating func findVarying(_ kernel: LoopKernel, _ body: [Statement], vectorAxis: AxisID?) {
    for statement in body {
      switch statement {
      case .define(let value, let expression):
        var varies = expression.operands.contains { isVarying[$0.index] }
        switch expression {
        case .load(_, let index, _), .position(let index): varies = varies || isVarying(index, vectorAxis)
        default: break
        }
        isVarying[value.index] = varies
      case .store: break
      case .loop(let loop):
        if kernel.axes[loop.axis.index].kind == .vector {
          findVarying(kernel, loop.body, vectorAxis: loop.axis)
          continue
        }
        // Inside a vector axis, what is carried counts as varying.
        for carried in loop.carried { isVarying[carried.parameter.index] = vectorAxis != nil }
        findVarying(kernel, loop.body, vectorAxis: vectorAxis)
        for carried in loop.carried { isVarying[carried.result.index] = vectorAxis != nil }
        for reduction in loop.reductions { isVarying[reduction.result.index] = isVarying[reduction.operand.index] }
      }
    }
  }

  // MARK: Unrolling

  /// How many vectors of a vector axis are worked on at a time: as many as registers allow, so that the latency of one
  /// hides behind the others.
  func vectorsAtATime(_ kernel: LoopKernel, _ loop: Loop, _ instructionSet: InstructionSet) -> Int {
    let registers = instructionSet >= .avx512 ? 28 : 13
    let live = liveValues(kernel, loop) + loop.reductions.count
    let mathematics = usesMathematics(loop.body) ? 2 : 4
    return max(1, min(mathematics, registers / max(1, live)))
  }

  private func usesMathematics(_ body: [Statement]) -> Bool {
    var result = false
    Self.forEachStatement(body) { statement in
      switch statement {
      case .define(_, .unary(let function, _)) where LoopEmitter.hasMathematics(function): result = true
      case .define(_, .binary(let function, _, _)) where LoopEmitter.hasMathematics(function): result = true
      default: break
      }
    }
    return result
  }

  /// The most varying values that are live at a time, roughly: loops inside count with their reductions and carried
  /// values.
  private func liveValues(_ kernel: LoopKernel, _ loop: Loop) -> Int {
    // Walk backwards: a value lives from its definition to its last use.
    var live = Set(loop.reductions.map(\.operand.index).filter { isVarying[$0] })
    var most = live.count
    func visit(_ body: [Statement]) {
      for statement in body.reversed() {
        switch statement {
        case .define(let value, let expression):
          live.remove(value.index)
          for operand in expression.operands where isVarying[operand.index] { live.insert(operand.index) }
        case .store(_, let index, let value):
          if isVarying[value.index] { live.insert(value.index) }
          for indirect in index.indirect where isVarying[indirect.value.index] { live.insert(indirect.value.index) }
        case .loop(let inner):
          for carried in inner.carried { live.formUnion([carried.parameter.index, carried.next.index]) }
          for reduction in inner.reductions { live.formUnion([reduction.result.index, reduction.operand.index]) }
          visit(inner.body)
        }
        most = max(most, live.count + 1)
      }
    }
    visit(loop.body)
    return most
  }
}
