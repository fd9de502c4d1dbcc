/// How many threads a session has, and from which length of a kernel on they are worth waking.
struct ThreadUse {
  var count = 1
  /// Kernels that take less run on the calling thread: waking another one up costs as much.
  var minimumNanoseconds = 20_000.0

  /// The same between two phases of a kernel, where the threads are awake: handing over costs 0.2 µs.
  var minimumPhaseNanoseconds = 2_000.0

  func areWorth(_ call: PlanStep.KernelCall) -> Bool {
    count > 1 && call.unitCount > 1 && call.estimatedNanoseconds >= minimumNanoseconds
      && (call.phaseCount == 1 || call.estimatedNanoseconds >= minimumPhaseNanoseconds * Double(call.phaseCount))
  }
}
