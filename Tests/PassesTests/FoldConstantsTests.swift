import GraphIR
import Passes
import Testing

@Suite struct FoldConstantsTests {
  @Test func nodesOfConstantsAreComputed() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N, 2]) {
        %1 = constant float32[2] [1, 2]
        %2 = constant float32[2] [10, 20]
        %3 = binary(%1, %2) {add}
        %4 = binary(%0, %3) {add}
        return %4
      }
      ----
      graph after(%0: float32[N, 2]) {
        %1 = constant float32[2] [11, 22]
        %2 = binary(%0, %1) {add}
        return %2
      }
      """)
  }

  @Test func elementsOfShapesAreConstantsWhereTheExtentsAre() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N, 4]) {
        %1 = shape(%0)
        %2 = constant int64[] [1]
        %3 = gather(%1, %2) {axis: 0, batchDimensions: 0}
        return %3, %1
      }
      ----
      graph after(%0: float32[N, 4]) {
        %1 = shape(%0)
        %2 = constant int64[] [4]
        return %2, %1
      }
      """)
  }

  @Test func aKnownConditionTakesItsBranch() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: float32[N]) {
        %1 = constant bool[] [false]
        %2 = if(%1, %0) with
          graph then(%0: float32[N]) {
            %1 = unary(%0) {negate}
            return %1
          }
          graph else(%0: float32[N]) {
            %1 = unary(%0) {absolute}
            return %1
          }
        return %2
      }
      ----
      graph after(%0: float32[N]) {
        %1 = unary(%0) {absolute}
        return %1
      }
      """)
  }

  @Test func constantsAreKnownInsideOfBranches() throws {
    try expect(
      .foldConstants,
      """
      graph before(%0: bool[]) {
        %1 = constant float32[2] [1, 2]
        %2 = if(%0, %1) with
          graph then(%0: float32[2]) {
            %1 = unary(%0) {negate}
            return %1
          }
          graph else(%0: float32[2]) {
            return %0
          }
        return %2
      }
      ----
      graph after(%0: bool[]) {
        %1 = if(%0) with
          graph then() {
            %0 = constant float32[2] [-1, -2]
            return %0
          }
          graph else() {
            %0 = constant float32[2] [1, 2]
            return %0
          }
        return %1
      }
      """)
  }

  @Test func randomNumbersAndLargeResultsStay() throws {
    let text = """
      graph before() {
        %0 = constant int64[2] [1000, 1000]
        %1 = random(%0) {uniform {low: 0, high: 1}, float32, seed: 1}
        %2 = constant float32[] [1]
        %3 = broadcast(%2, %0)
        return %1, %3
      }
      """
    try expect(.foldConstants, text)
  }
}
