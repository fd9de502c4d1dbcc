import Foundation
import Glibc
import Testing

@testable import Serving

@Suite struct AccessTests {
  static let keys = AccessKeys(primary: "first+key/=", secondary: "second")
  static let body = #"{"data": [[1, 2]]}"#

  @Test(arguments: ["Bearer first+key/=", "Bearer second", "bearer second", "BEARER  second "])
  func letsKeysIn(_ authorization: String) throws {
    let server = try TestServer { $0.keys = Self.keys }
    #expect(try server.post(Self.body, headers: ["Authorization: \(authorization)"]).body == "[3.0]")
  }

  @Test(arguments: [
    "Bearer", "Bearer ", "Bearer first", "Bearer first+key/=x", "Bearer secon", "Basic second", "second", "",
    "Bearer " + String(repeating: "x", count: 1000),
  ])
  func keepsOthersOut(_ authorization: String) throws {
    let client = try TestServer { $0.keys = Self.keys }.connect()
    let response = try client.request(Client.post(Self.body, headers: ["Authorization: \(authorization)"]))
    #expect(response.status == 401)
    #expect(response["WWW-Authenticate"] == "Bearer")
    #expect(response.body.hasPrefix(#"{"status_code": 401, "message": "#))
    #expect(response["x-request-id"] != nil)
    // The body was read over, so the connection goes on.
    #expect(try client.request(Client.get("/")).status == 200)
  }

  @Test func refusesBeforeALargeBodyCame() throws {
    let client = try TestServer { $0.keys = Self.keys }.connect()
    client.send(
      "POST /score HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 90000000\r\n\r\n")
    #expect(try client.response().status == 401)
    #expect(client.isClosed())
  }

  @Test func leavesHealthAndDocumentsOpen() throws {
    let server = try TestServer { $0.keys = Self.keys }
    for path in ["/", "/swagger.json"] { #expect(try server.request(Client.get(path)).status == 200) }
    for path in ["/score?data=[[1,2]]", "/models/sums/score?data=[[1,2]]"] {
      #expect(try server.request(Client.get(path)).status == 401)
    }
    #expect(try server.request(Client.text("HEAD", "/score", [], nil)).status == 401)
  }

  @Test(arguments: ["", "with space", "ünïcode", String(repeating: "x", count: 257)])
  func refusesKeysThatNoHeaderCarries(_ key: String) {
    #expect(AccessKeys(primary: key, secondary: "b") == nil)
    #expect(AccessKeys(primary: "a", secondary: key) == nil)
  }

  // MARK: - Files

  private static func temporaryFolder() -> String {
    NSTemporaryDirectory() + "apus-test-\(UUID().uuidString)"
  }

  @Test func makesKeysOnce() throws {
    let folder = Self.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = KeyFile(path: folder + "/deep/keys.json")
    #expect(try file.read { _ in } == nil)
    let keys = try file.readOrCreate { _ in }
    #expect(try file.readOrCreate { _ in } == keys)
    #expect(keys.primary != keys.secondary)
    #expect(Data(base64Encoded: keys.primary)?.count == 32)
    var status = stat()
    #expect(stat(file.path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    // No draft is left.
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/deep") == ["keys.json"])
  }

  @Test func takesOthersRightsAway() throws {
    let folder = Self.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = KeyFile(path: folder + "/keys.json")
    let keys = try file.readOrCreate { _ in }
    chmod(file.path, 0o644)
    var warnings: [String] = []
    #expect(try file.read { warnings.append($0) } == keys)
    #expect(warnings.count == 1)
    var status = stat()
    stat(file.path, &status)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test(arguments: ["", "{}", "[]", #"{"primaryKey": "a"}"#, #"{"primaryKey": "a b", "secondaryKey": "c"}"#])
  func refusesMalformedFiles(_ text: String) throws {
    let folder = Self.temporaryFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try text.write(toFile: folder + "/keys.json", atomically: true, encoding: .utf8)
    chmod(folder + "/keys.json", 0o600)
    #expect(throws: KeyFile.Problem.self) { try KeyFile(path: folder + "/keys.json").readOrCreate { _ in } }
  }

  @Test func findsItsPlace() {
    #expect(KeyFile.standard(environment: ["XDG_STATE_HOME": "/x", "HOME": "/h"]).path == "/x/apus/keys.json")
    #expect(KeyFile.standard(environment: ["HOME": "/h"]).path == "/h/.local/state/apus/keys.json")
    #expect(
      KeyFile.standard(environment: ["XDG_STATE_HOME": "x", "HOME": "/h"]).path == "/h/.local/state/apus/keys.json")
  }
}
