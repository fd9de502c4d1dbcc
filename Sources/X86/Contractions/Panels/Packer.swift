import KernelIR
import Tensors

/// Lays constants out as the generated code reads them. The layout depends on nothing but the packing and the vector
/// length, so that any kernel may use it.
public struct Packer: Sendable {
  /// 32-bit lanes of a vector.
  let lanes: Int
  /// Rows of int8 weights that stand side by side in a lane, as `Products` wants them: four bytes, or two int16.
  let rowsPerLane: Int

  public init(instructionSet: InstructionSet) {
    lanes = instructionSet >= .avx512 ? 16 : 8
    rowsPerLane = Products(.bytes, instructionSet).stepElements
  }

  /// Bytes of the packed constant; its memory must be 64-byte aligned.
  public func byteCount(_ packing: Packing) -> Int {
    switch packing {
    case .gemm(let depth, let columns, _, _, let factors):
      panelElementCount(depth: steps(depth, factors), columns: columns) * 4
    case .codes(let depth, let columns, _, _, let bits):
      panelElementCount(depth: Self.wordCount(depth, bits: bits), columns: columns) * 4
    case .zeroPoints(let depth, let columns, _, _): panelElementCount(depth: depth, columns: columns) * 4
    case .convolution(let window, let groups, let inputChannels, let outputChannels, let factors):
      groups
        * panelElementCount(
          depth: steps(window.reduce(1, *) * (inputChannels / groups), factors), columns: outputChannels / groups) * 4
        + (factors == .bfloat16 ? Self.specialsByteCount : 0)
    case .transposedConvolution(let phases, let groups, let inputChannels, let outputChannels):
      phases.all.reduce(0) { $0 + phases.taps($1).count }
        * panelElementCount(depth: inputChannels / groups, columns: outputChannels / groups) * groups * 4
    case .recurrence(let gates, let hiddenSize, let factors):
      (hiddenSize + lanes - 1) / lanes * gates * lanes * steps(hiddenSize, factors) * 4
    case .recurrenceOffsets(let gates, let hiddenSize): gates * hiddenSize * 4
    }
  }

  /// Behind the panels of a filter of bfloat16: 8 bytes that are 0 where all its numbers are finite. Where they are, zeros
  /// around an image add nothing to a sum.
  private static let specialsByteCount = 64

  private func steps(_ depth: Int, _ factors: Factors) -> Int {
    switch factors {
    case .float32: depth
    case .bfloat16: (depth + 1) / 2
    case .bytes: (depth + rowsPerLane - 1) / rowsPerLane
    }
  }

  /// Writes `byteCount` bytes to `target`; `source` has elements of what the packing is of, at any address, as in a file.
  public func pack(_ packing: Packing, from source: UnsafeRawPointer, into target: UnsafeMutableRawPointer) {
    switch packing {
    case .codes(let depth, let columns, let rowStride, let columnStride, let bits):
      codePanels(
        source, target.assumingMemoryBound(to: UInt32.self), depth: depth, columns: columns, rowStride: rowStride,
        columnStride: columnStride, bits: bits)
    case .recurrence(let gates, let hiddenSize, .bytes):
      recurrentBytes(source.assumingMemoryBound(to: Int8.self), target, gates: gates, size: hiddenSize)
    case .recurrenceOffsets(let gates, let size):
      let (weights, offsets) = (source.assumingMemoryBound(to: Int8.self), target.assumingMemoryBound(to: Int32.self))
      for row in 0..<gates * size {
        offsets[row] = (0..<size).reduce(0 as Int32) { $0 &+ Int32(weights[row * size + $1]) } &* 128
      }
    case .gemm(_, _, _, _, factors: .float32), .convolution(_, _, _, _, factors: .float32), .transposedConvolution,
      .recurrence, .zeroPoints:
      packFloats(packing, from: Elements(bytes: source), into: target.assumingMemoryBound(to: Float.self))
    case .gemm(let depth, let columns, let rowStride, let columnStride, .bytes):
      bytePanels(
        source.assumingMemoryBound(to: Int8.self), target, depth: depth, columns: columns, rowStride: rowStride,
        columnStride: columnStride)
    case .gemm(let depth, let columns, let rowStride, let columnStride, .bfloat16):
      pairPanels(
        Elements(bytes: source), target.assumingMemoryBound(to: UInt32.self), depth: depth, columns: columns,
        rowStride: rowStride, columnStride: columnStride)
    case .convolution(let window, let groups, let inputChannels, let outputChannels, .bfloat16):
      let columns = outputChannels / groups
      let panelByteCount = byteCount(packing) - Self.specialsByteCount
      for group in 0..<groups {
        pairPanels(
          Elements(bytes: source) + group * columns,
          (target + group * (panelByteCount / groups)).assumingMemoryBound(to: UInt32.self),
          depth: window.reduce(1, *) * (inputChannels / groups), columns: columns, rowStride: outputChannels,
          columnStride: 1)
      }
      let panels = UnsafeBufferPointer(
        start: target.assumingMemoryBound(to: UInt16.self), count: panelByteCount / 2)
      let behind = (target + panelByteCount).assumingMemoryBound(to: UInt64.self)
      behind.update(repeating: 0, count: Self.specialsByteCount / 8)
      behind.pointee = Self.areFinite(panels) ? 0 : 1
    case .convolution(let window, let groups, let inputChannels, let outputChannels, .bytes):
      let depth = window.reduce(1, *) * (inputChannels / groups)
      let columns = outputChannels / groups
      let groupByteCount = byteCount(packing) / groups
      for group in 0..<groups {
        bytePanels(
          source.assumingMemoryBound(to: Int8.self) + group * columns, target + group * groupByteCount, depth: depth,
          columns: columns, rowStride: outputChannels, columnStride: 1)
      }
    }
  }

  /// Of numbers of bfloat16.
  private static func areFinite(_ numbers: UnsafeBufferPointer<UInt16>) -> Bool {
    let exponent: UInt16 = 0x7F80
    return numbers.reduce(0 as UInt16) { max($0, $1 & exponent) } < exponent
  }

  /// [K, N] → [vector of columns][k / 2][lane][k % 2] as bfloat16, zeros behind the last column and row.
  private func pairPanels(
    _ source: Elements, _ target: UnsafeMutablePointer<UInt32>, depth: Int, columns: Int, rowStride: Int,
    columnStride: Int
  ) {
    let lanes = self.lanes
    let steps = (depth + 1) / 2
    // Several panels at a time, so that what is read of a row is more than one cache line.
    let block = 8 * lanes
    for start in stride(from: 0, to: columns, by: block) {
      for step in 0..<steps {
        let rows = source + 2 * step * rowStride
        let hasSecond = 2 * step + 1 < depth
        for first in stride(from: start, to: min(start + block, columns), by: lanes) {
          let packed = target + first * steps + step * lanes
          let count = min(lanes, columns - first)
          var whole = 0
          if columnStride == 1 {
            whole = count & -8
            for lane in stride(from: 0, to: whole, by: 8) {
              let low = Self.bfloat16(rows.eight(at: first + lane))
              let high = hasSecond ? Self.bfloat16(rows.eight(at: first + lane + rowStride)) : .zero
              UnsafeMutableRawPointer(packed + lane).storeBytes(of: low | high &<< 16, as: SIMD8<UInt32>.self)
            }
          }
          for lane in whole..<count {
            let position = (first + lane) * columnStride
            let low = UInt32(FloatFormat.encodeBFloat16(rows[position]))
            let high = hasSecond ? UInt32(FloatFormat.encodeBFloat16(rows[position + rowStride])) : 0
            packed[lane] = low | high << 16
          }
          for lane in count..<lanes { packed[lane] = 0 }
        }
      }
    }
  }

  /// What `FloatFormat.encodeBFloat16` gives, of eight numbers.
  @inline(__always)
  private static func bfloat16(_ bits: SIMD8<UInt32>) -> SIMD8<UInt32> {
    let rounded = (bits &+ 0x7FFF &+ (bits &>> 16 & 1)) &>> 16
    let isNaN = bits & 0x7FFF_FFFF .> 0x7F80_0000
    return rounded.replacing(with: bits &>> 16 & 0x8000 | 0x7FC0, where: isNaN)
  }

  /// [K, N] → [vector of columns][k / rows per lane][lane][row], zeros behind the last column and row.
  private func bytePanels(
    _ source: UnsafePointer<Int8>, _ target: UnsafeMutableRawPointer, depth: Int, columns: Int, rowStride: Int,
    columnStride: Int
  ) {
    let (lanes, rows) = (self.lanes, rowsPerLane)
    let steps = (depth + rows - 1) / rows
    func fill<Number: FixedWidthInteger>(_ target: UnsafeMutablePointer<Number>) {
      for first in stride(from: 0, to: columns, by: lanes) {
        let panel = target + first * steps * rows
        let count = min(lanes, columns - first)
        for step in 0..<steps {
          let packed = panel + step * lanes * rows
          for row in 0..<rows {
            let k = step * rows + row
            let line = source + (k < depth ? k * rowStride : 0) + first * columnStride
            for lane in 0..<lanes {
              packed[lane * rows + row] = k < depth && lane < count ? Number(line[lane * columnStride]) : 0
            }
          }
        }
      }
    }
    if rows == 4 {
      fill(target.assumingMemoryBound(to: Int8.self))
    } else {
      fill(target.assumingMemoryBound(to: Int16.self))
    }
  }

  /// R [gates·H, H] → [vector of units][k / rows per lane][gate][lane][row], zeros behind the last unit and k.
  private func recurrentBytes(
    _ source: UnsafePointer<Int8>, _ target: UnsafeMutableRawPointer, gates: Int, size: Int
  ) {
    let (lanes, rows) = (self.lanes, rowsPerLane)
    func fill<Number: FixedWidthInteger>(_ target: UnsafeMutablePointer<Number>) {
      var next = target
      for first in stride(from: 0, to: size, by: lanes) {
        for start in stride(from: 0, to: size, by: rows) {
          for gate in 0..<gates {
            for unit in first..<first + lanes {
              for k in start..<start + rows {
                next.pointee = unit < size && k < size ? Number(source[(gate * size + unit) * size + k]) : 0
                next += 1
              }
            }
          }
        }
      }
    }
    if rows == 4 {
      fill(target.assumingMemoryBound(to: Int8.self))
    } else {
      fill(target.assumingMemoryBound(to: Int16.self))
    }
  }

  static func wordCount(_ depth: Int, bits: Int) -> Int { (depth * bits + 31) / 32 }

  /// [K, N] → [vector of columns][word][lane]: words of 32 bits with neighbouring k, low bits first as in the constant.
  /// Zeros behind the last column and row.
  private func codePanels(
    _ source: UnsafeRawPointer, _ target: UnsafeMutablePointer<UInt32>, depth: Int, columns: Int, rowStride: Int,
    columnStride: Int, bits: Int
  ) {
    let (perWord, words) = (32 / bits, Self.wordCount(depth, bits: bits))
    let mask = UInt32(1) << UInt32(bits) - 1
    func code(_ element: Int) -> UInt32 {
      let byte = source.load(fromByteOffset: element * bits / 8, as: UInt8.self)
      return UInt32(byte) >> UInt32(element * bits % 8) & mask
    }
    for first in stride(from: 0, to: columns, by: lanes) {
      let panel = target + first * words
      for word in 0..<words {
        let count = min(perWord, depth - word * perWord)
        for lane in 0..<lanes {
          var packed: UInt32 = 0
          let start = word * perWord * rowStride + (first + lane) * columnStride
          if first + lane >= columns {
            packed = 0
          } else if rowStride == 1, count == perWord, start * bits % 8 == 0 {
            packed = UInt32(littleEndian: source.loadUnaligned(fromByteOffset: start * bits / 8, as: UInt32.self))
          } else {
            for k in 0..<count { packed |= code(start + k * rowStride) << UInt32(k * bits) }
          }
          panel[word * lanes + lane] = packed
        }
      }
    }
  }

  private func packFloats(
    _ packing: Packing, from source: Elements, into target: UnsafeMutablePointer<Float>
  ) {
    switch packing {
    case .codes, .recurrenceOffsets: preconditionFailure("codes are no floats")
    case .gemm(let depth, let columns, let rowStride, let columnStride, _),
      .zeroPoints(let depth, let columns, let rowStride, let columnStride):
      panels(source, target, depth: depth, columns: columns, rowStride: rowStride, columnStride: columnStride)
    case .convolution(let window, let groups, let inputChannels, let outputChannels, _):
      // [window…, C/groups, M] → for each group panels of [window…, C/groups]
      let depth = window.reduce(1, *) * (inputChannels / groups)
      let columns = outputChannels / groups
      for group in 0..<groups {
        panels(
          source + group * columns, target + group * panelElementCount(depth: depth, columns: columns), depth: depth,
          columns: columns, rowStride: outputChannels, columnStride: 1)
      }
    case .transposedConvolution(let phases, let groups, let inputChannels, let outputChannels):
      // [window…, M/groups, C] → for each phase and group panels of [the phase's taps, C/groups]
      let (depth, columns) = (inputChannels / groups, outputChannels / groups)
      var next = target
      for phase in phases.all {
        let taps = phases.taps(phase)
        for group in 0..<groups {
          for first in stride(from: 0, to: columns, by: lanes) {
            for tap in taps {
              let rows = source + (tap * columns + first) * inputChannels + group * depth
              panel(rows, next, depth: depth, columns: min(lanes, columns - first), columnStride: inputChannels)
              next += depth * lanes
            }
          }
        }
      }
    case .recurrence(let gates, let hiddenSize, _):
      // R [gates·H, H] → [vector of units][k][gate][lane]
      var next = target
      for first in stride(from: 0, to: hiddenSize, by: lanes) {
        for k in 0..<hiddenSize {
          for gate in 0..<gates {
            for unit in first..<first + lanes {
              next.pointee = unit < hiddenSize ? source[(gate * hiddenSize + unit) * hiddenSize + k] : 0
              next += 1
            }
          }
        }
      }
    }
  }

  /// Packs a float32 constant of which every element is `element`; false for packings that have no short way.
  public func pack(_ packing: Packing, repeating element: Float, into target: UnsafeMutablePointer<Float>) -> Bool {
    switch packing {
    case .gemm(_, _, _, _, factors: .bytes), .convolution(_, _, _, _, factors: .bytes), .transposedConvolution,
      .gemm(_, _, _, _, factors: .bfloat16), .convolution(_, _, _, _, factors: .bfloat16), .codes, .recurrenceOffsets,
      .recurrence(_, _, factors: .bytes):
      return false
    case .gemm, .convolution, .recurrence, .zeroPoints: target.update(repeating: element, count: byteCount(packing) / 4)
    }
    switch packing {
    case .gemm(let depth, let columns, _, _, _), .zeroPoints(let depth, let columns, _, _):
      clearRest(target, depth: depth, columns: columns)
    case .convolution(let window, let groups, let inputChannels, let outputChannels, _):
      let depth = window.reduce(1, *) * (inputChannels / groups)
      let columns = outputChannels / groups
      for group in 0..<groups {
        let panels = target + group * panelElementCount(depth: depth, columns: columns)
        clearRest(panels, depth: depth, columns: columns)
      }
    case .transposedConvolution, .codes, .recurrenceOffsets: break
    case .recurrence(let gates, let hiddenSize, _): clearRest(target, depth: gates * hiddenSize, columns: hiddenSize)
    }
    return true
  }

  /// Zeros in the lanes behind the last column.
  private func clearRest(_ target: UnsafeMutablePointer<Float>, depth: Int, columns: Int) {
    let count = columns % lanes
    if count == 0 { return }
    let panel = target + columns / lanes * lanes * depth
    for k in 0..<depth { (panel + k * lanes + count).update(repeating: 0, count: lanes - count) }
  }

  /// Packs into new memory, 64-byte aligned; the caller deallocates it.
  public func pack(_ packing: Packing, from source: UnsafeRawPointer) -> UnsafeMutableRawBufferPointer {
    let result = UnsafeMutableRawBufferPointer.allocate(byteCount: max(64, byteCount(packing)), alignment: 64)
    // At least 64 bytes: there is a base address.
    pack(packing, from: source, into: result.baseAddress!)
    return result
  }

  /// Floats at any address.
  private struct Elements {
    let bytes: UnsafeRawPointer

    subscript(index: Int) -> Float { bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self) }

    /// The bits of eight neighbours.
    func eight(at index: Int) -> SIMD8<UInt32> {
      bytes.loadUnaligned(fromByteOffset: index * 4, as: SIMD8<UInt32>.self)
    }

    static func + (elements: Elements, offset: Int) -> Elements { Elements(bytes: elements.bytes + offset * 4) }
  }

  private func panelElementCount(depth: Int, columns: Int) -> Int { (columns + lanes - 1) / lanes * lanes * depth }

  /// [K, N] → [vector of columns][k][lane], zeros in the lanes behind the last column.
  private func panels(
    _ source: Elements, _ target: UnsafeMutablePointer<Float>, depth: Int, columns: Int, rowStride: Int,
    columnStride: Int
  ) {
    var whole = 0
    if columnStride == 1 {
      whole = columns / lanes * lanes
      wholePanels(source, target, depth: depth, columns: whole, rowStride: rowStride)
    }
    for first in stride(from: whole, to: columns, by: lanes) {
      let panel = target + first * depth
      let count = min(lanes, columns - first)
      for k in 0..<depth {
        let row = source + k * rowStride + first * columnStride
        let packed = panel + k * lanes
        for lane in 0..<count { packed[lane] = row[lane * columnStride] }
        for lane in count..<lanes { packed[lane] = 0 }
      }
    }
  }

  /// One panel of rows of which the elements are `columnStride` apart: [K, N] → [k][lane].
  private func panel(
    _ source: Elements, _ target: UnsafeMutablePointer<Float>, depth: Int, columns: Int, columnStride: Int
  ) {
    for k in 0..<depth {
      for lane in 0..<lanes { target[k * lanes + lane] = lane < columns ? source[lane * columnStride + k] : 0 }
    }
  }

  /// Panels without a rest, of rows that are contiguous: several panels at a time, so that what is read of a row is more
  /// than one cache line, and the next row is not always on another page.
  private func wholePanels(
    _ source: Elements, _ target: UnsafeMutablePointer<Float>, depth: Int, columns: Int, rowStride: Int
  ) {
    let lanes = self.lanes
    let block = 8 * lanes
    for first in stride(from: 0, to: columns, by: block) {
      let end = min(first + block, columns)
      for k in 0..<depth {
        let row = (source + k * rowStride).bytes
        for column in stride(from: first, to: end, by: lanes) {
          let packed = UnsafeMutableRawPointer(target + column * depth + k * lanes)
          packed.copyMemory(from: row + column * 4, byteCount: lanes * 4)
        }
      }
    }
  }
}
