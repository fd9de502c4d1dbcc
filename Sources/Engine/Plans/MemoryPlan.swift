/// Offsets of short-lived buffers in one arena.
///
/// Buffers with overlapping lifetimes must not overlap in memory. Finding the smallest arena is NP-hard. Every planner
/// takes the buffers in an order of its own and puts each into the tightest gap between those that are there already;
/// none is always the best, so the smallest arena of all is kept.
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

  /// In which order buffers are placed.
  public enum Planner: String, CaseIterable, Sendable {
    /// "Greedy by size" of Pisarchyk and Lee (arXiv 2001.03288).
    case bySize
    /// "Greedy by breadth", theirs too: the steps where most bytes are alive first, within one the largest buffer first.
    case byBreadth
    /// Best fit in the order of execution: what an allocator would do during the run.
    case byExecution
  }

  /// Byte offset of each buffer, a multiple of `alignment`.
  public private(set) var offsets: [Int]
  public private(set) var arenaByteCount: Int
  /// The most bytes that are alive at one step: no plan can do with less.
  public private(set) var lowerBound: Int

  public static let alignment = 64

  /// The smallest arena that `planners` find; the first of them where several are as good.
  public init(_ buffers: [Buffer], planners: [Planner] = Planner.allCases) {
    let problem = Problem(buffers)
    offsets = []
    arenaByteCount = .max
    lowerBound = problem.lowerBound
    // No planner can be better than one that meets the bound, which is most often the first.
    for planner in planners where arenaByteCount > lowerBound {
      let (offsets, arena) = problem.place(problem.order(planner))
      if arena < arenaByteCount { (self.offsets, arenaByteCount) = (offsets, arena) }
    }
  }
}

/// Buffers with aligned sizes, and what is known of them before any is placed.
private struct Problem {
  let buffers: [MemoryPlan.Buffer]
  let sizes: [Int]
  /// Bytes alive at each step at which a buffer begins; the peak is at one of these.
  let breadths: [(step: Int, byteCount: Int)]

  init(_ buffers: [MemoryPlan.Buffer]) {
    let alignment = MemoryPlan.alignment
    self.buffers = buffers
    sizes = buffers.map { ($0.byteCount + alignment - 1) / alignment * alignment }
    var changes: [Int: Int] = [:]
    for (buffer, size) in zip(buffers, sizes) {
      changes[buffer.first, default: 0] += size
      changes[buffer.last + 1, default: 0] -= size
    }
    let beginnings = Set(buffers.map(\.first))
    var alive = 0
    breadths = changes.sorted { $0.key < $1.key }.compactMap { step, change in
      alive += change
      return beginnings.contains(step) ? (step, alive) : nil
    }
  }

  var lowerBound: Int { breadths.map(\.byteCount).max() ?? 0 }

  func order(_ planner: MemoryPlan.Planner) -> [Int] {
    switch planner {
    case .bySize:
      buffers.indices.sorted { (sizes[$0], buffers[$1].first, $1) > (sizes[$1], buffers[$0].first, $0) }
    case .byExecution:
      buffers.indices.sorted { (buffers[$0].first, sizes[$1], $0) < (buffers[$1].first, sizes[$0], $1) }
    case .byBreadth: orderByBreadth()
    }
  }

  private func orderByBreadth() -> [Int] {
    var waiting = order(.bySize)
    var order: [Int] = []
    for (step, _) in breadths.sorted(by: { ($0.byteCount, $1.step) > ($1.byteCount, $0.step) }) where !waiting.isEmpty {
      order += waiting.filter { buffers[$0].first <= step && step <= buffers[$0].last }
      waiting.removeAll { buffers[$0].first <= step && step <= buffers[$0].last }
    }
    return order
  }

  /// Puts each buffer into the tightest gap between the placed ones that live at the same time.
  func place(_ order: [Int]) -> (offsets: [Int], arena: Int) {
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
}
