import Foundation

/// A folder of its own for one test, removed with everything in it.
struct TemporaryFolder: ~Copyable {
  let path: String

  init() {
    var template = Array("/tmp/apus-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no temporary folder: \(errno)") }
    path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  func file(_ name: String, _ bytes: [UInt8]) -> String {
    let target = path + "/" + name
    let stream = fopen(target, "wb")
    fwrite(bytes, 1, bytes.count, stream)
    fclose(stream)
    return target
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}
