import GraphIR
import Passes
import Testing

@Suite struct SinkTransposesTests {
  private let pass = Pass.together(
    "sink-and-simplify", [.foldConstants, .simplify, .sinkTransposes, .eliminateCommonSubexpressions])

  @Test func pairsAroundElementwiseNodesCancel() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[N, 8, 8, 4]) {
        %1 = transpose(%0) {permutation: [0, 3, 1, 2]}
        %2 = constant float32[4, 1, 1] [1, 2, 3, 4]
        %3 = binary(%1, %2) {multiply}
        %4 = constant float32[] [0]
        %5 = binary(%3, %4) {maximum}
        %6 = binary(%5, %1) {add}
        %7 = transpose(%6) {permutation: [0, 2, 3, 1]}
        return %7
      }
      ----
      graph after(%0: float32[N, 8, 8, 4]) {
        %1 = constant float32[4] [1, 2, 3, 4]
        %2 = binary(%0, %1) {multiply}
        %3 = constant float32[] [0]
        %4 = binary(%2, %3) {maximum}
        %5 = binary(%4, %0) {add}
        return %5
      }
      """)
  }

  @Test func axesAreRenamed() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[N, 8, 8, 4], %1: float32[N, 8, 8, 2]) {
        %2 = transpose(%0) {permutation: [0, 3, 1, 2]}
        %3 = transpose(%1) {permutation: [0, 3, 1, 2]}
        %4 = concatenate(%2, %3) {axis: 1}
        %5 = constant int64[4] [0, 1, 0, 0]
        %6 = constant int64[4] [9223372036854775807, 5, 8, 8]
        %7 = constant int64[4] [1, 1, 1, 1]
        %8 = slice(%4, %5, %6, %7)
        %9 = constant float32[] [0]
        %10 = constant int64[4] [0, 0, 1, 2]
        %11 = constant int64[4] [0, 0, 3, 4]
        %12 = pad(%8, %9, %10, %11) {constant}
        %13 = reduce(%12) {mean, axes: [2, 3]}
        return %13
      }
      ----
      graph after(%0: float32[N, 8, 8, 4], %1: float32[N, 8, 8, 2]) {
        %2 = concatenate(%0, %1) {axis: 3}
        %3 = constant int64[4] [0, 0, 0, 1]
        %4 = constant int64[4] [9223372036854775807, 8, 8, 5]
        %5 = constant int64[4] [1, 1, 1, 1]
        %6 = slice(%2, %3, %4, %5)
        %7 = constant float32[] [0]
        %8 = constant int64[4] [0, 1, 2, 0]
        %9 = constant int64[4] [0, 3, 4, 0]
        %10 = pad(%6, %7, %8, %9) {constant}
        %11 = reduce(%10) {mean, axes: [1, 2]}
        return %11
      }
      """)
  }

  /// x · sigmoid(dense(mean(x))): the gate [N, C, 1, 1] is only reshaped to the other layout.
  @Test func gatesOfChannelsAreReshaped() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[N, 8, 8, 4], %1: float32[N, 4]) {
        %2 = transpose(%0) {permutation: [0, 3, 1, 2]}
        %3 = constant int64[4] [-1, 4, 1, 1]
        %4 = reshape(%1, %3) {zeroCopies: false}
        %5 = binary(%2, %4) {multiply}
        %6 = transpose(%5) {permutation: [0, 2, 3, 1]}
        return %6
      }
      ----
      graph after(%0: float32[N, 8, 8, 4], %1: float32[N, 4]) {
        %2 = constant int64[4] [-1, 1, 1, 4]
        %3 = reshape(%1, %2) {zeroCopies: false}
        %4 = binary(%0, %3) {multiply}
        return %4
      }
      """)
  }

  @Test func theShuffleOfChannelsKeepsOneTranspose() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[N, 8, 8, 6]) {
        %1 = transpose(%0) {permutation: [0, 3, 1, 2]}
        %2 = constant int64[5] [-1, 2, 3, 8, 8]
        %3 = reshape(%1, %2) {zeroCopies: false}
        %4 = transpose(%3) {permutation: [0, 2, 1, 3, 4]}
        %5 = constant int64[4] [-1, 6, 8, 8]
        %6 = reshape(%4, %5) {zeroCopies: false}
        %7 = transpose(%6) {permutation: [0, 2, 3, 1]}
        return %7
      }
      ----
      graph after(%0: float32[N, 8, 8, 6]) {
        %1 = constant int64[5] [-1, 8, 8, 2, 3]
        %2 = reshape(%0, %1) {zeroCopies: false}
        %3 = transpose(%2) {permutation: [0, 1, 2, 4, 3]}
        %4 = constant int64[4] [-1, 8, 8, 6]
        %5 = reshape(%3, %4) {zeroCopies: false}
        return %5
      }
      """)
  }

  @Test func contractionsNameOtherAxes() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[B, S, 2, 4], %1: float32[B, S, 2, 4]) {
        %2 = transpose(%0) {permutation: [0, 2, 1, 3]}
        %3 = transpose(%1) {permutation: [0, 2, 3, 1]}
        %4 = dot(%2, %3) {{lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [3], rhsContracting: [2]}, result: float32}
        return %4
      }
      ----
      graph after(%0: float32[B, S, 2, 4], %1: float32[B, S, 2, 4]) {
        %2 = dot(%0, %1) {{lhsBatch: [0, 2], rhsBatch: [0, 2], lhsContracting: [3], rhsContracting: [3]}, result: float32}
        return %2
      }
      """)
  }

  @Test func theFirstDenseLayerTakesTheImageAsItLies() throws {
    try expect(
      pass,
      """
      graph before(%0: float32[N, 1, 2, 2]) {
        %1 = transpose(%0) {permutation: [0, 3, 1, 2]}
        %2 = constant int64[2] [-1, 4]
        %3 = reshape(%1, %2) {zeroCopies: false}
        %4 = constant float32[4, 2] [1, 2, 3, 4, 5, 6, 7, 8]
        %5 = dot(%3, %4) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        return %5
      }
      ----
      graph after(%0: float32[N, 1, 2, 2]) {
        %1 = constant int64[2] [-1, 4]
        %2 = reshape(%0, %1) {zeroCopies: false}
        %3 = constant float32[4, 2] [1, 2, 5, 6, 3, 4, 7, 8]
        %4 = dot(%2, %3) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        return %4
      }
      """)
  }

  @Test func quantizedWeightsAreMovedOnce() throws {
    try expect(
      pass,
      """
      graph before() {
        %0 = constant int8[2, 3] [1, 2, 3, 4, 5, 6]
        %1 = constant float32[2] [1, 10]
        %2 = dequantize(%0, %1) {{axis: 0, blockSize: 0}, to: float32}
        %3 = transpose(%2) {permutation: [1, 0]}
        return %3
      }
      ----
      graph after() {
        %0 = constant int8[3, 2] [1, 4, 2, 5, 3, 6]
        %1 = constant float32[2] [1, 10]
        %2 = dequantize(%0, %1) {{axis: 1, blockSize: 0}, to: float32}
        return %2
      }
      """)
  }

  @Test func aBroadcastOfOneElementTakesTheOtherShape() throws {
    try expect(
      pass,
      """
      graph before() {
        %0 = constant float32[] [0.5]
        %1 = constant int64[2] [1000, 2000]
        %2 = broadcast(%0, %1)
        %3 = transpose(%2) {permutation: [1, 0]}
        return %3
      }
      ----
      graph after() {
        %0 = constant float32[] [0.5]
        %1 = constant int64[2] [2000, 1000]
        %2 = broadcast(%0, %1)
        return %2
      }
      """)
  }

  @Test func joinedHeadsKeepTheirTranspose() throws {
    // The reshape joins axes that do not lie together: the transpose has work to do and stays.
    try expect(
      pass,
      """
      graph before(%0: float32[B, 2, S, 4]) {
        %1 = transpose(%0) {permutation: [0, 2, 1, 3]}
        %2 = constant int64[3] [0, 0, 8]
        %3 = reshape(%1, %2) {zeroCopies: true}
        return %3
      }
      """)
  }
}
