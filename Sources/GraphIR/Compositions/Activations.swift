import Tensors

/// Activations that take several primitives. All are elementwise on a float tensor of any shape; constants take its
/// element type.
extension GraphBuilder {
  /// x if x ≥ 0 else alpha·x
  public func leakyRelu(_ x: ValueID, alpha: Double) throws -> ValueID {
    try activation("LeakyRelu", x, ["alpha": alpha]) { b, x, k in
      try b.select(b.compare(.less, x, k(0)), b.multiply(k(alpha), x), x)
    }
  }

  /// x if x > 0 else alpha·(exp(x) − 1)
  public func elu(_ x: ValueID, alpha: Double) throws -> ValueID {
    try activation("Elu", x, ["alpha": alpha]) { b, x, k in
      try b.select(b.compare(.less, x, k(0)), b.multiply(k(alpha), b.unary(.exponentialMinusOne, x)), x)
    }
  }

  /// gamma·(x if x > 0 else alpha·(exp(x) − 1))
  public func selu(_ x: ValueID, alpha: Double, gamma: Double) throws -> ValueID {
    try activation("Selu", x, ["alpha": alpha, "gamma": gamma]) { b, x, k in
      let negative = try b.multiply(k(alpha), b.unary(.exponentialMinusOne, x))
      return try b.multiply(k(gamma), b.select(b.compare(.less, x, k(0)), negative, x))
    }
  }

  /// max(0, x) + min(0, alpha·(exp(x / alpha) − 1))
  public func celu(_ x: ValueID, alpha: Double) throws -> ValueID {
    try activation("Celu", x, ["alpha": alpha]) { b, x, k in
      let negative = try b.multiply(k(alpha), b.unary(.exponentialMinusOne, b.divide(x, k(alpha))))
      return try b.add(b.maximum(x, k(0)), b.minimum(negative, k(0)))
    }
  }

  /// log(1 + exp(x)), without overflow: max(x, 0) + log1p(exp(−|x|))
  public func softplus(_ x: ValueID) throws -> ValueID {
    try activation("Softplus", x) { b, x, k in
      let tail = try b.unary(.exponential, b.unary(.negate, b.unary(.absolute, x)))
      return try b.add(b.maximum(x, k(0)), b.unary(.logarithmPlusOne, tail))
    }
  }

  /// x / (1 + |x|)
  public func softsign(_ x: ValueID) throws -> ValueID {
    try activation("Softsign", x) { b, x, k in try b.divide(x, b.add(k(1), b.unary(.absolute, x))) }
  }

  /// clamp(alpha·x + beta, 0, 1)
  public func hardSigmoid(_ x: ValueID, alpha: Double, beta: Double) throws -> ValueID {
    try activation("HardSigmoid", x, ["alpha": alpha, "beta": beta]) { b, x, k in
      try b.minimum(b.maximum(b.add(b.multiply(k(alpha), x), k(beta)), k(0)), k(1))
    }
  }

  /// x·hardSigmoid(x) with alpha = 1/6, beta = 1/2
  public func hardSwish(_ x: ValueID) throws -> ValueID {
    try activation("HardSwish", x) { b, x, k in
      try b.multiply(x, b.minimum(b.maximum(b.add(b.multiply(k(1.0 / 6), x), k(0.5)), k(0)), k(1)))
    }
  }

  /// x·logistic(alpha·x)
  public func swish(_ x: ValueID, alpha: Double) throws -> ValueID {
    try activation("Swish", x, ["alpha": alpha]) { b, x, k in
      try b.multiply(x, b.unary(.logistic, alpha == 1 ? x : b.multiply(k(alpha), x)))
    }
  }

  /// x·tanh(softplus(x))
  public func mish(_ x: ValueID) throws -> ValueID {
    try activation("Mish", x) { b, x, _ in try b.multiply(x, b.unary(.hyperbolicTangent, b.softplus(x))) }
  }

  /// x·Φ(x), by the error function or by the tanh approximation of the GELU paper (arXiv 1606.08415)
  public func gelu(_ x: ValueID, tanhApproximation: Bool) throws -> ValueID {
    try activation(tanhApproximation ? "GeluTanh" : "Gelu", x) { b, x, k in
      let inner: ValueID
      if tanhApproximation {
        let cube = try b.multiply(x, b.multiply(x, x))
        inner = try b.unary(
          .hyperbolicTangent,
          b.multiply(k((2 / Double.pi).squareRoot()), b.add(x, b.multiply(k(0.044715), cube))))
      } else {
        inner = try b.unary(.errorFunction, b.multiply(x, k(0.5.squareRoot())))
      }
      return try b.multiply(b.multiply(k(0.5), x), b.add(k(1), inner))
    }
  }

  /// x if x > alpha else 0
  public func thresholdedRelu(_ x: ValueID, alpha: Double) throws -> ValueID {
    try activation("ThresholdedRelu", x, ["alpha": alpha]) { b, x, k in
      try b.select(b.compare(.greater, x, k(alpha)), x, k(0))
    }
  }

  /// x + bias below −lambda, x − bias above lambda, else 0
  public func shrink(_ x: ValueID, bias: Double, lambda: Double) throws -> ValueID {
    try activation("Shrink", x, ["bias": bias, "lambd": lambda]) { b, x, k in
      let above = try b.select(b.compare(.greater, x, k(lambda)), b.subtract(x, k(bias)), k(0))
      return try b.select(b.compare(.less, x, k(-lambda)), b.add(x, k(bias)), above)
    }
  }

  private func activation(
    _ name: String, _ x: ValueID, _ parameters: [String: Double] = [:],
    _ body: (_ b: GraphBuilder, _ x: ValueID, _ constant: (Double) throws -> ValueID) throws -> ValueID
  ) throws -> ValueID {
    let element = try elementType(of: x)
    return try composite(Composite(name, parameters.mapValues(Composite.Attribute.real)), [x]) { b, x in
      [try body(b, x[0]) { try b.scalar($0, element) }]
    }[0]
  }
}
