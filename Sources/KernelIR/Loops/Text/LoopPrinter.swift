import GraphIR
import Tensors

extension LoopKernel: CustomStringConvertible {
  /// The kernel as text, which `LoopKernel(parsing:)` reads back.
  ///
  ///     kernel softmax
  ///       buffer 0 read float32
  ///       buffer 1 write float32
  ///       axis i parallel
  ///       axis j vector 1000
  ///       loop j {
  ///         %0 = load 0[i*1000 + j]
  ///       } reduce %1 = maximum %0
  ///       loop j {
  ///         %2 = load 0[i*1000 + j]
  ///         %3 = subtract %2 %1
  ///         %4 = exponential %3
  ///         store 1[i*1000 + j] %4
  ///       } reduce %5 = sum %4
  ///
  /// A guard stands behind the index: `0[j*2 + k - 1 where 0 <= j*2 + k - 1 < 56]`; a position that the data decides
  /// among its terms: `0[%3*16 + j]`; values from one position of a loop to the next before its body:
  /// `loop k carry %1 from %0 by %2 to %3 { … }`. Constants, positions and conversions name their type, all other
  /// values have the one that their operands decide.
  public var description: String {
    var printer = LoopPrinter(kernel: self)
    return printer.text()
  }
}

struct LoopPrinter {
  let kernel: LoopKernel
  private var lines: [String] = []

  init(kernel: LoopKernel) { self.kernel = kernel }

  mutating func text() -> String {
    lines = ["kernel \(TextName.quotedIfNeeded(kernel.name))"]
    for (index, buffer) in kernel.buffers.enumerated() {
      let count = buffer.access == .scratch ? " \(buffer.elementCount)" : ""
      lines.append("  buffer \(index) \(buffer.access) \(buffer.elementType.name)\(count)")
    }
    for (index, axis) in kernel.axes.enumerated() {
      let extent = index == 0 && axis.kind == .parallel ? "" : " \(axis.extent)"
      lines.append("  axis \(AxisID(index).name) \(axis.kind)\(extent)")
    }
    print(kernel.body, indentation: "  ")
    return lines.joined(separator: "\n") + "\n"
  }

  private mutating func print(_ body: [Statement], indentation: String) {
    for statement in body {
      switch statement {
      case .define(let value, let expression):
        lines.append("\(indentation)%\(value.index) = \(text(expression, kernel.types[value.index]))")
      case .store(let buffer, let index, let value):
        lines.append("\(indentation)store \(buffer)[\(Self.text(index))] %\(value.index)")
      case .loop(let loop):
        var head = "\(indentation)loop \(loop.axis.name) "
        if !loop.carried.isEmpty {
          let carried = loop.carried.map {
            "%\($0.parameter.index) from %\($0.initial.index) by %\($0.next.index) to %\($0.result.index)"
          }
          head += "carry \(carried.joined(separator: ", ")) "
        }
        lines.append(head + "{")
        print(loop.body, indentation: indentation + "  ")
        var end = indentation + "}"
        if !loop.reductions.isEmpty {
          let reductions = loop.reductions.map { "%\($0.result.index) = \($0.operation) %\($0.operand.index)" }
          end += " reduce \(reductions.joined(separator: ", "))"
        }
        lines.append(end)
      }
    }
  }

  private func text(_ expression: Expression, _ type: ElementType) -> String {
    switch expression {
    case .constantBits(let bits): return "constant \(type.name) \(Self.text(bits, type))"
    case .position(let index): return "position \(type.name) [\(Self.text(index))]"
    case .load(let buffer, let index, let otherwise):
      return "load \(buffer)[\(Self.text(index))]" + (otherwise.map { " otherwise %\($0.index)" } ?? "")
    case .unary(let function, let x): return "\(function) %\(x.index)"
    case .binary(let function, let a, let b): return "\(function) %\(a.index) %\(b.index)"
    case .compare(let comparison, let a, let b): return "compare \(comparison) %\(a.index) %\(b.index)"
    case .select(let a, let b, let c): return "select %\(a.index) %\(b.index) %\(c.index)"
    case .convert(let x, let through):
      return "convert \(type.name) \(through == type ? "" : "through \(through.name) ")%\(x.index)"
    case .bitcast(let x): return "bitcast \(type.name) %\(x.index)"
    case .multiplyAdd(let a, let b, let c): return "multiplyAdd %\(a.index) %\(b.index) %\(c.index)"
    }
  }

  /// Numbers as such, whatever does not come back from its number (NaN) as bits.
  static func text(_ bits: UInt64, _ type: ElementType) -> String {
    let hexadecimal = "0x" + String(bits, radix: 16)
    switch type {
    case .float32:
      let value = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
      return value.isNaN || bits >> 32 != 0 ? hexadecimal : value.description
    case .float64:
      let value = Double(bitPattern: bits)
      return value.isNaN ? hexadecimal : value.description
    case .uint32, .uint64: return String(bits)
    case .bool where bits <= 1: return bits == 1 ? "true" : "false"
    default: return String(Int64(bitPattern: bits))
    }
  }

  static func text(_ index: Index) -> String {
    let terms = index.terms.map { ($0.axis.name, $0.stride) }
    let indirect = index.indirect.map { ("%\($0.value.index)", $0.stride) }
    var text = sum(terms + indirect, index.constant)
    for (position, guarded) in index.guards.enumerated() {
      let form = sum(guarded.terms.map { ($0.axis.name, $0.stride) }, guarded.constant)
      text += "\(position == 0 ? " where " : ", ")0 <= \(form) < \(guarded.extent)"
    }
    return text
  }

  private static func sum(_ terms: [(name: String, stride: Int)], _ constant: Int) -> String {
    var text = ""
    for (name, stride) in terms {
      let factor = stride.magnitude == 1 ? name : "\(name)*\(stride.magnitude)"
      text += text.isEmpty ? (stride < 0 ? "-" : "") : (stride < 0 ? " - " : " + ")
      text += factor
    }
    if text.isEmpty { return String(constant) }
    if constant != 0 { text += " \(constant < 0 ? "-" : "+") \(constant.magnitude)" }
    return text
  }
}
