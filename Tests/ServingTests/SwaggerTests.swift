import Engine
import Foundation
import Testing

@testable import Serving

@Suite struct SwaggerTests {
  static let versions = ["2", "2.0", "3", "3.0", "3.1"]

  static var models: [ServedModel] {
    [
      .sums(), .echo([.test("x", .float16, [1, 3, 2, 2])], index: 1, name: "image"),
      .echo([.test("x", .int64, [])], index: 2, name: "scalar"),
      .echo(
        [.test("a", .int8, [-1]), .test("b", .string, [-1, 1]), .test("c", .bool, [2])], index: 3, name: "columns"),
      .echo([.test("a b", .uint64, [-1, -1]), .test("c", .complex64, [2])], index: 4, name: "odd"),
    ]
  }

  private func document(_ server: TestServer, _ path: String) throws -> [String: Any] {
    let response = try server.request(Client.get(path))
    #expect(response.status == 200)
    #expect(response["Content-Type"] == "application/json")
    return try #require(try JSONSerialization.jsonObject(with: Data(response.body.utf8)) as? [String: Any])
  }

  /// The schema of ServiceInput.
  private func input(_ document: [String: Any]) throws -> [String: Any] {
    let schemas = document["definitions"] ?? (document["components"] as? [String: Any])?["schemas"]
    return try #require((schemas as? [String: Any])?["ServiceInput"] as? [String: Any])
  }

  @Test func givesExamplesThatScore() throws {
    let server = try TestServer(Self.models)
    for model in Self.models {
      for version in Self.versions {
        let document = try document(server, "/models/\(model.name)/swagger.json?version=\(version)")
        let example = try JSONSerialization.data(withJSONObject: try #require(try input(document)["example"]))
        let response = try server.post(String(decoding: example, as: UTF8.self), path: "/models/\(model.name)/score")
        #expect(response.status == 200, "\(model.name): \(response)")
        let paths = try #require(document["paths"] as? [String: Any])
        #expect(Set(paths.keys) == ["/", "/models/\(model.name)/score", "/models/\(model.name)/swagger.json"])
      }
    }
  }

  @Test func namesTheVersionThatItIs() throws {
    let server = try TestServer()
    #expect(try document(server, "/swagger.json")["swagger"] as? String == "2.0")
    #expect(try document(server, "/swagger.json?version=3")["openapi"] as? String == "3.0.3")
    #expect(try document(server, "/swagger.json?version=3.1")["openapi"] as? String == "3.1.0")
    let unknown = try server.request(Client.get("/swagger.json?version=9"))
    #expect(unknown.status == 404)
    #expect(unknown.message == "Swagger version [9] is not valid. Supported versions: [2, 3, 3.1].")
    #expect(unknown["x-request-id"] != nil)
  }

  @Test func keepsTheOrderAndNamesOfAzure() throws {
    let server = try TestServer {
      $0.keys = AccessKeys(primary: "a", secondary: "b")
      $0.description.name = "my \"service\""
    }
    let text = try server.request(Client.get("/swagger.json")).body
    #expect(
      text.hasPrefix(
        #"{"swagger": "2.0", "info": {"title": "my \"service\"", "description": "API specification for the Azure Machine "#
          + #"Learning service my \"service\"", "version": "1.0"}, "schemes": ["https", "http"], "consumes": "#
          + #"["application/json"], "produces": ["application/json"], "securityDefinitions": {"Bearer": {"type": "apiKey", "#
          + #""name": "Authorization", "in": "header", "description": "For example: Bearer abc123"}}, "paths": {"/": {"get": "#
          + #"{"operationId": "ServiceHealthCheck", "#))
    #expect(
      text.contains(
        #""ServiceInput": {"type": "object", "properties": {"data": {"type": "array", "items": {"type": "array", "items": "#
          + #"{"type": "number", "format": "float"}, "minItems": 2, "maxItems": 2}, "format": "numpy.ndarray"}"#))
    #expect(text.contains(#""example": {"data": [[1.0, 1.0]]}"#))
    #expect(text.contains(#""security": [{"Bearer": []}]"#))
  }

  @Test func saysNothingOfKeysWhenThereAreNone() throws {
    for version in Self.versions {
      #expect(try !TestServer().request(Client.get("/swagger.json?version=\(version)")).body.contains("Bearer"))
    }
  }

  @Test func offersBytesOnlyWhereTheyAreTaken() throws {
    let server = try TestServer(Self.models)
    let text = try Self.models.map { try server.request(Client.get("/models/\($0.name)/swagger.json?version=3")).body }
    #expect(text.map { $0.contains("application/octet-stream") } == [true, true, true, false, false])
  }
}
