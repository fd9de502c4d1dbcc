import Engine
import TestSupport
import Testing

@Suite struct MemoryPlanTests {
  typealias Buffer = MemoryPlan.Buffer

  @Test func buffersThatNeverMeetShareMemory() {
    let plan = MemoryPlan([
      Buffer(byteCount: 640, first: 0, last: 1), Buffer(byteCount: 640, first: 2, last: 3),
      Buffer(byteCount: 64, first: 1, last: 2),
    ])
    #expect(plan.offsets[0] == plan.offsets[1])
    #expect(plan.arenaByteCount == 704)
    #expect(plan.lowerBound == 704)
  }

  @Test func nothingNeedsNothing() {
    #expect(MemoryPlan([]).arenaByteCount == 0)
    #expect(MemoryPlan([Buffer(byteCount: 0, first: 0, last: 9)]).arenaByteCount == 0)
  }

  /// All sets of three buffers of one to three blocks that live within four steps. So few always fit without a gap.
  @Test func threeBuffersNeedNoMoreThanTheLowerBound() {
    let choices = (0..<4).flatMap { first in
      (first..<4).flatMap { last in
        (1...3).map { Buffer(byteCount: $0 * MemoryPlan.alignment, first: first, last: last) }
      }
    }
    var failures = 0
    for (i, a) in choices.enumerated() {
      for (j, b) in choices[i...].enumerated() {
        for c in choices[(i + j)...] {
          let buffers = [a, b, c]
          let plan = MemoryPlan(buffers)
          failures += plan.arenaByteCount == plan.lowerBound && overlap(plan, buffers) == nil ? 0 : 1
        }
      }
    }
    #expect(failures == 0)
  }

  @Test(arguments: 0..<60) func thePlanIsTheBestOfAllPlanners(seed: Int) {
    var random = SeededGenerator(seed)
    let buffers = (0..<Int.random(in: 1...120, using: &random)).map { _ in
      let first = Int.random(in: 0..<100, using: &random)
      return Buffer(
        byteCount: Int.random(in: 0...5000, using: &random), first: first,
        last: first + Int.random(in: 0..<30, using: &random))
    }
    let plans = MemoryPlan.Planner.allCases.map { MemoryPlan(buffers, planners: [$0]) }
    for (planner, plan) in zip(MemoryPlan.Planner.allCases, plans) {
      #expect(overlap(plan, buffers) == nil, "seed \(seed): \(planner)")
      #expect(plan.arenaByteCount >= plan.lowerBound, "seed \(seed): \(planner)")
      #expect(plan.lowerBound == peak(buffers), "seed \(seed)")
    }
    let best = MemoryPlan(buffers)
    #expect(best.arenaByteCount == plans.map(\.arenaByteCount).min())
    #expect(overlap(best, buffers) == nil, "seed \(seed)")
  }

  /// None of the planners is there for nothing.
  @Test func eachPlannerIsTheOnlyBestForSomeBuffers() {
    var alone: Set<MemoryPlan.Planner> = []
    for seed in 0..<2000 where alone.count < MemoryPlan.Planner.allCases.count {
      var random = SeededGenerator(seed)
      let buffers = (0..<Int.random(in: 4...24, using: &random)).map { step in
        Buffer(
          byteCount: MemoryPlan.alignment << Int.random(in: 0...5, using: &random), first: step,
          last: step + Int.random(in: 1...8, using: &random))
      }
      let arenas = MemoryPlan.Planner.allCases.map { MemoryPlan(buffers, planners: [$0]).arenaByteCount }
      let best = arenas.min()
      let winners = zip(MemoryPlan.Planner.allCases, arenas).filter { $0.1 == best }
      if winners.count == 1 { alone.insert(winners[0].0) }
    }
    #expect(alone == Set(MemoryPlan.Planner.allCases))
  }

  /// What is wrong with a plan; nil for a good one.
  private func overlap(_ plan: MemoryPlan, _ buffers: [Buffer]) -> String? {
    for i in buffers.indices {
      guard plan.offsets[i] % MemoryPlan.alignment == 0 else { return "buffer \(i) is not aligned" }
      let end = plan.offsets[i] + buffers[i].byteCount
      guard plan.offsets[i] >= 0, end <= plan.arenaByteCount else { return "buffer \(i) is outside" }
      for j in 0..<i {
        let meet = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last
        let apart = end <= plan.offsets[j] || plan.offsets[j] + buffers[j].byteCount <= plan.offsets[i]
        guard !meet || apart else { return "buffers \(i) and \(j) overlap" }
      }
    }
    return nil
  }

  private func peak(_ buffers: [Buffer]) -> Int {
    let alignment = MemoryPlan.alignment
    return buffers.map { begin in
      buffers.filter { $0.first <= begin.first && begin.first <= $0.last }
        .reduce(0) { $0 + ($1.byteCount + alignment - 1) / alignment * alignment }
    }.max() ?? 0
  }
}
