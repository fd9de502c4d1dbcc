import Engine
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

  @Test(arguments: 0..<50 as Range<UInt64>) func livingBuffersNeverOverlap(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let buffers = (0..<Int.random(in: 1...120, using: &random)).map { _ in
      let first = Int.random(in: 0..<100, using: &random)
      return Buffer(
        byteCount: Int.random(in: 0...5000, using: &random), first: first,
        last: first + Int.random(in: 0..<30, using: &random))
    }
    let plan = MemoryPlan(buffers)
    for i in buffers.indices {
      #expect(plan.offsets[i] % MemoryPlan.alignment == 0)
      #expect(plan.offsets[i] + buffers[i].byteCount <= plan.arenaByteCount)
      for j in buffers.indices where j < i {
        let meet = buffers[i].first <= buffers[j].last && buffers[j].first <= buffers[i].last
        let apart =
          plan.offsets[i] + buffers[i].byteCount <= plan.offsets[j]
          || plan.offsets[j] + buffers[j].byteCount <= plan.offsets[i]
        #expect(!meet || apart, "seed \(seed): buffers \(i) and \(j)")
      }
    }
    #expect(plan.arenaByteCount >= plan.lowerBound)
  }
}

/// SplitMix64: the same numbers for a seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
