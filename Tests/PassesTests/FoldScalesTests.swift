import GraphIR
import Passes
import Testing

@Suite struct FoldScalesTests {
  @Test func aNormalisationGoesIntoTheConvolutionBefore() throws {
    try expect(
      .foldScales,
      """
      graph before(%0: float32[N, 8, 8, 1]) {
        %1 = constant float32[1, 1, 1, 2] [3, 5]
        %2 = convolution(%0, %1) {{strides: [1, 1], dilations: [1, 1], padding: explicit {low: [0, 0], high: [0, 0]}, groups: 1}, result: float32}
        %3 = constant float32[2] [1, 2]
        %4 = binary(%2, %3) {add}
        %5 = constant float32[2] [0.5, 1]
        %6 = binary(%4, %5) {subtract}
        %7 = constant float32[1, 1, 1, 2] [2, 4]
        %8 = binary(%6, %7) {multiply}
        %9 = constant float32[] [10]
        %10 = binary(%9, %8) {add}
        return %10
      }
      ----
      graph after(%0: float32[N, 8, 8, 1]) {
        %1 = constant float32[1, 1, 1, 2] [6, 20]
        %2 = convolution(%0, %1) {{strides: [1, 1], dilations: [1, 1], padding: explicit {low: [0, 0], high: [0, 0]}, groups: 1}, result: float32}
        %3 = constant float32[2] [11, 14]
        %4 = binary(%2, %3) {add}
        return %4
      }
      """)
  }

  @Test func denseLayersInBothOrders() throws {
    try expect(
      .foldScales,
      """
      graph before(%0: float32[N, 1]) {
        %1 = constant float32[2, 1] [3, 5]
        %2 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [1]}, result: float32}
        %3 = constant float32[2] [2, 4]
        %4 = binary(%2, %3) {divide}
        %5 = constant float32[1, 2] [3, 5]
        %6 = dot(%0, %5) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        %7 = constant float32[] [2]
        %8 = binary(%7, %6) {multiply}
        return %4, %8
      }
      ----
      graph after(%0: float32[N, 1]) {
        %1 = constant float32[2, 1] [1.5, 1.25]
        %2 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [1]}, result: float32}
        %3 = constant float32[1, 2] [6, 10]
        %4 = dot(%0, %3) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        return %2, %4
      }
      """)
  }

  @Test func aResultThatOthersReadStays() throws {
    try expect(
      .foldScales,
      """
      graph before(%0: float32[N, 1]) {
        %1 = constant float32[1, 2] [3, 5]
        %2 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        %3 = constant float32[2] [2, 4]
        %4 = binary(%2, %3) {multiply}
        return %2, %4
      }
      """)
  }

  @Test func infiniteScalesStay() throws {
    try expect(
      .foldScales,
      """
      graph before(%0: float32[N, 1]) {
        %1 = constant float32[1, 2] [3, 0]
        %2 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        %3 = constant float32[2] [2, inf]
        %4 = binary(%2, %3) {multiply}
        return %4
      }
      """)
  }
}
