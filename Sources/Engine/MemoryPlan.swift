/// Offsets of short-lived buffers in one arena.
///
/// Buffers with overlapping lifetimes must not overlap in memory. Finding the smallest arena is NP-hard; the two
/// greedy orders of Pisarchyk and Lee (arXiv 2001.03288) come close, so both are tried and the smaller arena is kept.
public struct MemoryPlan: Sendable {
  /// A buffer that is written at step `first` and last read at step `last`.
  public struct Buffer: Sendable {
    public var byteCount: Int
    public var first: Int
    public var last: Int

    public init(byteCount: Int, first: Int, last: Int) {
      self.byteCount = byteCount
      self.first = first
      self.last = last
    }
  }

  /// Byte offset of each buffer, a multiple of `alignment`.
  public private(set) var offsets: [Int]
  public private(set) var arenaByteCount: Int
  /// The most bytes that are alive at one step: no plan can do with less.
  public private(set) var lowerBound: Int

  public static let alignment = 64

  public init(_ buffers: [Buffer]) {
    let sizes = buffers.map { ($0.byteCount + Self.alignment - 1) / Self.alignment * Self.alignment }
    let bySize = buffers.indices.sorted { (sizes[$0], buffers[$1].first) > (sizes[$1], buffers[$0].first) }
    let byTime = buffers.indices.sorted { (buffers[$0].first, sizes[$1]) < (buffers[$1].first, sizes[$0]) }
    let plans = [bySize, byTime].map { Self.place(buffers, sizes, order: $0) }
    let best = plans[0].arena <= plans[1].arena ? plans[0] : plans[1]
    offsets = best.offsets
    arenaByteCount = best.arena
    lowerBound = Self.peak(buffers, sizes)
  }

  /// Puts each buffer into the tightest gap between the placed ones that live at the same time.
  private static func place(_ buffers: [Buffer], _ sizes: [Int], order: [Int]) -> (offsets: [Int], arena: Int) {
    var offsets = [Int](repeating: 0, count: buffers.count)
    /// Indices of placed buffers, by offset.
    var placed: [Int] = []
    var arena = 0
    for index in order {
      var best: (gap: Int, offset: Int)?
      var end = 0
      for other in placed
      where buffers[other].first <= buffers[index].last && buffers[index].first <= buffers[other].last {
        let gap = offsets[other] - end
        if gap >= sizes[index], gap < best?.gap ?? .max { best = (gap, end) }
        end = max(end, offsets[other] + sizes[other])
      }
      offsets[index] = best?.offset ?? end
      arena = max(arena, offsets[index] + sizes[index])
      let position = placed.firstIndex { offsets[$0] > offsets[index] } ?? placed.count
      placed.insert(index, at: position)
    }
    return (offsets, arena)
  }

  private static func peak(_ buffers: [Buffer], _ sizes: [Int]) -> Int {
    var changes: [Int: Int] = [:]
    for (buffer, size) in zip(buffers, sizes) {
      changes[buffer.first, default: 0] += size
      changes[buffer.last + 1, default: 0] -= size
    }
    var alive = 0
    return changes.sorted { $0.key < $1.key }.reduce(0) { peak, change in
      alive += change.value
      return max(peak, alive)
    }
  }
}
