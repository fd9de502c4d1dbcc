import GraphIR

/// Lowers one node; gives its outputs.
typealias Lowering = @Sendable (LoweringContext) throws -> [ValueID]

/// Every operator, by domain and name: the union of the families' tables in `Operators/`. An operator that changed
/// between versions looks at `LoweringContext.version`.
enum OperatorTable {
  static func lowering(domain: String, name: String) -> Lowering? { tables[domain]?[name] }

  /// Names of a domain's operators, sorted: for documentation and `inspect`.
  public static func names(domain: String) -> [String] { (tables[domain] ?? [:]).keys.sorted() }

  private static let tables: [String: [String: Lowering]] = [
    "": union([
      ElementwiseOperators.table, ShapeOperators.table, IndexingOperators.table, ReductionOperators.table,
      RandomOperators.table, StringOperators.table, SequenceOperators.table, ControlFlowOperators.table,
      ContractionOperators.table, ConvolutionOperators.table, PoolingOperators.table, NormalizationOperators.table,
      AttentionOperators.table, RecurrentOperators.table, QuantizationOperators.table, ImageOperators.table,
      SignalOperators.table, LossOperators.table, ContributedNormalization.officialDomainTable,
    ]),
    "ai.onnx.ml": union([
      TreeOperators.table, LinearOperators.table, SupportVectorOperators.table, EncoderOperators.table,
      FeatureOperators.table,
    ]),
    "com.microsoft": union([
      ContributedOperators.table, ContributedProducts.table, ContributedNormalization.table,
      ContributedAttention.table, ContributedQuantization.table, StringOperators.contributedTable,
    ]),
    "ai.onnx.preview": AttentionOperators.previewTable,
    "ai.onnx.preview.training": LossOperators.trainingTable,
  ]

  private static func union(_ tables: [[String: Lowering]]) -> [String: Lowering] {
    tables.reduce(into: [:]) { result, table in
      result.merge(table) { _, _ in preconditionFailure("an operator stands in two families") }
    }
  }
}
