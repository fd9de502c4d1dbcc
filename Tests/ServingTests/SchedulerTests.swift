import Glibc
import Testing

@testable import Serving

@Suite struct SchedulerTests {
  static let body = #"{"data": [[1, 2]]}"#

  @Test func refusesWhatTheQueueCannotHold() throws {
    let server = try TestServer([.slow(milliseconds: 300)]) { $0.limits.queuedRequests = 1 }
    let clients = try (0..<3).map { _ in try server.connect() }
    // One is scored, one waits, one is too many.
    for client in clients {
      client.send(Client.post(Self.body))
      usleep(30_000)
    }
    let refused = try clients[2].response()
    #expect(refused.status == 503)
    #expect(refused["Retry-After"] == "1")
    #expect(refused["Connection"] == nil)
    for client in clients[..<2] { #expect(try client.response().body == "[3.0]") }
    #expect(try clients[2].request(Client.post(Self.body)).body == "[3.0]")
  }

  @Test func givesUpOnAModelThatHeedsItsLimit() throws {
    let client = try TestServer([.slow(milliseconds: 1000)]) { $0.limits.scoringMilliseconds = 100 }.connect()
    let response = try client.request(Client.post(Self.body))
    #expect(response.status == 500)
    #expect(response.message == "Scoring timeout after 100 ms")
    #expect(response["x-ms-run-function-failed"] == "True")
  }

  @Test func givesUpOnAModelThatDoesNot() throws {
    let server = try TestServer([.stuck(milliseconds: 700)]) { $0.limits.scoringMilliseconds = 100 }
    let client = try server.connect()
    let response = try client.request(Client.post(Self.body, headers: ["x-request-id: late"]))
    #expect(response.status == 500)
    #expect(response.message == "Scoring timeout after 100 ms")
    #expect(response["x-request-id"] == "late")
    #expect(client.isClosed())
  }

  @Test func servesOthersWhileAModelIsSlow() throws {
    let server = try TestServer([.slow(milliseconds: 500), .sums(index: 1)]) { $0.scoringThreadCount = 2 }
    let busy = try server.connect()
    busy.send(Client.post(Self.body))
    let start = ContinuousClock.now
    for _ in 0..<20 { #expect(try server.post(Self.body, path: "/models/sums/score").body == "[3.0]") }
    #expect(ContinuousClock.now - start < .milliseconds(450))
    #expect(try busy.response().body == "[3.0]")
  }

  @Test func runsFastModelsOnTheEventLoopOnceMeasured() throws {
    let model = ServedModel.sums()
    let server = try TestServer([model])
    let scheduler = Scheduler(threadCount: 1, limits: ServerLimits())
    #expect(!scheduler.runsInline(model, bodyBytes: 10))
    for _ in 0..<3 { _ = try server.post(Self.body) }
    #expect(scheduler.runsInline(model, bodyBytes: 10))
    #expect(!scheduler.runsInline(model, bodyBytes: 1 << 20))
  }

  @Test func forgetsTheFirstRunAndSmoothsTheRest() {
    let cost = RunCost()
    cost.add(nanoseconds: 1_000_000_000)
    #expect(cost.averageNanoseconds == 0)
    cost.add(nanoseconds: 100_000)
    #expect(cost.averageNanoseconds == 100_000)
    cost.add(nanoseconds: 1_000_000_000)
    #expect(cost.averageNanoseconds < 150_000)
    for _ in 0..<100 { cost.add(nanoseconds: 900_000) }
    #expect((800_000...900_000).contains(cost.averageNanoseconds))
  }
}
