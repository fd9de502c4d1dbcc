import Engine
import Tensors

/// One side of `Benchmarks/compare`, which drives several engines in turn; its `worker.py` speaks the same words.
/// Prints `loaded NANOSECONDS 0` and then one line for each of standard input, until that ends.
struct InteractiveBench {
  let session: Session
  let values: [RuntimeValue]
  let loadTime: Duration

  func run() throws {
    var outputs: [RuntimeValue] = []
    // The zero is the memory that is not the engine's: a worker in Python has some.
    answer("loaded \(loadTime.nanoseconds) 0")
    while let line = readLine() {
      let words = line.split(separator: " ", maxSplits: 1).map(String.init)
      switch words.first {
      case "run":
        guard words.count == 2, let count = Int(words[1]), 1...10_000_000 ~= count else {
          throw Self.misunderstood(line)
        }
        var times = [Int64](repeating: 0, count: count)
        for index in times.indices {
          let start = ContinuousClock.now
          outputs = try session.results(values)
          times[index] = (ContinuousClock.now - start).nanoseconds
        }
        answer(times.map(String.init).joined(separator: " "))
      case "write":
        guard words.count == 2, !outputs.isEmpty else { throw Self.misunderstood(line) }
        try RunCommand.write(outputs, session.model, to: words[1])
        answer("written")
      default: throw Self.misunderstood(line)
      }
    }
  }

  private func answer(_ line: String) { StandardStream.output.write(line + "\n") }

  private static func misunderstood(_ line: String) -> CommandFailure {
    CommandFailure(.usage, "expected \"run N\", then \"write FILE.npz\", not \"\(line)\"")
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
