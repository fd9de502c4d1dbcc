/// Emits one function: instructions, labels and a constant pool into a growing buffer.
///
///     var assembler = Assembler()
///     let loop = assembler.newLabel()
///     try assembler.align(to: 32)
///     try assembler.bind(loop)
///     try assembler.emit(.vfmadd231ps, .zmm(0), .zmm(1), .broadcast(.rdi, displacement: 64), mask: .k(1))
///     try assembler.emit(.jne, .label(loop))
///     let code = try assembler.finish()
///
/// Every call either emits the whole instruction or throws and emits nothing.
public struct Assembler: ~Copyable {
  var bytes: [UInt8] = []
  /// Offset of each label; -1 until it is bound.
  var labelOffsets: [Int32] = []
  var fixups: [Fixup] = []
  var pool = ConstantPool()
  /// The features that the instructions so far need: a kernel may run where the CPU has them all.
  public private(set) var requiredFeatures = CPUFeatures()
  /// Intel text of each instruction, kept where a dump is asked for.
  var listing: [MachineCode.Line]?

  /// A 32-bit distance to a label, to be filled in when its place is known.
  struct Fixup {
    var position: Int32
    var label: Label
    /// Added to the label's offset; the distance counts from `position`.
    var addend: Int32
    var instruction: StaticString
  }

  /// `keepingListing` records the text of every instruction.
  public init(keepingListing: Bool = false) {
    bytes.reserveCapacity(4096)
    if keepingListing { listing = [] }
  }

  /// Bytes emitted so far.
  public var offset: Int { bytes.count }

  // MARK: Instructions

  /// Emits `instruction` with its operands in Intel's order.
  /// - Parameters:
  ///   - mask: k1–k7; the elements outside keep their value, or become zero with `zeroing`.
  ///   - rounding: for register operands of 512 bits and scalars.
  public mutating func emit(
    _ instruction: Instruction, _ a: Operand = .none, _ b: Operand = .none, _ c: Operand = .none,
    _ d: Operand = .none, mask: Register? = nil, zeroing: Bool = false, rounding: Rounding = .current
  ) throws(AssemblerError) {
    let request = Request(
      instruction: instruction, a: a, b: b, c: c, d: d, mask: mask, zeroing: zeroing, rounding: rounding)
    for position in 0..<Form.count {
      if let register = request[position].register, !register.isValid {
        throw request.error(.registerNumber(register.description))
      }
      if let label = request.labelUsed(at: position), !labelOffsets.indices.contains(Int(label.index)) {
        throw request.error(.unboundLabel)
      }
    }
    guard bytes.count < Int(Int32.max) - 64 else { throw request.error(.tooLarge) }
    let start = bytes.count
    switch instruction.encoding {
    case .vector: try emitVector(request)
    case .legacy(let shape): try emitLegacy(request, shape)
    }
    if listing != nil {
      listing!.append(MachineCode.Line(offset: start, count: bytes.count - start, text: request.text))
    }
  }

  /// Clears the upper halves of the vector registers: before returning to code that may use SSE encodings.
  public mutating func vzeroupper() throws(AssemblerError) { try emit(.vzeroupper) }

  mutating func require(_ feature: CPUFeature) { requiredFeatures.insert(feature) }

  // MARK: Labels

  public mutating func newLabel() -> Label {
    labelOffsets.append(-1)
    return Label(index: Int32(labelOffsets.count - 1))
  }

  /// The label is here: at the next instruction.
  public mutating func bind(_ label: Label) throws(AssemblerError) {
    guard labelOffsets.indices.contains(Int(label.index)) else {
      throw AssemblerError(instruction: "label", problem: .unboundLabel)
    }
    guard labelOffsets[Int(label.index)] < 0, !pool.holds(label) else {
      throw AssemblerError(instruction: "label", problem: .labelBoundTwice)
    }
    labelOffsets[Int(label.index)] = Int32(bytes.count)
    if listing != nil { listing!.append(MachineCode.Line(offset: bytes.count, count: 0, text: label.text + ":")) }
  }

  func offset(of label: Label) -> Int? {
    let offset = labelOffsets[Int(label.index)]
    return offset < 0 ? nil : Int(offset)
  }

  /// Fills with NOPs up to a multiple of `alignment` (a power of two up to 64): loop heads want 32 or 64, so that the
  /// first fetch brings a whole line.
  public mutating func align(to alignment: Int) throws(AssemblerError) {
    guard (1...64).contains(alignment), alignment & (alignment - 1) == 0 else {
      throw AssemblerError(instruction: "align", problem: .alignment(alignment))
    }
    let start = bytes.count
    var rest = (alignment - start % alignment) % alignment
    while rest > 0 {
      let count = min(rest, Self.longestNOP)
      bytes.append(contentsOf: Self.nops[count - 1])
      if listing != nil { listing!.append(MachineCode.Line(offset: bytes.count - count, count: count, text: "nop")) }
      rest -= count
    }
  }

  private static let longestNOP = 9

  // The forms that Intel's optimisation manual recommends, one instruction each.
  private static let nops: [[UInt8]] = [
    [0x90],
    [0x66, 0x90],
    [0x0F, 0x1F, 0x00],
    [0x0F, 0x1F, 0x40, 0x00],
    [0x0F, 0x1F, 0x44, 0x00, 0x00],
    [0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00],
    [0x0F, 0x1F, 0x80, 0x00, 0x00, 0x00, 0x00],
    [0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    [0x66, 0x0F, 0x1F, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  ]

  // MARK: Constants

  /// The address of `constant` (1–64 bytes) in the pool behind the code; equal constants share their place.
  public mutating func constant(_ constant: [UInt8]) throws(AssemblerError) -> Memory {
    guard (1...64).contains(constant.count) else {
      throw AssemblerError(instruction: "constant", problem: .constantSize(constant.count))
    }
    if let label = pool.labels[constant] { return Memory(label) }
    let label = newLabel()
    pool.add(constant, label)
    return Memory(label)
  }

  /// The address of the elements, in memory order: a whole vector, or one element to broadcast.
  public mutating func constant<Element: BitwiseCopyable>(
    elements: [Element]
  ) throws(AssemblerError) -> Memory {
    try constant(elements.withUnsafeBytes { Array($0) })
  }

  public mutating func constant(_ value: Float) throws(AssemblerError) -> Memory {
    try constant(elements: [value.bitPattern])
  }

  // MARK: End

  /// Places the constants, resolves every distance, and gives the bytes: to be placed at a multiple of 64.
  public consuming func finish() throws(AssemblerError) -> MachineCode {
    let codeSize = bytes.count
    placeConstants()
    guard bytes.count < Int(Int32.max) else { throw AssemblerError(instruction: "finish", problem: .tooLarge) }
    for fixup in fixups {
      guard let target = offset(of: fixup.label) else {
        throw AssemblerError(instruction: "\(fixup.instruction)", problem: .unboundLabel)
      }
      let position = Int(fixup.position)
      guard let distance = Int32(exactly: target + Int(fixup.addend) - position) else {
        throw AssemblerError(instruction: "\(fixup.instruction)", problem: .tooLarge)
      }
      withUnsafeBytes(of: distance.littleEndian) { source in
        for index in 0..<4 { bytes[position + index] = source[index] }
      }
    }
    return MachineCode(
      bytes: bytes, codeSize: codeSize, requiredFeatures: requiredFeatures, lines: listing ?? [])
  }

  private mutating func placeConstants() {
    guard !pool.entries.isEmpty else { return }
    // int3: falling off the end stops at once.
    while bytes.count % 64 != 0 { bytes.append(0xCC) }
    // Largest first: with sizes rounded up to powers of two every entry is then aligned to its size.
    for entry in pool.entries.sorted(by: { $0.bytes.count > $1.bytes.count }) {
      let size = entry.bytes.count
      let alignment = size <= 1 ? 1 : 1 << (Int.bitWidth - (size - 1).leadingZeroBitCount)
      while bytes.count % alignment != 0 { bytes.append(0) }
      labelOffsets[Int(entry.label.index)] = Int32(bytes.count)
      if listing != nil { listing!.append(MachineCode.Line(constant: entry, at: bytes.count)) }
      bytes.append(contentsOf: entry.bytes)
    }
  }
}

/// Constants by content.
struct ConstantPool {
  struct Entry {
    var bytes: [UInt8]
    var label: Label
  }

  private(set) var entries: [Entry] = []
  private(set) var labels: [[UInt8]: Label] = [:]

  mutating func add(_ bytes: [UInt8], _ label: Label) {
    entries.append(Entry(bytes: bytes, label: label))
    labels[bytes] = label
  }

  func holds(_ label: Label) -> Bool { entries.contains { $0.label == label } }
}

extension Request {
  fileprivate func labelUsed(at position: Int) -> Label? {
    switch self[position] {
    case .label(let label): label
    case .memory(let memory): memory.label
    default: nil
    }
  }
}
