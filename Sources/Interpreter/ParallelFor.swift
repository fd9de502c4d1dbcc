import Threads

/// Splits `0..<count` into one contiguous range for each thread and runs `body` on all of them at once; the caller
/// is one of the threads. Ranges depend on `count` and `threads` only, and start at multiples of `grain`.
func parallelFor(_ count: Int, threads: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
  let grains = (count + grain - 1) / grain
  if min(threads, grains) <= 1 {
    if count > 0 { body(0..<count) }
    return
  }
  ThreadTeam.shared.run(units: grains, threadCount: threads) { range in
    body(range.lowerBound * grain..<min(range.upperBound * grain, count))
  }
}
