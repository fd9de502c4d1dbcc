import GraphIR
import Passes
import Testing

@Suite struct EliminationTests {
  @Test func nodesWithoutUseGoAndInputsStay() throws {
    try expect(
      .eliminateDeadCode,
      """
      graph before(%0: float32[N], %1: float32[N]) {
        %2 = unary(%1) {negate}
        %3 = unary(%2) {absolute}
        %4 = unary(%0) {floor}
        return %4
      }
      ----
      graph after(%0: float32[N], %1: float32[N]) {
        %2 = unary(%0) {floor}
        return %2
      }
      """)
  }

  @Test func capturesWithoutUseGo() throws {
    try expect(
      .eliminateDeadCode,
      """
      graph before(%0: float32[N], %1: float32[N], %2: bool[]) {
        %3 = unary(%0) {negate}
        %4 = if(%2, %3, %1) with
          graph then(%0: float32[N], %1: float32[N]) {
            %2 = unary(%0) {floor}
            return %1
          }
          graph else(%0: float32[N], %1: float32[N]) {
            %2 = unary(%1) {ceil}
            return %2
          }
        return %4
      }
      ----
      graph after(%0: float32[N], %1: float32[N], %2: bool[]) {
        %3 = if(%2, %1) with
          graph then(%0: float32[N]) {
            return %0
          }
          graph else(%0: float32[N]) {
            %1 = unary(%0) {ceil}
            return %1
          }
        return %3
      }
      """)
  }

  @Test func carriedValuesStayAndCapturesOfLoopsGo() throws {
    try expect(
      .eliminateDeadCode,
      """
      graph before(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
        %5 = loop(%0, %1, %2, %3, %4) {carried: 1} with
          graph body(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
            %5 = binary(%2, %4) {add}
            return %1, %5
          }
        return %5
      }
      ----
      graph after(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
        %5 = loop(%0, %1, %2, %4) {carried: 1} with
          graph body(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4]) {
            %4 = binary(%2, %3) {add}
            return %1, %4
          }
        return %5
      }
      """)
  }

  @Test func whatALoopCarriesUnchangedBecomesACapture() throws {
    try expect(
      .captureInvariants,
      """
      graph before(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
        %5, %6, %7 = loop(%0, %1, %2, %3, %4) {carried: 2} with
          graph body(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
            %5 = binary(%2, %3) {add}
            %6 = binary(%5, %4) {multiply}
            return %1, %2, %5, %6
          }
        return %5, %6, %7
      }
      ----
      graph after(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
        %5, %6 = loop(%0, %1, %3, %4, %2) {carried: 1} with
          graph body(%0: int64[], %1: bool[], %2: float32[4], %3: float32[4], %4: float32[4]) {
            %5 = binary(%4, %2) {add}
            %6 = binary(%5, %3) {multiply}
            return %1, %5, %6
          }
        return %2, %5, %6
      }
      """)
  }

  @Test func aLoopThatChangesNothingGoes() throws {
    try expect(
      .captureInvariants,
      """
      graph before(%0: int64[], %1: bool[], %2: float32[4]) {
        %3 = loop(%0, %1, %2) {carried: 1} with
          graph body(%0: int64[], %1: bool[], %2: float32[4]) {
            return %1, %2
          }
        %4 = unary(%3) {negate}
        return %4
      }
      ----
      graph after(%0: int64[], %1: bool[], %2: float32[4]) {
        %3 = unary(%2) {negate}
        return %3
      }
      """)
  }

  @Test func whatFollowsUnknownShapesBecomesASegment() throws {
    try expect(
      .segmentDataDependentShapes,
      """
      graph before(%0: float32[N, 4], %1: float32[4, 4]) {
        %2 = convert(%0) {to: float64, saturating: true}
        %3 = unary(%1) {negate}
        %4 = dot(%0, %3) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
        %5 = unary(%3) {absolute}
        return %4, %5, %2
      }
      ----
      graph after(%0: float32[N, 4], %1: float32[4, 4]) {
        %2 = unary(%1) {negate}
        %3 = unary(%2) {absolute}
        %4, %5 = composite(%0, %2) {{name: DataDependentSegment, attributes: {}}} with
          graph segment(%0: float32[N, 4], %1: float32[4, 4]) {
            %2 = convert(%0) {to: float64, saturating: true}
            %3 = dot(%0, %1) {{lhsBatch: [], rhsBatch: [], lhsContracting: [1], rhsContracting: [0]}, result: float32}
            return %3, %2
          }
        return %4, %3, %5
      }
      """)
  }

  @Test func equalNodesAndEqualSmallConstantsBecomeOne() throws {
    try expect(
      .eliminateCommonSubexpressions,
      """
      graph before(%0: float32[N]) {
        %1 = constant float32[] [2]
        %2 = binary(%0, %1) {add}
        %3 = constant float32[] [2]
        %4 = binary(%3, %0) {add}
        %5 = binary(%2, %4) {subtract}
        return %5
      }
      ----
      graph after(%0: float32[N]) {
        %1 = constant float32[] [2]
        %2 = binary(%0, %1) {add}
        %3 = binary(%2, %2) {subtract}
        return %3
      }
      """)
  }

  @Test func zerosOfDifferentSignAndRandomNumbersAreNotShared() throws {
    try expect(
      .eliminateCommonSubexpressions,
      """
      graph before(%0: float32[N]) {
        %1 = constant float32[] [0]
        %2 = binary(%0, %1) {add}
        %3 = constant float32[] [-0]
        %4 = binary(%0, %3) {add}
        %5 = constant int64[1] [3]
        %6 = random(%5) {uniform {low: 0, high: 1}, float32}
        %7 = random(%5) {uniform {low: 0, high: 1}, float32}
        return %2, %4, %6, %7
      }
      """)
  }
}
