import Glibc
import GraphIR
import Tensors

/// Fourier transforms, window functions, mel filters.
enum SignalOperators {
  static let table: [String: Lowering] = [
    "DFT": dft,
    "STFT": stft,
    "HannWindow": { c in try window(c, [0.5, -0.5]) },
    "HammingWindow": { c in try window(c, [25.0 / 46, -21.0 / 46]) },
    "BlackmanWindow": { c in try window(c, [0.42, -0.5, 0.08]) },
    "MelWeightMatrix": melWeightMatrix,
  ]

  /// The axis is an attribute in version 17 and an operand from 20 on.
  private static func dft(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    let x = try c.operand(0)
    let rank = try c.rank(x)
    guard rank > 1 else { throw c.invalid(found: "a signal of rank \(rank)", expected: "[…, length, 1 or 2]") }
    try c.extent(x, rank - 1)
    var axis = try c.version < 20 ? c.int("axis", 1) : -2
    if c.version >= 20, c.hasOperand(2) {
      let values = try c.constantIntegers(2)
      guard values.count == 1 else { throw c.invalid(found: "axes \(values)", expected: "one axis") }
      axis = values[0]
    }
    let transform = FourierTransform(
      axis: try c.axis(axis, rank: rank), isInverse: try c.flag("inverse"), isOneSided: try c.flag("onesided"))
    return [try b.fourierTransform(x, length: c.optionalOperand(1).map { try vector($0, b) }, transform)]
  }

  /// A scalar or [1] as int64[1].
  private static func vector(_ x: ValueID, _ b: GraphBuilder) throws -> ValueID {
    try b.reshape(b.convert(x, to: .int64), [1])
  }

  private static func stft(_ c: LoweringContext) throws -> [ValueID] {
    let b = c.builder
    var signal = try c.operand(0)
    if try c.rank(signal) == 2 { signal = try b.expandDimensions(signal, axes: [2]) }
    guard try c.rank(signal) == 3 else {
      throw c.invalid(found: "a signal of rank \(try c.rank(signal))", expected: "[batch, length, 1 or 2]")
    }
    try c.extent(signal, 2)
    let window = try c.optionalOperand(2)
    let length: ValueID
    if let given = try c.optionalOperand(3) {
      length = try vector(given, b)
    } else {
      length = try b.extent(of: window ?? signal, window == nil ? 1 : 0)
    }
    let y = try b.shortTimeFourierTransform(
      signal, step: vector(c.operand(1), b), length: length, window: window, isOneSided: c.flag("onesided", true))
    return [y]
  }

  private static func window(_ c: LoweringContext, _ weights: [Double]) throws -> [ValueID] {
    let type = try c.elementType(attribute: "output_datatype") ?? .float32
    return [
      try c.builder.cosineWindow(
        size: c.operand(0), weights: weights, periodic: c.flag("periodic", true), elementType: type)
    ]
  }

  /// Triangular filters that are evenly spaced on the mel scale: [dft length / 2 + 1, mel bins]. All five operands
  /// decide the form of the result, and are constants in every model that is not a test.
  private static func melWeightMatrix(_ c: LoweringContext) throws -> [ValueID] {
    func number(_ index: Int) throws -> Double {
      let tensor = try c.constant(index).converted(to: .float64)
      guard tensor.elementCount == 1 else {
        throw c.invalid(found: "operand \(index) of shape \(tensor.shape)", expected: "a scalar")
      }
      return tensor.elements(of: Double.self)[0]
    }
    let (bins, length, rate) = (try number(0), try number(1), try number(2))
    let limit = Double(1 << 20)
    guard (1...limit).contains(bins), (0...limit).contains(length), rate > 0 else {
      throw c.invalid(
        found: "\(bins) mel bins, DFT length \(length), sample rate \(rate)", expected: "positive numbers up to 2^20")
    }
    func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
    let (low, high) = (mel(try number(3)), mel(try number(4)))
    let rows = Int(length) / 2 + 1
    let columns = Int(bins)
    guard rows * columns <= 1 << 26 else { throw c.invalid(found: "\(rows) by \(columns)", expected: "fewer filters") }
    let edges = try (0..<columns + 2).map { index -> Int in
      let hertz = 700 * (pow(10, (Double(index) * (high - low) / Double(columns + 2) + low) / 2595) - 1)
      let bin = ((length + 1) * hertz / rate).rounded(.down)
      guard bin >= 0, bin < Double(rows) else {
        throw c.invalid(found: "a filter edge at \(hertz) Hz", expected: "frequencies up to half the sample rate")
      }
      return Int(bin)
    }
    var weights = [Float](repeating: 0, count: rows * columns)
    for column in 0..<columns {
      let (left, centre, right) = (edges[column], edges[column + 1], edges[column + 2])
      if left == centre { weights[centre * columns + column] = 1 }
      if left < centre {
        for row in left...centre { weights[row * columns + column] = Float(row - left) / Float(centre - left) }
      }
      if centre < right {
        for row in centre..<right { weights[row * columns + column] = Float(right - row) / Float(right - centre) }
      }
    }
    let type = try c.elementType(attribute: "output_datatype") ?? .float32
    let matrix = c.builder.constant(Tensor([rows, columns], weights))
    return [try c.builder.convert(matrix, to: type)]
  }
}
