import KernelIR

/// A kernel as a call needs it. The code of a matrix product has a part for each number of rows that a tile can have;
/// a call of known size runs one or two of them. Only these are generated: a tenth of the code, and of the time that a
/// model takes to load. Equal forms have equal code.
public struct KernelForm: Hashable, Sendable {
  public let kernel: Kernel
  /// Numbers of rows of a tile, ascending, that there is code for; nil for all there can be, and for kernels without
  /// such parts, as those on AMX's tiles are.
  let tileRows: [Int]?

  /// For calls with any parameters.
  public init(_ kernel: Kernel) {
    self.kernel = kernel
    tileRows = nil
  }

  /// For calls with these parameters, and for no others.
  public init(_ kernel: Kernel, parameters: [Int], _ instructionSet: InstructionSet) {
    self.kernel = kernel
    if case .gemm(let gemm) = kernel, let rows = parameters.first,
      GemmEmission.Tiling(gemm, instructionSet, rows: rows) == nil,
      GemmEmission.SplitTiling(gemm, instructionSet, rows: rows) == nil
    {
      tileRows = TileShape(gemm, instructionSet).tileRows(ofMatrix: rows)
    } else {
      tileRows = nil
    }
  }
}
