extension VectorFunction {
  /// Every value is defined once, before its uses, in the same or an enclosing part. Tiles come from tile instructions,
  /// whose memory has a stride.
  func verify() throws(VectorError) {
    var defined = [Bool](repeating: false, count: kinds.count)
    var visible = [Bool](repeating: false, count: kinds.count)
    // What is visible, and how much of it was so when each open part began.
    var scope: [Value] = []
    var scopes: [Int] = []
    var problem: String?

    func define(_ value: Value) {
      let index = Int(value.index)
      if defined[index] { problem = problem ?? "%\(index) is defined twice" }
      defined[index] = true
      visible[index] = true
      if !scopes.isEmpty { scope.append(value) }
    }
    func use(_ value: Value) {
      if !visible[Int(value.index)] { problem = problem ?? "%\(value.index) is used where it is not defined" }
    }
    func open() { scopes.append(scope.count) }
    func close() {
      let count = scopes.removeLast()
      for value in scope[count...] { visible[Int(value.index)] = false }
      scope.removeSubrange(count...)
    }

    arguments.forEach(define)
    for entry in entries {
      switch entry {
      case .operation(let number):
        operations[Int(number)].forEachUse(use)
        problem = problem ?? tileProblem(operations[Int(number)])
        if let result = operations[Int(number)].result { define(result) }
      case .divide(let number):
        let division = divisions[Int(number)]
        use(division.dividend)
        use(division.divisor)
        define(division.quotient)
        define(division.remainder)
      case .loopBegin(let id):
        let loop = loop(id)
        loop.initials.forEach(use)
        if let value = loop.from.value { use(value) }
        if let value = loop.to.value { use(value) }
        loop.parameters.forEach(define)
        open()
        if loop.isCounted { define(loop.index) }
      case .loopEnd(let id):
        let loop = loop(id)
        loop.nexts.forEach(use)
        if let again = loop.again { use(again) }
        for (next, parameter) in zip(loop.nexts, loop.parameters)
        where RegisterFile(kind(of: next)) != RegisterFile(kind(of: parameter)) {
          problem = problem ?? "%\(next.index) cannot follow %\(parameter.index)"
        }
        close()
      case .ifBegin(let id):
        conditional(id).condition.forEachUse(use)
        open()
      case .ifElse(let id):
        conditional(id).thenValues.forEach(use)
        close()
        open()
      case .ifEnd(let id):
        conditional(id).elseValues.forEach(use)
        close()
        conditional(id).results.forEach(define)
      }
    }
    if !scopes.isEmpty { problem = problem ?? "a loop or conditional is left open" }
    if let problem { throw .invalid(function: name, problem) }
  }

  private func tileProblem(_ operation: Operation) -> String? {
    let name = operation.instruction.mnemonic
    let givesTile = operation.result.map { kind(of: $0) == .tile } ?? false
    if let result = operation.result, givesTile != (operation.instruction.form.a.kind == .t) {
      return "%\(result.index) cannot be the result of \(name)"
    }
    guard operation.instruction.needsSIB else { return nil }
    for operand in operation.operands {
      if case .memory(let address) = operand, address.index == nil { return "\(name) has no stride" }
    }
    return nil
  }
}
