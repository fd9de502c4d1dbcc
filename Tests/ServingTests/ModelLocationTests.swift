import Foundation
import Testing

@testable import Serving

@Suite struct ModelLocationTests {
  /// A folder with empty files at `paths`, for the length of `body`.
  private func withFiles(_ paths: [String], _ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "apus-test-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for path in paths {
      let file = folder + "/" + path
      try FileManager.default.createDirectory(
        atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      #expect(FileManager.default.createFile(atPath: file, contents: nil))
    }
    try body(folder)
  }

  private func found(_ paths: [String]) throws -> [String] {
    try ModelLocation.find(in: paths).map { "\($0.name) \($0.version)" }
  }

  @Test func takesFilesAndFolders() throws {
    try withFiles(["a.onnx", "b/model.onnx", "c/2/model.onnx", "c/10/model.onnx", "c/11/other.onnx"]) { folder throws in
      #expect(try found([folder + "/a.onnx"]) == ["a 1"])
      #expect(try found([folder + "/b"]) == ["b 1"])
      #expect(try found([folder + "/c"]) == ["c 10"])
      #expect(try found([folder + "/c/2/"]) == ["c 2"])
      #expect(try found([folder]) == ["b 1", "c 10"])
      #expect(try found([folder + "/c", folder + "/a.onnx"]) == ["c 10", "a 1"])
      #expect(try ModelLocation.find(in: [folder + "/c"])[0].path.hasSuffix("/c/10/model.onnx"))
    }
  }

  @Test func takesNamesAndVersions() throws {
    func found(_ path: String, _ name: String?, _ version: String?) throws -> [String] {
      try ModelLocation.find(in: path, name: name, version: version).map { "\($0.name) \($0.version)" }
    }
    try withFiles(["a.onnx", "b/model.onnx", "c/2/model.onnx", "c/10/model.onnx"]) { folder throws in
      #expect(try found(folder + "/a.onnx", "x", "7.1-beta") == ["x 7.1-beta"])
      #expect(try found(folder + "/b", nil, "4") == ["b 4"])
      #expect(try found(folder + "/c", "x", nil) == ["x 10"])
      #expect(try found(folder + "/c", nil, "2") == ["c 2"])
      #expect(try found(folder, nil, nil) == ["b 1", "c 10"])
      #expect(throws: ModelLocation.Problem.self) { try found(folder + "/c", nil, "3") }
      #expect(throws: ModelLocation.Problem.self) { try found(folder, "x", nil) }
      let path = try #require(try ModelLocation.find(in: folder + "/c", name: nil, version: "2").first?.path)
      #expect(path.hasSuffix("/c/2/model.onnx"))
    }
  }

  @Test func saysWhatIsMissing() throws {
    try withFiles(["a/notes.txt", "b/m/model.onnx", "m.onnx"]) { folder throws in
      #expect(throws: ModelLocation.Problem.self) { try found([folder + "/none"]) }
      #expect(throws: ModelLocation.Problem.self) { try found([folder + "/a"]) }
      #expect(throws: ModelLocation.Problem.self) { try found([folder + "/b", folder + "/m.onnx"]) }
    }
  }
}
