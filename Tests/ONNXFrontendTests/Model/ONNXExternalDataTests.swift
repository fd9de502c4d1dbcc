import Glibc
import Tensors
import TestSupport
import Testing

@testable import ONNXFrontend

@Suite struct ONNXExternalDataTests {
  /// A model with one external float32 `[2]` for each list of entries.
  private func model(_ tensors: [(String, String)]...) -> [UInt8] {
    MessageWriter.model { graph in
      for (index, entries) in tensors.enumerated() {
        graph.message(
          5,
          .tensor("w\(index)", 1, [2]) {
            $0.int(14, 1)
            for (key, value) in entries {
              $0.message(13) {
                $0.string(1, key)
                $0.string(2, value)
              }
            }
          })
      }
    }.bytes
  }

  private let numbers: [UInt8] = [0, 0, 0x80, 0x3F, 0, 0, 0, 0x40, 0, 0, 0x40, 0x40]

  private func problem(_ path: String) -> String {
    do {
      _ = try ONNXModel(path: path).graph.initializers[0].tensor()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  @Test func dataIsFoundBesideTheModelAndMappedOnce() throws {
    let folder = TemporaryFolder()
    #expect(mkdir(folder.path + "/sub", 0o700) == 0)
    folder.file("sub/weights.bin", numbers)
    let path = folder.file(
      "m.onnx",
      model(
        [("location", "sub/weights.bin"), ("offset", "4"), ("length", "8"), ("basepath", "/")],
        [("location", "sub/weights.bin"), ("length", "8")],
        [("location", "./sub//weights.bin")]))
    let tensors = try ONNXModel(path: path).graph.initializers.map { try $0.tensor() }
    #expect(tensors[0].elements() == [2, 3] as [Float])
    #expect(tensors[1].elements() == [1, 2] as [Float])
    #expect(tensors[2].elements() == [1, 2] as [Float])
    #expect(tensors[0].base == tensors[1].base + 4)
  }

  /// Of the whole file, as `sha1sum` prints it.
  @Test func checksumsAreVerified() {
    let folder = TemporaryFolder()
    folder.file("weights", Array("abc".utf8) + [0, 0, 0, 0, 0])
    let digest = "9c35ed3d9f7b1ff7e0b02d685a20273415b838b4"
    for (checksum, isRight) in [(digest, true), (digest.uppercased(), true), (String(digest.dropLast()) + "0", false)] {
      let path = folder.file("m.onnx", model([("location", "weights"), ("checksum", checksum)]))
      let problem = problem(path)
      #expect((problem == "no error") == isRight, "\(problem)")
      #expect(isRight || problem.contains("'weights' has the SHA-1 \(digest), but the model says \(checksum)"))
    }
  }

  @Test func aModelInTheWorkingFolderNeedsNoSlash() throws {
    #expect(try ONNXSource(path: "/dev/../etc/passwd").folder == "/dev/../etc")
    #expect(throws: ONNXError.self) { try ONNXSource(path: "no-such-model.onnx") }
  }

  @Test func pathsOutOfTheFolderAreRefused() {
    let folder = TemporaryFolder()
    #expect(mkdir(folder.path + "/model", 0o700) == 0)
    #expect(mkdir(folder.path + "/modelling", 0o700) == 0)
    folder.file("secret", numbers)
    folder.file("modelling/secret", numbers)
    #expect(symlink("../secret", folder.path + "/model/link") == 0)
    #expect(symlink(folder.path, folder.path + "/model/folderlink") == 0)
    #expect(symlink("link", folder.path + "/model/second") == 0)
    #expect(symlink("../modelling/secret", folder.path + "/model/sibling") == 0)
    let expected = [
      "../secret": "leads out", "sub/../../secret": "leads out", "..": "leads out", "/etc/passwd": "is absolute",
      folder.path + "/secret": "is absolute", "link": "is a link out", "folderlink/secret": "is a link out",
      "second": "is a link out", "sibling": "is a link out", "": "no location", "secret\0": "null byte",
      "absent": "No such file", ".": "is a link out", "*/_ORT_MEM_ADDR_/*": "No such file",
    ]
    for (location, part) in expected {
      let path = folder.file("model/m.onnx", model([("location", location), ("length", "8")]))
      let problem = problem(path)
      #expect(problem.contains("external data of tensor 'w0'"), "\(location): \(problem)")
      #expect(problem.contains(part), "\(location): \(problem)")
    }
  }

  @Test func linksWithinTheFolderAreFollowed() throws {
    let folder = TemporaryFolder()
    folder.file("blob", numbers)
    #expect(symlink("blob", folder.path + "/weights") == 0)
    let path = folder.file("m.onnx", model([("location", "weights")]))
    #expect(problem(path) == "no error")
    // The folder itself may be reached by a link.
    let other = TemporaryFolder()
    #expect(symlink(folder.path, other.path + "/alias") == 0)
    #expect(problem(other.path + "/alias/m.onnx") == "no error")
  }

  @Test func onlyRegularFilesAreMapped() {
    let folder = TemporaryFolder()
    #expect(mkdir(folder.path + "/sub", 0o700) == 0)
    #expect(mkfifo(folder.path + "/pipe", 0o600) == 0)
    for location in ["sub", "pipe"] {
      let path = folder.file("m.onnx", model([("location", location)]))
      #expect(problem(path).contains("not a regular file"))
    }
  }

  @Test func rangesOutsideOfTheFileAreRefused() {
    let folder = TemporaryFolder()
    folder.file("weights", numbers)
    for (offset, length) in [
      ("5", "8"), ("13", "8"), ("9223372036854775807", "8"), ("9223372036854775808", "8"), ("-1", "8"), ("0", "-8"),
      ("0", "4"), ("0", "12"), ("0x0", "8"), ("", "8"), ("0", "9223372036854775807"),
    ] {
      let entries = [("location", "weights"), ("offset", offset), ("length", length)]
      let path = folder.file("m.onnx", model(entries))
      #expect(problem(path) != "no error", "offset \(offset), length \(length)")
    }
  }

  @Test func aModelFromMemoryHasNoFolder() throws {
    let model = try ONNXModel(bytes: model([("location", "weights")]), name: "request")
    #expect(
      throws: ONNXError.externalData(
        file: "request", tensor: "w0", problem: "the model was not read from a folder")
    ) { try model.graph.initializers[0].tensor() }
  }
}
