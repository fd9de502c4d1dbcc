// The text of a function, for dumps and tests:
//
//     function scale
//       %4 = mov [%0]
//       loop %5 = %1 ..< %2 step 16
//         %6:zmm = vmovups [%4 + %5*4]

extension VectorFunction {
  var text: String {
    var result = "function \(name)\n"
    var indent = 1
    func line(_ text: String) { result += String(repeating: "  ", count: indent) + text + "\n" }
    for entry in entries {
      switch entry {
      case .operation(let number): line(text(operation(number)))
      case .divide(let number):
        let division = divisions[Int(number)]
        let results = [division.quotient, division.remainder].map(text).joined(separator: ", ")
        line("\(results) = divide \(text(division.dividend)), \(text(division.divisor))")
      case .loopBegin(let id):
        let loop = loop(id)
        let carried = zip(loop.parameters, loop.initials).map { "\(text($0)) = \(text($1))" }.joined(separator: ", ")
        let count =
          "loop \(text(loop.index)) = \(text(loop.from)) ..< \(text(loop.to)) step \(loop.step)"
        line(
          (loop.isCounted ? count : "repeat")
            + (carried.isEmpty ? "" : " carrying \(carried)"))
        indent += 1
      case .loopEnd(let id):
        if !loop(id).nexts.isEmpty { line("next \(loop(id).nexts.map(text).joined(separator: ", "))") }
        if let again = loop(id).again { line("again while \(text(again))") }
        indent -= 1
      case .ifBegin(let id):
        line("if \(text(conditional(id).condition))")
        indent += 1
      case .ifElse(let id):
        if !conditional(id).thenValues.isEmpty {
          line("give \(conditional(id).thenValues.map(text).joined(separator: ", "))")
        }
        indent -= 1
        line("else")
        indent += 1
      case .ifEnd(let id):
        let conditional = conditional(id)
        if !conditional.elseValues.isEmpty {
          line("give \(conditional.elseValues.map(text).joined(separator: ", "))")
        }
        indent -= 1
        if !conditional.results.isEmpty { line("gives \(conditional.results.map(text).joined(separator: ", "))") }
      }
    }
    return result
  }

  private func text(_ value: Value) -> String { "%\(value.index)" }

  private func text(_ operand: IntegerOperand) -> String {
    switch operand {
    case .immediate(let value): "\(value)"
    case .value(let value): text(value)
    }
  }

  private func text(_ condition: Condition) -> String {
    switch condition {
    case .compare(let left, let comparison, let right): "\(text(left)) \(comparison) \(text(right))"
    case .anyLane(let mask): "any \(text(mask))"
    }
  }

  private func text(_ operand: VectorOperand) -> String {
    switch operand {
    case .value(let value): text(value)
    case .view(let value, let kind): "\(text(value)) as \(kind)"
    case .immediate(let value): "\(value)"
    case .memory(let address): text(address)
    }
  }

  private func text(_ address: Address) -> String {
    var terms: [String] = []
    if let constant = address.constant {
      terms.append("constant \(constants[Int(constant)].map(MachineCode.hexadecimal).joined())")
    }
    if let slot = address.slot { terms.append("slot \(slot)") }
    if let base = address.base { terms.append(text(base)) }
    if let index = address.index { terms.append(address.scale == 1 ? text(index) : "\(text(index))*\(address.scale)") }
    if address.displacement != 0 { terms.append("\(address.displacement)") }
    return "[\(terms.joined(separator: " + "))]\(address.isBroadcast ? " broadcast" : "")"
  }

  private func text(_ operation: Operation) -> String {
    var line = ""
    if let result = operation.result {
      let kind = kind(of: result)
      line += "\(text(result))\(kind == .gpr64 ? "" : ":\(kind)") = "
    }
    line += operation.instruction.mnemonic
    let operands = operation.operands.map(text).joined(separator: ", ")
    if !operands.isEmpty { line += " " + operands }
    if operation.updates { line += " updating" }
    if let mask = operation.mask { line += " mask \(text(mask))\(operation.zeroing ? " zeroing" : "")" }
    return line
  }
}
