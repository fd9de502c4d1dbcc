import NIOCore
import Tensors

/// Parameters of a query as the JSON object that a POST would have carried: `?data=[[1,2]]` → `{"data": [[1,2]]}`.
/// A value that is no JSON is a string.
enum QueryBody {
  static func make(_ query: UnsafeRawBufferPointer?) throws(HTTPError) -> ByteBuffer {
    var writer = JSONWriter()
    writer.append(raw: "{")
    var isFirst = true
    for pair in (query ?? UnsafeRawBufferPointer(start: nil, count: 0)).split(separator: UInt8(ascii: "&")) {
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      if !isFirst { writer.append(raw: ",") }
      isFirst = false
      writer.append(string: String(decoding: try decode(pair[..<equals]), as: UTF8.self))
      writer.append(raw: ":")
      append(try decode(pair[equals...].dropFirst()), to: &writer)
    }
    writer.append(raw: "}")
    return writer.withBytes { ByteBuffer(bytes: $0) }
  }

  private static func decode(_ text: Slice<UnsafeRawBufferPointer>) throws(HTTPError) -> [UInt8] {
    guard let bytes = PercentEncoding.decode(UnsafeRawBufferPointer(rebasing: text), plusIsSpace: true) else {
      throw HTTPError(.badRequest, "Malformed percent-encoding in the query.")
    }
    return bytes
  }

  private static func append(_ value: [UInt8], to writer: inout JSONWriter) {
    value.withUnsafeBytes { bytes in
      if isJSON(bytes) {
        writer.append(raw: bytes)
      } else {
        writer.append(string: String(decoding: bytes, as: UTF8.self))
      }
    }
  }

  private static func isJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
    do throws(TensorError) {
      var reader = JSONReader(bytes)
      try reader.skipValue()
      try reader.finish()
      return true
    } catch {
      return false
    }
  }
}
