import Testing

@testable import X86

/// Runs functions of the vector IR: what is computed must not depend on how registers were given.
@Suite struct VectorIRTests {
  typealias Function = @convention(c) (UnsafeRawPointer, Int, Int, UnsafeMutableRawPointer) -> Void

  static let caps: [InstructionSet] = [.avx2, .avx512].filter {
    $0.requiredFeatures.isSubset(of: (try? CPU.current().features) ?? [])
  }

  /// Builds and calls; `arguments` are 8-byte entries.
  private func run(
    _ builder: VectorBuilder, _ arguments: [UInt64], begin: Int = 0, end: Int = 0
  ) throws {
    let code = try builder.build()
    let region = try CodeRegion(capacity: 1 << 16)
    let function = try region.add(name: "test", code).function(as: Function.self)
    var scratch = [UInt8](repeating: 0, count: 4096)
    arguments.withUnsafeBytes { arguments in
      scratch.withUnsafeMutableBytes { function(arguments.baseAddress!, begin, end, $0.baseAddress!) }
    }
    withExtendedLifetime(region) {}
  }

  private func withFloats(_ values: inout [Float], _ body: (UInt64) throws -> Void) rethrows {
    try values.withUnsafeMutableBytes { try body(UInt64(UInt(bitPattern: $0.baseAddress!))) }
  }

  @Test("A loop over vectors scales an array, with a tail under a mask", arguments: caps)
  func scale(cap: InstructionSet) throws {
    for count in 0..<70 {
      var values = (0..<count + 3).map { Float($0) }
      let builder = VectorBuilder(name: "scale", instructionSet: cap)
      let source = builder.argument(0)
      let factor = builder.constant(2)
      let lanes = builder.lanes
      let whole = builder.and(builder.end, -lanes)
      builder.loop(to: .value(whole), step: lanes) { index, _ in
        let address = Address(source, index: index, scale: 4)
        builder.store(builder.multiply(builder.load(address), factor), to: address)
        return []
      }
      let mask = builder.laneMask(count: builder.subtract(builder.end, .value(whole)))
      let address = Address(source, index: whole, scale: 4)
      builder.store(builder.multiply(builder.load(address, mask: mask), factor), to: address, mask: mask)
      try withFloats(&values) { try run(builder, [$0], end: count) }
      #expect(values == (0..<count + 3).map { Float($0) * ($0 < count ? 2 : 1) })
    }
  }

  @Test("Carried values survive nested loops and swaps", arguments: caps)
  func fibonacci(cap: InstructionSet) throws {
    var results = [Float](repeating: 0, count: 8)
    let builder = VectorBuilder(name: "fibonacci", instructionSet: cap)
    let target = builder.argument(0)
    let outer = builder.loop(to: .immediate(3), carrying: [builder.integer(0), builder.integer(1)]) { _, pair in
      builder.loop(to: .immediate(10), carrying: pair) { _, pair in
        [pair[1], builder.add(pair[0], .value(pair[1]))]
      }
    }
    builder.store(integer: outer[0], to: Address(target))
    builder.store(integer: outer[1], to: Address(target, displacement: 8))
    try withFloats(&results) { try run(builder, [$0]) }
    results.withUnsafeBytes {
      #expect($0.load(as: Int.self) == 832_040)
      #expect($0.load(fromByteOffset: 8, as: Int.self) == 1_346_269)
    }
  }

  @Test("More values than registers are spilled and come back", arguments: caps, [5, 15, 16, 31, 33, 60])
  func pressure(cap: InstructionSet, count: Int) throws {
    let lanes = cap == .avx2 ? 8 : 16
    var values = (0..<count * lanes).map { Float($0 % 97) }
    let expected = (0..<lanes).map { lane in
      (0..<count).reduce(Float(0)) { $0 + values[$1 * lanes + lane] * Float(5) * Float($1 + 1) }
    }
    let builder = VectorBuilder(name: "pressure", instructionSet: cap)
    let source = builder.argument(0)
    let loaded = (0..<count).map { builder.load(Address(source, displacement: $0 * lanes * 4)) }
    let factors = (0..<count).map { builder.constant(Float($0 + 1)) }
    let sums = builder.loop(to: .immediate(5), carrying: [builder.zero()] + loaded) { _, carried in
      var sum = carried[0]
      for (value, factor) in zip(carried.dropFirst(), factors) {
        sum = builder.multiplyAdd(value, factor, adding: sum)
      }
      return [sum] + carried.dropFirst()
    }
    builder.store(sums[0], to: Address(source))
    try withFloats(&values) { try run(builder, [$0]) }
    #expect(Array(values[0..<lanes]) == expected)
  }

  @Test("Old values of updates live on", arguments: caps)
  func updates(cap: InstructionSet) throws {
    var values = [Float](repeating: 3, count: 64)
    let builder = VectorBuilder(name: "updates", instructionSet: cap)
    let source = builder.argument(0)
    let x = builder.load(Address(source))
    let y = builder.multiplyAdd(x, x, adding: x)  // 12
    let z = builder.multiplyAdd(y, x, adding: y)  // 48
    builder.store(builder.add(builder.add(x, y), z), to: Address(source))
    try withFloats(&values) { try run(builder, [$0]) }
    #expect(values[0] == 63)
  }

  @Test("Conditionals give values; divisions and minima use the right registers", arguments: caps)
  func conditionals(cap: InstructionSet) throws {
    for (begin, end) in [(7, 3), (3, 7), (-50, 7), (100, 9), (9, 9)] {
      var results = [Float](repeating: 0, count: 16)
      let builder = VectorBuilder(name: "conditionals", instructionSet: cap)
      let target = builder.argument(0)
      let (quotient, remainder) = builder.divide(builder.begin, by: builder.end)
      let chosen = builder.if(.compare(builder.begin, .less, .value(builder.end))) {
        [builder.add(quotient, .immediate(1000))]
      } else: {
        [builder.multiply(remainder, by: 7)]
      }
      builder.store(integer: quotient, to: Address(target))
      builder.store(integer: remainder, to: Address(target, displacement: 8))
      builder.store(integer: chosen[0], to: Address(target, displacement: 16))
      builder.store(integer: builder.minimum(builder.begin, .value(builder.end)), to: Address(target, displacement: 24))
      builder.store(integer: builder.maximum(builder.begin, .immediate(5)), to: Address(target, displacement: 32))
      try withFloats(&results) { try run(builder, [$0], begin: begin, end: end) }
      results.withUnsafeBytes {
        let found = $0.bindMemory(to: Int.self)
        #expect(found[0] == begin / end && found[1] == begin % end)
        #expect(found[2] == (begin < end ? begin / end + 1000 : begin % end * 7))
        #expect(found[3] == min(begin, end) && found[4] == max(begin, 5))
      }
    }
  }

  @Test("Gathers, selections and horizontal sums", arguments: caps)
  func lanes(cap: InstructionSet) throws {
    let lanes = cap == .avx2 ? 8 : 16
    var values = (0..<200).map { Float($0) }
    let builder = VectorBuilder(name: "lanes", instructionSet: cap)
    let source = builder.argument(0)
    let indices = builder.constant(elements: (0..<Int32(lanes)).map { $0 * 7 })
    let gathered = builder.gather(source, indices: indices, scale: 4)
    let fifty = builder.constant(50)
    let picked = builder.select(builder.compare(gathered, fifty, predicate: 1), gathered, fifty)
    let sum = builder.horizontal(picked, builder.add)
    builder.perform(.vmovss, .memory(Address(source)), .view(sum, .xmm))
    try withFloats(&values) { try run(builder, [$0]) }
    #expect(values[0] == (0..<lanes).map { min(50, Float($0 * 7)) }.reduce(0, +))
  }

  @Test("A tile that does not fit its registers is refused", arguments: caps)
  func pinned(cap: InstructionSet) throws {
    let builder = VectorBuilder(name: "tile", instructionSet: cap)
    let values = (0..<40).map { _ in builder.load(Address(builder.scratch)) }
    builder.pin(values)
    for value in values { builder.store(value, to: Address(builder.scratch)) }
    #expect(throws: VectorError.self) { try builder.build() }
  }

  @Test("Values of a loop are not seen behind it")
  func scopes() throws {
    let builder = VectorBuilder(name: "scopes", instructionSet: .avx2)
    var inner: Value?
    builder.loop(to: .immediate(2)) { _, _ in
      inner = builder.integer(1)
      return []
    }
    builder.store(integer: try #require(inner), to: Address(builder.scratch))
    #expect(throws: VectorError.self) { try builder.function.verify() }
  }

  /// Random programs of float additions in random loop nests, against the same computation in Swift.
  @Test("Random programs", arguments: caps, 0..<60)
  func random(cap: InstructionSet, seed: Int) throws {
    var generator = SplitMix64(state: UInt64(seed))
    let builder = VectorBuilder(name: "random", instructionSet: cap)
    var pool = (0..<20).map { (builder.constant(Float($0)), Float($0)) }
    // Not rematerialisable: these have to be kept.
    pool += (0..<20).map { index in
      (builder.add(builder.constant(Float(index)), builder.constant(1)), Float(index) + 1)
    }
    let total = emit(builder, &generator, &pool, depth: 0)
    let target = builder.argument(0)
    for (position, entry) in total.enumerated() {
      builder.store(entry.0, to: Address(target, displacement: position * 64))
    }
    var values = [Float](repeating: -1, count: 16 * total.count)
    try withFloats(&values) { try run(builder, [$0]) }
    for (position, entry) in total.enumerated() { #expect(values[position * 16] == entry.1) }
  }

  private func emit(
    _ builder: VectorBuilder, _ generator: inout SplitMix64, _ pool: inout [(Value, Float)], depth: Int
  ) -> [(Value, Float)] {
    for _ in 0..<Int.random(in: 3..<30, using: &generator) {
      let left = pool.randomElement(using: &generator)!
      let right = pool.randomElement(using: &generator)!
      switch Int.random(in: 0..<6, using: &generator) {
      case 0 where depth < 3:
        let count = Int.random(in: 0..<4, using: &generator)
        let first = [left, right, pool[0]]
        // One pass to know the values: the body is emitted once, and simulated for each iteration.
        let steps = (0..<3).map { _ in Int.random(in: 0..<3, using: &generator) }
        let outer = pool.randomElement(using: &generator)!
        let results = builder.loop(to: .immediate(count), carrying: first.map(\.0)) { _, carried in
          (0..<3).map { builder.add(carried[steps[$0]], $0 == 0 ? outer.0 : carried[0]) }
        }
        var numbers = first.map(\.1)
        for _ in 0..<count {
          let old = numbers
          for position in 0..<3 { numbers[position] = old[steps[position]] + (position == 0 ? outer.1 : old[0]) }
          numbers = numbers.map { $0 }
        }
        for (value, number) in zip(results, numbers) { pool.append((value, number)) }
      case 1:
        pool.append((builder.multiplyAdd(left.0, builder.constant(1), adding: right.0), left.1 + right.1))
      default:
        pool.append((builder.subtract(left.0, right.0), left.1 - right.1))
      }
    }
    return Array(pool.suffix(25))
  }
}
