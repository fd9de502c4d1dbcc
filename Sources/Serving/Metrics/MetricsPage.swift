import NIOCore

/// `GET /metrics`.
final class MetricsPage: Sendable {
  /// What else is on the page.
  struct Facts: Sendable {
    var limits: ServerLimits
    var eventLoopCount: Int
    var scoringThreadCount: Int
    var readiness: Readiness
  }

  static let path = "/metrics"

  private let metrics: Metrics
  private let facts: Facts
  /// By the models' indices.
  private let labels: [MetricsWriter.Labels]
  private let infoLabels: [MetricsWriter.Labels]
  private let buildLabels = MetricsWriter.Labels([("version", Release.version)])
  private let startNanoseconds = ProcessFigures.startNanoseconds()

  init(_ metrics: Metrics, models: [ServedModel], _ facts: Facts) {
    self.metrics = metrics
    self.facts = facts
    labels = models.map { MetricsWriter.Labels([("model", $0.name), ("version", $0.version)]) }
    infoLabels = models.map { model in
      MetricsWriter.Labels([
        ("model", model.name), ("version", model.version), ("precision", model.precision),
        ("instruction_set", model.instructionSet),
      ])
    }
  }

  /// - Parameter needsKey: whether those who ask must have a key, where the server has keys.
  func route(needsKey: Bool) -> Route {
    Route(.get, Self.path, needsKey: needsKey, .reply { _, reply in self.write(to: &reply) })
  }

  func write(to reply: inout Reply) {
    reply.isProbe = true
    reply.contentType = .metrics
    var writer = MetricsWriter(reply.body)
    // The buffer must have one owner, or it is copied.
    reply.body = ByteBuffer()
    for family in Self.families {
      writer.begin(family.name, family.kind, family.help)
      family.write(self, family.name, &writer)
    }
    writeProcess(&writer)
    reply.body = writer.buffer
  }

  // MARK: - What there is

  /// One name, and how its samples are written.
  struct Family: Sendable {
    let name: StaticString
    let kind: MetricsWriter.Kind
    let help: StaticString
    let write: @Sendable (MetricsPage, StaticString, inout MetricsWriter) -> Void
  }

  static let families: [Family] = [
    Family(name: "apus_build_info", kind: .gauge, help: "The version of apus.") { page, name, writer in
      writer.sample(name, page.buildLabels, nil, .count(1))
    },
    Family(name: "apus_ready", kind: .gauge, help: "1 while requests are welcome, 0 while the server drains.") {
      page, name, writer in
      writer.sample(name, .none, nil, .count(page.facts.readiness.isReady ? 1 : 0))
    },
    Family(
      name: "apus_model_info", kind: .gauge,
      help: "The models, with the precision and the instructions that they run at."
    ) { page, name, writer in
      for labels in page.infoLabels { writer.sample(name, labels, nil, .count(1)) }
    },
    Family(name: "apus_requests_total", kind: .counter, help: "Requests to a model that were answered.") {
      page, name, writer in
      for (model, labels) in page.labels.enumerated() {
        page.writeAnswers(name, labels, &writer) { page.metrics[$0, model: model] }
      }
    },
    Family(
      name: "apus_requests_abandoned_total", kind: .counter,
      help: "Requests to a model whose client went away before there was an answer."
    ) { page, name, writer in
      page.writeModels(name, &writer) { .count(page.metrics[.abandoned, model: $0]) }
    },
    Family(
      name: "apus_requests_in_flight", kind: .gauge, help: "Requests to a model that are read, wait, or are worked on."
    ) { page, name, writer in
      page.writeModels(name, &writer) { .count(page.inFlight(model: $0)) }
    },
    histogram(
      "apus_request_duration_seconds", .request, "From the complete request to its answer, errors included."),
    histogram(
      "apus_request_queue_seconds", .queue,
      "From the complete request to a scoring thread. Requests that an event loop runs itself do not wait, and are not counted."
    ),
    histogram("apus_model_run_seconds", .run, "The model itself, without reading and writing JSON."),
    Family(
      name: "apus_requests_rejected_total", kind: .counter,
      help: "Requests that were refused or given up, other than for what they asked."
    ) { page, name, writer in
      for reason in Rejection.allCases {
        writer.sample(name, .none, ("reason", reason.name), .count(page.metrics[reason]))
      }
    },
    Family(name: "apus_http_responses_total", kind: .counter, help: "All answers, those about no model included.") {
      page, name, writer in
      page.writeAnswers(name, .none, &writer) { status in
        page.labels.indices.reduce(page.metrics[status, model: nil]) { $0 &+ page.metrics[status, model: $1] }
      }
    },
    number("apus_http_received_bytes_total", .counter, "Bytes that came from clients.") { $0.metrics[.receivedBytes] },
    number("apus_http_sent_bytes_total", .counter, "Bytes that were written for clients.") { $0.metrics[.sentBytes] },
    number("apus_connections_open", .gauge, "Open connections.") { page in
      // Closed ones first: one that is opened and closed between the two would make the difference negative.
      let closed = page.metrics[.closedConnections]
      return difference(page.metrics[.openedConnections], closed)
    },
    number("apus_connections_limit", .gauge, "Most connections at a time.") { UInt64($0.facts.limits.connections) },
    number("apus_connections_total", .counter, "Connections that were admitted.") { $0.metrics[.openedConnections] },
    number("apus_connections_rejected_total", .counter, "Connections that the limit kept out.") {
      $0.metrics[.refusedConnections]
    },
    number("apus_queue_length", .gauge, "Requests that wait for a scoring thread.") { page in
      let taken = page.metrics[.takenJobs]
      return difference(page.metrics[.queuedJobs], taken)
    },
    number("apus_queue_limit", .gauge, "Most requests that wait for a scoring thread.") {
      UInt64($0.facts.limits.queuedRequests)
    },
    number("apus_scoring_threads", .gauge, "Threads that score slow models.") { UInt64($0.facts.scoringThreadCount) },
    number("apus_scoring_threads_busy", .gauge, "Those of them that are at work.") { page in
      let done = page.metrics[.doneJobs]
      return difference(page.metrics[.takenJobs], done)
    },
    number("apus_event_loops", .gauge, "Threads that read requests and score fast models.") {
      UInt64($0.facts.eventLoopCount)
    },
  ]

  private static func number(
    _ name: StaticString, _ kind: MetricsWriter.Kind, _ help: StaticString,
    _ value: @escaping @Sendable (MetricsPage) -> UInt64
  ) -> Family {
    Family(name: name, kind: kind, help: help) { page, name, writer in
      writer.sample(name, .none, nil, .count(value(page)))
    }
  }

  private static func histogram(_ name: StaticString, _ histogram: Metrics.Histogram, _ help: StaticString) -> Family {
    Family(name: name, kind: .histogram, help: help) { page, name, writer in
      for (model, labels) in page.labels.enumerated() {
        let counts = (0...LatencyBuckets.count).map { page.metrics.count(histogram, model: model, bucket: $0) }
        writer.histogram(
          name, labels, counts: counts, nanoseconds: page.metrics.nanoseconds(histogram, model: model))
      }
    }
  }

  /// Counters are read one after the other while threads go on counting.
  private static func difference(_ more: UInt64, _ less: UInt64) -> UInt64 { more > less ? more - less : 0 }

  private func inFlight(model: Int) -> UInt64 {
    let ended = Status.allCases.reduce(metrics[.abandoned, model: model]) { $0 &+ metrics[$1, model: model] }
    return Self.difference(metrics[.begun, model: model], ended)
  }

  // MARK: - Samples

  private func writeModels(
    _ name: StaticString, _ writer: inout MetricsWriter, _ value: (Int) -> MetricsWriter.Value
  ) {
    for (model, labels) in labels.enumerated() { writer.sample(name, labels, nil, value(model)) }
  }

  /// A code is shown once it was answered; 200 always, so that a rate has somewhere to start.
  private func writeAnswers(
    _ name: StaticString, _ labels: MetricsWriter.Labels, _ writer: inout MetricsWriter, _ count: (Status) -> UInt64
  ) {
    for status in Status.allCases {
      let count = count(status)
      guard count > 0 || status == .ok else { continue }
      writer.sample(name, .init([("code", "\(status.rawValue)")], after: labels), nil, .count(count))
    }
  }

  /// Under the names that Prometheus's client libraries give them.
  private func writeProcess(_ writer: inout MetricsWriter) {
    let figures = ProcessFigures()
    let rows: [(StaticString, MetricsWriter.Kind, StaticString, MetricsWriter.Value?)] = [
      (
        "process_cpu_seconds_total", .counter, "User and system time of all threads.",
        figures.cpuNanoseconds.map { .nanoseconds($0) }
      ),
      ("process_resident_memory_bytes", .gauge, "Resident memory.", figures.residentBytes.map { .count($0) }),
      ("process_virtual_memory_bytes", .gauge, "Virtual memory.", figures.virtualBytes.map { .count($0) }),
      ("process_open_fds", .gauge, "Open file descriptors.", figures.openFileCount.map { .count($0) }),
      ("process_max_fds", .gauge, "Most open file descriptors.", figures.openFileLimit.map { .count($0) }),
      (
        "process_start_time_seconds", .gauge, "When the process started, in seconds since 1970.",
        startNanoseconds.map { .nanoseconds($0) }
      ),
    ]
    for (name, kind, help, value) in rows {
      guard let value else { continue }
      writer.begin(name, kind, help)
      writer.sample(name, .none, nil, value)
    }
  }
}
