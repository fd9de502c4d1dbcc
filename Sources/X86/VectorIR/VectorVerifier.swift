extension VectorFunction {
  /// Every value is defined once, before its uses, in the same or an enclosing part.
  func verify() throws(VectorError) {
    var defined = [Bool](repeating: false, count: kinds.count)
    var visible = [Bool](repeating: false, count: kinds.count)
    var scopes: [[Value]] = [[]]
    var problem: String?

    func define(_ value: Value) {
      let index = Int(value.index)
      if defined[index] { problem = problem ?? "%\(index) is defined twice" }
      defined[index] = true
      visible[index] = true
      scopes[scopes.count - 1].append(value)
    }
    func use(_ value: Value) {
      if !visible[Int(value.index)] { problem = problem ?? "%\(value.index) is used where it is not defined" }
    }
    func close() { for value in scopes.removeLast() { visible[Int(value.index)] = false } }

    arguments.forEach(define)
    for entry in entries {
      switch entry {
      case .operation(let operation):
        operation.forEachUse(use)
        if let result = operation.result { define(result) }
      case .divide(let quotient, let remainder, let dividend, let divisor):
        use(dividend)
        use(divisor)
        if let quotient { define(quotient) }
        if let remainder { define(remainder) }
      case .loopBegin(let id):
        let loop = loops[id]
        loop.initials.forEach(use)
        if let value = loop.from.value { use(value) }
        if let value = loop.to.value { use(value) }
        loop.parameters.forEach(define)
        scopes.append([])
        if loop.isCounted { define(loop.index) }
      case .loopEnd(let id):
        loops[id].nexts.forEach(use)
        if let again = loops[id].again { use(again) }
        for (next, parameter) in zip(loops[id].nexts, loops[id].parameters)
        where RegisterFile(kind(of: next)) != RegisterFile(kind(of: parameter)) {
          problem = problem ?? "%\(next.index) cannot follow %\(parameter.index)"
        }
        close()
      case .ifBegin(let id):
        conditionals[id].condition.forEachUse(use)
        scopes.append([])
      case .ifElse(let id):
        conditionals[id].thenValues.forEach(use)
        close()
        scopes.append([])
      case .ifEnd(let id):
        conditionals[id].elseValues.forEach(use)
        close()
        conditionals[id].results.forEach(define)
      }
    }
    if scopes.count != 1 { problem = problem ?? "a loop or conditional is left open" }
    if let problem { throw .invalid(function: name, problem) }
  }
}
