import Engine
import Foundation
import ONNXFrontend
import Tensors

/// Runs ONNX's operator suite: `apus-conformance FOLDER [--expected LIST] [--update] [--only TEXT]…`.
///
/// FOLDER is what `scripts/conformance` makes: `index.tsv` with one line a case (name, kind, folder, rtol, atol).
/// Exit code 1 when a case on the list fails.
///
/// `apus-conformance --fuzz COUNT [FIRST]` loads and runs random models instead: see `GraphFuzzer`.
///
/// `apus-conformance --npz MODEL INPUTS OUTPUTS…` compares any other model with reference outputs instead: see
/// `ArchiveCase`. `apus-conformance --outputs MODEL INPUTS OUTPUTS [PRECISION]` writes what a model gives.
///
/// With `APUS_CPU=amx`, a CPU that lacks nothing but tiles has them emulated: see `TestedModel`.
@main
struct ConformanceRunner {
  static func main() {
    do {
      let arguments = Array(CommandLine.arguments.dropFirst())
      if arguments.first == "--npz" { exit(try runArchives(arguments.dropFirst())) }
      if arguments.first == "--outputs" { exit(try writeOutputs(arguments.dropFirst())) }
      if arguments.first == "--fuzz" { exit(try fuzzer(arguments.dropFirst()).run() ? 0 : 1) }
      let options = try Options(arguments)
      exit(try run(options) ? 0 : 1)
    } catch {
      FileHandle.standardError.write(Data("error: \(error)\n".utf8))
      exit(2)
    }
  }

  struct Failure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
  }

  struct Options {
    var folder = ""
    var expected: String?
    /// A list of the only cases that may fail.
    var known: String?
    var updates = false
    var filters: [String] = []
    var verbose = false

    init(_ arguments: [String]) throws {
      var rest = arguments[...]
      while let argument = rest.popFirst() {
        switch argument {
        case "--expected": expected = rest.popFirst()
        case "--known-failures": known = rest.popFirst()
        case "--update": updates = true
        case "--only": filters += rest.popFirst().map { [$0] } ?? []
        case "--verbose": verbose = true
        default: folder = argument
        }
      }
      if folder.isEmpty {
        throw Failure(
          "usage: apus-conformance FOLDER [--expected LIST] [--update] [--known-failures LIST] [--only TEXT]… [--verbose]"
        )
      }
    }
  }

  /// Pairs of inputs and outputs for one model; 1 when a pair cannot be compared.
  private static func runArchives(_ arguments: ArraySlice<String>) throws -> Int32 {
    guard let model = arguments.first, arguments.count >= 3, arguments.count % 2 == 1 else {
      throw Failure("usage: apus-conformance --npz MODEL INPUTS.npz OUTPUTS.npz…")
    }
    var code: Int32 = 0
    let archives = Array(arguments.dropFirst())
    for index in stride(from: 0, to: archives.count, by: 2) {
      do {
        let summary = try ArchiveCase(model: model, inputs: archives[index], outputs: archives[index + 1]).run()
        print("\(archives[index]): \(summary)")
      } catch {
        print("FAIL \(archives[index]): \(error)")
        code = 1
      }
    }
    return code
  }

  private static func writeOutputs(_ arguments: ArraySlice<String>) throws -> Int32 {
    let arguments = Array(arguments)
    guard 3...4 ~= arguments.count, let precision = Precision(rawValue: arguments.count == 4 ? arguments[3] : "float32")
    else { throw Failure("usage: apus-conformance --outputs MODEL INPUTS.npz OUTPUTS.npz [float32|fast|bfloat16]") }
    let model = try TestedModel.load(arguments[0], precision)
    let given = try Dictionary(NPZ.read(path: arguments[1]).map { ($0.name, $0.tensor) }) { $1 }
    let values = try model.inputs.map { port in
      guard let tensor = given[port.name] else { throw Failure("no array '\(port.name)'") }
      return RuntimeValue.tensor(tensor)
    }
    let outputs = try zip(model.outputs, Session(model, threadCount: 2).run(values)).map { port, value in
      guard let tensor = value.tensor else { throw Failure("output '\(port.name)' is no tensor") }
      return (port.name, tensor)
    }
    try NPZ.write(outputs, path: arguments[2])
    return 0
  }

  private static func fuzzer(_ arguments: ArraySlice<String>) throws -> GraphFuzzer {
    let numbers = arguments.compactMap(Int.init)
    guard numbers.count == arguments.count, 1...2 ~= numbers.count, numbers.allSatisfy({ 0..<(1 << 40) ~= $0 }) else {
      throw Failure("usage: apus-conformance --fuzz COUNT [FIRST SEED]")
    }
    return GraphFuzzer(first: numbers.count == 2 ? numbers[1] : 0, count: numbers[0])
  }

  /// Whether every case on the list passed.
  static func run(_ options: Options) throws -> Bool {
    let index = try String(contentsOfFile: options.folder + "/index.tsv", encoding: .utf8)
    let cases = index.split(separator: "\n").compactMap { ConformanceCase(line: $0, folder: options.folder) }
      .filter { entry in options.filters.isEmpty || options.filters.contains { entry.name.contains($0) } }
    let expected = try options.expected.map(readList) ?? []
    CrashReport.install()

    var passed: Set<String> = []
    var failures: [(ConformanceCase, String)] = []
    for entry in cases {
      CrashReport.current(entry.name)
      if options.verbose { print(entry.name) }
      switch TimeLimit.run(seconds: 60, { try entry.run() }) {
      case nil: failures.append((entry, "takes longer than 60 s"))
      case .failure(let error)?: failures.append((entry, "\(error)"))
      case .success?: passed.insert(entry.name)
      }
    }

    for (entry, problem) in failures { print("FAIL \(entry.name): \(problem.prefix(300))") }
    report(cases, passed)
    let broken = failures.map(\.0.name).filter(expected.contains).sorted()
    if options.updates, let path = options.expected {
      try write(passed.union(expected.subtracting(cases.map(\.name))), path)
    } else if !broken.isEmpty {
      print("\(broken.count) cases that passed before fail now:\n  " + broken.joined(separator: "\n  "))
    }
    let newcomers = passed.subtracting(expected).count
    if options.expected != nil, !options.updates, newcomers > 0 {
      print("\(newcomers) cases pass that the list does not name")
    }
    print("conformance: \(passed.count) passed, \(failures.count) failed")
    if let known = try options.known.map(readList), !failures.allSatisfy({ known.contains($0.0.name) }) {
      print("cases fail that are not known to")
      return false
    }
    return broken.isEmpty || options.updates
  }

  private static func report(_ cases: [ConformanceCase], _ passed: Set<String>) {
    for (title, key) in [("kind", \ConformanceCase.kind), ("operator", \ConformanceCase.operatorName)] {
      print("by \(title):")
      let groups = Dictionary(grouping: cases) { $0[keyPath: key] }
      for (name, group) in groups.sorted(by: { $0.key < $1.key }) {
        let good = group.filter { passed.contains($0.name) }.count
        print("  \(name): \(good) passed, \(group.count - good) failed")
      }
    }
  }

  private static func readList(_ path: String) throws -> Set<String> {
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    return Set(lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty && !$0.hasPrefix("#") })
  }

  private static func write(_ names: Set<String>, _ path: String) throws {
    let header = "# Cases of ONNX's operator suite that pass. The list only grows: see README.md.\n"
    try (header + names.sorted().joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
  }
}
