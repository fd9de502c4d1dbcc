import Foundation
import Tensors
import Testing

/// `apus serve --config`, from outside.
@Suite struct ConfigurationTests {
  /// A file of settings in a folder of its own, with a folder of models: a file, one of two versions, one of none.
  private func withSettings(_ text: String, _ body: (_ path: String, _ folder: String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for name in ["models/a.onnx", "models/b/1/model.onnx", "models/b/2/model.onnx", "models/c/model.onnx"] {
      let path = URL(fileURLWithPath: folder + "/" + name)
      try FileManager.default.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: Program.linear, toPath: path.path)
    }
    let path = folder + "/apus.yaml"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    try body(path, folder)
  }

  private static let row = Data(#"{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}"#.utf8)

  private func withServer(
    _ text: String, _ options: [String] = [], environment: [String: String] = [:],
    _ body: (ServingProgram) throws -> Void
  ) throws {
    try withSettings(text) { path, _ throws in
      let server = try ServingProgram(["serve", "--config", path] + options, environment: environment)
      defer { server.process.terminate() }
      try body(server)
    }
  }

  // MARK: - What it says is done

  @Test func servesEachModelAsItSays() throws {
    let text = """
      no-auth: true
      precision: bfloat16
      default: second
      models:
        - models/a.onnx
        - {path: models/b, name: second, version: 1, precision: float32}
        - {path: models/b, name: "odd \\"name\\"", batch-invariant: true}
      """
    try withServer(text) { server throws in
      for path in ["/score", "/models/a/score", "/models/second/score", "/models/odd%20%22name%22/score"] {
        #expect(try server.post(path, Self.row, key: nil).status == 200, "\(path)")
      }
      #expect(try server.post("/models/b/score", Self.row, key: nil).status == 404)
      let page = try server.get("/metrics")
      #expect(page.status == 200)
      let running = try Program.json(["inspect", Program.linear, "--json", "--precision", "bfloat16"])["precision"]
      let other = try #require(running as? String)
      for (labels, precision) in [
        (#"model="a",version="1""#, other), (#"model="second",version="1""#, "float32"),
        (#"model="odd \"name\"",version="2""#, other),
      ] {
        #expect(page.text.contains("apus_model_info{\(labels),precision=\"\(precision)\",instruction_set="))
        let count = labels.contains("second") ? 2 : 1
        #expect(page.text.contains("apus_requests_total{\(labels),code=\"200\"} \(count)\n"))
      }
    }
  }

  @Test func takesNamesAsKeys() throws {
    try withServer(#"{"no-auth": true, "models": {"one": "models/a.onnx", "two": {"path": "models/b"}}}"#) {
      server throws in
      for name in ["one", "two"] { #expect(try server.post("/models/\(name)/score", Self.row, key: nil).status == 200) }
      #expect(try server.get("/metrics").text.contains(#"apus_model_info{model="two",version="2","#))
    }
  }

  @Test func letsTheCommandLineWin() throws {
    let text =
      "no-auth: true\ndefault: a\nqueue-limit: 7\nmax-connections: 9\nprecision: bfloat16\nmodels: [models/a.onnx]"
    try withServer(text, ["--queue-limit", "8", "--precision", "float32", Program.fixtures + "/linear.onnx"]) {
      server in
      let page = try server.get("/metrics").text
      #expect(page.contains("\napus_queue_limit 8\n"))
      #expect(page.contains("\napus_connections_limit 9\n"))
      #expect(page.contains(#"apus_model_info{model="linear",version="1",precision="float32","#))
      #expect(!page.contains(#"model="a""#))
    }
  }

  @Test func goesBeforeTheEnvironment() throws {
    try withSettings("port: 70000") { path, _ throws in
      let result = try Program.run(["serve", "--config", path], environment: ["SERVER_PORT": "5001"])
      #expect(result.code == 78 && result.errors.contains("port: expected a whole number, 0 to 65535"))
    }
    let text = "key-file: keys.json\nmodels: [models/a.onnx]"
    try withSettings(text) { path, folder throws in
      let server = try ServingProgram(
        ["serve", "--config", path], environment: ["APUS_PRIMARY_KEY": "other", "AZUREML_MODEL_DIR": "/nowhere"])
      defer { server.process.terminate() }
      let keys = try Program.run(["keys", "--key-file", folder + "/keys.json"]).output
      let key = String(try #require(keys.split(separator: "\n").first).dropFirst("primary: ".count))
      #expect(try server.post("/score", Self.row, key: "other").status == 401)
      #expect(try server.post("/score", Self.row, key: key).status == 200)
      #expect(try server.get("/metrics").status == 401)
      #expect(try server.get("/metrics", key: key).status == 200)
    }
  }

  @Test func opensMetricsToEverybody() throws {
    try withServer("public-metrics: true\nmodels: [models/a.onnx]", ["--primary-key", "secret"]) { server throws in
      #expect(try server.get("/metrics").status == 200)
      #expect(try server.post("/score", Self.row, key: nil).status == 401)
      #expect(try server.post("/score", Self.row, key: "secret").status == 200)
    }
  }

  /// The words of the file are those of the options: each option is a key, and no key is not an option.
  @Test func hasTheWordsOfTheOptions() throws {
    let help = try Program.run(["serve", "--help"]).output
    let options = Set(help.matches(of: /--([a-z][a-z-]+)/).map { String($0.1) })
    let others: Set = ["config", "help", "version", "primary-key", "secondary-key"]
    try withSettings("nonsense: 1") { path, _ throws in
      let errors = try Program.run(["serve", "--config", path]).errors
      let list = try #require(errors.split(separator: "there are ").last)
      let keys = Set(list.split(whereSeparator: { ", \n".contains($0) }).map(String.init))
      #expect(keys.subtracting(["models"]) == options.subtracting(others))
    }
  }

  // MARK: - What it says is wrong

  @Test(
    arguments: [
      ("prot: 1", 78, "line 1, column 1: prot: unknown key; did you mean 'port'?"),
      ("port: many", 78, "line 1, column 7: port: expected a whole number, 0 to 65535, found 'many'"),
      ("port: 1\nport: 2", 78, "line 2, column 1: the key 'port' is there already, in line 1"),
      (
        "read-timeout: 0", 78,
        "line 1, column 15: read-timeout: expected a number of seconds, 0.001 to 86400.0, found '0'"
      ),
      ("no-auth: yes", 78, "line 1, column 10: no-auth: expected true or false, found 'yes'"),
      ("host: []", 78, "line 1, column 7: host: expected text, found a list"),
      ("cors-origins: ','", 78, "line 1, column 15: cors-origins: expected origins like https://a.example, or *"),
      ("primary-key: abc", 78, "line 1, column 1: primary-key: keys do not belong in this file"),
      ("precision: int8", 78, "line 1, column 12: precision: expected float32, fast or bfloat16, found 'int8'"),
      ("models: models/a.onnx", 78, "line 1, column 9: models: expected a list of models, or names with models"),
      ("models: [[a]]", 78, "line 1, column 10: models[0]: expected a path, or keys with values, found a list"),
      ("models:\n  - {name: a}", 78, "line 2, column 5: models[0]: the key 'path' is missing"),
      ("models:\n  - {pth: a}", 78, "line 2, column 6: models[0].pth: unknown key; did you mean 'path'?"),
      ("models: {a: {path: models/a.onnx, name: b}}", 78, "line 1, column 35: models.a.name: unknown key"),
      (
        "models:\n  - {path: models/a.onnx, precision: half}", 78,
        "line 2, column 38: models[0].precision: expected float32, fast or bfloat16, found 'half'"
      ),
      ("models:\n  - models/none.onnx", 66, "line 2, column 5: models[0]: no such file or folder: "),
      ("models: [{path: ., name: x}]", 66, "line 1, column 17: models[0].path: no model in "),
      (
        "models: [{path: models, name: x}]", 78,
        "models holds the models b, c: a name or version is for the folder of one"
      ),
      ("models: [{path: models/b, version: 3}]", 66, "line 1, column 17: models[0].path: no version 3 in "),
      (
        "models:\n  - models/a.onnx\n  - {path: models/b, name: a}", 78,
        "line 3, column 12: models[1].path: two models are named 'a'"
      ),
      ("models: [models/a.onnx", 78, "while parsing a flow sequence"),
      ("a: &a [*a]", 78, "line 1, column 8: no anchor &a before this alias"),
      ("- a", 78, "line 1, column 1: expected keys with values, found a list"),
    ] as [(String, Int32, String)])
  func saysWhatIsWrong(_ text: String, _ code: Int32, _ expected: String) throws {
    try withSettings(text) { path, _ throws in
      let result = try Program.run(["serve", "--config", path])
      #expect(result.code == code, "\(result)")
      #expect(result.errors.hasPrefix("error: \(path): line "), "\(result.errors)")
      #expect(result.errors.contains(expected), "\(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1)
    }
  }

  @Test func saysThatItCannotBeRead() throws {
    let missing = try Program.run(["serve", "--config", "/nowhere/apus.yaml"])
    #expect(missing.code == 66)
    #expect(missing.errors == "error: cannot read /nowhere/apus.yaml: No such file or directory\n")
    try withSettings(String(repeating: "#", count: 300 << 10)) { path, _ throws in
      let large = try Program.run(["serve", "--config", path])
      #expect(large.code == 66 && large.errors.contains("it has more than 256 KiB"))
    }
  }

  @Test func saysThatNoModelIsNamed() throws {
    try withSettings("port: 0") { path, _ throws in
      let result = try Program.run(["serve", "--config", path])
      #expect(result.code == 64 && result.errors.hasPrefix("error: no model: "))
    }
    try withSettings("default: c\nno-auth: true\nport: 0\nmodels: [models/a.onnx]") { path, _ throws in
      let result = try Program.run(["serve", "--config", path])
      #expect(result.code == 78, "\(result)")
      #expect(
        result.errors.contains(
          "apus.yaml: line 1, column 10: default: no model named 'c' to be the default; there is a"))
    }
  }
}
