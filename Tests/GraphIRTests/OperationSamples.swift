import GraphIR
import Tensors

/// At least one operation of each case, with attributes that are not the defaults.
let operationSamples: [Operation] =
  UnaryFunction.allCases.map(Operation.unary) + BinaryFunction.allCases.map(Operation.binary)
  + Comparison.allCases.map(Operation.compare) + PaddingMode.allCases.map(Operation.pad)
  + ScatterCombiner.allCases.map(Operation.scatterND)
  + Reduction.allCases.map { Operation.reduce($0, axes: [0, 2]) }
  + Cumulation.allCases.map { Operation.cumulative($0, axis: 1, exclusive: true, reverse: true) }
  + ElementType.allCases.map { Operation.convert(to: $0, saturating: false) }
  + [
    .select, .bitcast(to: .bfloat16), .shape, .reshape(zeroCopies: true), .broadcast,
    .transpose(permutation: [2, 0, 1]), .transpose(permutation: []), .slice, .concatenate(axis: 3),
    .reverse(axes: [1]), .reverseSequence(batchAxis: 1, timeAxis: 0), .gather(axis: 2, batchDimensions: 1),
    .gatherND(batchDimensions: 2), .gatherElements(axis: 1), .scatterElements(axis: 1, .maximum),
    .iota(.float16, axis: 2), .range, .argReduce(maximum: true, axis: 1, selectLast: true),
    .sort(axis: 0, descending: true), .topK(axis: 1, largest: false, sorted: true), .unique(axis: nil, sorted: false),
    .unique(axis: 4, sorted: true), .nonZero,
    .dot(.init(lhsBatch: [0], rhsBatch: [1], lhsContracting: [2], rhsContracting: [0]), result: .int32),
    .convolution(
      .init(strides: [1, 2], dilations: [3, 4], padding: .explicit(low: [0, -1], high: [5, 6]), groups: 7),
      result: .float32),
    .transposedConvolution(
      .init(strides: [2], dilations: [1], padding: .sameLower, groups: 1), outputPadding: [1]),
    .reduceWindow(
      .average(countsPadding: true), .init(size: [2], strides: [1], dilations: [1], padding: .sameUpper)),
    .reduceWindow(
      .maximum, .init(size: [2], strides: [1], dilations: [1], padding: .explicit(low: [0], high: [1]), roundsUp: true)),
    .reduceWindow(.sum, .init(size: [2], strides: [1], dilations: [1], padding: .sameUpper)),
    .maxPoolWithIndices(
      .init(size: [2, 2], strides: [1, 1], dilations: [1, 1], padding: .sameUpper), columnMajor: true),
    .resize(
      .init(
        axes: [1, 2], parametersAreSizes: false, mode: .cubic, coordinates: .tfHalfPixelForNearest, rounding: .ceil,
        cubicCoefficient: -0.5, excludesOutside: true, extrapolationValue: .infinity, antialias: true,
        aspectRatio: .notSmaller)),
    .gridSample(.init(mode: .cubic, padding: .reflection, alignsCorners: true)),
    .roiAlign(
      .init(
        outputHeight: 7, outputWidth: 5, samplingRatio: 2, spatialScale: 0.0625, maximum: true, halfPixel: false)),
    .nonMaxSuppression(centerPointBox: true),
    .quantize(.init(axis: 2, blockSize: 32), to: .uint4, saturating: false),
    .dequantize(.init(axis: 0), to: .float16), .fft(axis: 1, inverse: true), .determinant, .inverse,
    .random(.uniform(low: -1.5, high: 1e300), .float64, seed: .max),
    .random(.normal(mean: 1e-7, deviation: 0.1), .bfloat16, seed: nil), .stringConcatenate,
    .stringSplit(delimiter: "a \"b\"\\\n\t\u{1}é😀", maximumSplits: 3), .stringSplit(delimiter: nil, maximumSplits: nil),
    .stringSplit(delimiter: "", maximumSplits: 0), .regexFullMatch(pattern: "^true$"), .regexFullMatch(pattern: "true"),
    .regexFullMatch(pattern: "nan"),
    .stringNormalize(.init(caseChange: .upper, isCaseSensitive: true, stopwords: ["the", "a b", ""])),
    .tokenize(.init(expression: nil, separators: [" ", "[,;]"], minimumLength: 2, padding: "#", marksEnds: true)),
    .tokenize(.init(expression: "[a-z]+", separators: [], minimumLength: 1, padding: "", marksEnds: false)),
    .treeEnsemble(.init(aggregation: .average, targetCount: 3)), .lookUp,
    .countNGrams(.init(minimumLength: 1, maximumLength: 2, maximumSkip: 5, width: 7)), .zipMap, .mapValues, .if,
    .loop(carried: 3), .sequenceConstruct, .sequenceEmpty(.string), .sequenceAt, .sequenceInsert, .sequenceErase,
    .sequenceLength, .sequenceConcatenate(axis: 1, newAxis: true), .sequenceSplit(axis: 1, keepDimension: true),
    .optional(.int8), .optional(.string, ofSequence: true), .optional(nil), .optionalHasElement, .optionalGetElement,
    .composite(.init("Softmax")),
    .composite(
      .init(
        "com.microsoft::Odd name",
        [
          "axis": .integer(-1), "epsilon": .real(1e-5), "mode": .text("a: {b}"), "pads": .integers([1, .min, .max]),
          "_0": .integers([]), "two words": .real(.infinity), "": .text(""),
        ])),
  ]

extension Operation {
  /// Which case it is: the compiler tells when a case is missing here, the test when one has no sample.
  var caseIndex: Int {
    switch self {
    case .unary: 0
    case .binary: 1
    case .compare: 2
    case .select: 3
    case .convert: 4
    case .bitcast: 5
    case .shape: 6
    case .reshape: 7
    case .broadcast: 8
    case .transpose: 9
    case .slice: 10
    case .concatenate: 11
    case .pad: 12
    case .reverse: 13
    case .reverseSequence: 14
    case .gather: 15
    case .gatherND: 16
    case .gatherElements: 17
    case .scatterND: 18
    case .scatterElements: 19
    case .iota: 20
    case .range: 21
    case .reduce: 22
    case .argReduce: 23
    case .cumulative: 24
    case .sort: 25
    case .topK: 26
    case .unique: 27
    case .nonZero: 28
    case .dot: 29
    case .convolution: 30
    case .transposedConvolution: 31
    case .reduceWindow: 32
    case .maxPoolWithIndices: 33
    case .resize: 34
    case .gridSample: 35
    case .roiAlign: 36
    case .nonMaxSuppression: 37
    case .quantize: 38
    case .dequantize: 39
    case .fft: 40
    case .determinant: 41
    case .random: 42
    case .stringConcatenate: 43
    case .stringSplit: 44
    case .regexFullMatch: 45
    case .stringNormalize: 46
    case .if: 47
    case .loop: 48
    case .sequenceConstruct: 49
    case .sequenceEmpty: 50
    case .sequenceAt: 51
    case .sequenceInsert: 52
    case .sequenceErase: 53
    case .sequenceLength: 54
    case .sequenceConcatenate: 55
    case .sequenceSplit: 56
    case .optional: 57
    case .optionalHasElement: 58
    case .optionalGetElement: 59
    case .composite: 60
    case .tokenize: 61
    case .treeEnsemble: 62
    case .lookUp: 63
    case .countNGrams: 64
    case .zipMap: 65
    case .mapValues: 66
    case .inverse: 67
    }
  }

  static let caseCount = 68
}
