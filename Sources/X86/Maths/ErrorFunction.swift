// erf x = x·g(|x|), where g falls smoothly from 2/√π to 1/4 at 3.93, from where on erf rounds to 1: g by polynomials
// around equally distant centres, 16 of degree 5 with AVX-512, 8 of degree 7 with AVX2, whose coefficients one permutation
// each looks up. Multiplying by x keeps the relative error even near 0, without a second form and a blend.

extension VectorMaths {
  /// At most 1.38 ulp off, where |x| is so small that the rounding of 2/√π counts.
  public func errorFunction(_ x: Value) -> Value {
    let magnitude = minimum(absolute(x), Coefficients.errorFunctionBound)
    let result =
      hasAVX512
      ? tabulated(magnitude, Coefficients.errorFunction16, step: Coefficients.errorFunction16Step)
      : tabulated(magnitude, Coefficients.errorFunction8, step: Coefficients.errorFunction8Step)
    return copySign(result, from: x)
  }

  /// ½·x·(1 + erf(x / √2)). Absolute errors are those of the rounded x/2; for negative x they are relatively larger, as
  /// in every form that goes by 1 + erf.
  public func gaussianErrorLinearUnit(_ x: Value) -> Value {
    let e = errorFunction(multiply(x, 0x1.6a09e6p-1))
    let half = multiply(x, 0.5)
    return builder.update(.vfmadd213ps, e, .value(half), .value(half))
  }

  // MARK: Tables

  /// x·(c₀ + c₁·r + …) for 0 ≤ x: r is the distance from the nearest of the centres 0, step, 2·step …; there are as many
  /// as the widest vector has lanes. The coefficients are in the order of `Coefficients`.
  func tabulated(_ x: Value, _ table: [Float], step: Float) -> Value {
    let (number, shifted) = nearestInteger(x, times: 1 / step)
    let r = deduct(x, number, step)
    let rows = stride(from: 0, to: table.count, by: builder.lanes).map {
      lookUp(Array(table[$0..<$0 + builder.lanes]), shifted)
    }
    var sum = rows[rows.count - 1]
    for coefficient in rows.dropFirst().dropLast().reversed() { sum = multiplyAdd(sum, r, coefficient) }
    // x·c₀ + (x·r)·(c₁ + …): of the rounding errors, only the last one and that of c₀ count.
    return multiplyAdd(rows[0], x, builder.multiply(sum, builder.multiply(x, r)))
  }

  /// Entry `index` modulo the number of entries.
  private func lookUp(_ entries: [Float], _ index: Value) -> Value {
    let whole = builder.vectorKind
    let table =
      shared.value(entries, whole, builder).map(VectorOperand.value)
      ?? .memory(builder.constantAddress(elements: entries))
    let found = builder.define(.vpermps, whole, .view(index, whole), table)
    return kind(index) == whole ? found : builder.define(.vmovaps, kind(index), .view(found, kind(index)))
  }
}
