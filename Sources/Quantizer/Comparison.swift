import Engine
import Glibc
import Tensors

/// Two models on the same inputs: how far apart their results and their times are.
public struct Comparison {
  public struct Output {
    public var name: String
    /// Share of rows whose largest entry, or whose integer, is the same; nil where neither makes sense.
    public var agreement: Double?
    /// Energy of the first model's numbers over that of the differences, in decibels.
    public var signalToNoise: Double?
    /// Shares of rows that are as the calibration data says; nil when it does not.
    public var accuracies: (first: Double, second: Double)?
  }

  public var outputs: [Output]
  /// Median milliseconds of a run.
  public var times: (first: Double, second: Double)

  private static let shortestTiming = 1.0
  private static let fewestTimings = 5

  public init(_ first: Model, _ second: Model, on data: CalibrationData, threadCount: Int) throws {
    let sessions = [first, second].map { Session($0, threadCount: threadCount) }
    var tallies = first.outputs.map { _ in Tally() }
    for (number, run) in data.runs.enumerated() {
      let results = try sessions.map { try $0.run(run) }
      for (position, port) in first.outputs.enumerated() {
        guard let a = results[0][position].tensor, let b = results[1][position].tensor else { continue }
        tallies[position].add(a, b, expected: data.expected[number][port.name])
      }
    }
    outputs = zip(first.outputs, tallies).map { $1.output(named: $0.name) }

    // By turns, so that a change of the machine's speed hits both.
    var times: [[Double]] = [[], []]
    let clock = ContinuousClock()
    let start = clock.now
    while times[0].count < Self.fewestTimings || clock.now - start < .seconds(Self.shortestTiming) {
      for (which, session) in sessions.enumerated() {
        let run = data.runs[times[which].count % data.runs.count]
        let duration = try clock.measure { _ = try session.run(run) }.components
        times[which].append(Double(duration.attoseconds) * 1e-15 + Double(duration.seconds) * 1e3)
      }
    }
    let medians = times.map { $0.sorted()[$0.count / 2] }
    self.times = (medians[0], medians[1])
  }
}

/// What the rows seen so far say of one output.
private struct Tally {
  private var rows = 0
  private var equalRows = 0
  private var signal = 0.0
  private var noise = 0.0
  private var isClassification = true
  private var isFloat = false
  private var expectedRows = 0
  private var rightRows = (first: 0, second: 0)

  mutating func add(_ a: Tensor, _ b: Tensor, expected: Tensor?) {
    let (left, right) = (classes(a), classes(b))
    guard let left, let right, left.count == right.count else {
      isClassification = false
      addNumbers(a, b)
      return
    }
    rows += left.count
    equalRows += zip(left, right).count { $0 == $1 }
    addNumbers(a, b)
    guard let expected, let labels = classes(expected), labels.count == left.count else { return }
    expectedRows += labels.count
    rightRows.first += zip(left, labels).count { $0 == $1 }
    rightRows.second += zip(right, labels).count { $0 == $1 }
  }

  /// The class of each row: a vector of integers, or the largest of each row of scores.
  private func classes(_ tensor: Tensor) -> [Int]? {
    switch (tensor.elementType, tensor.shape.rank) {
    case (.int64, 1): return tensor.elements(of: Int64.self).map(Int.init)
    case (.int32, 1): return tensor.elements(of: Int32.self).map(Int.init)
    case (.float32, 2) where tensor.shape[1] > 1:
      let scores = tensor.elements(of: Float.self)
      let count = tensor.shape[1]
      return (0..<tensor.shape[0]).map { row in
        (0..<count).max { scores[row * count + $0] < scores[row * count + $1] } ?? 0
      }
    default: return nil
    }
  }

  private mutating func addNumbers(_ a: Tensor, _ b: Tensor) {
    guard a.elementType == .float32, b.elementType == .float32, a.shape == b.shape else { return }
    isFloat = true
    for (x, y) in zip(a.elements(of: Float.self), b.elements(of: Float.self)) {
      signal += Double(x) * Double(x)
      noise += (Double(x) - Double(y)) * (Double(x) - Double(y))
    }
  }

  func output(named name: String) -> Comparison.Output {
    func share(_ count: Int, of all: Int) -> Double { Double(count) / Double(all) }
    var output = Comparison.Output(name: name)
    if isClassification, rows > 0 { output.agreement = share(equalRows, of: rows) }
    if isFloat, signal > 0 { output.signalToNoise = 10 * log10(signal / max(noise, signal * 1e-30)) }
    if expectedRows > 0 {
      output.accuracies = (share(rightRows.first, of: expectedRows), share(rightRows.second, of: expectedRows))
    }
    return output
  }
}
