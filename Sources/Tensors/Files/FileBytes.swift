import Glibc

/// Whole files in and out of memory. (Mapped model files belong to another room; these are inputs and fixtures.)
enum FileBytes {
  static func read(_ path: String) throws(TensorError) -> TensorStorage {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .malformed(source: path, problem: "not a regular file") }
    let storage = try TensorStorage(byteCount: Int(status.st_size), zeroed: false)
    var count = 0
    while count < storage.byteCount {
      let got = Glibc.read(descriptor, storage.base + count, storage.byteCount - count)
      if got < 0 && errno == EINTR { continue }
      if got < 0 { throw failure(path) }
      if got == 0 { throw .malformed(source: path, problem: "became shorter while it was read") }
      count += got
    }
    return storage
  }

  static func write(_ bytes: [UInt8], path: String) throws(TensorError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path) }
    var count = 0
    var problem: Int32 = 0
    bytes.withUnsafeBytes { buffer in
      while count < buffer.count, let base = buffer.baseAddress {
        let put = Glibc.write(descriptor, base + count, buffer.count - count)
        if put < 0 && errno == EINTR { continue }
        if put < 0 {
          problem = errno
          return
        }
        count += put
      }
    }
    // A full disk may be noticed only here.
    if close(descriptor) != 0 && problem == 0 { problem = errno }
    if problem != 0 { throw .malformed(source: path, problem: String(cString: strerror(problem))) }
  }

  private static func failure(_ path: String) -> TensorError {
    .malformed(source: path, problem: String(cString: strerror(errno)))
  }
}
