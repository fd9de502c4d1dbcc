// Contractions: generated functions that are sums of products at heart. Start here.
//
// All share one innermost part, `RegisterTile`: a block of accumulators in registers, rows from A (one number repeated
// over a vector), columns from B (vectors), added up over a run of A that is contiguous in memory. Around it:
//
//   GemmEmission          rows of a matrix, or of many
//   ConvolutionEmission   rows are output pixels; one run for each tap of the window, or for each row of it
//   TransposedConvolutionEmission   a plain convolution for each phase of the output
//   DepthwiseEmission     no sum over channels, or over few: vectors of channels, taps unrolled
//   AttentionEmission     two products with a running softmax between them
//   GemmEmission+Tiles, TileConvolutionEmission, AttentionEmission+Tiles   those three on AMX's tiles, with `TileBlock`
//                         innermost; `TileCost` says when
//   RecurrenceEmission    time steps; a tile holds all gates of the same hidden units
//
// Every element of a result is one chain of fused multiply-adds in the order of the reduction, starting from 0, whatever
// tile it falls into: results do not depend on how many rows a call has, nor on threads. On AMX's tiles sums of floats
// are others (`SplitFloats`): a product of few rows, which stays in vectors, may have other last bits than one of many.
//
// B is read as panels: [column vector][k][lane], so that a tile of any width reads whole cache lines. `Packer` makes
// panels of constants once; other right-hand sides are read in place or turned into panels on the way.

import KernelIR

/// Generates the machine code of contractions.
public struct ContractionCompiler: Sendable {
  public var instructionSet: InstructionSet

  public init(instructionSet: InstructionSet) {
    self.instructionSet = instructionSet
  }

  /// What there is code for.
  public static let kinds: Set<ScheduleTarget.KernelKind> = Set(ScheduleTarget.KernelKind.allCases)

  /// Whether epilogues have a term.
  public static func supports(_ term: Epilogue.Term) -> Bool {
    switch term {
    case .accumulator, .operand, .constant, .integer, .float, .select, .compare: true
    case .unary(let function, _):
      switch function {
      case .isNaN, .not: true
      case .isInfinite, .isPositiveInfinite, .isNegativeInfinite, .realPart, .imaginaryPart: false
      default: true
      }
    case .binary(let function, _, _):
      switch function {
      case .add, .subtract, .multiply, .divide, .maximum, .minimum, .and, .or, .exclusiveOr, .power: true
      default: false
      }
    }
  }

  /// - Throws: `ContractionError` where a kernel asks for what is not generated; `VectorError` never, unless this room
  ///   is wrong.
  public func compile(_ kernel: Kernel) throws -> CompiledKernel { try compile(KernelForm(kernel)) }

  func compile(_ form: KernelForm) throws -> CompiledKernel {
    switch form.kernel {
    case .gemm(let gemm):
      try GemmEmission(gemm, instructionSet, tileRows: form.tileRows, floats: form.floats).compile()
    case .convolution(let convolution):
      if let plan = TileConvolution(convolution, instructionSet, floats: form.floats) {
        try TileConvolutionEmission(convolution, plan, instructionSet).compile()
      } else {
        try ConvolutionEmission(convolution, instructionSet).compile()
      }
    case .depthwise(let depthwise): try DepthwiseEmission(depthwise, instructionSet).compile()
    case .transposedConvolution(let kernel): try TransposedConvolutionEmission(kernel, instructionSet).compile()
    case .attention(let attention): try AttentionEmission(attention, instructionSet).compile()
    case .recurrence(let recurrence): try RecurrenceEmission(recurrence, instructionSet).compile()
    case .trees(let trees): try TreeEmission(trees, instructionSet).compile()
    case .loops: throw ContractionError.unsupported("a loop kernel is no contraction")
    }
  }
}

/// A contraction that is not generated; the caller has other ways to compute it.
public enum ContractionError: Error, Hashable, CustomStringConvertible {
  case unsupported(String)

  public var description: String {
    switch self {
    case .unsupported(let what): "no code for this contraction: \(what)"
    }
  }
}
