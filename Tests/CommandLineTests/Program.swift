import Foundation
import Synchronization
import Testing

/// Runs the program that was built beside the tests.
enum Program {
  struct Result {
    var code: Int32
    var output: String
    var errors: String
  }

  static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  static let fixtures = tests.appendingPathComponent("Fixtures").path
  static let linear = fixtures + "/linear.onnx"

  /// The test bundle lies in the same folder as the program.
  static let url = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("apus")

  static func process(_ arguments: [String], environment: [String: String] = [:]) -> Process {
    let process = Process()
    process.executableURL = url
    process.arguments = arguments
    // What the machine's own environment says must not reach the tests.
    process.environment = ["HOME": NSTemporaryDirectory(), "PATH": "/usr/bin:/bin"].merging(environment) { $1 }
    return process
  }

  static func run(
    _ arguments: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> Result {
    let process = process(arguments, environment: environment)
    // Files, since pipes would fill while nobody reads them.
    let folder = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let paths = ["/output", "/errors"].map { folder + $0 }
    for path in paths { #expect(FileManager.default.createFile(atPath: path, contents: nil)) }
    let files = paths.compactMap { FileHandle(forWritingAtPath: $0) }
    try #require(files.count == 2)
    try input.write(toFile: folder + "/input", atomically: false, encoding: .utf8)
    process.standardInput = FileHandle(forReadingAtPath: folder + "/input")
    process.standardOutput = files[0]
    process.standardError = files[1]
    try process.run()
    process.waitUntilExit()
    let texts = try paths.map { try String(contentsOfFile: $0, encoding: .utf8) }
    return Result(code: process.terminationStatus, output: texts[0], errors: texts[1])
  }

  static func json(_ arguments: [String]) throws -> [String: Any] {
    let result = try run(arguments)
    #expect(result.code == 0, "\(result)")
    return try #require(try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
  }
}

/// `apus serve` on a port of the system's choice.
final class ServingProgram {
  let process: Process
  let port: Int

  init(_ arguments: [String], environment: [String: String] = [:]) throws {
    process = Program.process(arguments + ["--port", "0"], environment: environment)
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    var log = ""
    // The line that names the port is the last one before the server waits.
    while true {
      let data = pipe.fileHandleForReading.availableData
      log += String(decoding: data, as: UTF8.self)
      if let match = log.firstMatch(of: /listening on http:\/\/127\.0\.0\.1:(\d+)/) {
        port = try #require(Int(match.1))
        return
      }
      try #require(!data.isEmpty, "the server ended: \(log)")
    }
  }

  func post(_ path: String, _ body: Data, key: String?) throws -> (status: Int, text: String) {
    try request(
      path, key,
      ["--header", "Content-Type: application/json", "--data-binary", String(decoding: body, as: UTF8.self)])
  }

  func get(_ path: String, key: String? = nil) throws -> (status: Int, text: String) { try request(path, key, []) }

  private func request(_ path: String, _ key: String?, _ options: [String]) throws -> (status: Int, text: String) {
    let curl = Process()
    curl.executableURL = URL(fileURLWithPath: "/usr/bin/curl")
    let authorization = key.map { ["--header", "Authorization: Bearer \($0)"] } ?? []
    curl.arguments =
      ["--silent", "--max-time", "20", "--write-out", "\n%{http_code}"] + options + authorization
      + ["http://127.0.0.1:\(port)\(path)"]
    let pipe = Pipe()
    curl.standardOutput = pipe
    try curl.run()
    let lines = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self).split(separator: "\n")
    curl.waitUntilExit()
    return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
  }
}
