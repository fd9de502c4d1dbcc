import Glibc
import Tensors

/// A discrete Fourier transform of one length, in float64: radix 2 for powers of two, Bluestein's algorithm (a
/// convolution of a power-of-two length) for others. Unscaled forward, 1/n inverse.
struct FourierTransform {
  private let length: Int
  private let inverse: Bool
  /// The power of two that transforms run over.
  private let size: Int
  /// exp(-2πi k / size) for k < size / 2.
  private let roots: [Complex128]
  /// Bluestein: exp(∓πi k² / length), and the transform of its conjugate wrapped around `size`.
  private var chirp: [Complex128] = []
  private var filter: [Complex128] = []
  private var buffer: [Complex128]

  init(length: Int, inverse: Bool) {
    self.length = length
    self.inverse = inverse
    let isPowerOfTwo = length & (length - 1) == 0
    var size = 1
    while size < (isPowerOfTwo ? length : 2 * length - 1) { size *= 2 }
    self.size = size
    roots = (0..<(size / 2)).map { Self.root(Double($0) / Double(size)) }
    buffer = Array(repeating: Complex128(0), count: size)
    if isPowerOfTwo { return }
    chirp = (0..<length).map { k in
      // k² modulo 2·length: the same angle without a loss of precision.
      let turn = Self.root(Double(k * k % (2 * length)) / Double(2 * length))
      return inverse ? Self.conjugate(turn) : turn
    }
    filter = Array(repeating: Complex128(0), count: size)
    for k in 0..<length {
      filter[k] = Self.conjugate(chirp[k])
      if k > 0 { filter[size - k] = filter[k] }
    }
    Self.transform(&filter, roots)
  }

  mutating func run(load: (Int) -> Complex128, store: (Int, Complex128) -> Void) {
    let scale = inverse ? 1 / Double(length) : 1
    if chirp.isEmpty {
      for index in 0..<length {
        // The inverse is the conjugate of the transform of the conjugate.
        buffer[index] = inverse ? Self.conjugate(load(index)) : load(index)
      }
      Self.transform(&buffer, roots)
      for index in 0..<length {
        let number = inverse ? Self.conjugate(buffer[index]) : buffer[index]
        store(index, Complex128(number.real * scale, number.imaginary * scale))
      }
      return
    }
    for index in 0..<size { buffer[index] = index < length ? load(index) * chirp[index] : Complex128(0) }
    Self.transform(&buffer, roots)
    for index in 0..<size { buffer[index] = Self.conjugate(buffer[index] * filter[index]) }
    Self.transform(&buffer, roots)
    for index in 0..<length {
      let number = Self.conjugate(buffer[index]) * chirp[index]
      store(index, Complex128(number.real * scale / Double(size), number.imaginary * scale / Double(size)))
    }
  }

  /// exp(-2πi turn)
  private static func root(_ turn: Double) -> Complex128 {
    Complex128(cos(2 * .pi * turn), -sin(2 * .pi * turn))
  }

  private static func conjugate(_ number: Complex128) -> Complex128 { Complex128(number.real, -number.imaginary) }

  /// In place, of a power-of-two length.
  private static func transform(_ numbers: inout [Complex128], _ roots: [Complex128]) {
    let count = numbers.count
    // Positions with their bits reversed.
    var reversed = 0
    for index in 1..<max(count, 1) {
      var bit = count >> 1
      while reversed & bit != 0 {
        reversed ^= bit
        bit >>= 1
      }
      reversed |= bit
      if index < reversed { numbers.swapAt(index, reversed) }
    }
    var half = 1
    while half < count {
      let step = count / (2 * half)
      for start in stride(from: 0, to: count, by: 2 * half) {
        for k in 0..<half {
          let a = numbers[start + k]
          let b = numbers[start + k + half] * roots[k * step]
          numbers[start + k] = a + b
          numbers[start + k + half] = a - b
        }
      }
      half *= 2
    }
  }
}
