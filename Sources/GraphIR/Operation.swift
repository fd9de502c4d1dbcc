import Tensors

/// The primitives. Operands are listed as (name type[shape], …) → results.
///
/// Elementwise primitives broadcast as NumPy does. Axes are never negative here; frontends resolve them. Images are
/// `[N, spatial…, C]`, filters `[spatial…, C/groups, M]`.
public enum Operation: Hashable, Sendable, Codable {
  // Elementwise
  case unary(UnaryFunction)
  case binary(BinaryFunction)
  /// → bool. Strings compare for equality only.
  case compare(Comparison)
  /// (predicate bool, onTrue, onFalse): the three broadcast.
  case select
  /// ONNX Cast. `saturating` matters for 8-bit floats only.
  case convert(to: ElementType, saturating: Bool = true)
  /// Same bits, other type of the same width.
  case bitcast(to: ElementType)

  // Shapes and data movement
  /// (x) → int64[rank]
  case shape
  /// (x, shape int64[r]): one extent may be -1. With `zeroCopies` a 0 takes the operand's extent at that axis.
  case reshape(zeroCopies: Bool = false)
  /// (x, shape int64[r]): NumPy broadcasting of x's shape with `shape`, either of which may have the larger rank.
  case broadcast
  /// Result axis i is operand axis `permutation[i]`.
  case transpose(permutation: [Int])
  /// (x, starts int64[rank], limits int64[rank], strides int64[rank]), for every axis. Negative positions count from
  /// the end and all are clamped, as in ONNX Slice; strides may be negative, then limit < start.
  case slice
  case concatenate(axis: Int)
  /// (x, value scalar, low int64[rank], high int64[rank]): negative amounts crop.
  case pad(PaddingMode)
  case reverse(axes: [Int])
  /// (x, lengths int64[batch])
  case reverseSequence(batchAxis: Int, timeAxis: Int)
  /// (x, indices) → x.shape[..<axis] + indices.shape[batchDimensions…] + x.shape[axis+1…]; indices may be negative.
  case gather(axis: Int, batchDimensions: Int = 0)
  /// (x, indices [..., k])
  case gatherND(batchDimensions: Int = 0)
  case gatherElements(axis: Int)
  /// (x, indices [..., k], updates)
  case scatterND(ScatterCombiner)
  case scatterElements(axis: Int, ScatterCombiner)
  /// (shape int64[r]) → [shape] counting along `axis`
  case iota(ElementType, axis: Int)
  /// (start, limit, delta scalars) → [n]
  case range

  // Reductions and orders
  /// Removes `axes`. Accumulates narrow floats in float32. `mean` of no elements is NaN.
  case reduce(Reduction, axes: [Int])
  /// → int64, `axis` removed
  case argReduce(maximum: Bool, axis: Int, selectLast: Bool = false)
  case cumulative(Cumulation, axis: Int, exclusive: Bool = false, reverse: Bool = false)
  /// → (sorted, indices int64); stable
  case sort(axis: Int, descending: Bool)
  /// (x, k int64 scalar or [1]) → (values, indices int64)
  case topK(axis: Int, largest: Bool, sorted: Bool)
  /// → (unique, first indices, inverse, counts), the last three int64; flattened without axis
  case unique(axis: Int?, sorted: Bool)
  /// → int64[rank, n]
  case nonZero

  // Contractions
  /// (lhs, rhs) → [batch…, lhs free…, rhs free…] of `result` element type
  case dot(DotDimensions, result: ElementType)
  /// (x [N, spatial…, C], filter [spatial…, C/groups, M]) → [N, spatial'…, M]
  case convolution(Convolution, result: ElementType)
  /// The transpose of `convolution`: (x [N, spatial…, C], filter [spatial…, M/groups, C]) → [N, spatial'…, M].
  /// With a third operand, the spatial shape of the result as int64[n].
  case transposedConvolution(Convolution, outputPadding: [Int])
  /// (x [N, spatial…, C]) → [N, spatial'…, C]
  case reduceWindow(WindowReduction, Window)
  /// (x [N, spatial…, C]) → (values, int64 flat positions). Positions count in the [N, C, spatial…] layout of the
  /// file formats, with the first or (`columnMajor`) the last spatial axis slowest.
  case maxPoolWithIndices(Window, columnMajor: Bool)

  // Images
  /// (x, parameters): `sizes` int64[rank] or `scales` float32[rank] as Resize says, (+ roi float32[2·rank])
  case resize(Resize)
  /// (x [N, spatial…, C], grid [N, spatial'…, n]) → [N, spatial'…, C]
  case gridSample(GridSample)
  /// (x [N, H, W, C], boxes float[R, 4], batch indices int64[R]) → [R, h, w, C]
  case roiAlign(RoiAlign)
  /// (boxes [B, N, 4], scores [B, C, N], max per class int64, IoU threshold, score threshold) → int64[n, 3]
  case nonMaxSuppression(centerPointBox: Bool)

  // Numbers
  /// (x, scale, zero point?) → `to`
  case quantize(QuantizationAxis, to: ElementType, saturating: Bool = true)
  /// (x, scale, zero point?) → `to`
  case dequantize(QuantizationAxis, to: ElementType)
  /// (x complex) → complex along `axis`, unscaled forward, 1/n inverse
  case fft(axis: Int, inverse: Bool)
  /// (x [..., n, n]) → [...]
  case determinant
  /// (x [..., n, n]) → [..., n, n]; a singular matrix is an error
  case inverse
  /// (shape int64[r]) → random numbers
  case random(RandomDistribution, ElementType, seed: UInt64?)

  // Strings
  case stringConcatenate
  /// (x) → (pieces [..., n], counts int64[...]). Without a delimiter, at runs of white space.
  case stringSplit(delimiter: String?, maximumSplits: Int?)
  case regexFullMatch(pattern: String)
  case stringNormalize(StringNormalization)
  /// ([C] or [N, C]) → [C, n] or [N, C, n]: the tokens of each string, and padding
  case tokenize(Tokenization)

  // Classical models
  /// (x [N, F], roots int64[t], branches int64[b, 4], thresholds of x's type [b], leaf ends int64[l], targets int64[m],
  /// weights of x's type [m]) → [N, targets]; all but x are constants. See `TreeEnsemble`.
  case treeEnsemble(TreeEnsemble)
  /// (x, keys [K] of x's type) → int64 of x's shape: where each element stands first among the keys, K when nowhere.
  /// NaN equals NaN.
  case lookUp
  /// (x [C] or [N, C] int64 or string, pool [P] of the same type, lengths int64[G], columns int64[G]) → float32
  /// [(N,) width]: how often each n-gram occurs. See `NGramCount`.
  case countNGrams(NGramCount)
  /// (x [N, C], keys [C] int64 or string) → sequence of N maps from keys to scalars
  case zipMap
  /// (map) → [n], its values in the order of the keys; or (map, keys [K], fallback scalar) → [K], the values of these
  case mapValues

  // Control flow. Operands past the parameters that the region declares are captures, passed on unchanged.
  /// (condition bool, captures…), regions: then, else; each takes the captures
  case `if`
  /// (trip count int64 scalar, condition bool, carried…, captures…), region: (iteration int64, condition, carried…,
  /// captures…) → (condition, carried…, scanned…). Results: carried…, scanned… stacked along a new first axis.
  case loop(carried: Int)

  // Sequences and optionals
  /// (elements…)
  case sequenceConstruct
  case sequenceEmpty(ElementType)
  /// (sequence, position int64)
  case sequenceAt
  /// (sequence, element, position int64?)
  case sequenceInsert
  /// (sequence, position int64?)
  case sequenceErase
  case sequenceLength
  /// Joins along `axis`, along a new one when `newAxis`.
  case sequenceConcatenate(axis: Int, newAxis: Bool)
  /// (x, split int64 scalar or [n]?)
  case sequenceSplit(axis: Int, keepDimension: Bool)
  /// (value?): a tensor of the given element type, or a sequence of such, when absent
  case optional(ElementType?, ofSequence: Bool = false)
  case optionalHasElement
  case optionalGetElement

  // A named operation with its decomposition as the only region; a backend may take it whole.
  case composite(Composite)
}

extension Operation {
  /// The name of the primitive, without its attributes.
  public var name: String {
    let text = String(describing: self)
    return String(text.prefix { $0 != "(" })
  }
}

public enum UnaryFunction: String, Hashable, Sendable, Codable, CaseIterable {
  case absolute, negate, sign, ceil, floor, roundNearestEven
  case exponential, exponentialMinusOne, logarithm, logarithmPlusOne, squareRoot, reciprocal
  case sine, cosine, tangent, arcSine, arcCosine, arcTangent
  case hyperbolicSine, hyperbolicCosine, hyperbolicTangent
  case inverseHyperbolicSine, inverseHyperbolicCosine, inverseHyperbolicTangent
  case errorFunction, logistic
  /// Bitwise complement for integers, negation for bool.
  case not
  /// → bool
  case isNaN, isInfinite, isPositiveInfinite, isNegativeInfinite
  /// Complex to real.
  case realPart, imaginaryPart
}

public enum BinaryFunction: String, Hashable, Sendable, Codable, CaseIterable {
  case add, subtract, multiply
  /// Integers: truncated; division by zero gives 0.
  case divide
  /// Sign of the dividend (C's % and fmod).
  case remainder
  /// Sign of the divisor (Python's %).
  case floorModulo
  /// The exponent may have another element type.
  case power
  /// NaN when either is.
  case maximum, minimum
  case arcTangent2
  /// Bitwise for integers, logical for bool.
  case and, or, exclusiveOr
  case shiftLeft, shiftRight
  /// (real, imaginary) → complex
  case complex
}

public enum Comparison: String, Hashable, Sendable, Codable, CaseIterable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual
}

public enum PaddingMode: String, Hashable, Sendable, Codable, CaseIterable { case constant, edge, reflect, wrap }
public enum ScatterCombiner: String, Hashable, Sendable, Codable, CaseIterable {
  case replace, add, multiply, maximum, minimum
}
public enum Reduction: String, Hashable, Sendable, Codable, CaseIterable {
  case sum, product, mean, maximum, minimum, and, or
}
public enum Cumulation: String, Hashable, Sendable, Codable, CaseIterable { case sum, product }

/// Which axes of the two operands are batch and which are contracted, pairwise.
public struct DotDimensions: Hashable, Sendable, Codable {
  public var lhsBatch: [Int]
  public var rhsBatch: [Int]
  public var lhsContracting: [Int]
  public var rhsContracting: [Int]

  public init(lhsBatch: [Int] = [], rhsBatch: [Int] = [], lhsContracting: [Int], rhsContracting: [Int]) {
    self.lhsBatch = lhsBatch
    self.rhsBatch = rhsBatch
    self.lhsContracting = lhsContracting
    self.rhsContracting = rhsContracting
  }
}

/// How a window moves over the spatial axes; all arrays have one entry for each.
public struct Window: Hashable, Sendable, Codable {
  public var size: [Int]
  public var strides: [Int]
  public var dilations: [Int]
  public var padding: WindowPadding
  /// The last, partial window counts too, if it starts inside the operand or its low padding (ONNX `ceil_mode`).
  public var roundsUp: Bool

  public init(size: [Int], strides: [Int], dilations: [Int], padding: WindowPadding, roundsUp: Bool = false) {
    self.size = size
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
    self.roundsUp = roundsUp
  }
}

public enum WindowPadding: Hashable, Sendable, Codable {
  case explicit(low: [Int], high: [Int])
  /// As much as makes the result ceil(extent / stride); the odd element goes to the high (upper) or low (lower) side.
  case sameUpper, sameLower
}

public enum WindowReduction: Hashable, Sendable, Codable {
  case maximum, sum
  /// Divides by the window's size, or by the number of elements inside the operand.
  case average(countsPadding: Bool)
  /// (Σ|x|^p)^(1/p)
  case norm(p: Int)
}

public struct Convolution: Hashable, Sendable, Codable {
  public var strides: [Int]
  public var dilations: [Int]
  public var padding: WindowPadding
  public var groups: Int

  public init(strides: [Int], dilations: [Int], padding: WindowPadding, groups: Int) {
    self.strides = strides
    self.dilations = dilations
    self.padding = padding
    self.groups = groups
  }
}

/// ONNX Resize. Operands: (x, sizes int64[axes]) or (x, scales float32[axes]), then the region of interest
/// float32[2·axes] for `.cropAndResize`.
public struct Resize: Hashable, Sendable, Codable {
  public enum Mode: String, Hashable, Sendable, Codable { case nearest, linear, cubic }
  public enum Coordinates: String, Hashable, Sendable, Codable {
    case halfPixel, halfPixelSymmetric, pytorchHalfPixel, alignCorners, asymmetric, cropAndResize, tfHalfPixelForNearest
  }
  public enum Rounding: String, Hashable, Sendable, Codable {
    case roundPreferFloor, roundPreferCeil, floor, ceil
  }
  public enum AspectRatio: String, Hashable, Sendable, Codable { case stretch, notLarger, notSmaller }

  /// Axes that the parameters speak of; the others keep their extents.
  public var axes: [Int]
  public var parametersAreSizes: Bool
  public var mode: Mode
  public var coordinates: Coordinates
  public var rounding: Rounding
  public var cubicCoefficient: Float
  public var excludesOutside: Bool
  public var extrapolationValue: Float
  public var antialias: Bool
  public var aspectRatio: AspectRatio

  public init(
    axes: [Int], parametersAreSizes: Bool, mode: Mode, coordinates: Coordinates,
    rounding: Rounding = .roundPreferFloor, cubicCoefficient: Float = -0.75, excludesOutside: Bool = false,
    extrapolationValue: Float = 0, antialias: Bool = false, aspectRatio: AspectRatio = .stretch
  ) {
    self.axes = axes
    self.parametersAreSizes = parametersAreSizes
    self.mode = mode
    self.coordinates = coordinates
    self.rounding = rounding
    self.cubicCoefficient = cubicCoefficient
    self.excludesOutside = excludesOutside
    self.extrapolationValue = extrapolationValue
    self.antialias = antialias
    self.aspectRatio = aspectRatio
  }
}

public struct GridSample: Hashable, Sendable, Codable {
  public enum Mode: String, Hashable, Sendable, Codable { case nearest, linear, cubic }
  public enum Padding: String, Hashable, Sendable, Codable { case zeros, border, reflection }
  public var mode: Mode
  public var padding: Padding
  public var alignsCorners: Bool

  public init(mode: Mode, padding: Padding, alignsCorners: Bool) {
    self.mode = mode
    self.padding = padding
    self.alignsCorners = alignsCorners
  }
}

public struct RoiAlign: Hashable, Sendable, Codable {
  public var outputHeight: Int
  public var outputWidth: Int
  public var samplingRatio: Int
  public var spatialScale: Float
  public var maximum: Bool
  public var halfPixel: Bool

  public init(
    outputHeight: Int, outputWidth: Int, samplingRatio: Int, spatialScale: Float, maximum: Bool, halfPixel: Bool
  ) {
    self.outputHeight = outputHeight
    self.outputWidth = outputWidth
    self.samplingRatio = samplingRatio
    self.spatialScale = spatialScale
    self.maximum = maximum
    self.halfPixel = halfPixel
  }
}

/// Which elements share a scale: all (a scalar scale), those of one slice along `axis`, or blocks of `blockSize`
/// neighbours along `axis` (the scale then has the operand's rank).
public struct QuantizationAxis: Hashable, Sendable, Codable {
  public var axis: Int
  public var blockSize: Int

  public init(axis: Int = 1, blockSize: Int = 0) {
    self.axis = axis
    self.blockSize = blockSize
  }
}

public enum RandomDistribution: Hashable, Sendable, Codable {
  case uniform(low: Double, high: Double)
  case normal(mean: Double, deviation: Double)
}

public struct StringNormalization: Hashable, Sendable, Codable {
  public enum CaseChange: String, Hashable, Sendable, Codable { case none, lower, upper }
  public var caseChange: CaseChange
  public var isCaseSensitive: Bool
  public var stopwords: [String]

  public init(caseChange: CaseChange, isCaseSensitive: Bool, stopwords: [String]) {
    self.caseChange = caseChange
    self.isCaseSensitive = isCaseSensitive
    self.stopwords = stopwords
  }
}

/// What is a token of a string. Texts are sequences of Unicode scalars.
public struct Tokenization: Hashable, Sendable, Codable {
  /// A token is what matches this regular expression (RE2's syntax); nil: what stands between separators.
  public var expression: String?
  /// Regular expressions, the first that matches somewhere splits before the next is tried. An empty one alone splits
  /// into single scalars.
  public var separators: [String]
  /// Shorter tokens, counted in scalars, are left out.
  public var minimumLength: Int
  /// Fills the rows of strings that have fewer tokens.
  public var padding: String
  /// Puts U+0002 before and U+0003 behind the tokens of each string.
  public var marksEnds: Bool

  public init(expression: String?, separators: [String], minimumLength: Int, padding: String, marksEnds: Bool) {
    self.expression = expression
    self.separators = separators
    self.minimumLength = minimumLength
    self.padding = padding
    self.marksEnds = marksEnds
  }
}

/// Decision trees that are evaluated together.
///
/// A row of `branches` is (feature, comparison, child when true, child when false). A child ≥ 0 is another branch, with
/// a larger number than its parent; a child < 0 is leaf -1 - child. `roots` are children too. Leaf i contributes the
/// entries `leafEnds[i-1]..<leafEnds[i]` of (targets, weights). The comparison is a raw value of `Comparison`, plus
/// `missingIsTrue` when a NaN goes the way of true.
public struct TreeEnsemble: Hashable, Sendable, Codable {
  public enum Aggregation: String, Hashable, Sendable, Codable, CaseIterable { case sum, average, minimum, maximum }
  public enum Comparison: Int, Hashable, Sendable, Codable {
    case lessOrEqual = 0
    case less, equal
  }
  public static let missingIsTrue = 4

  public var aggregation: Aggregation
  /// Columns of the result. One that no leaf contributes to is 0.
  public var targetCount: Int

  public init(aggregation: Aggregation, targetCount: Int) {
    self.aggregation = aggregation
    self.targetCount = targetCount
  }
}

/// ONNX TfIdfVectorizer without its weights. The pool holds the n-grams one after the other; of the i-th, `lengths` and
/// `columns` say how many elements it has and which column of the result counts it.
public struct NGramCount: Hashable, Sendable, Codable {
  /// Lengths that are counted.
  public var minimumLength: Int
  public var maximumLength: Int
  /// Elements that may lie between neighbours of an n-gram: 0 to this many, the same between all.
  public var maximumSkip: Int
  /// Columns of the result.
  public var width: Int

  public init(minimumLength: Int, maximumLength: Int, maximumSkip: Int, width: Int) {
    self.minimumLength = minimumLength
    self.maximumLength = maximumLength
    self.maximumSkip = maximumSkip
    self.width = width
  }
}

/// A named operation: ONNX's name where ONNX has it (`Softmax`, `LayerNormalization`).
public struct Composite: Hashable, Sendable, Codable {
  public enum Attribute: Hashable, Sendable, Codable {
    case integer(Int)
    case real(Double)
    case text(String)
    case integers([Int])
  }
  public var name: String
  public var attributes: [String: Attribute]

  public init(_ name: String, _ attributes: [String: Attribute] = [:]) {
    self.name = name
    self.attributes = attributes
  }
}
