import KernelIR

/// A kernel as a call needs it. The code of a matrix product has a part for each number of rows that a tile can have;
/// a call of known size runs one or two of them. Only these are generated: a tenth of the code, and of the time that a
/// model takes to load. Equal forms have equal code.
public struct KernelForm: Hashable, Sendable {
  public let kernel: Kernel
  /// Numbers of rows of a tile, ascending, that there is code for; nil for all there can be, and for kernels without
  /// such parts, as those on AMX's tiles are.
  let tileRows: [Int]?
  /// How float32 is multiplied on AMX's tiles.
  let floats: FloatProducts

  /// For calls with any parameters.
  public init(_ kernel: Kernel, floats: FloatProducts = .float32) {
    self.kernel = kernel
    self.floats = kernel.multipliesFloats ? floats : .float32
    tileRows = nil
  }

  /// For calls with these parameters, and for no others.
  public init(
    _ kernel: Kernel, parameters: [Int], _ instructionSet: InstructionSet, floats: FloatProducts = .float32
  ) {
    self.kernel = kernel
    self.floats = kernel.multipliesFloats ? floats : .float32
    if case .gemm(let gemm) = kernel, let rows = parameters.first,
      GemmEmission.Tiling(gemm, instructionSet, rows: rows) == nil,
      GemmEmission.SplitTiling(gemm, instructionSet, rows: rows, floats: floats) == nil
    {
      tileRows = TileShape(gemm, instructionSet).tileRows(ofMatrix: rows)
    } else {
      tileRows = nil
    }
  }
}

/// Products of float32 numbers where there are tiles for bfloat16; elsewhere they are multiply-adds of float32.
public enum FloatProducts: Hashable, Sendable {
  /// Six products of three parts: no larger errors than float32's.
  case float32
  /// The same where a number has the same bits in every call, which is not so for matrix products: those of few rows stay
  /// in vectors.
  case batchInvariant
  /// Three products of two parts: relative errors of some 4e-6.
  case fast
}

extension Kernel {
  fileprivate var multipliesFloats: Bool {
    switch self {
    case .gemm(let gemm): gemm.factors == .float32
    case .convolution(let convolution): convolution.factors == .float32
    default: false
    }
  }
}
