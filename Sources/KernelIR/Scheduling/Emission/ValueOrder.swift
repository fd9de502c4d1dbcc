import Tensors

extension LoopKernel {
  /// The same kernel with values numbered in the order of their definitions, so that kernels that do the same are equal.
  func withValuesInOrder() -> LoopKernel {
    var numbering = ValueNumbering()
    numbering.define(body)
    var kernel = self
    kernel.types = numbering.order.map { types[$0.index] }
    kernel.body = numbering.renamed(body)
    return kernel
  }
}

private struct ValueNumbering {
  var order: [KernelValue] = []
  private var numbers: [KernelValue: KernelValue] = [:]

  private mutating func define(_ value: KernelValue) {
    numbers[value] = KernelValue(order.count)
    order.append(value)
  }

  mutating func define(_ body: [Statement]) {
    for statement in body {
      switch statement {
      case .define(let value, _): define(value)
      case .store: break
      case .loop(let loop):
        for carried in loop.carried { define(carried.parameter) }
        define(loop.body)
        for carried in loop.carried { define(carried.result) }
        for reduction in loop.reductions { define(reduction.result) }
      }
    }
  }

  private func new(_ value: KernelValue) -> KernelValue { numbers[value] ?? value }

  private func new(_ index: Index) -> Index {
    var index = index
    index.indirect = index.indirect.map { Index.Indirect(new($0.value), stride: $0.stride) }
    return index
  }

  private func new(_ expression: Expression) -> Expression {
    switch expression {
    case .constantBits: expression
    case .position(let index): .position(new(index))
    case .load(let buffer, let index, let otherwise): .load(buffer: buffer, new(index), otherwise: otherwise.map(new))
    case .unary(let function, let x): .unary(function, new(x))
    case .binary(let function, let a, let b): .binary(function, new(a), new(b))
    case .compare(let comparison, let a, let b): .compare(comparison, new(a), new(b))
    case .select(let predicate, let a, let b): .select(new(predicate), new(a), new(b))
    case .convert(let x, let through): .convert(new(x), through: through)
    case .bitcast(let x): .bitcast(new(x))
    case .multiplyAdd(let a, let b, let c): .multiplyAdd(new(a), new(b), new(c))
    }
  }

  func renamed(_ body: [Statement]) -> [Statement] {
    body.map { statement in
      switch statement {
      case .define(let value, let expression): return .define(new(value), new(expression))
      case .store(let buffer, let index, let value): return .store(buffer: buffer, new(index), new(value))
      case .loop(var loop):
        loop.body = renamed(loop.body)
        loop.reductions = loop.reductions.map { LoopReduction(new($0.result), $0.operation, new($0.operand)) }
        loop.carried = loop.carried.map {
          Carried(
            parameter: new($0.parameter), initial: new($0.initial), next: new($0.next), result: new($0.result))
        }
        return .loop(loop)
      }
    }
  }
}
