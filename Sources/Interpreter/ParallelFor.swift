import Glibc

/// Splits `0..<count` into one contiguous range for each thread and runs `body` on all of them at once; the caller
/// is one of the threads. Ranges depend on `count` and `threads` only, and start at multiples of `grain`.
///
/// Starting a thread takes some 15 µs, so callers ask for more than one only for work of about a millisecond.
func parallelFor(_ count: Int, threads: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
  let grains = (count + grain - 1) / grain
  let workers = max(1, min(threads, grains))
  if workers == 1 {
    if count > 0 { body(0..<count) }
    return
  }
  func range(_ worker: Int) -> Range<Int> {
    min(grains * worker / workers * grain, count)..<min(grains * (worker + 1) / workers * grain, count)
  }
  // The closures do not outlive this call: every thread is joined below.
  withoutActuallyEscaping(body) { body in
    var handles: [pthread_t] = []
    for worker in 1..<workers {
      let range = range(worker)
      let work = Unmanaged.passRetained(Work { body(range) })
      var handle = pthread_t()
      let status = pthread_create(
        &handle, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().run()
          return nil
        }, work.toOpaque())
      if status == 0 {
        handles.append(handle)
      } else {
        // The system has no thread to give: do its share here.
        work.takeRetainedValue().run()
      }
    }
    body(range(0))
    for handle in handles { pthread_join(handle, nil) }
  }
}

/// What one thread is started for.
private final class Work {
  let run: () -> Void
  init(_ run: @escaping () -> Void) { self.run = run }
}
