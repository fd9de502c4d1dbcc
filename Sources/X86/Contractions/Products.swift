import KernelIR

/// How the innermost step of a contraction multiplies and adds.
///
/// A step takes a few neighbouring elements of A, repeated over a vector, and one vector of B that belongs to them:
///
///     float32                  1 element, 4 bytes of A     vfmadd231ps
///     bfloat16                 2 elements, 4 bytes of A    vdpbf16ps: two products added to each lane
///     bfloat16, without BF16   2 elements, 4 bytes of A    both widened, vfmadd231ps twice
///     bytes, with VNNI         4 elements, 4 bytes of A    vpdpbusd: four products added to each lane
///     bytes, without           2 elements, 2 bytes of A    vpmaddwd of numbers widened to 16 bits, vpaddd: vpmaddubsw
///                                                          would saturate
///
/// so that tiles, panels and loops are the same for all: a panel of B is [step][lane], a vector a step. With AMX, tile
/// registers take the place of the accumulators (`TileBlock`); they read the panels of VNNI and BF16, 16 steps at a time.
struct Products {
  let factors: Factors
  let hasDotProducts: Bool
  private let hasBFloat16: Bool

  init(_ factors: Factors, _ instructionSet: InstructionSet) {
    self.factors = factors
    hasDotProducts = instructionSet >= .amx || instructionSet >= .avx512 && Self.cpuHas(.avx512vnni)
    hasBFloat16 = Self.hasBFloat16(instructionSet)
  }

  /// Whether bfloat16 is multiplied, and made of float32, by instructions of its own.
  static func hasBFloat16(_ instructionSet: InstructionSet) -> Bool {
    instructionSet >= .avx512 && cpuHas(.avx512bf16)
  }

  private static func cpuHas(_ feature: CPUFeature) -> Bool { (try? CPU.current().features.has(feature)) ?? false }

  private var widens: Bool { factors == .bytes && !hasDotProducts }

  /// Elements of A, and rows of B, in a step.
  var stepElements: Int {
    switch factors {
    case .float32: 1
    case .bfloat16: 2
    case .bytes: hasDotProducts ? 4 : 2
    }
  }
  var elementByteCount: Int { factors.elementType.bitWidth / 8 }
  /// Bytes of A in a step.
  var stepByteCount: Int { stepElements * elementByteCount }
  /// Of so many elements, a multiple of `stepElements`.
  func steps(_ elements: Int) -> Int { elements / stepElements }

  /// The elements of A at an address, in all lanes.
  func broadcast(_ builder: VectorBuilder, _ address: Address) -> Value {
    if widens {
      let half: Register.Kind = builder.vectorKind == .zmm ? .ymm : .xmm
      let pairs = builder.define(.vpbroadcastw, half, .memory(address))
      return builder.define(.vpmovzxbw, builder.vectorKind, .value(pairs))
    }
    return factors == .float32
      ? builder.broadcast(address) : builder.define(.vpbroadcastd, builder.vectorKind, .memory(address))
  }

  /// Whether `multiplyAdd` can repeat the elements of A by itself.
  var repeatsMemory: Bool { factors == .float32 || factors == .bfloat16 && hasBFloat16 }

  func multiplyAdd(_ builder: VectorBuilder, _ a: Value, _ b: VectorOperand, adding accumulator: Value) -> Value {
    switch factors {
    case .float32: return builder.update(.vfmadd231ps, accumulator, .value(a), b)
    case .bfloat16 where hasBFloat16: return builder.update(.vdpbf16ps, accumulator, .value(a), b)
    case .bfloat16:
      return zip(halves(builder, .value(a)), halves(builder, b)).reduce(accumulator) {
        builder.multiplyAdd($1.0, $1.1, adding: $0)
      }
    case .bytes where hasDotProducts: return builder.update(.vpdpbusd, accumulator, .value(a), b)
    case .bytes:
      let products = builder.define(.vpmaddwd, builder.vectorKind, .value(a), b)
      return builder.define(.vpaddd, builder.vectorKind, .value(accumulator), .value(products))
    }
  }

  /// Of two accumulators.
  func add(_ builder: VectorBuilder, _ left: Value, _ right: Value) -> Value {
    factors == .bytes
      ? builder.define(.vpaddd, builder.vectorKind, .value(left), .value(right)) : builder.add(left, right)
  }

  /// Both bfloat16 of each lane as float32.
  private func halves(_ builder: VectorBuilder, _ pairs: VectorOperand) -> [Value] {
    var pairs = pairs
    if case .memory(let address) = pairs { pairs = .value(builder.load(address)) }
    let high = builder.constant(bits: 0xFFFF_0000 as UInt32)
    return [
      builder.define(.vpslld, builder.vectorKind, pairs, .immediate(16)),
      builder.define(.vandps, builder.vectorKind, pairs, .value(high)),
    ]
  }

  /// x · w lane by lane, both in lanes of 32 bits, for a filter of each channel.
  func multiplyAddLanes(_ builder: VectorBuilder, _ x: Value, _ w: Value, adding accumulator: Value) -> Value {
    switch factors {
    case .float32, .bfloat16: return builder.multiplyAdd(x, w, adding: accumulator)
    // The high halves are products with the zeros above an uint8.
    case .bytes where hasDotProducts: return builder.update(.vpdpwssd, accumulator, .value(x), .value(w))
    case .bytes: return multiplyAdd(builder, x, .value(w), adding: accumulator)
    }
  }
}

extension Factors {
  /// What multiplies them as they lie in memory, on AMX's tiles; nil for those that are split into parts before.
  var tileProduct: Instruction? {
    switch self {
    case .float32: nil
    case .bfloat16: .tdpbf16ps
    case .bytes: .tdpbusd
    }
  }

  /// For names of functions.
  var text: String {
    switch self {
    case .float32: "f32"
    case .bfloat16: "bf16"
    case .bytes: "u8s8"
    }
  }
}

/// The lanes of a vector of columns that exist.
struct ColumnMask {
  var value: Value
  var count: Int

  init?(_ builder: VectorBuilder, count: Int) {
    if count == 0 { return nil }
    value = builder.laneMask(count: count)
    self.count = count
  }
}

extension Lanes {
  /// Lanes of a vector of columns: all of them without a mask.
  func active(_ mask: ColumnMask?) -> Active {
    guard let mask else { return .all }
    return hasAVX512 ? .masked(mask.value) : .first(mask.count)
  }
}
