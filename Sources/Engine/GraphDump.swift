import Glibc
import GraphIR
import Passes
import Synchronization

/// `APUS_DUMP=folder`: the graph after each pass as text, in `<folder>/<model>/<NN>-<pass>.txt`, and for each bound
/// shape in `<folder>/<model>/<shapes>/<NN>-<pass>.txt`. What cannot be written is reported once and never fatal.
package enum GraphDump {
  /// Read once: a process dumps all its models or none.
  private static let folder: String? = getenv("APUS_DUMP").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  private static let hasFailed = Atomic(false)

  /// Large weights show as a hash.
  private static let maximumConstantCount = 64

  /// The pipeline, writing its stages below the model's name; unchanged where nothing is dumped.
  static func tracing(_ pipeline: Pipeline, _ path: [String]) -> Pipeline {
    guard let folder else { return pipeline }
    let directory = ([folder] + path.map(fileName)).joined(separator: "/")
    var traced = pipeline
    traced.dump = { stage, graph in
      write(graph.text(maximumConstantCount: maximumConstantCount), to: directory, "\(fileName(stage)).txt")
    }
    return traced
  }

  static var isOn: Bool { folder != nil }

  /// A text of its own below the folder, when something is dumped.
  static func write(_ text: @autoclosure () -> String, folder path: [String], name: String) {
    guard let folder else { return }
    write(text(), to: ([folder] + path.map(fileName)).joined(separator: "/"), "\(fileName(name)).txt")
  }

  /// A model's name for people: the file's, or the folder's of a `model.onnx`, with the folder above for a version.
  package static func modelName(path: String) -> String {
    var parts = path.split(separator: "/").map(String.init)
    if parts.count > 1, parts.last == "model.onnx" { parts.removeLast() }
    guard let last = parts.popLast() else { return "model" }
    if let parent = parts.last, last.allSatisfy(\.isNumber) { return "\(parent)-\(last)" }
    return last.hasSuffix(".onnx") ? String(last.dropLast(5)) : last
  }

  /// Letters, digits and a few marks; everything else might leave the folder.
  private static func fileName(_ text: String) -> String {
    let name = String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber || "-+_.,".contains($0)) ? $0 : "_" })
    return name.allSatisfy { $0 == "." } ? "_" : String(name.prefix(maximumNameLength))
  }

  private static let maximumNameLength = 120

  private static func write(_ text: String, to directory: String, _ name: String) {
    var made = directory.hasPrefix("/") ? "" : "."
    for part in directory.split(separator: "/") {
      made += "/\(part)"
      // What exists already is fine; what fails otherwise shows when the file is opened.
      _ = mkdir(made, 0o777)
    }
    let path = "\(directory)/\(name)"
    guard let file = fopen(path, "w") else { return report(path) }
    let isWritten = fputs(text, file) >= 0
    if fclose(file) != 0 || !isWritten { report(path) }
  }

  private static func report(_ path: String) {
    let problem = String(cString: strerror(errno))
    guard !hasFailed.exchange(true, ordering: .relaxed) else { return }
    let line = "APUS_DUMP: cannot write \(path): \(problem); further problems are not reported\n"
    _ = line.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
  }
}
