import GraphIR
import Passes
import Testing

/// What a node becomes, by itself: `arguments` and `nodes` as in the text form, the results before and after.
struct SimplifyCase: CustomTestStringConvertible, Sendable {
  var arguments: String
  var before: [String]
  var after: [String]

  init(_ arguments: String, _ before: [String], _ after: [String]) {
    self.arguments = arguments
    self.before = before
    self.after = after
  }

  /// `%r` is what the graph returns.
  private func graph(_ nodes: [String]) -> String {
    "graph g(\(arguments)) {\n\(nodes.dropLast().joined(separator: "\n"))\nreturn \(nodes.last ?? "")\n}"
  }

  var text: String { graph(before) + "\n----\n" + graph(after) }
  var testDescription: String { before.joined(separator: "; ") }
}

private let cases = [
  // Neutral elements
  SimplifyCase("%0: int64[N]", ["%1 = constant int64[] [0]", "%2 = binary(%0, %1) {add}", "%2"], ["%0"]),
  SimplifyCase("%0: int64[N]", ["%1 = constant int64[] [0]", "%2 = binary(%1, %0) {add}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N]", ["%1 = constant float32[] [0]", "%2 = binary(%0, %1) {add}", "%2"],
    ["%1 = constant float32[] [0]", "%2 = binary(%0, %1) {add}", "%2"]),
  SimplifyCase("%0: float32[N]", ["%1 = constant float32[] [-0]", "%2 = binary(%0, %1) {add}", "%2"], ["%0"]),
  SimplifyCase("%0: float32[N]", ["%1 = constant float32[] [0]", "%2 = binary(%0, %1) {subtract}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N]", ["%1 = constant float32[1] [1]", "%2 = binary(%1, %0) {multiply}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N, 3]", ["%1 = constant float32[3] [1, 1, 1]", "%2 = binary(%0, %1) {divide}", "%2"], ["%0"]),
  // A 1 that makes the result larger stays.
  SimplifyCase(
    "%0: float32[3]", ["%1 = constant float32[1, 1] [1]", "%2 = binary(%0, %1) {multiply}", "%2"],
    ["%1 = constant float32[1, 1] [1]", "%2 = binary(%0, %1) {multiply}", "%2"]),
  SimplifyCase("%0: bool[N]", ["%1 = constant bool[] [true]", "%2 = binary(%0, %1) {and}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N]", ["%1 = constant float32[] [2]", "%2 = binary(%0, %1) {power}", "%2"],
    ["%1 = binary(%0, %0) {multiply}", "%1"]),
  SimplifyCase("%0: float32[N]", ["%1 = unary(%0) {negate}", "%2 = unary(%1) {negate}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N]", ["%1 = unary(%0) {floor}", "%2 = unary(%1) {floor}", "%2"], ["%1 = unary(%0) {floor}", "%1"]),
  // Bounds
  SimplifyCase(
    "%0: float32[N]",
    [
      "%1 = constant float32[] [0]", "%2 = binary(%0, %1) {maximum}", "%3 = constant float32[] [6]",
      "%4 = binary(%2, %3) {minimum}", "%5 = constant float32[] [-1]", "%6 = binary(%4, %5) {maximum}", "%6",
    ],
    [
      "%1 = constant float32[] [0]", "%2 = binary(%0, %1) {maximum}", "%3 = constant float32[] [6]",
      "%4 = binary(%2, %3) {minimum}", "%4",
    ]),
  // Conversions
  SimplifyCase("%0: float32[N]", ["%1 = convert(%0) {to: float32, saturating: true}", "%1"], ["%0"]),
  SimplifyCase(
    "%0: float16[N]",
    ["%1 = convert(%0) {to: float32, saturating: true}", "%2 = convert(%1) {to: float16, saturating: true}", "%2"],
    ["%0"]),
  SimplifyCase(
    "%0: float32[N]",
    ["%1 = convert(%0) {to: float16, saturating: true}", "%2 = convert(%1) {to: float32, saturating: true}", "%2"],
    ["%1 = convert(%0) {to: float16, saturating: true}", "%2 = convert(%1) {to: float32, saturating: true}", "%2"]),
  SimplifyCase(
    "%0: bool[N]",
    ["%1 = convert(%0) {to: float32, saturating: true}", "%2 = convert(%1) {to: bool, saturating: true}", "%2"],
    ["%1 = convert(%0) {to: float32, saturating: true}", "%2 = convert(%1) {to: bool, saturating: true}", "%2"]),
  SimplifyCase(
    "%0: int8[N]",
    ["%1 = convert(%0) {to: int32, saturating: true}", "%2 = convert(%1) {to: float32, saturating: true}", "%2"],
    ["%1 = convert(%0) {to: float32, saturating: true}", "%1"]),
  // Reshapes and transposes
  SimplifyCase(
    "%0: float32[N, 6]", ["%1 = constant int64[2] [0, 6]", "%2 = reshape(%0, %1) {zeroCopies: true}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N, 6]",
    [
      "%1 = constant int64[3] [-1, 2, 3]", "%2 = reshape(%0, %1) {zeroCopies: false}", "%3 = constant int64[2] [0, -1]",
      "%4 = reshape(%2, %3) {zeroCopies: true}", "%4",
    ], ["%0"]),
  SimplifyCase(
    "%0: float32[N, 6]",
    [
      "%1 = shape(%0)", "%2 = constant int64[1] [0]", "%3 = constant int64[1] [1]",
      "%4 = slice(%1, %2, %3, %3)", "%5 = constant int64[2] [2, 3]", "%6 = concatenate(%4, %5) {axis: 0}",
      "%7 = reshape(%0, %6) {zeroCopies: false}", "%7",
    ],
    ["%1 = constant int64[3] [-1, 2, 3]", "%2 = reshape(%0, %1) {zeroCopies: false}", "%2"]),
  SimplifyCase(
    "%0: float32[A, B, C]",
    ["%1 = transpose(%0) {permutation: [1, 2, 0]}", "%2 = transpose(%1) {permutation: [2, 0, 1]}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[A, B, C]",
    ["%1 = transpose(%0) {permutation: [1, 2, 0]}", "%2 = transpose(%1) {permutation: [1, 2, 0]}", "%2"],
    ["%1 = transpose(%0) {permutation: [2, 0, 1]}", "%1"]),
  SimplifyCase(
    "%0: float32[N, 1, 1, 8]", ["%1 = transpose(%0) {permutation: [0, 3, 1, 2]}", "%1"],
    ["%1 = constant int64[4] [-1, 8, 1, 1]", "%2 = reshape(%0, %1) {zeroCopies: false}", "%2"]),
  SimplifyCase(
    "%0: float32[N, 3]", ["%1 = transpose(%0) {permutation: [1, 0]}", "%2 = shape(%1)", "%2"],
    [
      "%1 = shape(%0)", "%2 = constant int64[2] [1, 0]", "%3 = gather(%1, %2) {axis: 0, batchDimensions: 0}", "%3",
    ]),
  SimplifyCase("%0: float32[N, 3]", ["%1 = reverse(%0) {axes: [1]}", "%2 = reverse(%1) {axes: [1]}", "%2"], ["%0"]),
  SimplifyCase("%0: float32[N, 1]", ["%1 = reverse(%0) {axes: [1]}", "%1"], ["%0"]),
  // Parts
  SimplifyCase(
    "%0: float32[N, 3]",
    [
      "%1 = constant int64[2] [0, 0]", "%2 = constant int64[2] [9223372036854775807, 3]",
      "%3 = constant int64[2] [1, 1]", "%4 = slice(%0, %1, %2, %3)", "%4",
    ], ["%0"]),
  SimplifyCase(
    "%0: float32[4]",
    [
      "%1 = constant int64[1] [-1]", "%2 = constant int64[1] [-9223372036854775808]", "%3 = slice(%0, %1, %2, %1)",
      "%3",
    ],
    [
      "%1 = constant int64[1] [-1]", "%2 = constant int64[1] [-9223372036854775808]", "%3 = slice(%0, %1, %2, %1)",
      "%3",
    ]),
  SimplifyCase(
    "%0: float32[N]",
    ["%1 = constant float32[] [7]", "%2 = constant int64[1] [0]", "%3 = pad(%0, %1, %2, %2) {constant}", "%3"],
    ["%0"]),
  SimplifyCase("%0: float32[N]", ["%1 = concatenate(%0) {axis: 0}", "%1"], ["%0"]),
  SimplifyCase("%0: float32[N], %1: float32[0]", ["%2 = concatenate(%1, %0) {axis: 0}", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[N, 3]",
    ["%1 = constant int64[3] [0, 1, 2]", "%2 = gather(%0, %1) {axis: 1, batchDimensions: 0}", "%2"], ["%0"]),
  SimplifyCase("%0: float32[N, 3]", ["%1 = reduce(%0) {sum, axes: []}", "%1"], ["%0"]),
  // Broadcasts
  SimplifyCase(
    "%0: float32[2, 3]", ["%1 = constant int64[2] [2, 1]", "%2 = broadcast(%0, %1)", "%2"], ["%0"]),
  SimplifyCase(
    "%0: float32[3], %1: float32[2, 3]",
    ["%2 = constant int64[2] [2, 3]", "%3 = broadcast(%0, %2)", "%4 = binary(%3, %1) {add}", "%4"],
    ["%2 = binary(%0, %1) {add}", "%2"]),
  SimplifyCase(
    "%0: float32[3]",
    ["%1 = constant int64[2] [2, 3]", "%2 = broadcast(%0, %1)", "%3 = unary(%2) {negate}", "%3"],
    ["%1 = unary(%0) {negate}", "%2 = constant int64[2] [2, 3]", "%3 = broadcast(%1, %2)", "%3"]),
  // Choices
  SimplifyCase(
    "%0: float32[N], %1: float32[N]", ["%2 = constant bool[] [false]", "%3 = select(%2, %0, %1)", "%3"], ["%1"]),
  SimplifyCase(
    "%0: float32[N], %1: float32[N], %2: bool[N]", ["%3 = unary(%2) {not}", "%4 = select(%3, %0, %1)", "%4"],
    ["%3 = select(%2, %1, %0)", "%3"]),
  // Reads of what was made here
  SimplifyCase(
    "%0: float32[N], %1: float32[N]",
    ["%2 = sequenceConstruct(%0, %1)", "%3 = constant int64[] [-1]", "%4 = sequenceAt(%2, %3)", "%4"], ["%1"]),
]

@Suite struct SimplifyTests {
  @Test func halvesComputeInFloat32AndRoundWhereSomethingElseReadsThem() throws {
    try expect(
      .widenHalves,
      """
      graph before(%0: float16[2, 3], %1: float16[3, 4], %2: float16[4]) {
        %3 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float16}
        %4 = transpose(%3) {permutation: [1, 0]}
        %5 = transpose(%4) {permutation: [1, 0]}
        %6 = binary(%5, %2) {add}
        %7 = compare(%6, %5) {less}
        %8 = convert(%6) {to: float32, saturating: true}
        return %6, %7, %8, %1
      }
      ----
      graph after(%0: float16[2, 3], %1: float16[3, 4], %2: float16[4]) {
        %3 = convert(%0) {to: float32, saturating: true}
        %4 = convert(%1) {to: float32, saturating: true}
        %5 = dot(%3, %4) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        %6 = transpose(%5) {permutation: [1, 0]}
        %7 = transpose(%6) {permutation: [1, 0]}
        %8 = convert(%7) {to: float16, saturating: true}
        %9 = convert(%2) {to: float32, saturating: true}
        %10 = binary(%7, %9) {add}
        %11 = convert(%10) {to: float16, saturating: true}
        %12 = compare(%11, %8) {less}
        return %11, %12, %10, %1
      }
      """)
  }

  @Test func exactStepsOfHalvesStayHalves() throws {
    try expect(
      .widenHalves,
      """
      graph before(%0: bfloat16[6]) {
        %1 = transpose(%0) {permutation: [0]}
        %2 = unary(%1) {floor}
        return %2
      }
      ----
      graph after(%0: bfloat16[6]) {
        %1 = transpose(%0) {permutation: [0]}
        %2 = unary(%1) {floor}
        return %2
      }
      """)
  }

  @Test(arguments: cases) func rule(_ example: SimplifyCase) throws { try expect(.simplify, example.text) }
}
