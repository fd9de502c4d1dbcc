import Engine
import Tensors
import Testing

@testable import Serving

/// What clients of Azure Machine Learning's inference server rely on, byte by byte.
@Suite struct AzureMLTests {
  static var uuid: Regex<Substring> { /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/ }

  // MARK: - Health

  @Test func tellsItsHealth() throws {
    let response = try TestServer().request(Client.get("/"))
    #expect(response.status == 200)
    #expect(response.body == "Healthy")
    #expect(response["Content-Type"] == "text/html; charset=utf-8")
    #expect(response["x-ms-run-function-failed"] == nil)
    #expect(response["x-ms-server-version"] == "apus/0.1")
  }

  // MARK: - Scores

  @Test func scores() throws {
    let server = try TestServer()
    // The first runs are measured on a scoring thread, later ones are done by the event loop.
    for _ in 0..<4 {
      let response = try server.post(#"{"data": [[1, 2], [3, 4]]}"#)
      #expect(response.status == 200)
      #expect(response.body == "[3.0, 7.0]")
      #expect(response["Content-Type"] == "application/json")
      #expect(response["x-ms-run-function-failed"] == "False")
      #expect(try #require(response["x-ms-run-fn-exec-ms"]).wholeMatch(of: /\d+\.\d{3}/) != nil)
      #expect(try #require(response["Date"]).wholeMatch(of: /\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/) != nil)
    }
  }

  @Test(arguments: [
    (#"{"data": [[1, 2]]}"#, "[3.0]"),
    (#"{"data": []}"#, "[]"),
    (#"{"data": [[NaN, 1]]}"#, "[NaN]"),
    (#"{"more": {"a": [1, {}]}, "data": [[1, 2]], "method": "predict"}"#, "[3.0]"),
    (#" {"data" :[ [1e0,2.0] ] } "#, "[3.0]"),
    ("\u{FEFF}{\"data\": [[1, 2]]}", "[3.0]"),
    (#"{"data": {"x": [[1, 2]]}}"#, "[3.0]"),
    (#"{"data": [{"a": 1, "b": 2}, {"b": 4, "a": 3}]}"#, "[3.0, 7.0]"),
    (#"{"data": [{"x": [1, 2]}, {"x": [3, 4]}]}"#, "[3.0, 7.0]"),
    (#"{"inputs": {"x": [[1, 2], [3, 4]]}}"#, #"{"outputs": {"y": [3.0, 7.0]}}"#),
    (#"{"inputs": [[1, 2]]}"#, #"{"outputs": {"y": [3.0]}}"#),
    (#"{"Inputs": {"data": [{"a": 1, "b": 2}]}, "GlobalParameters": 1.0}"#, #"{"Results": [3.0]}"#),
  ])
  func takesEveryForm(_ body: String, _ expected: String) throws {
    let response = try TestServer().post(body)
    #expect(response.status == 200)
    #expect(response.body == expected)
  }

  @Test(arguments: [
    ("", "POST body is empty. Expecting a JSON dictionary."),
    ("[1]", "POST body should be a JSON dictionary."),
    ("3", "POST body should be a JSON dictionary."),
    ("{}", "A value is not provided for the 'data' parameter."),
    (#"{"data": ]}"#, "POST body could not be decoded as JSON: line 1, column 10 (byte 9): expected a value, found ]"),
    (
      #"{"data": [[1, 2]]"#,
      "POST body could not be decoded as JSON: line 1, column 18 (byte 17): expected '}', found the end"
    ),
    (
      #"{"data": [[1, 2]]} x"#,
      "POST body could not be decoded as JSON: line 1, column 20 (byte 19): expected the end, found x"
    ),
    (
      "{\"data\": [[1,\n 02]]}",
      "POST body could not be decoded as JSON: line 2, column 2 (byte 15): expected a number, found 02"
    ),
    (#"{"data": [[1, "a"]]}"#, #"POST body: line 1, column 15 (byte 14): expected float32, found \"a\""#),
    (#"{"data": [[1, 2, 3]]}"#, "input 'x': expected float32[N, 2], found float32[1, 3]"),
    (#"{"data": [1, 2]}"#, "input 'x': expected float32[N, 2], found float32[2]"),
    (#"{"data": [[[1, 2]]]}"#, "input 'x': expected float32[N, 2], found float32[1, 1, 2]"),
    (#"{"data": 1}"#, "input 'x': expected float32[N, 2], found float32[]"),
    (#"{"data": [[1, 2], [3]]}"#, "POST body: line 1, column 21 (byte 20): ragged at [1]: expected 2 found 1"),
    (#"{"inputs": {"z": [[1, 2]]}}"#, "no input 'z': the model has 'x'"),
    (#"{"inputs": {}}"#, "A value is not provided for the 'x' parameter."),
    (#"{"data": [[1, 2]], "inputs": {"x": [[1, 2]]}}"#, "More than one of 'data', 'inputs' and 'Inputs' is given."),
    (#"{"inputs": {"x": [[1, 2]], "x": [[1, 2]]}}"#, "Input 'x' is given twice."),
    (
      #"{"data": [{"a": 1}]}"#,
      "input 'x': expected float32[N, 2], so 2 columns a record, found 1"
    ),
    (#"{"data": [{"a": 1, "b": 2}, {"a": 3}]}"#, "Record 1 lacks the column 'b' of record 0."),
    (#"{"data": [{"a": 1, "b": 2}, {"a": 3, "c": 4}]}"#, "Record 1 has a column 'c' that record 0 lacks."),
    (#"{"data": [{"a": 1, "a": 2}]}"#, "Column 'a' is given twice in a record."),
    (#"{"data": [{"a": 1, "b": 2}, {"a": 3, "b": "x"}]}"#, #"Record 1, column 'b': expected float32, found \"x\"."#),
  ])
  func saysWhatIsWrong(_ body: String, _ message: String) throws {
    let response = try TestServer().post(body)
    #expect(response.status == 400)
    #expect(response.message == message)
    #expect(response.body.hasPrefix(#"{"status_code": 400, "message": ""#))
    #expect(response["Content-Type"] == "application/json")
    #expect(response["x-ms-run-function-failed"] == "False")
    #expect(response["x-ms-run-fn-exec-ms"] == nil)
  }

  @Test func takesSeveralInputs() throws {
    let ports = [Port.test("age", .int64, [-1, 1]), .test("city", .string, [-1]), .test("member", .bool, [-1, 1])]
    let server = try TestServer([.echo(ports)])
    let expected =
      #"{"same_age": [[39], [40]], "same_city": ["Bern", "Z\u00fcrich"], "same_member": [[true], [false]]}"#
      .replacing(#"\u00fc"#, with: "ü")
    for body in [
      #"{"data": [{"age": 39, "city": "Bern", "member": true}, {"age": 40, "city": "Z\u00fcrich", "member": false}]}"#,
      #"{"data": {"city": ["Bern", "Zürich"], "age": [[39], [40]], "member": [[true], [false]]}}"#,
    ] {
      #expect(try server.post(body).body == expected)
    }
    #expect(
      try server.post(#"{"data": [{"age": 39, "city": "Bern"}]}"#).message == "The records lack a column 'member'.")
    #expect(
      try server.post(#"{"data": [{"age": 3.5, "city": "Bern", "member": true}]}"#).message
        == "Record 0, column 'age': expected int64, found 3.5.")
    #expect(
      try server.post(#"{"data": [[39]]}"#).message
        == "The model has 3 inputs: give an object with the keys 'age', 'city', 'member'.")
    #expect(
      try server.request(Client.text("POST", "/score", ["Content-Type: application/octet-stream"], "a")).status == 415)
  }

  @Test func takesScalars() throws {
    #expect(try TestServer([.echo([.test("x", .int32, [])])]).post(#"{"data": 3}"#).body == "3")
  }

  // MARK: - Raw bytes

  @Test func takesAndGivesBytes() throws {
    let server = try TestServer([.echo([.test("x", .uint8, [-1, 2])])])
    let type = "Content-Type: application/octet-stream"
    let json = try server.request(Client.text("POST", "/score", [type], "abcd"))
    #expect(json.body == "[[97, 98], [99, 100]]")
    #expect(json["Content-Type"] == "application/json")
    let raw = try server.request(Client.text("POST", "/score", [type, "Accept: application/octet-stream"], "abcd"))
    #expect(raw.body == "abcd")
    #expect(raw["Content-Type"] == "application/octet-stream")
    let odd = try server.request(Client.text("POST", "/score", [type], "abc"))
    #expect(odd.status == 400)
    #expect(odd.message == "input 'x': expected uint8[N, 2], found 3 bytes")
  }

  @Test func refusesBytesForOpenShapes() throws {
    let server = try TestServer([.echo([.test("x", .uint8, [-1, -1])])])
    let response = try server.request(Client.text("POST", "/score", ["Content-Type: application/octet-stream"], "abcd"))
    #expect(response.status == 400)
  }

  // MARK: - Query

  @Test func takesAQuery() throws {
    let server = try TestServer()
    #expect(try server.request(Client.get("/score?data=[[1,2]]")).body == "[3.0]")
    #expect(try server.request(Client.get("/score?more=a&data=%5B%5B1%2C+2%5D%5D")).body == "[3.0]")
    #expect(try server.request(Client.get("/score")).message == "A value is not provided for the 'data' parameter.")
    #expect(try server.request(Client.get("/score?data=%5")).status == 400)
    #expect(try server.request(Client.get("/score?data=a\"b")).status == 400)
  }

  // MARK: - Content types

  @Test(arguments: [
    "application/json", "application/json; charset=utf-8", "application/vnd.microsoft.v1+json", "Application/JSON",
  ])
  func takesJSONTypes(_ type: String) throws {
    let text = Client.text("POST", "/score", ["Content-Type: \(type)"], #"{"data": [[1, 2]]}"#)
    #expect(try TestServer().request(text).body == "[3.0]")
  }

  @Test(arguments: [
    [], ["Content-Type: text/plain"], ["Content-Type: "], ["Content-Type: application/json", "Content-Encoding: gzip"],
  ])
  func refusesOtherTypes(_ headers: [String]) throws {
    let response = try TestServer().request(Client.text("POST", "/score", headers, #"{"data": [[1, 2]]}"#))
    #expect(response.status == 415)
    if headers.count < 2 { #expect(response.message == "Expects Content-Type to be application/json") }
  }

  // MARK: - The router's answers

  @Test(arguments: ["/nowhere", "/score/", "/scores", "//score", "/models/other/score"]) func knowsNoOtherPath(
    _ path: String
  ) throws {
    let response = try TestServer().post("{}", path: path)
    #expect(response.status == 404)
    #expect(
      response.body
        == #"{"status_code": 404, "message": "The requested URL was not found on the server. If you entered "#
        + #"the URL manually please check your spelling and try again."}"#)
    #expect(response["x-ms-run-function-failed"] == "False")
    #expect(response["x-request-id"] == nil)
  }

  @Test(arguments: ["PUT", "DELETE", "PATCH", "TRACE", "BREW"]) func knowsNoOtherMethod(_ method: String) throws {
    let client = try TestServer().connect()
    let response = try client.request(Client.text(method, "/score", [], "abc"))
    #expect(response.status == 405)
    #expect(response.message == "The method is not allowed for the requested URL.")
    #expect(response["Allow"] == "GET, HEAD, POST, OPTIONS")
    #expect(try client.request(Client.text(method, "/", [], nil))["Allow"] == "GET, HEAD, OPTIONS")
  }

  // MARK: - Ids

  @Test(
    arguments: [
      ([], nil, nil, nil),
      (["x-request-id: A"], "A", "A", nil),
      (["x-ms-request-id: B"], nil, "B", "B"),
      (["x-ms-client-request-id: C"], nil, "C", "C"),
      (["x-request-id: A", "X-MS-Request-Id: B", "x-ms-client-request-id: C"], "A", "B", "C"),
    ] as [([String], String?, String?, String?)])
  func namesRequests(_ headers: [String], _ a: String?, _ b: String?, _ c: String?) throws {
    let server = try TestServer()
    for response in [
      try server.post(#"{"data": [[1, 2]]}"#, headers: headers), try server.post("", headers: headers),
      try server.request(Client.get("/", headers: headers)),
    ] {
      let general = try #require(response["x-request-id"])
      let older = try #require(response["x-ms-request-id"])
      if let a { #expect(general == a) } else { #expect(general.wholeMatch(of: Self.uuid) != nil) }
      #expect(older == b ?? general)
      #expect(response["x-ms-client-request-id"] == c)
    }
  }

  @Test func makesDifferentIds() throws {
    let server = try TestServer()
    let ids = try Set((0..<100).map { _ in try server.request(Client.get("/"))["x-request-id"] })
    #expect(ids.count == 100)
  }

  @Test func repeatsTheTrace() throws {
    #expect(try TestServer().request(Client.get("/", headers: ["TraceId: t1"]))["TraceId"] == "t1")
  }

  @Test func cleansIds() throws {
    #expect(try TestServer().request(Client.get("/", headers: ["x-request-id: a\té b"]))["x-request-id"] == "a___ b")
  }

  @Test(arguments: [
    ("x-request-id", "x-request-id must not exceed 100 characters"),
    ("x-ms-request-id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
    ("x-ms-client-request-id", "x-ms-request-id and x-ms-client-request-id must not exceed 100 characters"),
  ])
  func refusesLongIds(_ name: String, _ message: String) throws {
    let server = try TestServer()
    let long = String(repeating: "x", count: 101)
    let response = try server.post(#"{"data": [[1, 2]]}"#, headers: ["\(name): \(long)"])
    #expect(response.status == 431)
    #expect(response.message == message)
    #expect(response[name] != long)
    #expect(try server.post(#"{"data": [[1, 2]]}"#, headers: ["\(name): \(long.dropLast())"]).status == 200)
  }

  // MARK: - Failures of the model

  @Test func hidesWhatFailedInTheModel() throws {
    let response = try TestServer([.failing(.evaluation("node 'secret'"))]).post(#"{"data": [[1, 2]]}"#)
    #expect(response.status == 500)
    #expect(
      response.message == "An unexpected error occurred in scoring script. Check the logs for more info.")
    #expect(response["x-ms-run-function-failed"] == "True")
    #expect(response["x-ms-run-fn-exec-ms"] == nil)
  }

  @Test func tellsWhatTheModelRefuses() throws {
    let error = EngineError.invalidInput("x", found: "float32[3, 2]", expected: "float32[M, 2]")
    let response = try TestServer([.failing(error)]).post(#"{"data": [[1, 2]]}"#)
    #expect(response.status == 400)
    #expect(response.message == "input 'x': expected float32[M, 2], found float32[3, 2]")
  }

  // MARK: - Several models

  @Test func servesSeveralModels() throws {
    let server = try TestServer([.sums(), .sums(index: 1, name: "größer", columns: 3)])
    #expect(try server.post(#"{"data": [[1, 2]]}"#).body == "[3.0]")
    #expect(try server.post(#"{"data": [[1, 2]]}"#, path: "/models/sums/score").body == "[3.0]")
    #expect(try server.post(#"{"data": [[1, 2, 3]]}"#, path: "/models/gr%C3%B6%C3%9Fer/score").body == "[6.0]")
    #expect(try server.request(Client.get("/models/gr%C3%B6%C3%9Fer/swagger.json")).status == 200)
  }
}
