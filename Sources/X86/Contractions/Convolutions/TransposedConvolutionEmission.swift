import KernelIR

/// A transposed convolution: one plain convolution for each phase, see `TransposedPhases`.
///
///     for unit in begin..<end                    image, phase, unit of the phase's convolution
///
/// Phases that look the same, as those of windows of the stride's size do, are one piece of code.
struct TransposedConvolutionEmission {
  let kernel: TransposedConvolutionKernel
  let builder: VectorBuilder
  let name: String
  private let phases: [Phase]

  private struct Phase {
    /// Pixels of the output before its first one.
    var firstPixel: Int
    var filterOffset: Int
    var convolution: ConvolutionEmission
  }

  init(_ kernel: TransposedConvolutionKernel, _ instructionSet: InstructionSet) throws {
    let geometry = kernel.geometry
    let rank = geometry.input.count
    guard (1...3).contains(rank), kernel.groups > 0,
      [geometry.output, geometry.window, geometry.strides, geometry.dilations, geometry.padding].allSatisfy({
        $0.count == rank
      }), geometry.window.allSatisfy({ $0 > 0 }), geometry.strides.allSatisfy({ $0 > 0 }),
      TransposedPhases(geometry).areFew
    else { throw ContractionError.unsupported("a transposed convolution over \(rank) axes") }
    self.kernel = kernel
    let text = geometry.window.map(String.init).joined(separator: "x")
    name = "deconv_f32_\(instructionSet)_\(text)_c\(kernel.inputChannels)_m\(kernel.outputChannels)"
    builder = VectorBuilder(name: name, instructionSet: instructionSet)
    let lattice = PixelLattice(geometry)
    let form = TransposedPhases(geometry)
    var phases: [Phase] = []
    var filterOffset = 0
    for phase in form.all {
      let part = ConvolutionKernel(
        geometry: form.geometry(phase, input: geometry.input, output: geometry.output), groups: kernel.groups,
        inputChannels: kernel.inputChannels, outputChannels: kernel.outputChannels,
        inputPixelStride: kernel.inputPixelStride, outputPixelStride: kernel.outputPixelStride,
        epilogue: kernel.epilogue)
      let convolution = try ConvolutionEmission(part, builder, name: name, lattice: lattice)
      phases.append(
        Phase(
          firstPixel: zip(phase, geometry.output).reduce(0) { $0 * $1.1 + $1.0 }, filterOffset: filterOffset,
          convolution: convolution))
      // What no position of the window reaches has no filter.
      if !form.taps(phase).isEmpty { filterOffset += convolution.filterByteCount }
    }
    self.phases = phases.filter { $0.convolution.unitCount > 0 }
  }

  func compile() throws -> CompiledKernel {
    // The same for all phases, so that a division tells which one a unit belongs to.
    let unitCount = phases.map(\.convolution.unitCount).max() ?? 0
    if unitCount > 0 {
      try builder.loop(from: .value(builder.begin), to: .value(builder.end)) { index, _ in
        let (rest, unit) = builder.divide(index, by: unitCount)
        let (image, phase) = builder.divide(rest, by: phases.count)
        if isUniform {
          try emitUnit(unit, image: image, ofAnyPhase: phase)
        } else {
          try builder.choose(phase, 0...phases.count - 1) { try emitUnit(unit, image: image, of: phases[$0]) }
        }
        return []
      }
    }
    return CompiledKernel(
      name: name, code: try builder.build(),
      units: WorkUnits(constant: unitCount * phases.count, factors: [WorkUnits.Factor(parameter: 0)]),
      scratchByteCount: phases.map(\.convolution.scratchByteCount).max() ?? 0)
  }

  /// All phases are there and have the same form.
  private var isUniform: Bool {
    phases.count == kernel.geometry.strides.reduce(1, *)
      && phases.allSatisfy { $0.convolution.kernel.geometry == phases[0].convolution.kernel.geometry }
  }

  private func emitUnit(_ unit: Value, image: Value, of phase: Phase) throws {
    func emit() throws {
      try phase.convolution.emitUnit(
        unit, image: image, filterOffset: builder.integer(phase.filterOffset),
        firstPixel: builder.integer(phase.firstPixel))
    }
    if phase.convolution.unitCount == phases.map(\.convolution.unitCount).max() { return try emit() }
    try builder.if(.compare(unit, .less, .immediate(phase.convolution.unitCount))) { try emit() }
  }

  private func emitUnit(_ unit: Value, image: Value, ofAnyPhase phase: Value) throws {
    let filterBytes = phases.count > 1 ? phases[1].filterOffset : 0
    var rest = phase
    var firstPixel = builder.integer(0)
    var pixels = 1
    for (stride, output) in zip(kernel.geometry.strides, kernel.geometry.output).reversed() {
      let (quotient, remainder) = builder.divide(rest, by: stride)
      rest = quotient
      firstPixel = builder.add(firstPixel, .value(builder.multiply(remainder, by: pixels)))
      pixels *= output
    }
    try phases[0].convolution.emitUnit(
      unit, image: image, filterOffset: builder.multiply(phase, by: filterBytes), firstPixel: firstPixel)
  }
}

/// The pixels of one phase in the output of a transposed convolution: `strides` apart along each axis.
struct PixelLattice {
  /// Depth, height, width of the whole output.
  let extents: [Int]
  let strides: [Int]

  init(_ geometry: ConvolutionGeometry) {
    let missing = Array(repeating: 1, count: 3 - geometry.output.count)
    extents = missing + geometry.output
    strides = missing + geometry.strides
  }

  /// The first pixel of a line, counted from the phase's first pixel in the first image.
  func pixel(_ builder: VectorBuilder, image: Value, depth: Value, height: Value) -> Value {
    let planes = builder.add(
      builder.multiply(image, by: extents[0]), .value(builder.multiply(depth, by: strides[0])))
    let lines = builder.add(
      builder.multiply(planes, by: extents[1]), .value(builder.multiply(height, by: strides[1])))
    return builder.multiply(lines, by: extents[2])
  }
}

extension Epilogue {
  /// For rows `step` apart.
  func stepping(_ step: Int) -> Epilogue {
    var result = self
    for index in operands.indices { result.operands[index].rowStride *= step }
    return result
  }
}
