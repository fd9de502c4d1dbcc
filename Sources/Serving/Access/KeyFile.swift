import FoundationEssentials
import Glibc

/// Keys on disk: `{"primaryKey": "…", "secondaryKey": "…"}`, readable by their owner only.
public struct KeyFile: Sendable {
  public enum Problem: Error, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    case unwritable(path: String, reason: String)
    case malformed(path: String)

    public var description: String {
      switch self {
      case .unreadable(let path, let reason): "cannot read the key file \(path): \(reason)"
      case .unwritable(let path, let reason): "cannot write the key file \(path): \(reason)"
      case .malformed(let path):
        "the key file \(path) must hold {\"primaryKey\": \"…\", \"secondaryKey\": \"…\"}, each of 1 to "
          + "\(AccessKeys.largestByteCount) printable characters"
      }
    }
  }

  private struct Content: Codable {
    var primaryKey: String
    var secondaryKey: String
  }

  public let path: String

  public init(path: String) { self.path = path }

  /// `$XDG_STATE_HOME/apus/keys.json`, or `~/.local/state/apus/keys.json` (XDG Base Directory Specification).
  public static func standard(environment: [String: String]) -> KeyFile {
    let state = environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
    let home = environment["HOME"] ?? FileManager.default.homeDirectoryForCurrentUser.path
    return KeyFile(path: (state ?? home + "/.local/state") + "/apus/keys.json")
  }

  /// The keys, or nil when there is no file. Others' right to read it is taken away; `warn` is told so.
  public func read(warn: (String) -> Void) throws(Problem) -> AccessKeys? {
    // The mode is that of the file that is read, whatever the path points to a moment later.
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw .unreadable(path: path, reason: Self.reason())
    }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 65536 else {
      throw .unreadable(path: path, reason: "it is not a small regular file")
    }
    if status.st_mode & 0o077 != 0 {
      guard fchmod(file, 0o600) == 0 else { throw .unreadable(path: path, reason: "others may read it") }
      warn("others could read the key file \(path): its mode is 0600 now; replace the keys if they matter")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
    guard count == bytes.count, let content = try? JSONDecoder().decode(Content.self, from: Data(bytes)),
      let keys = AccessKeys(primary: content.primaryKey, secondary: content.secondaryKey)
    else { throw .malformed(path: path) }
    return keys
  }

  /// The keys of the file, which is made with new ones if there is none.
  public func readOrCreate(warn: (String) -> Void) throws(Problem) -> AccessKeys {
    if let keys = try read(warn: warn) { return keys }
    let keys = Self.generate()
    if try create(keys) { return keys }
    // Another process was faster.
    guard let keys = try read(warn: warn) else { throw .malformed(path: path) }
    return keys
  }

  /// Two keys of 256 random bits each.
  static func generate() -> AccessKeys {
    func key() -> String {
      var random = SystemRandomNumberGenerator()
      return Data((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }).base64EncodedString()
    }
    guard let keys = AccessKeys(primary: key(), secondary: key()) else { preconditionFailure("base64 is printable") }
    return keys
  }

  /// Makes the file with its whole content or not at all; false when there is one already.
  private func create(_ keys: AccessKeys) throws(Problem) -> Bool {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unwritable(path: path, reason: "the folder \(folder) cannot be made")
    }
    let draft = path + ".\(getpid())"
    let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw .unwritable(path: path, reason: Self.reason()) }
    defer { unlink(draft) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    let content = Content(primaryKey: keys.primary, secondaryKey: keys.secondary)
    let bytes = Array((try? encoder.encode(content)) ?? Data()) + [0x0A]
    let count = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    let isComplete = count == bytes.count && fsync(file) == 0
    guard close(file) == 0, isComplete else { throw .unwritable(path: path, reason: Self.reason()) }
    // A link, unlike a rename, does not replace what another process has just made.
    if link(draft, path) == 0 { return true }
    if errno == EEXIST { return false }
    throw .unwritable(path: path, reason: Self.reason())
  }

  private static func reason() -> String { String(cString: strerror(errno)) }
}
