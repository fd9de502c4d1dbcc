import Glibc
import NIOCore

/// What all connections of one event loop share. Only that loop's thread touches it, which is what makes it safe to
/// hand to the closures that run there.
final class EventLoopState: @unchecked Sendable {
  let eventLoop: any EventLoop
  let service: Service
  let metrics: ThreadMetrics
  /// What this thread needs to run each model by itself; by the model's index, made when first needed.
  private var lanes: [Lane?]
  private var connections: [HTTPConnection] = []
  private(set) var dateLine: [UInt8] = []
  private var dateSeconds = 0
  /// The scratch reply of requests that are answered on this thread.
  var reply = Reply()
  private var identifiers: SplitMix64
  private(set) var drainStart: NIODeadline?
  private(set) var lastSweep = NIODeadline.now()

  /// - Parameter index: among the threads of `service.metrics`.
  init(eventLoop: any EventLoop, service: Service, index: Int) {
    self.eventLoop = eventLoop
    self.service = service
    metrics = service.metrics.thread(index)
    lanes = Array(repeating: nil, count: service.models.count)
    identifiers = SplitMix64(seed: UInt64.random(in: .min ... .max))
    updateDate()
  }

  /// Nil when the model cannot make another session.
  func lane(of model: ServedModel) -> Lane? {
    if let lane = lanes[model.index] { return lane }
    let lane = try? Lane(model, metrics, timeLimitMilliseconds: service.limits.scoringMilliseconds)
    lanes[model.index] = lane
    return lane
  }

  // MARK: - Connections and time

  var connectionCount: Int { connections.count }

  func add(_ connection: HTTPConnection) {
    connection.slot = connections.count
    connections.append(connection)
  }

  func remove(_ connection: HTTPConnection) {
    let slot = connection.slot
    guard slot < connections.count, connections[slot] === connection else { return }
    let last = connections.removeLast()
    if last !== connection {
      connections[slot] = last
      last.slot = slot
    }
  }

  /// One timer for all connections of the loop, instead of one for each request.
  func sweep() {
    updateDate()
    let now = NIODeadline.now()
    lastSweep = now
    // From the end, since a connection that closes leaves its slot to the last one.
    for index in connections.indices.reversed() where index < connections.count { connections[index].checkTime(now) }
  }

  func beginDrain() {
    drainStart = .now()
    sweep()
  }

  func closeAll() {
    for connection in Array(connections) { connection.abort() }
  }

  // MARK: - Date

  /// RFC 9110, section 5.6.7: "Date: Sun, 06 Nov 1994 08:49:37 GMT".
  private func updateDate() {
    var seconds = time(nil)
    guard seconds != dateSeconds else { return }
    dateSeconds = seconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let days: [StaticString] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months: [StaticString] = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = "\(days[Int(parts.tm_wday)]), \(twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)])"
    let clock = "\(twoDigits(parts.tm_hour)):\(twoDigits(parts.tm_min)):\(twoDigits(parts.tm_sec))"
    dateLine = Array("Date: \(date) \(parts.tm_year + 1900) \(clock) GMT\r\n".utf8)
  }

  // MARK: - Request ids

  /// A random UUID (RFC 9562, version 4) as text. Random enough to tell requests apart; no secret.
  func makeUUID() -> InlineArray<36, UInt8> {
    let high = identifiers.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
    let low = identifiers.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    var text = InlineArray<36, UInt8>(repeating: UInt8(ascii: "-"))
    var at = 0
    for digit in 0..<32 {
      if digit == 8 || digit == 12 || digit == 16 || digit == 20 { at += 1 }
      let word = digit < 16 ? high : low
      let value = UInt8(truncatingIfNeeded: word >> UInt64(60 - digit % 16 * 4) & 15)
      text[at] = value < 10 ? 0x30 + value : 0x57 + value
      at += 1
    }
    return text
  }
}
