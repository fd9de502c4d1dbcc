import GraphIR
import Testing

/// A node as text, and the types that its results should have.
struct RuleCase: CustomStringConvertible, Sendable {
  var parameters: String
  var node: String
  var results: [String]

  init(_ parameters: String, _ node: String, _ results: String...) {
    self.parameters = parameters
    self.node = node
    self.results = results
  }

  var description: String { "\(node) of \(parameters)" }
}

/// A node as text that the rules must refuse, and a part of the reason.
struct RefusalCase: CustomStringConvertible, Sendable {
  var parameters: String
  var node: String
  var reason: String

  init(_ parameters: String, _ node: String, _ reason: String) {
    self.parameters = parameters
    self.node = node
    self.reason = reason
  }

  var description: String { "\(node) of \(parameters)" }
}

private let elementwise = [
  RuleCase("%0: float32[N, 3]", "unary(%0) {logistic}", "float32[N, 3]"),
  RuleCase("%0: float32[...]", "unary(%0) {logistic}", "float32[...]"),
  RuleCase("%0: complex64[2]", "unary(%0) {absolute}", "float32[2]"),
  RuleCase("%0: complex128[2]", "unary(%0) {imaginaryPart}", "float64[2]"),
  RuleCase("%0: float16[N]", "unary(%0) {isNaN}", "bool[N]"),
  RuleCase("%0: int64[2] = [N, -3]", "unary(%0) {negate}", "int64[2] = [-N, 3]"),
  RuleCase("%0: int64[3] = [N, -3, -2*N]", "unary(%0) {absolute}", "int64[3] = [N, 3, 2*N]"),
  RuleCase("%0: float32[N, 1], %1: float32[4]", "binary(%0, %1) {add}", "float32[N, 4]"),
  RuleCase("%0: float32[N], %1: float32[M]", "binary(%0, %1) {add}", "float32[broadcast(M,N)]"),
  RuleCase("%0: float32[0], %1: float32[1]", "binary(%0, %1) {add}", "float32[0]"),
  RuleCase("%0: float32[N], %1: float32[...]", "binary(%0, %1) {add}", "float32[...]"),
  RuleCase("%0: float32[N], %1: int64[]", "binary(%0, %1) {power}", "float32[N]"),
  RuleCase("%0: float32[N], %1: float32[N]", "binary(%0, %1) {complex}", "complex64[N]"),
  RuleCase("%0: int64[2] = [N, 7], %1: int64[] = [2]", "binary(%0, %1) {divide}", "int64[2] = [floordiv(N,2), 3]"),
  RuleCase("%0: int64[1] = [-7], %1: int64[1] = [2]", "binary(%0, %1) {divide}", "int64[1] = [-3]"),
  RuleCase("%0: int64[1] = [N-3], %1: int64[1] = [2]", "binary(%0, %1) {divide}", "int64[1]"),
  RuleCase("%0: int64[1] = [7], %1: int64[1] = [0]", "binary(%0, %1) {divide}", "int64[1] = [0]"),
  RuleCase("%0: int64[1] = [-7], %1: int64[1] = [2]", "binary(%0, %1) {remainder}", "int64[1] = [-1]"),
  RuleCase("%0: int64[1] = [-7], %1: int64[1] = [2]", "binary(%0, %1) {floorModulo}", "int64[1] = [1]"),
  RuleCase(
    "%0: int64[1] = [-9223372036854775808], %1: int64[1] = [-1]", "binary(%0, %1) {divide}",
    "int64[1] = [-9223372036854775808]"),
  RuleCase("%0: int32[1] = [2147483647], %1: int32[1] = [1]", "binary(%0, %1) {add}", "int32[1] = [-2147483648]"),
  RuleCase("%0: int64[2] = [N, 3], %1: int64[2] = [M, 5]", "binary(%0, %1) {maximum}", "int64[2] = [max(M,N), 5]"),
  RuleCase("%0: int64[2] = [N, 3], %1: int64[1] = [-1]", "compare(%0, %1) {equal}", "bool[2] = [0, 0]"),
  RuleCase("%0: int64[1] = [N], %1: int64[1] = [2]", "compare(%0, %1) {equal}", "bool[1]"),
  RuleCase("%0: string[N], %1: string[]", "compare(%0, %1) {equal}", "bool[N]"),
  RuleCase("%0: bool[N, 1], %1: float32[4], %2: float32[]", "select(%0, %1, %2)", "float32[N, 4]"),
  RuleCase(
    "%0: bool[2] = [0, 1], %1: int64[] = [N], %2: int64[2] = [5, 6]", "select(%0, %1, %2)", "int64[2] = [5, N]"),
  RuleCase("%0: string[N]", "convert(%0) {to: int64, saturating: true}", "int64[N]"),
  RuleCase("%0: int64[2] = [N, 4294967297]", "convert(%0) {to: int32, saturating: true}", "int32[2] = [N, 1]"),
  RuleCase("%0: float32[...]", "convert(%0) {to: int64, saturating: true}", "int64[...]"),
  RuleCase("%0: float32[N]", "bitcast(%0) {to: int32}", "int32[N]"),
]

private let dataMovement = [
  RuleCase("%0: float32[N, 3]", "shape(%0)", "int64[2] = [N, 3]"),
  RuleCase("%0: float32[...]", "shape(%0)", "int64[?0]"),
  RuleCase(
    "%0: float32[N, 3, 4], %1: int64[2] = [0, -1]", "reshape(%0, %1) {zeroCopies: true}", "float32[N, 12]"),
  RuleCase(
    "%0: float32[N, S, 64], %1: int64[4] = [0, -1, 8, 8]", "reshape(%0, %1) {zeroCopies: true}",
    "float32[N, S, 8, 8]"),
  RuleCase("%0: float32[0, 3], %1: int64[1] = [0]", "reshape(%0, %1) {zeroCopies: false}", "float32[0]"),
  RuleCase("%0: float32[N, 3], %1: int64[2]", "reshape(%0, %1) {zeroCopies: false}", "float32[?0, ?1]"),
  RuleCase("%0: float32[N, 3], %1: int64[R]", "reshape(%0, %1) {zeroCopies: false}", "float32[...]"),
  RuleCase("%0: float32[...], %1: int64[2] = [-1, 4]", "reshape(%0, %1) {zeroCopies: false}", "float32[?0, 4]"),
  RuleCase(
    "%0: int64[2] = [N, 3], %1: int64[2] = [2, 1]", "reshape(%0, %1) {zeroCopies: false}", "int64[2, 1] = [N, 3]"),
  RuleCase("%0: float32[N, 1], %1: int64[3] = [2, 1, 4]", "broadcast(%0, %1)", "float32[2, N, 4]"),
  RuleCase("%0: float32[2, 1], %1: int64[2]", "broadcast(%0, %1)", "float32[2, ?0]"),
  RuleCase("%0: int64[1] = [N], %1: int64[1] = [3]", "broadcast(%0, %1)", "int64[3] = [N, N, N]"),
  RuleCase("%0: float32[A, B, C]", "transpose(%0) {permutation: [2, 0, 1]}", "float32[C, A, B]"),
  RuleCase(
    "%0: int64[2, 2] = [1, 2, 3, 4]", "transpose(%0) {permutation: [1, 0]}", "int64[2, 2] = [1, 3, 2, 4]"),
  RuleCase("%0: float32[N, 3], %1: float32[N, M]", "concatenate(%0, %1) {axis: 1}", "float32[N, M+3]"),
  RuleCase("%0: float32[N, 3], %1: float32[2, 4]", "concatenate(%0, %1) {axis: 1}", "float32[2, 7]"),
  RuleCase("%0: float32[N, 3], %1: float32[...]", "concatenate(%0, %1) {axis: 1}", "float32[N, ?0]"),
  RuleCase("%0: int64[1] = [N], %1: int64[1] = [3]", "concatenate(%0, %1) {axis: 0}", "int64[2] = [N, 3]"),
  RuleCase(
    "%0: int64[2, 1] = [1, 2], %1: int64[2, 2] = [3, 4, 5, 6]", "concatenate(%0, %1) {axis: 1}",
    "int64[2, 3] = [1, 3, 4, 2, 5, 6]"),
  RuleCase(
    "%0: float32[N, 3], %1: float32[], %2: int64[2] = [0, 1], %3: int64[2] = [2, -2]",
    "pad(%0, %1, %2, %3) {constant}", "float32[N+2, 2]"),
  RuleCase(
    "%0: float32[N, 3], %1: float32[], %2: int64[2], %3: int64[2] = [2, 2]", "pad(%0, %1, %2, %3) {edge}",
    "float32[?0, ?1]"),
  RuleCase("%0: int64[3] = [1, N, 3]", "reverse(%0) {axes: [0]}", "int64[3] = [3, N, 1]"),
  RuleCase(
    "%0: float32[T, N, 3], %1: int64[4]", "reverseSequence(%0, %1) {batchAxis: 1, timeAxis: 0}", "float32[T, 4, 3]"),
]

private func slice(_ type: String, _ start: String, _ limit: String, _ stride: String, _ result: String) -> RuleCase {
  RuleCase(
    "%0: \(type), %1: int64[1] = [\(start)], %2: int64[1] = [\(limit)], %3: int64[1] = [\(stride)]",
    "slice(%0, %1, %2, %3)", result)
}

private let slices = [
  slice("float32[10]", "2", "8", "2", "float32[3]"),
  slice("float32[10]", "-3", "9223372036854775807", "1", "float32[3]"),
  slice("float32[10]", "9", "-9223372036854775808", "-1", "float32[10]"),
  slice("float32[10]", "-2", "2", "-3", "float32[2]"),
  slice("float32[10]", "5", "2", "1", "float32[0]"),
  slice("float32[10]", "20", "30", "1", "float32[0]"),
  slice("float32[3]", "-10", "-9223372036854775808", "-1", "float32[1]"),
  slice("float32[0]", "-1", "-9223372036854775808", "-1", "float32[0]"),
  slice("float32[N]", "0", "9223372036854775807", "1", "float32[N]"),
  slice("float32[N]", "0", "2147483647", "2", "float32[floordiv(N+1,2)]"),
  slice("float32[N]", "0", "-1", "1", "float32[max(0,N-1)]"),
  slice("float32[N]", "0", "5", "1", "float32[min(5,N)]"),
  slice("float32[N+5]", "0", "5", "1", "float32[5]"),
  slice("float32[1024]", "0", "N", "1", "float32[min(1024,N)]"),
  slice("float32[N]", "-1", "-9223372036854775808", "-1", "float32[N]"),
  slice("float32[N]", "M-1", "N", "1", "float32[?0]"),
  slice("float32[N]", "0", "5", "M", "float32[?0]"),
  slice("int64[4] = [A, B, 3, 4]", "1", "3", "1", "int64[2] = [B, 3]"),
  slice("int64[4] = [A, B, 3, 4]", "-1", "-9223372036854775808", "-2", "int64[2] = [4, B]"),
  slice("int64[4] = [A, B, 3, 4]", "3", "4", "9223372036854775807", "int64[1] = [4]"),
]

private let indexing = [
  RuleCase("%0: float32[V, 8], %1: int64[N, S]", "gather(%0, %1) {axis: 0, batchDimensions: 0}", "float32[N, S, 8]"),
  RuleCase("%0: float32[N, V, 8], %1: int32[N, S]", "gather(%0, %1) {axis: 1, batchDimensions: 1}", "float32[N, S, 8]"),
  RuleCase(
    "%0: int64[3] = [N, 3, 4], %1: int64[] = [-1]", "gather(%0, %1) {axis: 0, batchDimensions: 0}", "int64[] = [4]"),
  RuleCase(
    "%0: int64[2, 2] = [1, 2, 3, N], %1: int64[2] = [1, 0]", "gather(%0, %1) {axis: 1, batchDimensions: 0}",
    "int64[2, 2] = [2, 1, N, 3]"),
  RuleCase("%0: int64[3] = [N, 3, 4], %1: int64[] = [3]", "gather(%0, %1) {axis: 0, batchDimensions: 0}", "int64[]"),
  RuleCase("%0: float32[A, B, C], %1: int64[N, 2]", "gatherND(%0, %1) {batchDimensions: 0}", "float32[N, C]"),
  RuleCase("%0: float32[A, B, C], %1: int64[A, N, 1]", "gatherND(%0, %1) {batchDimensions: 1}", "float32[A, N, C]"),
  RuleCase("%0: float32[A, B], %1: int64[N, K]", "gatherND(%0, %1) {batchDimensions: 0}", "float32[...]"),
  RuleCase(
    "%0: int64[3] = [N, 3, 4], %1: int64[2, 1] = [2, 0]", "gatherND(%0, %1) {batchDimensions: 0}", "int64[2] = [4, N]"),
  RuleCase("%0: float32[A, B], %1: int64[A, 2]", "gatherElements(%0, %1) {axis: 1}", "float32[A, 2]"),
  RuleCase("%0: float32[A, B], %1: int64[N, 1], %2: float32[N, B]", "scatterND(%0, %1, %2) {add}", "float32[A, B]"),
  RuleCase(
    "%0: int64[3] = [N, 3, 4], %1: int64[1, 1] = [-1], %2: int64[1] = [M]", "scatterND(%0, %1, %2) {replace}",
    "int64[3] = [N, 3, M]"),
  RuleCase(
    "%0: float32[A, B], %1: int64[A, 2], %2: float32[A, 2]", "scatterElements(%0, %1, %2) {axis: 1, replace}",
    "float32[A, B]"),
  RuleCase("%0: int64[2] = [2, 3]", "iota(%0) {int64, axis: 1}", "int64[2, 3] = [0, 1, 2, 0, 1, 2]"),
  RuleCase("%0: int64[2] = [N, 3]", "iota(%0) {float32, axis: 0}", "float32[N, 3]"),
  RuleCase("%0: int64[R]", "iota(%0) {float32, axis: 0}", "float32[...]"),
  RuleCase("%0: int64[] = [0], %1: int64[] = [N], %2: int64[] = [1]", "range(%0, %1, %2)", "int64[N]"),
  RuleCase("%0: int64[] = [0], %1: int64[] = [N], %2: int64[] = [2]", "range(%0, %1, %2)", "int64[floordiv(N+1,2)]"),
  RuleCase("%0: int64[] = [5], %1: int64[] = [0], %2: int64[] = [-2]", "range(%0, %1, %2)", "int64[3] = [5, 3, 1]"),
  RuleCase("%0: int64[] = [5], %1: int64[] = [0], %2: int64[] = [1]", "range(%0, %1, %2)", "int64[0] = []"),
  RuleCase("%0: float32[], %1: float32[], %2: float32[]", "range(%0, %1, %2)", "float32[?0]"),
  RuleCase("%0: int64[1] = [N]", "random(%0) {uniform {low: 0.0, high: 1.0}, float32, seed: 7}", "float32[N]"),
]

private let reductions = [
  RuleCase("%0: float32[N, C, H]", "reduce(%0) {mean, axes: [0, 2]}", "float32[C]"),
  RuleCase("%0: int64[3] = [N, 3, 4]", "reduce(%0) {product, axes: [0]}", "int64[] = [12*N]"),
  RuleCase("%0: int64[2, 2] = [1, 2, 3, N]", "reduce(%0) {sum, axes: [0]}", "int64[2] = [4, N+2]"),
  RuleCase("%0: int64[0]", "reduce(%0) {sum, axes: [0]}", "int64[]"),
  RuleCase("%0: bool[N, 2]", "reduce(%0) {or, axes: [1]}", "bool[N]"),
  RuleCase("%0: float32[N, C]", "argReduce(%0) {maximum: true, axis: 1, selectLast: false}", "int64[N]"),
  RuleCase(
    "%0: int64[3] = [N, 3, 4]", "cumulative(%0) {sum, axis: 0, exclusive: true, reverse: false}",
    "int64[3] = [0, N, N+3]"),
  RuleCase(
    "%0: int64[3] = [2, 3, 4]", "cumulative(%0) {product, axis: 0, exclusive: false, reverse: true}",
    "int64[3] = [24, 12, 4]"),
  RuleCase("%0: float32[N, 5]", "sort(%0) {axis: 1, descending: true}", "float32[N, 5]", "int64[N, 5]"),
  RuleCase(
    "%0: float32[N, 5], %1: int64[1] = [3]", "topK(%0, %1) {axis: 1, largest: true, sorted: true}", "float32[N, 3]",
    "int64[N, 3]"),
  RuleCase(
    "%0: float32[N, 5], %1: int64[]", "topK(%0, %1) {axis: 1, largest: true, sorted: true}", "float32[N, ?0]",
    "int64[N, ?0]"),
  RuleCase("%0: float32[N, 5]", "unique(%0) {sorted: true}", "float32[?0]", "int64[?0]", "int64[5*N]", "int64[?0]"),
  RuleCase(
    "%0: float32[N, 5]", "unique(%0) {axis: 1, sorted: true}", "float32[N, ?0]", "int64[?0]", "int64[5]", "int64[?0]"),
  RuleCase("%0: float32[N, 5]", "nonZero(%0)", "int64[2, ?0]"),
]

private let plain = "{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}"
private let paired = "{lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [1]}"
private func convolution(_ strides: [Int], _ dilations: [Int], _ padding: String, groups: Int = 1) -> String {
  "{strides: \(strides), dilations: \(dilations), padding: \(padding), groups: \(groups)}"
}
private let same3 = "explicit {low: [1, 1], high: [1, 1]}"
private let none = "explicit {low: [0, 0], high: [0, 0]}"
private func window(_ size: Int, _ stride: Int, _ padding: String, roundsUp: Bool = false) -> String {
  "{size: [\(size)], strides: [\(stride)], dilations: [1], padding: \(padding), roundsUp: \(roundsUp)}"
}

private let contractions = [
  RuleCase("%0: float32[N, K], %1: float32[K, M]", "dot(%0, %1) {\(plain), result: float32}", "float32[N, M]"),
  RuleCase(
    "%0: float32[B, N, K], %1: float32[B, K, M]", "dot(%0, %1) {\(paired), result: float32}", "float32[B, N, M]"),
  RuleCase("%0: uint8[N, 4], %1: int8[4, M]", "dot(%0, %1) {\(plain), result: int32}", "int32[N, M]"),
  RuleCase(
    "%0: float32[N, 224, 224, 3], %1: float32[3, 3, 3, 64]",
    "convolution(%0, %1) {\(convolution([2, 2], [1, 1], same3)), result: float32}", "float32[N, 112, 112, 64]"),
  RuleCase(
    "%0: float32[N, H, W, 4], %1: float32[3, 3, 2, 8]",
    "convolution(%0, %1) {\(convolution([2, 1], [1, 2], none, groups: 2)), result: float32}",
    "float32[N, floordiv(H-3,2)+1, W-4, 8]"),
  RuleCase(
    "%0: float32[N, 7, W, 4], %1: float32[3, 3, 4, 8]",
    "convolution(%0, %1) {\(convolution([2, 3], [1, 1], "sameUpper {}")), result: float32}",
    "float32[N, 4, floordiv(W+2,3), 8]"),
  RuleCase(
    "%0: float32[N, H, 5, 4], %1: float32[3, 3, 8, 4]",
    "transposedConvolution(%0, %1) {\(convolution([2, 2], [1, 1], none)), outputPadding: [0, 1]}",
    "float32[N, 2*H+1, 12, 8]"),
  RuleCase(
    "%0: float32[N, H, 5, 4], %1: float32[3, 3, 8, 4], %2: int64[2] = [9, 10]",
    "transposedConvolution(%0, %1, %2) {\(convolution([2, 2], [1, 1], none)), outputPadding: [0, 0]}",
    "float32[N, 9, 10, 8]"),
  RuleCase(
    "%0: float32[N, 9, C]", "reduceWindow(%0) {maximum {}, \(window(2, 2, "explicit {low: [0], high: [0]}"))}",
    "float32[N, 4, C]"),
  RuleCase(
    "%0: float32[N, 9, C]",
    "reduceWindow(%0) {maximum {}, \(window(2, 2, "explicit {low: [0], high: [0]}", roundsUp: true))}",
    "float32[N, 5, C]"),
  // The last window would start in the high padding.
  RuleCase(
    "%0: float32[N, 5, C]",
    "reduceWindow(%0) {average {countsPadding: false}, \(window(2, 3, "explicit {low: [0], high: [1]}", roundsUp: true))}",
    "float32[N, 2, C]"),
  RuleCase(
    "%0: float32[N, 6, C]",
    "reduceWindow(%0) {maximum {}, \(window(1, 3, "explicit {low: [0], high: [1]}", roundsUp: true))}",
    "float32[N, 2, C]"),
  RuleCase(
    "%0: float32[N, L, C]",
    "maxPoolWithIndices(%0) {\(window(3, 2, "sameLower {}")), columnMajor: false}", "float32[N, floordiv(L+1,2), C]",
    "int64[N, floordiv(L+1,2), C]"),
]

private func resize(
  _ axes: [Int], sizes: Bool, coordinates: String = "halfPixel", aspect: String = "stretch"
) -> String {
  """
  {{axes: \(axes), parametersAreSizes: \(sizes), mode: linear, coordinates: \(coordinates), \
  rounding: roundPreferFloor, cubicCoefficient: -0.75, excludesOutside: false, extrapolationValue: 0.0, \
  antialias: false, aspectRatio: \(aspect)}}
  """
}

private let images = [
  RuleCase(
    "%0: float32[N, H, W, 3], %1: int64[2] = [8, W]", "resize(%0, %1) \(resize([1, 2], sizes: true))",
    "float32[N, 8, W, 3]"),
  RuleCase(
    "%0: float32[N, 4, 8, 3], %1: int64[2] = [8, 8]",
    "resize(%0, %1) \(resize([1, 2], sizes: true, aspect: "notLarger"))", "float32[N, 4, 8, 3]"),
  RuleCase(
    "%0: float32[N, H, W, 3], %1: float32[2]", "resize(%0, %1) \(resize([1, 2], sizes: false))", "float32[N, ?0, ?1, 3]"
  ),
  RuleCase(
    "%0: float32[N, H, W, 3], %1: float32[N, h, w, 2]",
    "gridSample(%0, %1) {{mode: linear, padding: zeros, alignsCorners: false}}", "float32[N, h, w, 3]"),
  RuleCase(
    "%0: float32[N, H, W, C], %1: float32[R, 4], %2: int64[R]",
    "roiAlign(%0, %1, %2) {{outputHeight: 7, outputWidth: 5, samplingRatio: 0, spatialScale: 1.0, maximum: false, halfPixel: true}}",
    "float32[R, 7, 5, C]"),
  RuleCase(
    "%0: float32[B, N, 4], %1: float32[B, C, N], %2: int64[], %3: float32[], %4: float32[1]",
    "nonMaxSuppression(%0, %1, %2, %3, %4) {centerPointBox: false}", "int64[?0, 3]"),
]

private let numbers = [
  RuleCase(
    "%0: float32[N, C], %1: float32[], %2: uint8[]",
    "quantize(%0, %1, %2) {{axis: 1, blockSize: 0}, to: uint8, saturating: true}", "uint8[N, C]"),
  RuleCase(
    "%0: float32[N, C], %1: float32[6]", "quantize(%0, %1) {{axis: 1, blockSize: 0}, to: int8, saturating: true}",
    "int8[N, 6]"),
  RuleCase(
    "%0: int4[64, 8], %1: float16[2, 8]", "dequantize(%0, %1) {{axis: 0, blockSize: 32}, to: float16}", "float16[64, 8]"
  ),
  RuleCase("%0: complex64[N, 8]", "fft(%0) {axis: 1, inverse: false}", "complex64[N, 8]"),
  RuleCase("%0: float64[N, 3, 3]", "determinant(%0)", "float64[N]"),
  RuleCase("%0: float64[N, 3, 3]", "inverse(%0)", "float64[N, 3, 3]"),
  RuleCase("%0: string[N], %1: string[1]", "stringConcatenate(%0, %1)", "string[N]"),
  RuleCase("%0: string[N]", "stringSplit(%0) {delimiter: \",\", maximumSplits: 3}", "string[N, ?0]", "int64[N]"),
  RuleCase("%0: string[N]", "stringSplit(%0)", "string[N, ?0]", "int64[N]"),
  RuleCase("%0: string[N]", "regexFullMatch(%0) {pattern: \"a+\"}", "bool[N]"),
  RuleCase(
    "%0: string[N]",
    "tokenize(%0) {{expression: \"a+\", separators: [], minimumLength: 1, padding: \"\", marksEnds: false}}",
    "string[N, ?0]"),
  RuleCase("%0: string[N, 2], %1: string[K]", "lookUp(%0, %1)", "int64[N, 2]"),
  RuleCase(
    "%0: string[N, C], %1: string[9], %2: int64[7], %3: int64[7]",
    "countNGrams(%0, %1, %2, %3) {{minimumLength: 1, maximumLength: 2, maximumSkip: 0, width: 7}}", "float32[N, 7]"),
  RuleCase(
    "%0: string[1, N]", "stringNormalize(%0) {{caseChange: lower, isCaseSensitive: false, stopwords: [a]}}",
    "string[1, ?0]"),
  RuleCase(
    "%0: string[N]", "stringNormalize(%0) {{caseChange: lower, isCaseSensitive: false, stopwords: []}}", "string[N]"),
]

private let regions = [
  RuleCase(
    "%c: bool[], %x: float32[N, 3]",
    """
    if(%c, %x) with
      graph then(%0: float32[N, 3]) { return %0 }
      graph else(%0: float32[N, 3]) { %1 = unary(%0) {negate} return %1 }
    """, "float32[N, 3]"),
  RuleCase(
    "%c: bool[], %x: float32[N, 3]",
    """
    if(%c, %x) with
      graph then(%0: float32[N, 3]) { return %0 }
      graph else(%0: float32[N, 3]) { %1 = reduce(%0) {sum, axes: [1]} return %1 }
    """, "float32[...]"),
  RuleCase(
    "%c: bool[], %x: float32[N, 3]",
    """
    if(%c, %x) with
      graph then(%0: float32[N, 3]) { return %0 }
      graph else(%0: float32[N, 3]) { %1 = concatenate(%0, %0) {axis: 0} return %1 }
    """, "float32[?0, 3]"),
  // An extent that every iteration hands on keeps its value; one that grows is anybody's guess.
  RuleCase(
    "%m: int64[], %c: bool[], %x: float32[N, M]",
    """
    loop(%m, %c, %x) {carried: 1} with
      graph body(%i: int64[], %c: bool[], %x: float32[K, L]) {
        %y = concatenate(%x, %x) {axis: 1}
        %z = reduce(%x) {sum, axes: [1]}
        return %c, %y, %z
      }
    """, "float32[N, ?0]", "float32[?1, N]"),
  RuleCase(
    "%m: int64[] = [T], %c: bool[] = [1], %x: float32[N]",
    """
    loop(%m, %c, %x) {carried: 0} with
      graph body(%i: int64[], %c: bool[], %x: float32[N]) { return %c, %x }
    """, "float32[T, N]"),
  RuleCase(
    "%x: float32[N, 4]",
    """
    composite(%x) {{name: Double, attributes: {axis: integer {-1}}}} with
      graph Double(%0: float32[A, B]) { %1 = concatenate(%0, %0) {axis: 1} return %1 }
    """, "float32[N, 8]"),
]

private let sequences = [
  RuleCase("%0: float32[N, 2], %1: float32[M, 2]", "sequenceConstruct(%0, %1)", "sequence<float32[_, 2]>"),
  RuleCase("%0: float32[N, 2], %1: float32[2]", "sequenceConstruct(%0, %1)", "sequence<float32[...]>"),
  RuleCase("", "sequenceEmpty() {string}", "sequence<string[...]>"),
  RuleCase("%0: sequence<float32[_, N]>, %1: int64[]", "sequenceAt(%0, %1)", "float32[?0, N]"),
  RuleCase("%0: sequence<float32[3, N]>, %1: float32[4, N]", "sequenceInsert(%0, %1)", "sequence<float32[_, N]>"),
  RuleCase("%0: sequence<float32[3, N]>, %1: int64[]", "sequenceErase(%0, %1)", "sequence<float32[3, N]>"),
  RuleCase("%0: sequence<float32[3, N]>", "sequenceLength(%0)", "int64[]"),
  RuleCase("%0: sequence<float32[_, N]>", "sequenceConcatenate(%0) {axis: 0, newAxis: false}", "float32[?0, N]"),
  RuleCase("%0: sequence<float32[2, N]>", "sequenceConcatenate(%0) {axis: 0, newAxis: true}", "float32[?0, 2, N]"),
  RuleCase("%0: sequence<float32[...]>", "sequenceConcatenate(%0) {axis: 0, newAxis: true}", "float32[...]"),
  RuleCase("%0: float32[N, 6]", "sequenceSplit(%0) {axis: 1, keepDimension: false}", "sequence<float32[N]>"),
  RuleCase(
    "%0: float32[N, 6], %1: int64[] = [2]", "sequenceSplit(%0, %1) {axis: 1, keepDimension: true}",
    "sequence<float32[N, 2]>"),
  RuleCase(
    "%0: float32[N, 6], %1: int64[] = [4]", "sequenceSplit(%0, %1) {axis: 1, keepDimension: true}",
    "sequence<float32[N, _]>"),
  RuleCase("%0: float32[N]", "optional(%0) {ofSequence: false}", "optional<float32[N]>"),
  RuleCase("", "optional() {float32, ofSequence: false}", "optional<float32[...]>"),
  RuleCase("", "optional() {float32, ofSequence: true}", "optional<sequence<float32[...]>>"),
  RuleCase("%0: optional<float32[N]>", "optionalHasElement(%0)", "bool[]"),
  RuleCase("%0: optional<float32[_]>", "optionalGetElement(%0)", "float32[?0]"),
]

@Suite struct TypeRuleTests {
  @Test(
    arguments: [
      elementwise, dataMovement, slices, indexing, reductions, contractions, images, numbers, regions, sequences,
    ].joined())
  func infers(_ example: RuleCase) throws {
    let found = try inferred(example.parameters, example.node, results: example.results.count)
    #expect(renumbered(found) == example.results)
  }

  /// Resize computes extents from constant scales.
  @Test(arguments: [("[2.0, 0.5]", "float32[N, 2*H, 4, 3]"), ("[1.5, 0.3]", "float32[N, floordiv(3*H,2), 2, 3]")])
  func resizesByConstantScales(_ scales: String, _ expected: String) throws {
    let node = "resize(%0, %s) \(resize([1, 2], sizes: false))"
    let graph = try Graph(
      parsing: """
        graph g(%0: float32[N, H, 8, 3]) {
          %s = constant float32[2] \(scales)
          %1 = \(node)
          return %1
        }
        """)
    #expect(graph.type(of: graph.outputs[0]).text(symbols: graph.symbols) == expected)
  }

  @Test(arguments: refusals) func refuses(_ example: RefusalCase) throws {
    for results in 0..<5 {
      do {
        _ = try inferred(example.parameters, example.node, results: results)
        Issue.record("was accepted")
      } catch let error as GraphTextError {
        #expect(error.message.contains(example.reason), "\(error)")
        return
      }
    }
  }

  private func renumbered(_ types: [String]) -> [String] {
    var numbers: [Substring: Int] = [:]
    return types.map { type in
      var result = ""
      var rest = Substring(type)
      while let mark = rest.firstIndex(of: "?") {
        let name = rest[mark...].prefix { $0 == "?" || $0.isNumber }
        let number = numbers[name] ?? numbers.count
        numbers[name] = number
        result += rest[..<mark] + "?\(number)"
        rest = rest[name.endIndex...]
      }
      return result + rest
    }
  }
}

private let refusals = [
  RefusalCase("%0: float32[2]", "unary(%0, %0) {negate}", "expected 1, found 2 operands"),
  RefusalCase("%0: string[2]", "unary(%0) {negate}", "numbers"),
  RefusalCase("%0: sequence<float32[2]>", "unary(%0) {negate}", "a tensor"),
  RefusalCase("%0: int64[2]", "unary(%0) {logistic}", "floating-point"),
  RefusalCase("%0: float32[2], %1: int64[2]", "binary(%0, %1) {add}", "float32 and int64"),
  RefusalCase("%0: float32[2, 3], %1: float32[2, 4]", "binary(%0, %1) {add}", "[2, 3] and [2, 4]"),
  RefusalCase("%0: float32[2]", "binary(%0, %0) {shiftLeft}", "integers"),
  RefusalCase("%0: string[2]", "compare(%0, %0) {less}", "equality"),
  RefusalCase("%0: int64[2], %1: float32[2]", "select(%0, %1, %1)", "bool"),
  RefusalCase("%0: string[2]", "bitcast(%0) {to: int32}", "as many bits"),
  RefusalCase("%0: float32[6], %1: int64[1] = [7]", "reshape(%0, %1) {zeroCopies: false}", "7 elements"),
  RefusalCase("%0: float32[6], %1: int64[2] = [-1, 4]", "reshape(%0, %1) {zeroCopies: false}", "multiple of 4"),
  RefusalCase("%0: float32[6], %1: int64[2] = [-1, -1]", "reshape(%0, %1) {zeroCopies: false}", "at most one"),
  RefusalCase("%0: float32[6], %1: int64[1] = [-2]", "reshape(%0, %1) {zeroCopies: false}", "not negative"),
  RefusalCase("%0: float32[0], %1: int64[2] = [0, -1]", "reshape(%0, %1) {zeroCopies: false}", "beside one of -1"),
  RefusalCase("%0: float32[6], %1: int64[2] = [6, 0]", "reshape(%0, %1) {zeroCopies: true}", "axis 1"),
  RefusalCase("%0: float32[6], %1: float32[1]", "reshape(%0, %1) {zeroCopies: true}", "int64"),
  RefusalCase("%0: float32[1], %1: int64[1] = [-1]", "broadcast(%0, %1)", "not negative"),
  RefusalCase("%0: float32[1], %1: int64[1] = [281474976710657]", "broadcast(%0, %1)", "extents from 0"),
  RefusalCase(
    "%0: float32[1], %1: int64[2] = [281474976710656, 281474976710656]", "broadcast(%0, %1)", "2^63 elements"),
  RefusalCase("%0: float32[2, 3]", "transpose(%0) {permutation: [0, 0]}", "once"),
  RefusalCase("%0: float32[2, 3]", "transpose(%0) {permutation: [0, 9223372036854775807]}", "once"),
  RefusalCase("%0: float32[...]", "transpose(%0) {permutation: [0]}", "known rank"),
  RefusalCase("%0: float32[2], %1: int64[1] = [0]", "slice(%0, %1, %1, %1)", "stride"),
  RefusalCase("%0: float32[2], %1: int64[2] = [0, 0]", "slice(%0, %1, %1, %1)", "expected 1"),
  RefusalCase("", "concatenate() {axis: 0}", "at least one"),
  RefusalCase("%0: float32[2, 3], %1: float32[3, 3]", "concatenate(%0, %1) {axis: 1}", "axis 0"),
  RefusalCase("%0: float32[2, 3]", "concatenate(%0) {axis: -1}", "axis -1"),
  RefusalCase("%0: float32[], %1: float32[]", "concatenate(%0, %1) {axis: 0}", "rank 0"),
  RefusalCase(
    "%0: float32[2], %1: float32[], %2: int64[1] = [-3]", "pad(%0, %1, %2, %2) {constant}", "extents from 0"),
  RefusalCase("%0: float32[2], %1: int64[], %2: int64[1]", "pad(%0, %1, %2, %2) {constant}", "same element type"),
  RefusalCase("%0: float32[2]", "reverse(%0) {axes: [0, 0]}", "once"),
  RefusalCase("%0: float32[2, 3], %1: int64[4]", "reverseSequence(%0, %1) {batchAxis: 0, timeAxis: 1}", "batch sizes"),
  RefusalCase("%0: float32[2], %1: float32[1]", "gather(%0, %1) {axis: 0, batchDimensions: 0}", "int32 or int64"),
  RefusalCase("%0: float32[2], %1: int64[1]", "gather(%0, %1) {axis: 0, batchDimensions: 1}", "batch dimensions"),
  RefusalCase("%0: float32[2], %1: int64[1, 2]", "gatherND(%0, %1) {batchDimensions: 0}", "2 coordinates"),
  RefusalCase("%0: float32[2], %1: int64[1, 2]", "gatherElements(%0, %1) {axis: 0}", "rank 1"),
  RefusalCase("%0: float32[2, 3], %1: int64[4, 1], %2: float32[4, 5]", "scatterND(%0, %1, %2) {add}", "axis 1"),
  RefusalCase("%0: string[2], %1: int64[1], %2: string[1]", "scatterElements(%0, %1, %2) {axis: 0, add}", "numbers"),
  RefusalCase("%0: int64[1] = [-1]", "iota(%0) {int64, axis: 0}", "not negative"),
  RefusalCase("%0: int64[65]", "iota(%0) {int64, axis: 0}", "at most 64"),
  RefusalCase("%0: int64[] = [0]", "range(%0, %0, %0)", "delta"),
  RefusalCase("%0: int64[1]", "random(%0) {uniform {low: 0.0, high: 1.0}, int32}", "floating-point"),
  RefusalCase("%0: float32[2]", "reduce(%0) {and, axes: [0]}", "bool"),
  RefusalCase("%0: float32[...]", "reduce(%0) {sum, axes: [0]}", "known rank"),
  RefusalCase("%0: float32[2]", "argReduce(%0) {maximum: true, axis: 1, selectLast: false}", "axis 1"),
  RefusalCase("%0: bool[2]", "cumulative(%0) {sum, axis: 0, exclusive: false, reverse: false}", "numbers"),
  RefusalCase("%0: complex64[2]", "sort(%0) {axis: 0, descending: false}", "order"),
  RefusalCase("%0: float32[2], %1: int64[] = [3]", "topK(%0, %1) {axis: 0, largest: true, sorted: true}", "k = 3"),
  RefusalCase("%0: float32[2]", "unique(%0) {axis: 1, sorted: true}", "axis 1"),
  RefusalCase("%0: sequence<float32[]>", "nonZero(%0)", "tensor"),
  RefusalCase("%0: float32[2, 3], %1: float32[4, 5]", "dot(%0, %1) {\(plain), result: float32}", "contracting"),
  RefusalCase("%0: float32[2, 3], %1: int8[3, 5]", "dot(%0, %1) {\(plain), result: float32}", "integers"),
  RefusalCase(
    "%0: float32[2, 3], %1: float32[3]",
    "dot(%0, %1) {{lhsBatch: [0], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}", "pairs"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[3, 3, 4, 8]",
    "convolution(%0, %1) {\(convolution([1, 1], [1, 1], none)), result: float32}", "channels"),
  RefusalCase(
    "%0: float32[1, 1, 4, 3], %1: float32[3, 3, 3, 8]",
    "convolution(%0, %1) {\(convolution([1, 1], [1, 1], none)), result: float32}", "reach of 3"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[3, 3, 3, 8]",
    "convolution(%0, %1) {\(convolution([0, 1], [1, 1], none)), result: float32}", "strides"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[3, 3, 3, 8]",
    "convolution(%0, %1) {\(convolution([1, 1], [1, 9_223_372_036_854_775_807], none)), result: float32}", "dilations"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[3, 3, 3, 8]",
    "convolution(%0, %1) {\(convolution([1, 1], [1, 1], none, groups: 0)), result: float32}", "groups"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[3, 3, 8, 3]",
    "transposedConvolution(%0, %1) {\(convolution([1, 1], [1, 1], none)), outputPadding: [0]}", "output padding"),
  RefusalCase(
    "%0: float32[1, 4, 3]", "reduceWindow(%0) {maximum {}, \(window(0, 1, "sameUpper {}"))}", "window sizes"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3]", "maxPoolWithIndices(%0) {\(window(2, 1, "sameUpper {}")), columnMajor: false}",
    "spatial"),
  RefusalCase("%0: float32[1, 4], %1: int64[1]", "resize(%0, %1) \(resize([0, 1], sizes: true))", "expected 2"),
  RefusalCase(
    "%0: float32[1, 4, 4, 3], %1: float32[1, 4, 4, 3]",
    "gridSample(%0, %1) {{mode: linear, padding: zeros, alignsCorners: false}}", "coordinates"),
  RefusalCase(
    "%0: float32[1, 4, 4], %1: float32[1, 4], %2: int64[1]",
    "roiAlign(%0, %1, %2) {{outputHeight: 1, outputWidth: 1, samplingRatio: 0, spatialScale: 1.0, maximum: false, halfPixel: true}}",
    "[N, H, W, C]"),
  RefusalCase(
    "%0: float32[1, 8, 5], %1: float32[1, 2, 8], %2: int64[], %3: float32[]",
    "nonMaxSuppression(%0, %1, %2, %3, %3) {centerPointBox: false}", "coordinates of a box"),
  RefusalCase(
    "%0: float32[2, 3], %1: float32[2]", "quantize(%0, %1) {{axis: 1, blockSize: 0}, to: int8, saturating: true}",
    "slices"),
  RefusalCase(
    "%0: float32[2, 3], %1: float32[3]", "quantize(%0, %1) {{axis: 7, blockSize: 0}, to: int8, saturating: true}",
    "axis 7"),
  RefusalCase("%0: float32[2], %1: float32[]", "dequantize(%0, %1) {{axis: 0, blockSize: 0}, to: float32}", "narrow"),
  RefusalCase("%0: float32[2]", "fft(%0) {axis: 0, inverse: false}", "complex"),
  RefusalCase("%0: float32[2, 3]", "determinant(%0)", "rows"),
  RefusalCase("%0: float32[2, 3]", "inverse(%0)", "rows"),
  RefusalCase("%0: string[2], %1: string[3]", "stringConcatenate(%0, %1)", "broadcast"),
  RefusalCase("%0: int64[2]", "stringSplit(%0)", "string"),
  RefusalCase("%0: int64[2]", "regexFullMatch(%0) {pattern: x}", "string"),
  RefusalCase("%0: int64[2], %1: int32[3]", "lookUp(%0, %1)", "int64"),
  RefusalCase("%0: float32[2, 3], %1: int64[4]", "zipMap(%0, %1)", "columns and keys"),
  RefusalCase("%0: float32[2]", "mapValues(%0)", "a map"),
  RefusalCase(
    "%0: string[N, C], %1: string[9], %2: int64[7], %3: int64[7]",
    "countNGrams(%0, %1, %2, %3) {{minimumLength: 0, maximumLength: 2, maximumSkip: 0, width: 7}}", "lengths"),
  RefusalCase(
    "%0: float32[2, 3], %1: int64[1], %2: int64[1, 4], %3: float32[1], %4: int64[1], %5: int64[1], %6: float32[1]",
    "treeEnsemble(%0, %1, %2, %3, %4, %5, %6) {{aggregation: sum, targetCount: 1}}", "constant"),
  RefusalCase(
    "%0: string[2, 2, 2]", "stringNormalize(%0) {{caseChange: none, isCaseSensitive: true, stopwords: [a]}}", "[C]"),
  RefusalCase("%0: bool[]", "if(%0)", "0 regions"),
  RefusalCase(
    "%0: bool[]", "if(%0) with graph a(%x: int64[]) { return } graph b() { return }", "one for each of its parameters"),
  RefusalCase(
    "%0: bool[], %1: int64[]",
    "if(%0, %1) with graph a(%x: int64[]) { return %x } graph b(%x: int64[]) { return }", "equally many"),
  RefusalCase(
    "%0: bool[], %1: int64[]",
    "if(%0, %1) with graph a(%x: int64[2]) { return %x } graph b(%x: int64[]) { return %x }", "int64[2]"),
  RefusalCase(
    "%m: int64[], %c: bool[], %x: float32[2]",
    """
    loop(%m, %c, %x) {carried: 1} with
      graph body(%i: int64[], %c: bool[], %x: float32[2]) { %y = concatenate(%x, %x) {axis: 0} return %c, %y }
    """, "float32[4]"),
  RefusalCase(
    "%m: int64[], %c: bool[]",
    "loop(%m, %c) {carried: 1} with graph body(%i: int64[], %c: bool[]) { return %c }", "carried"),
  RefusalCase("%x: float32[2]", "composite(%x) {{name: F, attributes: {}}} with graph F() { return }", "parameters"),
  RefusalCase("", "sequenceConstruct()", "at least one"),
  RefusalCase("%0: float32[2], %1: int64[2]", "sequenceConstruct(%0, %1)", "one type"),
  RefusalCase("%0: float32[2], %1: int64[]", "sequenceAt(%0, %1)", "a sequence"),
  RefusalCase("%0: sequence<float32[2]>, %1: float32[]", "sequenceErase(%0, %1)", "int64"),
  RefusalCase("%0: sequence<float32[2]>", "sequenceConcatenate(%0) {axis: 1, newAxis: false}", "axis 1"),
  RefusalCase("%0: sequence<float32[2]>", "sequenceEmpty(%0) {float32}", "found 1 operands"),
  RefusalCase("%0: float32[2]", "sequenceSplit(%0) {axis: 2, keepDimension: true}", "axis 2"),
  RefusalCase("", "optional() {ofSequence: false}", "neither"),
]
