/// What somebody may have meant.
enum Spelling {
  /// The known word that is nearest to `word`; nil when none is near: two slips, or one in words of up to four letters.
  static func nearest(to word: String, among known: [String]) -> String? {
    let letters = Array(word.utf8.prefix(64))
    let limit = letters.count <= 4 ? 1 : 2
    let distances = known.map { (word: $0, distance: distance(letters, Array($0.utf8))) }
    guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= limit else { return nil }
    return best.word
  }

  /// Letters that are to be inserted, left out, replaced, or swapped with their neighbour. Case does not count, nor does
  /// what stands between words.
  private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    func plain(_ letters: [UInt8]) -> [UInt8] {
      letters.map { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 &- 0x41 < 26 ? $0 | 0x20 : $0 }
    }
    let (a, b) = (plain(a), plain(b))
    var rows = [Array(0...b.count)]
    for row in 0..<a.count {
      var next = [row + 1]
      for column in 0..<b.count {
        let replaced = rows[row][column] + (a[row] == b[column] ? 0 : 1)
        var best = min(replaced, rows[row][column + 1] + 1, next[column] + 1)
        if row > 0, column > 0, a[row] == b[column - 1], a[row - 1] == b[column] {
          best = min(best, rows[row - 1][column - 1] + 1)
        }
        next.append(best)
      }
      rows.append(next)
    }
    return rows[a.count][b.count]
  }
}
