import Testing

@testable import Serving

@Suite struct CrossOriginTests {
  static let body = #"{"data": [[1, 2]]}"#

  private func server(_ list: String) throws -> TestServer {
    try TestServer { $0.crossOrigin = CrossOrigin(list: list) }
  }

  @Test func saysNothingUnlessAsked() throws {
    let response = try TestServer().post(Self.body, headers: ["Origin: https://a.example"])
    #expect(response["Access-Control-Allow-Origin"] == nil)
    #expect(response["Vary"] == nil)
  }

  @Test func allowsTheOriginsOfTheList() throws {
    let server = try server("https://a.example, https://b.example")
    for origin in ["https://a.example", "https://b.example"] {
      for text in [
        Client.post(Self.body, headers: ["Origin: \(origin)"]), Client.post("", headers: ["Origin: \(origin)"]),
      ] {
        let response = try server.request(text)
        #expect(response["Access-Control-Allow-Origin"] == origin)
        #expect(response["Vary"] == "Origin")
      }
    }
    for origin in ["https://c.example", "https://a.example.evil", "null"] {
      let response = try server.post(Self.body, headers: ["Origin: \(origin)"])
      #expect(response.status == 200)
      #expect(response["Access-Control-Allow-Origin"] == nil)
      #expect(response["Vary"] == "Origin")
    }
    #expect(try server.post(Self.body)["Access-Control-Allow-Origin"] == nil)
  }

  @Test func allowsAll() throws {
    #expect(
      try server("*").post(Self.body, headers: ["Origin: https://a.example"])["Access-Control-Allow-Origin"] == "*")
  }

  @Test func answersPreflights() throws {
    let server = try server("https://a.example")
    func preflight(_ origin: String) throws -> Response {
      try server.request(
        Client.text(
          "OPTIONS", "/score",
          [
            "Origin: \(origin)", "Access-Control-Request-Method: POST",
            "Access-Control-Request-Headers: authorization, content-type",
          ], nil))
    }
    let allowed = try preflight("https://a.example")
    #expect(allowed.status == 200)
    #expect(allowed.body == "")
    #expect(allowed["Access-Control-Allow-Origin"] == "https://a.example")
    #expect(allowed["Access-Control-Allow-Headers"] == "authorization, content-type")
    #expect(allowed["Access-Control-Allow-Methods"] == "GET, POST")
    let foreign = try preflight("https://c.example")
    #expect(foreign.status == 200)
    #expect(foreign["Access-Control-Allow-Origin"] == nil)
    #expect(foreign["Access-Control-Allow-Methods"] == nil)
  }

  @Test func letsBrowsersSeeWhyAKeyWasRefused() throws {
    let server = try TestServer {
      $0.crossOrigin = CrossOrigin(list: "*")
      $0.keys = AccessKeys(primary: "a", secondary: "b")
    }
    let response = try server.post(Self.body, headers: ["Origin: https://a.example"])
    #expect(response.status == 401)
    #expect(response["Access-Control-Allow-Origin"] == "*")
  }

  @Test(arguments: ["", " , ", "https://a.example\r\nX: y"]) func refusesOtherLists(_ list: String) {
    #expect(CrossOrigin(list: list) == nil)
  }
}
