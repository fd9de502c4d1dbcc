/// NumPy's file of several arrays: a zip archive of `.npy` members, as `numpy.savez` and `savez_compressed` write it.
public enum NPZ {
  /// Bytes that the members of one file may come to when decompressed, unless the caller says otherwise.
  public static let defaultLargestByteCount = 1 << 34

  /// The arrays in the order of the file, named without `.npy`.
  public static func read(
    path: String, largestByteCount: Int = defaultLargestByteCount
  ) throws(TensorError) -> [(name: String, tensor: Tensor)] {
    let file = try FileBytes.read(path)
    return try withExtendedLifetime(file) { () throws(TensorError) in
      let bytes = UnsafeRawBufferPointer(start: file.base, count: file.byteCount)
      return try read(bytes: bytes, source: path, largestByteCount: largestByteCount)
    }
  }

  public static func read(
    bytes: UnsafeRawBufferPointer, source: String, largestByteCount: Int = defaultLargestByteCount
  ) throws(TensorError) -> [(name: String, tensor: Tensor)] {
    let archive = try ZipReader(bytes, source: source)
    var left = largestByteCount
    var result: [(name: String, tensor: Tensor)] = []
    for member in archive.members {
      guard member.byteCount <= left else {
        throw .malformed(source: source, problem: "holds more than the \(largestByteCount) bytes allowed")
      }
      left -= member.byteCount
      let name = member.name.hasSuffix(".npy") ? String(member.name.dropLast(4)) : member.name
      let tensor = try archive.withContent(of: member) { (content, name) throws(TensorError) in
        try NPY.read(bytes: content, source: name)
      }
      result.append((name, tensor))
    }
    return result
  }

  /// Writes members `name.npy`, not compressed.
  public static func write(_ tensors: [(String, Tensor)], path: String) throws(TensorError) {
    try FileBytes.write(write(tensors), path: path)
  }

  /// The bytes of such a file.
  public static func write(_ tensors: [(String, Tensor)]) throws(TensorError) -> [UInt8] {
    var writer = ZipWriter()
    for (name, tensor) in tensors { try writer.add(name: name + ".npy", NPY.write(tensor)) }
    return writer.finish()
  }
}
