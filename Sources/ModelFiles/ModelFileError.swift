import Glibc

/// Why a file cannot be read at all.
public struct ModelFileError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Problem: Equatable, Sendable {
    /// A system call refused; `code` is its errno.
    case system(call: String, code: Int32)
    /// A directory, device, pipe or socket.
    case notARegularFile
    case tooLarge(bytes: Int, limit: Int)
    case outOfMemory(bytes: Int)
  }

  public let path: String
  public let problem: Problem

  public init(path: String, problem: Problem) {
    self.path = path
    self.problem = problem
  }

  public var description: String {
    switch problem {
    case .system(let call, let code): "\(path): cannot \(call): \(String(cString: strerror(code)))"
    case .notARegularFile: "\(path): not a regular file"
    case .tooLarge(let bytes, let limit): "\(path): \(bytes) bytes, more than the limit of \(limit)"
    case .outOfMemory(let bytes): "\(path): out of memory: \(bytes) bytes asked for"
    }
  }
}
