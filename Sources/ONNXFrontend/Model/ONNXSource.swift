import Glibc
import ModelFiles
import Synchronization

/// Where a model's parts come from: its file, the folder that external data must lie in, and the external files mapped
/// so far. One for each model; every tensor holds it.
public final class ONNXSource: Sendable {
  public let file: MappedFile
  /// The folder of the model, as the user named it; nil for models that came without one.
  public let folder: String?
  private let externalFiles = Mutex<[String: MappedFile]>([:])
  /// SHA-1 of the external files that the model gives checksums for.
  private let digests = Mutex<[String: String]>([:])

  init(file: MappedFile, folder: String?) {
    self.file = file
    self.folder = folder
  }

  convenience init(path: String) throws(ONNXError) {
    let file: MappedFile
    do { file = try MappedFile(path: path) } catch { throw .unreadable(error) }
    let slash = path.lastIndex(of: "/")
    self.init(file: file, folder: slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? ".")
  }

  /// What reading a file may allocate for things that the file describes rather than holds.
  var allocationLimit: Int {
    let (bytes, overflow) = file.byteCount.multipliedReportingOverflow(by: 4)
    return overflow ? .max : bytes &+ 256 << 20
  }

  /// Throws unless the external file, the whole of it, has the SHA-1 `checksum`. Computed once for each file.
  func verify(_ file: MappedFile, _ location: String, checksum: String, tensor: String) throws(ONNXError) {
    let digest = digests.withLock { digests in
      if let known = digests[location] { return known }
      let digest = file.slice.withUnsafeBytes { SHA1.hexadecimalDigest(of: $0) }
      digests[location] = digest
      return digest
    }
    guard digest == checksum.lowercased() else {
      throw .externalData(
        file: self.file.path, tensor: tensor,
        problem: "'\(location)' has the SHA-1 \(digest), but the model says \(checksum): the file is damaged or another"
      )
    }
  }

  /// Maps the file `location`, a path relative to the model's folder that must not lead out of it; once for each file.
  func externalFile(_ location: String, tensor: String) throws(ONNXError) -> MappedFile {
    func refusal(_ problem: String) -> ONNXError {
      .externalData(file: file.path, tensor: tensor, problem: problem)
    }
    guard let folder else { throw refusal("the model was not read from a folder") }
    guard !location.isEmpty else { throw refusal("no location is given") }
    guard !location.utf8.contains(0) else { throw refusal("the location holds a null byte") }
    guard !location.hasPrefix("/") else {
      throw refusal("location '\(location)' is absolute, expected a relative path")
    }
    guard !location.split(separator: "/").contains("..") else {
      throw refusal("location '\(location)' leads out of the model's folder")
    }
    return try externalFiles.withLock { (files: inout [String: MappedFile]) throws(ONNXError) in
      if let known = files[location] { return known }
      guard let root = Self.realPath(folder) else {
        throw refusal("cannot resolve folder '\(folder)': \(String(cString: strerror(errno)))")
      }
      guard let target = Self.realPath(folder + "/" + location) else {
        throw refusal("cannot open '\(location)': \(String(cString: strerror(errno)))")
      }
      guard target.hasPrefix(root == "/" ? "/" : root + "/") else {
        throw refusal("'\(location)' is a link out of the model's folder, to '\(target)': put the file itself there")
      }
      let file: MappedFile
      do throws(ModelFileError) {
        file = try MappedFile(path: target, followsLinks: false)
      } catch {
        throw refusal(error.description)
      }
      files[location] = file
      return file
    }
  }

  /// The absolute path without links; nil and `errno` when there is no such file.
  private static func realPath(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(cString: resolved)
  }
}

/// State of parsing one file: the source, and how much memory the parsed structs may still take.
///
/// An empty node is 2 bytes in a file and a hundred in memory, so that a hostile file of a gigabyte would ask for
/// fifty. Real models stay far below the limit.
final class ONNXParseContext {
  let source: ONNXSource
  private var budgetInBytes: Int

  init(_ source: ONNXSource) {
    self.source = source
    self.budgetInBytes = source.allocationLimit
  }

  /// Accounts for one `Part` about to be appended to an array, which at the worst moment of growing holds it twice.
  func allow<Part, Message>(_: Part.Type, in reader: WireReader<Message>) throws(WireError) {
    budgetInBytes -= 2 * MemoryLayout<Part>.stride + 32
    if budgetInBytes < 0 { throw reader.error("the model has more parts than a file of its size may have") }
  }
}
