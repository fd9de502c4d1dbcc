import Foundation
import Tensors
import Testing

/// The built program, from outside, as a script sees it.
@Suite struct CommandLineTests {
  // MARK: - Help and mistakes

  @Test(arguments: [[], ["serve"], ["run"], ["inspect"], ["bench"], ["keys"]]) func explainsItself(_ command: [String])
    throws
  {
    let result = try Program.run(command + ["--help"])
    #expect(result.code == 0)
    #expect(result.output.contains("USAGE: apus"))
    #expect(result.errors == "")
  }

  @Test(
    arguments: [
      (["bogus"], 64), (["run"], 64), (["run", "nowhere.onnx"], 66), (["inspect", "nowhere.onnx"], 66),
      (["bench", "nowhere.onnx"], 66), (["serve", "nowhere"], 66), (["serve"], 64),
      (["serve", "x", "--port", "70000"], 64), (["serve", "x", "--read-timeout", "0"], 64),
      (["serve", "x", "--max-body-bytes", "0"], 64), (["serve", "x", "--no-auth", "--primary-key", "a"], 64),
      (["serve", "x", "--primary-key", "a b"], 64), (["run", Program.linear, "--input", "x"], 64),
      (["run", Program.linear, "--threads", "0"], 64), (["run", Program.linear, "--inputs", "nowhere.npz"], 66),
      (["run", Program.linear], 65), (["bench", Program.linear, "--seconds", "-1"], 64),
    ] as [([String], Int32)])
  func endsWithACodeAndALine(_ arguments: [String], _ code: Int32) throws {
    let result = try Program.run(arguments)
    #expect(result.code == code, "\(result)")
    #expect(result.output == "")
    #expect(result.errors.hasPrefix("error: "))
    #expect(result.errors.hasSuffix("\n"))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: ["run", "inspect", "bench", "serve"]) func refusesWhatIsNoModel(_ command: String) throws {
    try withFolder { folder in
      try "no model".write(toFile: folder + "/bad.onnx", atomically: true, encoding: .utf8)
      let result = try Program.run([command, folder + "/bad.onnx"] + (command == "serve" ? ["--no-auth"] : []))
      #expect(result.code == 3)
      let line = try #require(result.errors.split(separator: "\n").last)
      #expect(line.hasPrefix("error: cannot load the model ") && line.contains("bad.onnx"))
    }
  }

  @Test func checksWithoutRunning() throws {
    let good = try Program.run(["inspect", Program.linear, "--check"])
    #expect(good.code == 0 && good.output.hasSuffix("no problems found\n"), "\(good)")
    try withFolder { folder in
      // The file's own operator, under a name that nobody knows.
      let bytes = try Data(contentsOf: URL(fileURLWithPath: Program.linear))
      let found = try #require(bytes.firstRange(of: Data("MatMul".utf8)) ?? bytes.firstRange(of: Data("Gemm".utf8)))
      var bent = bytes
      bent[found.lowerBound] = UInt8(ascii: "X")
      try bent.write(to: URL(fileURLWithPath: folder + "/bent.onnx"))
      let result = try Program.run(["inspect", folder + "/bent.onnx", "--check"])
      #expect(result.code == 3 && result.output.contains("is not supported"), "\(result)")
      #expect(result.errors.contains("problem found"))
      let json = try Program.run(["inspect", folder + "/bent.onnx", "--check", "--json"])
      #expect(json.code == 3 && json.output.contains("\"problems\""))
    }
  }

  // MARK: - run

  static let rows = Tensor([2, 10], (0..<20).map(Float.init))

  @Test func runsOnEveryKindOfInput() throws {
    try withFolder { folder in
      try NPZ.write([("x", Self.rows)], path: folder + "/x.npz")
      try Data(NPY.write(Self.rows)).write(to: URL(fileURLWithPath: folder + "/x.npy"))
      try Data(JSONTensorEncoder.encode(Self.rows)).write(to: URL(fileURLWithPath: folder + "/x.json"))
      let outputs = try [
        ["--inputs", folder + "/x.npz"], ["--input", "x=\(folder)/x.npy"], ["--input", "x=\(folder)/x.json"],
      ].map { arguments in
        let result = try Program.run(["run", Program.linear] + arguments)
        #expect(result.code == 0, "\(result)")
        #expect(result.errors == "")
        return result.output
      }
      #expect(outputs[0].hasPrefix("{\"y\": [["))
      #expect(outputs[0].hasSuffix("]]}\n"))
      #expect(outputs[1] == outputs[0])
      #expect(outputs[2] == outputs[0])
    }
  }

  @Test func writesWhatTheFixtureHolds() throws {
    try withFolder { folder in
      for name in ["linear", "attention"] {
        let fixture = Program.fixtures + "/\(name)"
        let path = folder + "/\(name).npz"
        let result = try Program.run(["run", fixture + ".onnx", "--inputs", fixture + ".inputs.npz", "--outputs", path])
        #expect(result.code == 0, "\(result)")
        #expect(result.output == "")
        let found = try NPZ.read(path: path)
        let expected = try NPZ.read(path: fixture + ".outputs.npz")
        #expect(Set(found.map(\.name)) == Set(expected.map(\.name)))
        for (name, tensor) in expected {
          let other = try #require(found.first { $0.name == name }).tensor
          #expect(other.shape == tensor.shape && other.elementType == tensor.elementType)
          if tensor.elementType == .float32 {
            let pairs = zip(other.elements(of: Float.self), tensor.elements(of: Float.self))
            #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-5 + 1e-3 * abs($1) })
          } else {
            #expect(try JSONTensorEncoder.encode(other) == JSONTensorEncoder.encode(tensor))
          }
        }
      }
    }
  }

  @Test func saysWhichInputDoesNotFit() throws {
    try withFolder { folder in
      let path = folder + "/x.npz"
      for (tensors, message) in [
        (
          [("x", Tensor([2, 3], [Float](repeating: 0, count: 6)))],
          "input 'x': expected float32[N, 10], found float32[2, 3]"
        ),
        (
          [("x", Tensor([1, 10], [Double](repeating: 0, count: 10)))],
          "input 'x': expected float32[N, 10], found float64[1, 10]"
        ),
        ([("z", Self.rows)], "no input 'z': the model has 'x'"),
        ([], "a value for input 'x' is not provided"),
      ] as [([(String, Tensor)], String)] {
        try NPZ.write(tensors, path: path)
        let result = try Program.run(["run", Program.linear, "--inputs", path])
        #expect(result.code == 65)
        #expect(result.errors == "error: \(message)\n")
      }
      try "[[1, 2".write(toFile: folder + "/x.json", atomically: true, encoding: .utf8)
      let result = try Program.run(["run", Program.linear, "--input", "x=\(folder)/x.json"])
      #expect(result.code == 65)
      #expect(result.errors.contains("x.json: line 1, column 7"))
    }
  }

  @Test func saysThatAnOutputCannotBeWritten() throws {
    let inputs = Program.fixtures + "/linear.inputs.npz"
    let result = try Program.run(["run", Program.linear, "--inputs", inputs, "--outputs", "/nowhere/y.npz"])
    #expect(result.code == 73)
  }

  // MARK: - inspect, bench, keys

  @Test func inspects() throws {
    let text = try Program.run(["inspect", Program.linear])
    #expect(text.code == 0)
    #expect(
      text.output.contains(
        "input       x: float32[N, 10]\noutput      y: float32[N, 1]\nprecision   float32\nparameters  11 (44 bytes)"))
    let json = try Program.json(["inspect", Program.linear, "--json"])
    #expect((json["inputs"] as? [[String: Any]])?.first?["name"] as? String == "x")
    #expect(((json["inputs"] as? [[String: Any]])?.first?["shape"] as? [Any])?.last as? Int == 10)
    #expect(json["parameters"] as? Int == 11)
    #expect((json["operators"] as? [[String: Any]])?.compactMap { $0["name"] as? String } == ["Add", "MatMul"])
    let memory = try #require(json["memory"] as? [String: Any])
    #expect(memory.keys.sorted() == ["arenaBytes", "buffers", "lowerBoundBytes", "ratio"])
    #expect(try #require(memory["ratio"] as? Double) >= 1)
    #expect(text.output.contains(/memory      peak \d+ bytes, lower bound \d+ bytes, ratio \d\.\d/))
  }

  /// What runs depends on the CPU: what was asked for, or float32.
  @Test(arguments: ["float32", "fast", "bfloat16"]) func runsAtAPrecision(_ precision: String) throws {
    let options = ["--precision", precision]
    let text = try Program.run(["inspect", Program.linear] + options)
    #expect(text.output.contains(/precision   (float32|bfloat16)/))
    let json = try Program.json(["inspect", Program.linear, "--json"] + options)
    let running = try #require(json["precision"] as? String)
    #expect(running == precision || running == "float32")
    #expect(text.output.contains("nothing for \(precision)") == (running != precision))
    let inputs = ["--inputs", Program.fixtures + "/linear.inputs.npz"]
    let result = try Program.json(["run", Program.linear] + inputs + options)
    let expected = try Program.json(["run", Program.linear] + inputs)
    let pairs = zip(Self.numbers(result["y"]), Self.numbers(expected["y"]))
    #expect(pairs.allSatisfy { abs($0 - $1) <= (running == "float32" ? 0 : 0.02 * max(1, abs($1))) })
    #expect(try Program.run(["bench", Program.linear, "--seconds", "0.05"] + options).code == 0)
  }

  @Test(arguments: ["run", "inspect", "bench", "serve"]) func refusesPrecisionsThatAreNone(_ command: String) throws {
    let result = try Program.run([command, Program.linear, "--precision", "bfloat8"])
    #expect(result.code == 64)
    #expect(result.errors.contains("'bfloat8'") && result.errors.contains("bfloat16"), "\(result.errors)")
  }

  /// All numbers of nested arrays.
  private static func numbers(_ value: Any?) -> [Double] {
    if let array = value as? [Any] { return array.flatMap(numbers) }
    return (value as? NSNumber).map { [$0.doubleValue] } ?? []
  }

  @Test func measuresWhatLinesAskFor() throws {
    try withFolder { folder in
      let command = ["bench", Program.linear, "--interactive", "--batch", "3"]
      let result = try Program.run(command, input: "run 5\nwrite \(folder)/y.npz\nrun 1\n")
      #expect(result.code == 0, "\(result)")
      #expect(result.output.contains(/^loaded \d+ 0\n(\d+ ){4}\d+\nwritten\n\d+\n$/))
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/y.npz"))
      let arrays = try bytes.withUnsafeBytes { try NPZ.read(bytes: $0, source: "y.npz") }
      #expect(arrays.map(\.0) == ["y"])
      #expect(arrays.first?.1.shape == [3, 1])
    }
  }

  @Test(arguments: ["run", "run 0", "run x", "write y.npz", "stop"])
  func refusesLinesThatAskForNothing(_ line: String) throws {
    let result = try Program.run(["bench", Program.linear, "--interactive"], input: line + "\n")
    #expect(result.code == 64)
    #expect(result.errors.hasPrefix("error: expected"))
  }

  @Test(arguments: [[], ["--batch", "4"], ["--inputs", Program.fixtures + "/linear.inputs.npz"]])
  func measures(_ arguments: [String]) throws {
    let json = try Program.json(["bench", Program.linear, "--seconds", "0.05", "--json"] + arguments)
    var numbers = json.compactMapValues { ($0 as? NSNumber)?.doubleValue }
    // The model's batch is free: with inputs of its own, the command tries others. It is a difference, and may be
    // below 0 on a busy machine.
    #expect((numbers.removeValue(forKey: "newBatchMilliseconds") == nil) == arguments.contains("--inputs"))
    #expect(
      numbers.keys.sorted() == [
        "firstInferenceMilliseconds", "inferencesPerSecond", "loadMilliseconds", "medianMilliseconds",
        "p90Milliseconds", "p99Milliseconds", "peakMemoryBytes",
      ])
    #expect(numbers.values.allSatisfy { $0 > 0 })
  }

  @Test func printsKeys() throws {
    try withFolder { folder in
      let first = try Program.run(["keys", "--key-file", folder + "/keys.json"])
      #expect(first.code == 0)
      #expect(first.output.wholeMatch(of: /primary: \S{44}\nsecondary: \S{44}\n/) != nil)
      #expect(try Program.run(["keys", "--key-file", folder + "/keys.json"]).output == first.output)
      try "{}".write(toFile: folder + "/keys.json", atomically: true, encoding: .utf8)
      #expect(try Program.run(["keys", "--key-file", folder + "/keys.json"]).code == 78)
    }
  }

  // MARK: - serve

  @Test func servesUntilTold() throws {
    try withFolder { folder in
      let server = try ServingProgram(["serve", Program.linear, "--key-file", folder + "/keys.json"])
      defer { server.process.terminate() }
      let keys = try Program.run(["keys", "--key-file", folder + "/keys.json"]).output
      let key = try #require(keys.split(separator: "\n").first).dropFirst("primary: ".count)
      let body = Data(#"{"data": [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]}"#.utf8)
      #expect(try server.post("/score", body, key: nil).status == 401)
      let (status, text) = try server.post("/score", body, key: String(key))
      #expect(status == 200)
      #expect(text.hasPrefix("[["))
      server.process.terminate()
      server.process.waitUntilExit()
      #expect(server.process.terminationStatus == 0)
      #expect(server.process.terminationReason == .exit)
    }
  }

  @Test func saysThatItsPortIsTaken() throws {
    let server = try ServingProgram(["serve", Program.linear, "--no-auth"])
    defer { server.process.terminate() }
    let result = try Program.run(["serve", Program.linear, "--no-auth", "--port", "\(server.port)"])
    #expect(result.code == 69)
    #expect(result.errors.contains("error: cannot listen on 127.0.0.1:\(server.port): Address already in use"))
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }
}
