// Settings: files that people write by hand, in YAML or JSON, which is part of it. Start here.
//
//   bytes ─► YAMLEvents ─► SettingsNode ─► SettingsSection ─► values
//
//   SettingsFile      reads a file of bounded size
//   YAMLEvents        libyaml's events, each with its place
//   SettingsNode      the tree: text, lists, mappings; aliases are resolved, within bounds
//   SettingsSection   takes the values of a mapping by key and type; what nobody takes is an unknown key
//   SettingsProblem   what is wrong, and where: file, line, column, key
//   Spelling          the known word that a mistyped one is nearest to
//
// Of the package Yams, libyaml is used as it is: the trees above it are built whole before anybody can bound them, and
// lose where a duplicate key stands.

import FoundationEssentials
import Glibc

/// A file of settings.
public enum SettingsFile {
  /// Thousands of models fit; and what is slow to read for its nesting is not slow at this size.
  public static let largestByteCount = 256 << 10

  /// The tree of a file. Throws for one that cannot be read, is too large, or is no YAML.
  public static func read(path: String) throws(SettingsProblem) -> SettingsNode {
    try parse(try bytes(path), path: path)
  }

  /// The tree of a file's bytes; `path` is for messages. A file without anything in it is a mapping without keys.
  public static func parse(_ bytes: [UInt8], path: String) throws(SettingsProblem) -> SettingsNode {
    try check(bytes.count, path)
    return try SettingsNode.root(YAMLEvents(bytes, path: path))
  }

  private static func check(_ byteCount: Int, _ path: String) throws(SettingsProblem) {
    guard byteCount <= largestByteCount else {
      throw SettingsProblem(.unreadable, path, "it has more than \(largestByteCount >> 10) KiB")
    }
  }

  private static func bytes(_ path: String) throws(SettingsProblem) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw SettingsProblem(.unreadable, path, String(cString: strerror(errno))) }
    defer { close(file) }
    // One byte more than there may be tells whether there is more. Pipes come in pieces.
    var bytes = [UInt8](repeating: 0, count: largestByteCount + 1)
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SettingsProblem(.unreadable, path, String(cString: strerror(errno))) }
      if count == 0 { break }
      filled += count
    }
    try check(filled, path)
    return Array(bytes[..<filled])
  }
}
