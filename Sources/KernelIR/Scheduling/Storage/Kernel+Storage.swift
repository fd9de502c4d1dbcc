import Tensors

/// How a kernel of float32 treats one of its buffers.
enum BufferAccess {
  /// Only as the type that it has.
  case fixed
  /// float32 that may as well be rounded when it is stored, and widened when it is read.
  case convertible
  /// float32 that may be bfloat16 instead, and then the kernel multiplies bfloat16.
  case multiplied
}

extension Kernel {
  func access(ofOperand position: Int) -> BufferAccess {
    switch self {
    case .loops(let kernel): kernel.buffers[position].elementType == .float32 ? .convertible : .fixed
    case .gemm(let kernel):
      switch position {
      case 0: kernel.b == .packed ? kernel.factors.access(depth: kernel.depth) : .fixed
      case 1: .fixed
      default: kernel.epilogue.access(ofOperand: position - 2)
      }
    case .convolution(let kernel):
      switch position {
      case 0: kernel.factors.access(depth: kernel.inputChannels / kernel.groups)
      case 1: .fixed
      default: kernel.epilogue.access(ofOperand: position - 2)
      }
    case .depthwise(let kernel): position < 2 ? .fixed : kernel.epilogue.access(ofOperand: position - 2)
    case .transposedConvolution(let kernel): position < 2 ? .fixed : kernel.epilogue.access(ofOperand: position - 2)
    case .attention, .recurrence, .trees: .fixed
    }
  }

  func access(ofResult position: Int, operandCount: Int) -> BufferAccess {
    switch self {
    case .loops(let kernel):
      kernel.buffers[operandCount + position].elementType == .float32 ? .convertible : .fixed
    case .gemm(let kernel): kernel.epilogue.accessOfResult
    case .convolution(let kernel): kernel.epilogue.accessOfResult
    case .depthwise(let kernel): kernel.epilogue.accessOfResult
    case .transposedConvolution(let kernel): kernel.epilogue.accessOfResult
    case .attention(let kernel): kernel.resultType == .float32 ? .convertible : .fixed
    case .recurrence, .trees: .fixed
    }
  }

  /// Whether an operand is of a type already.
  func reads(_ position: Int, as type: ElementType) -> Bool {
    if case .loops(let kernel) = self { return kernel.buffers[position].elementType == type }
    return access(ofOperand: position) == .fixed
  }

  /// What a contraction multiplies; nil for the others.
  public var factors: Factors? {
    switch self {
    case .gemm(let kernel): kernel.factors
    case .convolution(let kernel): kernel.factors
    case .depthwise(let kernel): kernel.factors
    case .attention(let kernel): kernel.factors
    case .transposedConvolution, .recurrence: .float32
    case .loops, .trees: nil
    }
  }

  /// Reads an operand as bfloat16.
  mutating func narrow(operand position: Int) {
    switch self {
    case .loops(var kernel):
      kernel.buffers[position].elementType = .bfloat16
      self = .loops(kernel)
    case .gemm(var kernel):
      if position == 0 { kernel.factors = .bfloat16 } else { kernel.epilogue.narrow(operand: position - 2) }
      self = .gemm(kernel)
    case .convolution(var kernel):
      if position == 0 { kernel.factors = .bfloat16 } else { kernel.epilogue.narrow(operand: position - 2) }
      self = .convolution(kernel)
    case .depthwise(var kernel):
      kernel.epilogue.narrow(operand: position - 2)
      self = .depthwise(kernel)
    case .transposedConvolution(var kernel):
      kernel.epilogue.narrow(operand: position - 2)
      self = .transposedConvolution(kernel)
    case .attention, .recurrence, .trees: break
    }
  }

  /// Stores a result as bfloat16.
  mutating func narrow(result position: Int, operandCount: Int) {
    switch self {
    case .loops(var kernel):
      kernel.buffers[operandCount + position].elementType = .bfloat16
      self = .loops(kernel)
    case .gemm(var kernel):
      kernel.epilogue.resultType = .bfloat16
      self = .gemm(kernel)
    case .convolution(var kernel):
      kernel.epilogue.resultType = .bfloat16
      self = .convolution(kernel)
    case .depthwise(var kernel):
      kernel.epilogue.resultType = .bfloat16
      self = .depthwise(kernel)
    case .transposedConvolution(var kernel):
      kernel.epilogue.resultType = .bfloat16
      self = .transposedConvolution(kernel)
    case .attention(var kernel):
      kernel.resultType = .bfloat16
      self = .attention(kernel)
    case .recurrence, .trees: break
    }
  }
}

extension Factors {
  fileprivate func access(depth: Int) -> BufferAccess {
    self == .float32 && depth % Factors.bfloat16.depthUnit == 0 ? .multiplied : .fixed
  }
}

extension Epilogue {
  fileprivate func access(ofOperand position: Int) -> BufferAccess {
    operands[position].elementType == .float32 ? .convertible : .fixed
  }

  fileprivate var accessOfResult: BufferAccess { resultType == .float32 ? .convertible : .fixed }

  fileprivate mutating func narrow(operand position: Int) { operands[position].elementType = .bfloat16 }
}

extension LoopKernel {
  /// Stores a result a second time, as another type, into a buffer behind those of the results.
  mutating func store(result position: Int, operandCount: Int, alsoAs elementType: ElementType) {
    let first = operandCount + position
    let added = argumentBufferCount
    buffers.insert(Buffer(elementType, .write), at: added)
    func moved(_ buffer: Int) -> Int { buffer < added ? buffer : buffer + 1 }
    func rewritten(_ body: [Statement]) -> [Statement] {
      body.flatMap { statement -> [Statement] in
        switch statement {
        case .define(let value, .load(let buffer, let index, let otherwise)):
          return [.define(value, .load(buffer: moved(buffer), index, otherwise: otherwise))]
        case .define: return [statement]
        case .store(let buffer, let index, let value):
          let stored = Statement.store(buffer: moved(buffer), index, value)
          return buffer == first ? [stored, .store(buffer: added, index, value)] : [stored]
        case .loop(var loop):
          loop.body = rewritten(loop.body)
          return [.loop(loop)]
        }
      }
    }
    body = rewritten(body)
  }
}
