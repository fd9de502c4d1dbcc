import GraphIR
import KernelIR
import Tensors
import TestSupport
import Testing

@Suite struct SchedulerTests {
  @Test("Schedules of random graphs mean what the graphs mean", arguments: 0..<400)
  func random(seed: Int) throws {
    let random = try RandomGraph(seed: seed)
    try ScheduleCheck.agrees(random.graph, random.inputs, "seed \(seed)")
  }

  @Test("A target without kernels leaves everything to the interpreter")
  func nothing() throws {
    let random = try RandomGraph(seed: 1)
    let target = ScheduleTarget(kernels: [], calculates: { _, _ in false })
    let schedule = try ScheduleCheck.agrees(random.graph, random.inputs, target: target)
    let hasKernels = schedule.steps.contains { if case .kernel = $0.work { true } else { false } }
    #expect(!hasKernels)
  }

  @Test("A convolution takes bias, residual and activation along")
  func convolution() throws {
    try ScheduleCheck.gives(
      """
      %5 float32[2, 4, 4, 8] = convolution 3x3 3→8 [add add maximum](%0, packed %2, constant %3, %1) for 2
      """
    ) { b, make in
      let x = make.input([2, 4, 4, 3])
      let residual = make.input([2, 4, 4, 8])
      let y = try b.convolve(x, make.constant([3, 3, 3, 8]), padding: 1)
      let sum = try b.add(b.add(y, make.constant([8])), residual)
      return [try b.maximum(sum, b.scalar(0, .float32))]
    }
  }

  @Test("A pointwise convolution is a product, one filter a channel is depthwise")
  func kindsOfConvolution() throws {
    try ScheduleCheck.gives(
      """
      %2 float32[2, 4, 4, 8] = gemm 3→8 A 3 B packed C 8(%0, packed %1) for 32
      %4 float32[2, 2, 2, 8] = depthwise 3x3/2x2 8(%2, constant %3) for 2
      """
    ) { b, make in
      let y = try b.convolve(make.input([2, 4, 4, 3]), make.constant([1, 1, 3, 8]))
      return [try b.convolve(y, make.constant([3, 3, 1, 8]), padding: 1, stride: 2, groups: 8)]
    }
  }

  @Test("Products of heads read them where they lie and write them back there")
  func heads() throws {
    try ScheduleCheck.gives(
      """
      %8 float32[2, 3, 5, 5] = gemm 4→5 A 12 B columns 12 C 5 batch 0 (60, 60, 75) batch 3 (4, 4, 25) [maximum](%0, %1) for 5, 2
      %22 float32[2, 5, 12] = gemm 5→4 A 5 B rows 12 C 12 batch 0 (75, 60, 60) batch 3 (25, 4, 4)(%8, %2) for 5, 2
      """
    ) { b, make in
      func split(_ x: ValueID) throws -> ValueID { try b.transpose(b.reshape(x, [2, 5, 3, 4]), [0, 2, 1, 3]) }
      let (q, k, v) = (make.input([2, 5, 12]), make.input([2, 5, 12]), make.input([2, 5, 12]))
      let scores = try b.dot(
        split(q), split(k),
        DotDimensions(lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [3], rhsContracting: [3]),
        result: .float32)
      let y = try b.dot(
        b.maximum(scores, b.scalar(0, .float32)), split(v),
        DotDimensions(lhsBatch: [0, 1], rhsBatch: [0, 1], lhsContracting: [3], rhsContracting: [2]), result: .float32)
      return [try b.reshape(b.transpose(y, [0, 2, 1, 3]), [2, 5, 12])]
    }
  }

  @Test("Attention is one kernel, however the heads lie and whatever the mask is", arguments: 0..<40)
  func attention(seed: Int) throws {
    var random = SeededGenerator(seed)
    let (batch, heads, size) = (random.integer(1...2), random.integer(1...3), random.integer(1...4))
    let (rows, keys) = (random.integer(1...5), random.integer(2...6))
    let hasHeads = random.chance(70)
    let schedule = try ScheduleCheck.schedule { b, make in
      // [batch, heads, length, size], or without heads
      func operand(_ length: Int) throws -> ValueID {
        if !hasHeads { return make.input([batch, length, size]) }
        if random.chance(50) { return make.input([batch, heads, length, size]) }
        let joined = make.input([batch, length, heads * size])
        return try b.transpose(b.reshape(joined, [batch, length, heads, size]), [0, 2, 1, 3])
      }
      let axes = hasHeads ? [0, 1] : [0]
      let last = hasHeads ? 3 : 2
      var scores = try b.dot(
        operand(rows), operand(keys),
        DotDimensions(lhsBatch: axes, rhsBatch: axes, lhsContracting: [last], rhsContracting: [last]), result: .float32)
      if random.chance(50) { scores = try b.multiply(b.scalar(0.25, .float32), scores) }
      if random.chance(30) { scores = try b.divide(scores, b.scalar(2, .float32)) }
      if random.chance(60) {
        let batched = hasHeads ? [[batch, heads, 1, keys], [batch, 1, 1, keys]] : [[batch, 1, keys]]
        scores = try b.add(scores, make.input(Shape(random.pick([[keys], [rows, keys], [rows, 1]] + batched))))
      }
      let y = try b.dot(
        b.softmaxBody(scores, axis: last), operand(keys),
        DotDimensions(lhsBatch: axes, rhsBatch: axes, lhsContracting: [last], rhsContracting: [last - 1]),
        result: .float32)
      return [hasHeads && random.chance(50) ? try b.transpose(y, [0, 2, 1, 3]) : y]
    }
    #expect(schedule.steps.count == 1 && "\(schedule)".contains("= attention"), "\(schedule)")
  }

  @Test("Attention: groups of heads, capped scores, masks of bools, causal ones", arguments: 0..<60)
  func groupedAttention(seed: Int) throws {
    var random = SeededGenerator(seed)
    let (batch, groups, members, size) = (
      random.integer(1...2), random.integer(1...3), random.integer(1...3), random.integer(1...4)
    )
    let (rows, keys) = (random.integer(2...5), random.integer(2...6))
    let heads = groups * members
    // How heads share a key: repeated in memory, as more batch axes, or batch and heads as one axis.
    let form = random.integer(0...2)
    let mask = random.integer(0...5)
    let schedule = try ScheduleCheck.schedule { b, make in
      let query = try b.transpose(make.input([batch, rows, heads, size]), [0, 2, 1, 3])
      func repeated(_ x: ValueID) throws -> ValueID {
        let apart = try b.reshape(x, [batch, groups, 1, keys, size])
        return try b.reshape(
          b.broadcast(apart, to: b.indices([batch, groups, members, keys, size])), [batch, heads, keys, size])
      }
      let (key, value) = (make.input([batch, groups, keys, size]), make.input([batch, groups, keys, size]))
      func product(_ x: ValueID, _ y: ValueID, contracting: Int, columns: Int) throws -> ValueID {
        let inner = contracting == 3 ? size : keys
        var (left, right) = (x, y)
        switch form {
        case 0: right = try repeated(y)
        case 1: left = try b.reshape(x, [batch, groups, members, rows, inner])
        default:
          left = try b.reshape(x, [batch * heads, rows, inner])
          right = try b.reshape(repeated(y), [batch * heads, keys, size])
        }
        let shift = form == 2 ? -1 : 0
        let axes = Array(0..<2 + shift)
        let result = try b.dot(
          left, right,
          DotDimensions(
            lhsBatch: axes, rhsBatch: axes, lhsContracting: [form == 1 ? 4 : 3 + shift],
            rhsContracting: [contracting + shift]), result: .float32)
        return try b.reshape(result, [batch, heads, rows, columns])
      }
      var scores = try product(query, key, contracting: 3, columns: keys)
      scores = try b.multiply(scores, b.scalar(0.5, .float32))
      if random.chance(30) {
        scores = try b.multiply(b.unary(.hyperbolicTangent, scores), b.scalar(3, .float32))
      }
      let infinity = try b.scalar(-.infinity, .float32)
      func sees(_ shape: [Int], _ element: ([Int]) -> Bool) -> ValueID {
        var elements: [Bool] = []
        for row in 0..<shape[shape.count - 2] {
          for column in 0..<shape[shape.count - 1] { elements.append(element([row, column])) }
        }
        return b.constant(Tensor(Shape(shape), elements))
      }
      switch mask {
      case 0: scores = try b.select(sees([rows, keys]) { $0[1] <= $0[0] }, scores, infinity)
      case 1:
        scores = try b.select(sees([1, 1, rows, keys]) { ($0[0] + $0[1]) % 3 == 1 }, b.scalar(-9, .float32), scores)
      case 2:
        let bias = try b.select(sees([rows, keys]) { $0[1] <= $0[0] }, make.input([batch, 1, 1, keys]), infinity)
        scores = try b.add(scores, bias)
      case 3:
        let positions = (
          try b.one(.iota(.int64, axis: 1), [b.indices([1, keys])]),
          try b.one(.iota(.int64, axis: 0), [b.indices([rows, 1])])
        )
        scores = try b.select(b.compare(.greater, positions.0, positions.1), infinity, scores)
      case 4:
        let elements = (0..<rows * keys).map { $0 % keys <= $0 / keys ? Float(0) : -65504 }
        scores = try b.add(scores, b.constant(Tensor([1, rows, keys], elements)))
      default: break
      }
      let y = try product(b.softmaxBody(scores, axis: 3), value, contracting: 2, columns: size)
      return [random.chance(50) ? try b.reshape(b.transpose(y, [0, 2, 1, 3]), [batch, rows, heads * size]) : y]
    }
    let attention = schedule.steps.filter { if case .kernel(.attention, _) = $0.work { true } else { false } }
    #expect(attention.count == 1 && schedule.steps.count == 1, "\(schedule)")
    let isCausal = [0, 2, 3, 4].contains(mask)
    #expect("\(schedule)".contains(" causal") == isCausal, "\(schedule)")
  }

  @Test("A query that sees no key gives zeros where the graph says so")
  func unseenQueries() throws {
    let schedule = try ScheduleCheck.schedule { b, make in
      let (query, key) = (make.input([2, 3, 4]), make.input([2, 5, 4]))
      let scores = try b.dot(
        query, key, DotDimensions(lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [2]),
        result: .float32)
      let condition = try b.compare(.less, make.input([3, 5]), b.scalar(0.25, .float32))
      let bias = try b.select(condition, b.scalar(0, .float32), b.scalar(-.infinity, .float32))
      let best = try b.reduce(.maximum, bias, axes: [1], keepDimensions: true)
      let weights = try b.select(
        b.unary(.isNegativeInfinite, best), b.scalar(0, .float32), b.softmaxBody(b.add(scores, bias), axis: 2))
      return [
        try b.dot(
          weights, key, DotDimensions(lhsBatch: [0], rhsBatch: [0], lhsContracting: [2], rhsContracting: [1]),
          result: .float32)
      ]
    }
    #expect(schedule.steps.count == 2 && "\(schedule)".contains("= attention"), "\(schedule)")
  }

  @Test("Contractions write their parts of a concatenation where they belong")
  func joinedResults() throws {
    try ScheduleCheck.gives(
      """
      %9 float32[2, 5, 6, 11] = gemm 4→8 A 4 B packed C 11 [maximum](%0, packed %1) for 60
      %9 float32[2, 5, 6, 11] from byte 32 = convolution 3x3 4→3(%0, packed %5) for 2
      %12 float32[2, 5, 6, 11] = loops negate(%9) for 1, vector 660 in place of %9
      """
    ) { b, make in
      let x = make.input([2, 5, 6, 4])
      let left = try b.maximum(b.convolve(x, make.constant([1, 1, 4, 8])), b.scalar(0, .float32))
      let right = try b.convolve(x, make.constant([3, 3, 4, 3]), padding: 1)
      return [try b.unary(.negate, b.concatenate([left, right], axis: 3))]
    }
    // A part that is read by itself is copied.
    let schedule = try ScheduleCheck.schedule { b, make in
      let x = make.input([2, 5, 6, 4])
      let left = try b.convolve(x, make.constant([1, 1, 4, 8]))
      let right = try b.convolve(x, make.constant([3, 3, 4, 3]), padding: 1)
      return [try b.concatenate([left, right], axis: 3), left]
    }
    #expect("\(schedule)".contains("concatenate"), "\(schedule)")
  }

  @Test("Running totals along any axis", arguments: 0..<40)
  func runningTotals(seed: Int) throws {
    var random = SeededGenerator(seed)
    let shape = (0..<random.integer(1...4)).map { _ in random.integer(2...9) }
    let schedule = try ScheduleCheck.schedule { b, make in
      let x = try b.unary(.negate, make.input(Shape(shape)))
      let total = try b.one(
        .cumulative(
          random.pick([.sum, .product]), axis: random.integer(0...shape.count - 1), exclusive: random.chance(50),
          reverse: random.chance(50)), [x])
      return [try b.add(total, make.input(Shape(shape)))]
    }
    #expect(schedule.steps.count == 1, "\(schedule)")
  }

  @Test("Transposed convolutions with what follows them")
  func transposedConvolutions() throws {
    for (window, padding, channels, groups) in [(2, 0, 16, 1), (2, 0, 3, 1), (2, 0, 1, 1), (4, 1, 6, 1), (3, 1, 4, 2)] {
      let schedule = try ScheduleCheck.schedule { b, make in
        let convolution = Convolution(
          strides: [2, 2], dilations: [1, 1], padding: .explicit(low: [padding, padding], high: [padding, padding]),
          groups: groups)
        let filter = make.constant(Shape([window, window, channels / groups, 6]))
        let y = try b.one(
          .transposedConvolution(convolution, outputPadding: [0, 0]), [make.input([2, 5, 7, 6]), filter])
        let biased = try b.add(y, make.constant([channels]))
        let residual = make.input(Shape(b.type(of: y).tensor?.constantShape?.dimensions ?? []))
        return [try b.unary(.logistic, b.add(biased, residual))]
      }
      #expect(schedule.steps.count == 1 && "\(schedule)".contains("= transposed"), "\(schedule)")
    }
  }

  @Test("Groups that a vector holds several of are one kernel with depthwise convolutions")
  func smallGroups() throws {
    for (groups, inputs, outputs) in [(8, 1, 2), (4, 4, 4), (3, 2, 8)] {
      let schedule = try ScheduleCheck.schedule { b, make in
        let filter = make.constant(Shape([3, 3, inputs, groups * outputs]))
        return [
          try b.convolve(make.input(Shape([1, 5, 6, groups * inputs])), filter, padding: 1, groups: groups)
        ]
      }
      #expect("\(schedule)".contains("= depthwise"), "\(schedule)")
    }
  }

  @Test("What two readers need besides is stored on the way")
  func severalResults() throws {
    try ScheduleCheck.gives(
      """
      %13 float32[2, 8], %2 float32[2, 8] = loops add_mean_reshape_subtract_multiply_squareRoot_more(%0, %1) for 2, vector 8
      %15 float32[2, 8] = gemm 8→8 A 8 B packed C 8 [add](%13, packed %14, %2) for 2
      """
    ) { b, make in
      let sum = try b.add(make.input([2, 8]), make.input([2, 8]))
      let normal = try b.normalized(sum, axis: 1)
      let y = try b.dot(
        normal, make.constant([8, 8]), DotDimensions(lhsContracting: [1], rhsContracting: [0]), result: .float32)
      return [try b.add(y, sum)]
    }
  }

  @Test("Concatenation stores each part from where it comes")
  func concatenation() throws {
    try ScheduleCheck.gives(
      """
      %4 float32[2, 4, 16] = loops maximum_concatenate(%0, %1) for 8, vector 8, vector 8
      """
    ) { b, make in
      let x = try b.maximum(make.input([2, 4, 8]), b.scalar(0, .float32))
      return [try b.concatenate([x, make.input([2, 4, 8])], axis: 2)]
    }
  }

  @Test("Softmax keeps its exponentials between loops")
  func softmax() throws {
    let schedule = try ScheduleCheck.schedule { b, make in [try b.softmaxBody(make.input([4, 100]), axis: 1)] }
    #expect(
      ScheduleCheck.kernels(schedule) == [
        """
        kernel maximum_reshape_subtract_exponential_sum_divide
          buffer 0 read float32
          buffer 1 write float32
          buffer 2 scratch float32 100
          axis i parallel
          axis j vector 100
          loop j {
            %0 = load 0[i*100 + j]
          } reduce %1 = maximum %0
          loop j {
            %2 = load 0[i*100 + j]
            %3 = subtract %2 %1
            %4 = exponential %3
            store 2[j] %4
          } reduce %5 = sum %4
          %6 = reciprocal %5
          loop j {
            %7 = load 2[j]
            %8 = multiply %7 %6
            store 1[i*100 + j] %8
          }

        """
      ])
  }

  @Test("Means over pixels have their lanes along channels")
  func globalPooling() throws {
    let schedule = try ScheduleCheck.schedule { b, make in
      [try b.reduce(.mean, make.input([1, 7, 7, 128]), axes: [1, 2])]
    }
    #expect(
      ScheduleCheck.kernels(schedule) == [
        """
        kernel mean
          buffer 0 read float32
          buffer 1 write float32
          axis i parallel
          axis j vector 128
          axis k serial 49
          %0 = constant float32 49.0
          loop j {
            loop k {
              %1 = load 0[j + k*128]
            } reduce %2 = sum %1
            %3 = divide %2 %0
            store 1[j] %3
          }

        """
      ])
  }

  @Test("A row that is long is cut into units, whatever the batch")
  func longRows() throws {
    func schedule(batch: Int) throws -> [String] {
      ScheduleCheck.kernels(
        try ScheduleCheck.schedule { b, make in [try b.unary(.negate, make.input([batch, 64, 64, 24]))] })
    }
    let kernels = try [1, 2, 3].map(schedule)
    #expect(kernels[0] == kernels[1] && kernels[1] == kernels[2])
    #expect(kernels[0][0].contains("axis j vector 16384"))
  }
}
