import Glibc
import Testing

@testable import Serving

/// What a running server counts.
@Suite struct MetricsServerTests {
  static let body = #"{"data": [[1, 2]]}"#
  static let sums = #"{model="sums",version="1"}"#

  private func answers(_ page: Exposition, _ code: Int, model: String = "sums") -> Double {
    page["apus_requests_total{model=\"\(model)\",version=\"1\",code=\"\(code)\"}"]
  }

  /// Requests of every kind, each another number of times, so that none is taken for another.
  @Test func countsEveryKindOfAnswer() throws {
    let server = try TestServer {
      $0.keys = AccessKeys(primary: "key", secondary: "key")
      $0.limits.bodyBytes = 1000
      $0.limits.headBytes = 512
      $0.limits.readMilliseconds = 200
      $0.hasPublicMetrics = true
    }
    let key = ["Authorization: Bearer key"]
    func post(_ body: String, _ count: Int, _ status: Int, headers: [String], type: String = "application/json") throws
    {
      for _ in 0..<count {
        let text = Client.text("POST", "/score", ["Content-Type: \(type)"] + headers, body)
        #expect(try server.request(text).status == status)
      }
    }
    try post(Self.body, 7, 200, headers: key)
    try post(#"{"data": [["x"]]}"#, 1, 400, headers: key)
    try post("{", 1, 400, headers: key)
    try post(Self.body, 3, 401, headers: [])
    try post(String(repeating: " ", count: 1001), 4, 413, headers: key)
    try post(Self.body, 5, 415, headers: key, type: "text/plain")
    for _ in 0..<2 {
      #expect(try server.request(Client.get("/nowhere")).status == 404)
      #expect(try server.request(Client.text("POST", "/metrics", [], "")).status == 405)
      #expect(try server.request("nonsense\r\n\r\n").status == 400)
    }
    let long = ["X-Long: \(String(repeating: "x", count: 600))"]
    for _ in 0..<3 { #expect(try server.request(Client.get("/", headers: long)).status == 431) }
    for path in ["/", "/swagger.json"] { #expect(try server.request(Client.get(path)).status == 200) }
    // One does not end its head, the other not its body.
    let head = "POST /score HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer key\r\nContent-Length: 100\r\n"
    for text in [head, head + "\r\n{"] { #expect(try server.request(text).status == 408) }

    let page = try server.scrape()
    for (code, count) in [(200, 7), (400, 2), (401, 3), (413, 4), (415, 5), (408, 1), (404, 0), (503, 0)] {
      #expect(answers(page, code) == Double(count), "\(code)")
    }
    for (code, count) in [(200, 9), (400, 4), (401, 3), (404, 2), (405, 2), (408, 2), (413, 4), (415, 5), (431, 3)] {
      #expect(page["apus_http_responses_total{code=\"\(code)\"}"] == Double(count), "\(code)")
    }
    for (reason, count) in [
      ("unauthorized", 3), ("body_too_large", 4), ("header_too_large", 3), ("read_timeout", 2), ("queue_full", 0),
      ("scoring_timeout", 0), ("out_of_memory", 0),
    ] {
      #expect(page["apus_requests_rejected_total{reason=\"\(reason)\"}"] == Double(count), "\(reason)")
    }
    #expect(page["apus_request_duration_seconds_count\(Self.sums)"] == 22)
    #expect(page["apus_model_run_seconds_count\(Self.sums)"] == 7)
    #expect(page["apus_requests_in_flight\(Self.sums)"] == 0)
    #expect(page["apus_requests_abandoned_total\(Self.sums)"] == 0)
  }

  @Test func countsPipelinedRequestsAndBytes() throws {
    let server = try TestServer()
    let client = try server.connect()
    let requests = String(repeating: Client.post(Self.body), count: 50)
    client.send(requests)
    for _ in 0..<50 { #expect(try client.response().status == 200) }
    let sentBefore = client.receivedByteCount
    let scrape = Client.get("/metrics")
    let page = try Exposition(client.request(scrape).body)
    #expect(answers(page, 200) == 50)
    #expect(page["apus_request_duration_seconds_count\(Self.sums)"] == 50)
    #expect(page["apus_model_run_seconds_count\(Self.sums)"] == 50)
    // Those that an event loop ran itself did not wait.
    let queued = page["apus_request_queue_seconds_count\(Self.sums)"]
    #expect(queued >= 1 && queued <= 50)
    #expect(page["apus_http_received_bytes_total"] == Double(requests.utf8.count + scrape.utf8.count))
    #expect(page["apus_http_sent_bytes_total"] == Double(sentBefore))
    #expect(page["apus_connections_open"] == 1)
    #expect(page["apus_connections_total"] == 1)
  }

  @Test func showsWhatWaitsAndWhatRuns() throws {
    let gate = Gate()
    let server = try TestServer([gate.model]) { $0.limits.queuedRequests = 2 }
    let labels = #"{model="gate",version="1"}"#
    let clients = try (0..<4).map { _ in try server.connect() }
    for client in clients[..<3] { client.send(Client.post(Self.body)) }
    var page = try server.scrape { $0["apus_queue_length"] == 2 && $0["apus_scoring_threads_busy"] == 1 }
    #expect(page["apus_queue_length"] == 2)
    #expect(page["apus_scoring_threads_busy"] == 1)
    #expect(page["apus_scoring_threads"] == 1)
    #expect(page["apus_queue_limit"] == 2)
    #expect(page["apus_requests_in_flight\(labels)"] == 3)
    #expect(try clients[3].request(Client.post(Self.body)).status == 503)
    gate.open(3)
    for client in clients[..<3] { #expect(try client.response().status == 200) }
    page = try server.scrape { $0["apus_scoring_threads_busy"] == 0 }
    #expect(page["apus_queue_length"] == 0)
    #expect(page["apus_requests_in_flight\(labels)"] == 0)
    #expect(page["apus_requests_rejected_total{reason=\"queue_full\"}"] == 1)
    #expect(answers(page, 503, model: "gate") == 1)
    #expect(page["apus_request_queue_seconds_count\(labels)"] == 3)
    #expect(page["apus_request_duration_seconds_count\(labels)"] == 4)
  }

  @Test func countsClientsThatGoAway() throws {
    let gate = Gate()
    let server = try TestServer([gate.model])
    let labels = #"{model="gate",version="1"}"#
    // One goes before its body is whole, the other while its request is worked on.
    do {
      let client = try server.connect()
      client.send("POST /score HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n{")
      _ = try server.scrape { $0["apus_requests_in_flight\(labels)"] == 1 }
    }
    var page = try server.scrape { $0["apus_requests_abandoned_total\(labels)"] == 1 }
    #expect(page["apus_requests_abandoned_total\(labels)"] == 1)
    let client = try server.connect()
    client.send(Client.post(Self.body))
    _ = try server.scrape { $0["apus_scoring_threads_busy"] == 1 }
    client.reset()
    page = try server.scrape { $0["apus_requests_abandoned_total\(labels)"] == 2 }
    #expect(page["apus_requests_abandoned_total\(labels)"] == 2)
    gate.open(1)
    page = try server.scrape { $0["apus_scoring_threads_busy"] == 0 }
    #expect(page["apus_requests_in_flight\(labels)"] == 0)
    #expect(answers(page, 200, model: "gate") == 0)
    // The model ran to its end nevertheless.
    #expect(page["apus_model_run_seconds_count\(labels)"] == 1)
  }

  @Test func countsModelsThatTakeTooLong() throws {
    let server = try TestServer([.slow(milliseconds: 1000)]) { $0.limits.scoringMilliseconds = 100 }
    #expect(try server.post(Self.body).status == 500)
    let page = try server.scrape()
    #expect(answers(page, 500, model: "slow") == 1)
    #expect(page["apus_requests_rejected_total{reason=\"scoring_timeout\"}"] == 1)
    let durations = page.buckets("apus_request_duration_seconds", #"{model="slow",version="1"}"#)
    #expect(durations.first { $0.bound == 0.05 }?.count == 0)
  }

  @Test func countsConnectionsAboveTheLimit() throws {
    let server = try TestServer { $0.limits.connections = 1 }
    let client = try server.connect()
    _ = try client.request(Client.get("/"))
    #expect(try server.connect().response().status == 503)
    let page = try Exposition(client.request(Client.get("/metrics")).body)
    #expect(page["apus_connections_open"] == 1)
    #expect(page["apus_connections_total"] == 1)
    #expect(page["apus_connections_rejected_total"] == 1)
    #expect(page["apus_connections_limit"] == 1)
    #expect(page[#"apus_http_responses_total{code="503"}"#] == 1)
  }

  @Test func keepsModelsApartWhateverTheirNames() throws {
    let names = ["plain", #"a"b\c"#, "line\nfeed", "ünïcode {x=\"1\"}"]
    let server = try TestServer(names.enumerated().map { .sums(index: $0, name: $1) })
    for (index, name) in names.enumerated() {
      for _ in 0...index {
        let path = "/models/\(PercentEncoding.encode(name))/score"
        #expect(try server.post(Self.body, path: path).status == 200)
      }
    }
    let page = try server.scrape()
    for (index, name) in names.enumerated() {
      let label = MetricsWriter.Labels.escaped(name)
      #expect(answers(page, 200, model: label) == Double(index + 1))
      let info =
        "apus_model_info{model=\"\(label)\",version=\"1\",precision=\"float32\",instruction_set=\"interpreter\"}"
      #expect(page[info] == 1)
    }
  }

  @Test func isReadDuringLoad() throws {
    let server = try TestServer { $0.eventLoopCount = 2 }
    let clients = try (0..<4).map { _ in try server.connect() }
    let wrong = Answer()
    let threads = try clients.map { client in
      try startThread {
        for _ in 0..<500 {
          let response = try? client.request(Client.post(Self.body))
          if response?.status != 200 { wrong.set(response) }
        }
      }
    }
    let scraper = try server.connect()
    var last = 0.0
    while last < 2000 {
      // Every page is consistent in itself: the reading checks that.
      let page = try Exposition(scraper.request(Client.get("/metrics")).body)
      let count = answers(page, 200)
      #expect(count >= last)
      #expect(page["apus_requests_in_flight\(Self.sums)"] <= 5)
      last = count
      try #require(wrong.get() == nil)
    }
    for thread in threads { join(thread) }
    let page = try server.scrape()
    #expect(answers(page, 200) == 2000)
    #expect(page["apus_request_duration_seconds_count\(Self.sums)"] == 2000)
  }

  @Test func isNothingButAnotherDocument() throws {
    let server = try TestServer()
    let page = try server.request(Client.get("/metrics"))
    #expect(page["x-ms-run-function-failed"] == nil)
    let head = try server.request(Client.text("HEAD", "/metrics", [], nil))
    #expect(head.status == 200 && head.body == "")
    #expect(head["Content-Type"] == page["Content-Type"])
    #expect(try server.request(Client.text("OPTIONS", "/metrics", [], nil)).status == 200)
    for version in ["2", "3", "3.1"] {
      #expect(try !server.request(Client.get("/swagger.json?version=\(version)")).body.contains("metrics"))
    }
  }

  @Test func asksForAKeyWhereScoringDoes() throws {
    let keys = AccessKeys(primary: "first", secondary: "second")
    let closed = try TestServer { $0.keys = keys }
    #expect(try closed.request(Client.get("/metrics")).status == 401)
    for key in ["first", "second"] {
      _ = try closed.scrape(headers: ["Authorization: Bearer \(key)"])
    }
    let open = try TestServer {
      $0.keys = keys
      $0.hasPublicMetrics = true
    }
    _ = try open.scrape()
    #expect(try open.post(Self.body).status == 401)
    _ = try TestServer().scrape()
  }
}

/// A model that waits until somebody lets a request through.
private final class Gate: Sendable {
  private let semaphore = Semaphore()

  func open(_ count: Int) { for _ in 0..<count { semaphore.signal() } }

  var model: ServedModel {
    let sums = ServedModel.sums()
    return ServedModel(name: "gate", version: "1", index: 0, inputs: sums.inputs, outputs: sums.outputs) {
      [semaphore] in
      let run = try sums.makeRun()
      return { inputs, limit in
        semaphore.wait()
        return try run(inputs, limit)
      }
    }
  }
}
