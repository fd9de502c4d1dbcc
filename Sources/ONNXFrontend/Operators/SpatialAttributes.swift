import GraphIR
import Tensors

extension LoweringContext {
  /// The number of spatial axes of an image [N, C, spatial…].
  func spatialRank(_ image: ValueID) throws -> Int {
    let rank = try rank(image) - 2
    guard rank > 0 else {
      throw invalid(found: "an operand of rank \(rank + 2)", expected: "an image [N, C, spatial…]")
    }
    return rank
  }

  /// Far above any image, and small enough that sums and products of two of them cannot overflow.
  static let maximumSpatial = 1 << 28

  /// An extent that decides the form of the graph. Asks for the types of the graph inputs that it depends on, when
  /// the file does not tell.
  @discardableResult
  func extent(_ x: ValueID, _ axis: Int) throws -> Int {
    let rank = try rank(x)
    guard (0..<rank).contains(axis) else {
      throw invalid(found: "an operand of rank \(rank)", expected: "at least \(axis + 1) axes")
    }
    if let known = builder.type(of: x).tensor?.shape[axis].constant {
      guard known < 1 << 31 else { throw invalid(found: "an extent of \(known)", expected: "less than 2^31") }
      return known
    }
    _ = try constant(of: builder.extent(of: x, axis))
    throw invalid(found: "an extent at axis \(axis) that only a run can tell", expected: "a constant one")
  }

  /// An attribute with a positive entry for each spatial axis.
  func spatial(_ name: String, rank: Int) throws -> [Int] {
    let values = try ints(name) ?? []
    if values.isEmpty { return Array(repeating: 1, count: rank) }
    guard values.count == rank, values.allSatisfy({ (1...Self.maximumSpatial).contains($0) }) else {
      throw invalid(found: "\(name) \(values)", expected: "\(rank) positive integers")
    }
    return values
  }

  /// `auto_pad` and `pads`: all low paddings, then all high ones.
  func padding(rank: Int) throws -> WindowPadding {
    switch try string("auto_pad", "NOTSET") {
    case "SAME_UPPER": return .sameUpper
    case "SAME_LOWER": return .sameLower
    case "VALID":
      let zeros = Array(repeating: 0, count: rank)
      return .explicit(low: zeros, high: zeros)
    case "NOTSET", "":
      let pads = try ints("pads") ?? []
      if !pads.isEmpty,
        pads.count != 2 * rank || !pads.allSatisfy({ (-Self.maximumSpatial...Self.maximumSpatial).contains($0) })
      {
        throw invalid(found: "pads \(pads)", expected: "\(2 * rank) integers")
      }
      let all = pads.isEmpty ? Array(repeating: 0, count: 2 * rank) : pads
      return .explicit(low: Array(all[..<rank]), high: Array(all[rank...]))
    case let other:
      throw invalid(found: "auto_pad '\(other)'", expected: "NOTSET, SAME_UPPER, SAME_LOWER or VALID")
    }
  }

  /// The window of a convolution over an image of `rank` spatial axes.
  func convolution(rank: Int) throws -> Convolution {
    let groups = try int("group", 1)
    guard (1...Self.maximumSpatial).contains(groups) else {
      throw invalid(found: "group \(groups)", expected: "at least one group")
    }
    return Convolution(
      strides: try spatial("strides", rank: rank), dilations: try spatial("dilations", rank: rank),
      padding: try padding(rank: rank), groups: groups)
  }

  /// The window of a pooling.
  func window(rank: Int) throws -> Window {
    guard has("kernel_shape") else {
      throw invalid(found: "no attribute 'kernel_shape'", expected: "the window's size")
    }
    return Window(
      size: try spatial("kernel_shape", rank: rank), strides: try spatial("strides", rank: rank),
      dilations: try spatial("dilations", rank: rank), padding: try padding(rank: rank),
      roundsUp: try flag("ceil_mode"))
  }

  /// A filter [M, C/groups, k…] as [k…, C/groups, M].
  func channelsLastFilter(_ filter: ValueID) throws -> ValueID {
    let rank = try rank(filter)
    guard rank > 2 else { throw invalid(found: "a filter of rank \(rank)", expected: "[M, C/groups, kernel…]") }
    return try builder.transpose(filter, Array(2..<rank) + [1, 0])
  }
}
