import Glibc
import Testing

/// A page in Prometheus's text format 0.0.4, read strictly: what a family's lines must look like, and in which order.
struct Exposition {
  struct Malformed: Error, CustomStringConvertible {
    let description: String
  }

  /// By the sample's name with its labels as they stand on the page.
  private(set) var samples: [String: Double] = [:]
  private(set) var kinds: [String: String] = [:]

  init(_ text: String) throws {
    guard text.hasSuffix("\n") else { throw Malformed(description: "the last line has no end") }
    var family = ""
    var hasHelp: Set<String> = []
    for line in text.dropLast().split(separator: "\n", omittingEmptySubsequences: false) {
      let words = line.split(separator: " ", maxSplits: 3)
      if line.hasPrefix("# HELP ") {
        guard words.count == 4, hasHelp.insert(String(words[2])).inserted else { throw Self.malformed(line) }
        family = String(words[2])
      } else if line.hasPrefix("# TYPE ") {
        guard words.count == 4, words[2] == family, ["counter", "gauge", "histogram"].contains(words[3]),
          kinds.updateValue(String(words[3]), forKey: family) == nil
        else { throw Self.malformed(line) }
      } else {
        guard let match = line.wholeMatch(of: Self.sample), let value = Double(match.3) else {
          throw Self.malformed(line)
        }
        let kind = kinds[family]
        let names = kind == "histogram" ? ["_bucket", "_sum", "_count"].map { family + $0 } : [family]
        guard kind != nil, names.contains(String(match.1)),
          samples.updateValue(value, forKey: "\(match.1)\(match.2 ?? "")") == nil
        else { throw Self.malformed(line) }
      }
    }
    for (name, kind) in kinds where kind == "histogram" { try check(histogram: name) }
  }

  private static var sample: Regex<(Substring, Substring, Substring?, Substring)> {
    /([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,(?=[a-z])|(?=\})))+\})? ([0-9.]+)/
  }

  private static func malformed(_ line: Substring) -> Malformed { Malformed(description: "malformed: \(line)") }

  /// Buckets only grow, and the last one holds everything.
  private func check(histogram name: String) throws {
    for (sample, count) in samples where sample.hasPrefix(name + "_count") {
      let labels = sample.dropFirst(name.count + "_count".count)
      let counts = buckets(name, String(labels)).map(\.count)
      guard counts == counts.sorted(), counts.last == count, samples["\(name)_sum\(labels)"] != nil else {
        throw Malformed(description: "\(sample) does not agree with its buckets \(counts)")
      }
    }
  }

  /// The buckets of a histogram in the order of their bounds. `labels` are with braces.
  func buckets(_ name: String, _ labels: String) -> [(bound: Double, count: Double)] {
    let prefix = "\(name)_bucket\(labels.dropLast()),le=\""
    return samples.filter { $0.key.hasPrefix(prefix) }.map { key, count in
      let bound = key.dropFirst(prefix.count).dropLast(2)
      return (bound == "+Inf" ? .infinity : Double(bound) ?? .nan, count)
    }.sorted { $0.bound < $1.bound }
  }

  /// The value of a sample, or 0 for one that is not on the page.
  subscript(_ sample: String) -> Double { samples[sample] ?? 0 }
}

extension TestServer {
  func scrape(headers: [String] = []) throws -> Exposition {
    let response = try request(Client.get("/metrics", headers: headers))
    #expect(response.status == 200)
    #expect(response["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8")
    return try Exposition(response.body)
  }

  /// Asks until the server is as it shall be: what happens on its own threads takes a moment.
  func scrape(until isExpected: (Exposition) -> Bool) throws -> Exposition {
    for _ in 0..<2000 {
      let page = try scrape()
      if isExpected(page) { return page }
      usleep(5000)
    }
    return try scrape()
  }
}
