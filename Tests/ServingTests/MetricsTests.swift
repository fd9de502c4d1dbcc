import NIOCore
import Synchronization
import Testing

@testable import Serving

/// Counting and writing, without a server.
@Suite struct MetricsTests {
  // MARK: - Histograms

  private static let bounds = LatencyBuckets.nanoseconds.map(Int.init)

  /// The bucket that alone has counted.
  private func bucket(of nanoseconds: Int) -> Int? {
    let metrics = Metrics(modelCount: 1, threadCount: 1)
    metrics.thread(0).observe(.run, model: 0, nanoseconds: nanoseconds)
    let counts = (0...LatencyBuckets.count).map { metrics.count(.run, model: 0, bucket: $0) }
    return counts.reduce(0, +) == 1 ? counts.firstIndex(of: 1) : nil
  }

  @Test(arguments: bounds.indices) func includesTheBound(_ index: Int) {
    #expect(bucket(of: Self.bounds[index] - 1) == index)
    #expect(bucket(of: Self.bounds[index]) == index)
    #expect(bucket(of: Self.bounds[index] + 1) == index + 1)
  }

  @Test(arguments: [(0, 0), (-1, 0), (Int.min, 0), (1, 0), (Int.max, LatencyBuckets.count)])
  func takesEveryDuration(_ nanoseconds: Int, _ expected: Int) { #expect(bucket(of: nanoseconds) == expected) }

  @Test func labelsItsBounds() {
    #expect(Self.bounds == Self.bounds.sorted() && Set(Self.bounds).count == LatencyBuckets.count)
    for (label, bound) in zip(LatencyBuckets.labels, Self.bounds) {
      #expect(Double("\(label)").map { Int(($0 * 1e9).rounded()) } == bound)
    }
  }

  @Test(arguments: 0..<20) func writesCumulativeBuckets(_ seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let metrics = Metrics(modelCount: 2, threadCount: 3)
    // Every magnitude is as likely as any other.
    let durations = (0..<200).map { _ in Int.random(in: 0..<1 << Int.random(in: 1...40, using: &random), using: &random)
    }
    for duration in durations {
      metrics.thread(Int.random(in: 0..<3, using: &random)).observe(.queue, model: 1, nanoseconds: duration)
    }
    let page = try page(metrics)
    let buckets = page.buckets("apus_request_queue_seconds", #"{model="m1",version="1"}"#)
    #expect(buckets.count == LatencyBuckets.count + 1)
    for (bound, count) in buckets {
      let expected = durations.filter { Double($0) <= (bound * 1e9).rounded() }.count
      #expect(count == Double(expected), "\(bound)")
    }
    #expect(buckets.last?.bound == .infinity)
    let sum = page[#"apus_request_queue_seconds_sum{model="m1",version="1"}"#]
    #expect(abs(sum - Double(durations.reduce(0, +)) / 1e9) <= sum * 1e-12)
    #expect(page[#"apus_request_queue_seconds_count{model="m0",version="1"}"#] == 0)
  }

  // MARK: - Counters

  @Test func knowsHowManyOfEachThereAre() {
    #expect(Metrics.ServerCounter.count == Metrics.ServerCounter.allCases.count)
    #expect(Metrics.ModelCounter.count == Metrics.ModelCounter.allCases.count)
    #expect(Metrics.Histogram.count == Metrics.Histogram.allCases.count)
    #expect(Rejection.count == Rejection.allCases.count)
    #expect(Status.allCases.map(\.index) == Array(0..<Status.count))
  }

  /// Each counter is counted another number of times; none is what another one is.
  @Test func countsEachForItself() {
    let metrics = Metrics(modelCount: 3, threadCount: 2)
    var expected = 0
    /// Counts one more than the one before, now on this thread, now on that.
    func count(_ body: (ThreadMetrics) -> Void) {
      expected += 1
      for time in 0..<expected { body(metrics.thread(time % 2)) }
    }
    for counter in Metrics.ServerCounter.allCases { count { $0.add(counter) } }
    for rejection in Rejection.allCases { count { $0.add(rejection) } }
    for status in Status.allCases { count { $0.addAnswer(status) } }
    for model in 0..<3 {
      for counter in Metrics.ModelCounter.allCases { count { $0.add(counter, model: model) } }
      for status in Status.allCases { count { $0.addAnswer(status, model: model, nanoseconds: 1) } }
    }
    var found: [UInt64] = Metrics.ServerCounter.allCases.map { metrics[$0] }
    found += Rejection.allCases.map { metrics[$0] }
    found += Status.allCases.map { metrics[$0, model: nil] }
    for model in 0..<3 {
      found += Metrics.ModelCounter.allCases.map { metrics[$0, model: model] }
      found += Status.allCases.map { metrics[$0, model: model] }
      let answers = Status.allCases.reduce(0) { $0 + metrics[$1, model: model] }
      #expect(metrics.count(.request, model: model, bucket: 0) == answers)
      #expect(metrics.nanoseconds(.request, model: model) == answers)
      #expect(metrics.nanoseconds(.run, model: model) == 0)
    }
    #expect(found == (1...expected).map(UInt64.init))
  }

  @Test func wrapsInsteadOfTrapping() {
    let metrics = Metrics(modelCount: 1, threadCount: 2)
    for thread in 0..<2 {
      metrics.thread(thread).add(.sentBytes, Int.max)
      metrics.thread(thread).add(.sentBytes, Int.max)
      for _ in 0..<3 { metrics.thread(thread).observe(.run, model: 0, nanoseconds: Int.max) }
    }
    #expect(metrics[.sentBytes] == UInt64.max - 3)
    #expect(metrics.count(.run, model: 0, bucket: LatencyBuckets.count) == 6)
  }

  @Test func losesNothingBetweenThreads() throws {
    let metrics = Metrics(modelCount: 1, threadCount: 4)
    let done = Atomic<Int>(0)
    let threads = try (0..<4).map { index in
      try startThread {
        let own = metrics.thread(index)
        for _ in 0..<50_000 { own.add(.receivedBytes, 3) }
        done.add(1, ordering: .sequentiallyConsistent)
      }
    }
    var last: UInt64 = 0
    while done.load(ordering: .sequentiallyConsistent) < 4 {
      let sum = metrics[.receivedBytes]
      #expect(sum >= last)
      last = sum
    }
    for thread in threads { join(thread) }
    #expect(metrics[.receivedBytes] == 600_000)
  }

  // MARK: - The page

  private func page(_ metrics: Metrics) throws -> Exposition {
    let models = (0..<metrics.modelCount).map { ServedModel.sums(index: $0, name: "m\($0)") }
    let facts = MetricsPage.Facts(
      limits: ServerLimits(), eventLoopCount: 1, scoringThreadCount: 1, readiness: Readiness())
    var reply = Reply()
    MetricsPage(metrics, models: models, facts).write(to: &reply)
    return try Exposition(String(buffer: reply.body))
  }

  @Test(arguments: [
    ("plain", "plain"), (#"a"b"#, #"a\"b"#), (#"a\b"#, #"a\\b"#), ("a\nb", #"a\nb"#), (#"\""#, #"\\\""#),
    ("é{},=\t'", "é{},=\t'"), ("", ""), ("a\r\nb", "a\r\\nb"),
  ])
  func escapesLabels(_ value: String, _ expected: String) {
    let labels = MetricsWriter.Labels([("model", value)])
    #expect(String(decoding: labels.bytes, as: UTF8.self) == "model=\"\(expected)\"")
  }

  @Test(arguments: [
    (MetricsWriter.Value.count(UInt64(0)), "0"), (.count(UInt64.max), "18446744073709551615"),
    (.nanoseconds(0), "0.000000000"), (.nanoseconds(1), "0.000000001"), (.nanoseconds(1_500_000_000), "1.500000000"),
    (.nanoseconds(UInt64.max), "18446744073.709551615"), (.count(-1), "0"), (.count(10), "10"),
  ])
  func writesNumbers(_ value: MetricsWriter.Value, _ expected: String) {
    var buffer = ByteBuffer()
    value.write(to: &buffer)
    #expect(String(buffer: buffer) == expected)
  }

  @Test func namesEveryFamilyOnceAndByTheConventions() throws {
    let page = try page(Metrics(modelCount: 1, threadCount: 1))
    let names = MetricsPage.families.map { "\($0.name)" }
    #expect(Set(names).count == names.count)
    for (name, kind) in page.kinds {
      #expect((kind == "counter") == name.hasSuffix("_total"), "\(name)")
      #expect(names.contains(name) || name.hasPrefix("process_"))
      // In OpenMetrics a counter is named without its suffix.
      #expect(kind != "counter" || page.kinds[String(name.dropLast("_total".count))] == nil, "\(name)")
    }
    #expect(page[#"apus_build_info{version="\#(Release.version)"}"#] == 1)
    #expect(page["apus_ready"] == 1)
  }

  @Test func saysWhatTheSystemSays() throws {
    let before = try page(Metrics(modelCount: 0, threadCount: 1))
    for name in ["resident_memory_bytes", "virtual_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
      #expect(before["process_" + name] > 0, "\(name)")
    }
    #expect(before["process_resident_memory_bytes"] < before["process_virtual_memory_bytes"])
    #expect(before["process_open_fds"] <= before["process_max_fds"])
    let files = try #require(openFiles(count: 10))
    defer { for file in files { closeFile(file) } }
    var sum = 0.0
    for number in 0..<2_000_000 { sum += Double(number).squareRoot() }
    let after = try page(Metrics(modelCount: 0, threadCount: 1))
    #expect(sum > 0 && after["process_cpu_seconds_total"] > before["process_cpu_seconds_total"])
    // Other tests open and close files meanwhile.
    #expect(after["process_open_fds"] > 10)
    // From two clocks, which are read one after the other; a server does so once.
    #expect(abs(after["process_start_time_seconds"] - before["process_start_time_seconds"]) < 1)
  }
}
