import Tensors

/// Element type and symbolic shape.
public struct TensorType: Hashable, Sendable {
  public var elementType: ElementType
  public var shape: [Dimension]

  public init(_ elementType: ElementType, _ shape: [Dimension]) {
    self.elementType = elementType
    self.shape = shape
  }

  public init(_ elementType: ElementType, constant shape: [Int]) {
    self.init(elementType, shape.map(Dimension.constant))
  }

  public var rank: Int { shape.count }

  /// The shape, when no extent is symbolic and the product fits.
  public var constantShape: Shape? {
    var extents: [Int] = []
    for dimension in shape {
      guard let extent = dimension.constant else { return nil }
      extents.append(extent)
    }
    return Shape(checking: extents)
  }
}

/// The type of what flows along an edge.
public indirect enum ValueType: Hashable, Sendable {
  case tensor(TensorType)
  case sequence(ValueType)
  case optional(ValueType)
  case map(key: ElementType, value: ValueType)
  /// A tensor whose rank only a run can tell: results of sequence reads and of loops that change rank. Type rules
  /// that need the rank refuse it.
  case unrankedTensor(ElementType)

  public var tensor: TensorType? {
    if case .tensor(let type) = self { type } else { nil }
  }

  public var elementType: ElementType? {
    switch self {
    case .tensor(let type): type.elementType
    case .unrankedTensor(let type): type
    default: nil
    }
  }
}
