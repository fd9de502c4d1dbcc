import Dispatch
import Glibc
import Synchronization
import Testing

@testable import Threads

@Suite struct ThreadTeamTests {
  /// What the functions below get as context.
  private final class Visits: Sendable {
    let counts: [Atomic64]
    let threads = Mutex(Set<Int>())
    let handles = Mutex([Int: pthread_t]())

    final class Atomic64: Sendable {
      let value = Atomic<Int>(0)
    }

    init(_ count: Int) { counts = (0..<count).map { _ in Atomic64() } }

    var context: UnsafeRawPointer { UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()) }

    static func at(_ context: UnsafeRawPointer?) -> Visits {
      Unmanaged<Visits>.fromOpaque(context!).takeUnretainedValue()
    }

    var all: [Int] { counts.map { $0.value.load(ordering: .relaxed) } }
  }

  private static let visit: ThreadTeam.Function = { context, first, end, thread in
    let visits = Visits.at(context)
    for index in first..<end { visits.counts[index].value.add(1, ordering: .relaxed) }
    visits.threads.withLock { _ = $0.insert(thread) }
    visits.handles.withLock { $0[thread] = pthread_self() }
  }

  @Test(arguments: 1...9) func everyUnitIsVisitedOnceByTheThreadItBelongsTo(threadCount: Int) {
    let team = ThreadTeam()
    for units in 0...40 {
      let visits = Visits(units)
      team.run(units: units, threadCount: threadCount, Self.visit, context: visits.context)
      #expect(visits.all == Array(repeating: 1, count: units))
      #expect(visits.threads.withLock(\.self) == Set(0..<min(units, threadCount)))
    }
  }

  @Test func rangesAreContiguousAndDifferByAtMostOne() {
    for units in 1...50 {
      for threadCount in 1...units {
        let split = Split(units: units, threadCount: threadCount)
        let ranges = (0..<threadCount).map { split[$0] }
        #expect(ranges.flatMap(Array.init) == Array(0..<units))
        #expect(ranges.map(\.count).max()! - ranges.map(\.count).min()! <= 1)
      }
    }
  }

  @Test func aClosureGetsEveryUnitOnce() {
    let visits = Visits(1000)
    ThreadTeam.shared.run(units: 1000, threadCount: 3) { range in
      for index in range { visits.counts[index].value.add(1, ordering: .relaxed) }
    }
    #expect(visits.all == Array(repeating: 1, count: 1000))
  }

  @Test func moreThreadsThanATeamHasLeaveTheirRangesToTheCaller() {
    let count = ThreadTeam.maximumThreadCount + 7
    let visits = Visits(count)
    ThreadTeam().run(units: count, threadCount: count, Self.visit, context: visits.context)
    #expect(visits.all == Array(repeating: 1, count: count))
    #expect(visits.threads.withLock(\.count) == count)
  }

  @Test func aHundredThousandTinyRunsEnd() {
    let team = ThreadTeam()
    let visits = Visits(2)
    for _ in 0..<100_000 {
      team.run(
        units: 2, threadCount: 2,
        { context, first, end, _ in
          let visits = Visits.at(context)
          for index in first..<end { visits.counts[index].value.add(1, ordering: .relaxed) }
        }, context: visits.context)
    }
    #expect(visits.all == [100_000, 100_000])
  }

  @Test(arguments: [0, 1_000]) func moreThreadsThanCoresDoNotHang(spinNanoseconds: UInt64) {
    let team = ThreadTeam(coreCount: 1, spinNanoseconds: spinNanoseconds)
    let visits = Visits(16)
    for _ in 0..<2_000 { team.run(units: 16, threadCount: 16, Self.visit, context: visits.context) }
    #expect(visits.all == Array(repeating: 2_000, count: 16))
  }

  /// Runs that start while the workers fall asleep, which is when a wake-up could get lost.
  @Test func aRunAtAnyTimeAfterTheLastOneEnds() {
    let team = ThreadTeam(coreCount: 8, spinNanoseconds: 2_000)
    let visits = Visits(3)
    for round in 0..<20_000 {
      team.run(units: 3, threadCount: 3, Self.visit, context: visits.context)
      let pause = clock() + round % 40
      while clock() < pause {}
    }
    #expect(visits.all == Array(repeating: 20_000, count: 3))
  }

  @Test func callersAtTheSameTimeDoNotWaitForEachOther() {
    let team = ThreadTeam()
    let visits = (0..<4).map { _ in Visits(64) }
    DispatchQueue.concurrentPerform(iterations: 4) { caller in
      for _ in 0..<2_000 { team.run(units: 64, threadCount: 4, Self.visit, context: visits[caller].context) }
    }
    for visits in visits { #expect(visits.all == Array(repeating: 2_000, count: 64)) }
  }

  @Test func aRunWithinARunWorksAlone() {
    let team = ThreadTeam()
    let visits = Visits(100)
    team.run(units: 10, threadCount: 3) { outer in
      for index in outer {
        team.run(units: 10, threadCount: 3) { inner in
          for position in inner { visits.counts[index * 10 + position].value.add(1, ordering: .relaxed) }
        }
      }
    }
    #expect(visits.all == Array(repeating: 1, count: 100))
  }

  @Test func aTeamWithoutWorkCostsNoProcessorTime() throws {
    let team = ThreadTeam()
    let visits = Visits(4)
    team.run(units: 4, threadCount: 4, Self.visit, context: visits.context)
    usleep(50_000)
    let before = Self.workerNanoseconds(visits)
    usleep(200_000)
    #expect(Self.workerNanoseconds(visits) - before < 1_000_000)
  }

  /// Processor time of the threads that took part, besides the caller's.
  private static func workerNanoseconds(_ visits: Visits) -> Int {
    visits.handles.withLock { handles in
      handles.filter { $0.key != 0 }.values.reduce(0) { total, thread in
        var id = clockid_t()
        var time = timespec()
        guard pthread_getcpuclockid(thread, &id) == 0, clock_gettime(id, &time) == 0 else { return .max / 2 }
        return total + time.tv_sec * 1_000_000_000 + time.tv_nsec
      }
    }
  }
}
