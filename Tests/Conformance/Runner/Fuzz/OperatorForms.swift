/// What the fuzzer knows of operators: enough to write nodes that mostly make sense.
struct OperatorForm: Sendable {
  /// "Conv", or "com.microsoft.Gelu"
  var name: String
  var operands: [Operand]
  var attributes: [(name: String, kind: Attribute)]
  var resultCount: Int
  /// Whether the first result has the type of the first operand.
  var keepsType: Bool

  /// One letter of a form's operands; a question mark behind it allows to leave it out.
  struct Operand: Sendable {
    enum Kind: Character, Sendable {
      case float = "f"
      case image = "4"
      case matrix = "m"
      case filter = "w"
      case channels = "c"
      case integer = "i"
      case boolean = "b"
      case string = "s"
      case byte = "q"
      case scale = "z"
      /// A small constant list: axes, extents, repeats.
      case list = "v"
      case scalar = "k"
      case sequence = "S"
      case any = "*"
    }

    var kind: Kind
    var isOptional: Bool
  }

  enum Attribute: Sendable {
    case int(ClosedRange<Int>)
    case ints(count: Int, ClosedRange<Int>)
    case float
    case floats
    case word([String])
    case words
    case tensor
    case elementType
  }

  /// "Conv 4wc? 1 kernel_shape=2*1...3 group=1...2 auto_pad:VALID,NOTSET": name, operands ("-" for none), number of
  /// results with "=" before it where the first has the type of the first operand, attributes.
  init?(_ line: Substring) {
    let words = line.split(separator: " ")
    guard words.count >= 3, let count = Int(words[2].drop { $0 == "=" }) else { return nil }
    name = String(words[0])
    resultCount = count
    keepsType = words[2].hasPrefix("=")
    operands = []
    for character in words[1] where character != "-" {
      if character == "?" {
        operands[operands.count - 1].isOptional = true
      } else {
        guard let kind = Operand.Kind(rawValue: character) else { return nil }
        operands.append(Operand(kind: kind, isOptional: false))
      }
    }
    attributes = []
    for word in words[3...] {
      guard let attribute = Self.attribute(word) else { return nil }
      attributes.append(attribute)
    }
  }

  private static func attribute(_ word: Substring) -> (String, Attribute)? {
    if let colon = word.firstIndex(of: ":") {
      let name = String(word[..<colon])
      switch word[word.index(after: colon)...] {
      case "float": return (name, .float)
      case "floats": return (name, .floats)
      case "strings": return (name, .words)
      case "tensor": return (name, .tensor)
      case "type": return (name, .elementType)
      case let values: return (name, .word(values.split(separator: ",").map(String.init)))
      }
    }
    let parts = word.split(separator: "=")
    guard parts.count == 2 else { return nil }
    let counted = parts[1].split(separator: "*")
    let bounds = counted.last?.split(separator: "~").compactMap { Int($0) } ?? []
    guard let low = bounds.first, let high = bounds.last, low <= high else { return nil }
    if counted.count == 2, let count = Int(counted[0]) { return (String(parts[0]), .ints(count: count, low...high)) }
    return (String(parts[0]), .int(low...high))
  }

  static let all: [OperatorForm] = table.split(separator: "\n").map { line in
    guard let form = OperatorForm(line) else { preconditionFailure("no form: \(line)") }
    return form
  }

  private static let table = """
    Abs f =1
    Add ff =1
    Sub ff =1
    Mul ff =1
    Div ff =1
    Add ii =1
    Div ii =1
    Mod ii =1 fmod=0~1
    Pow ff =1
    And bb =1
    Or bb =1
    Not b =1
    Equal ff 1
    Greater ff 1
    Less ff 1
    BitShift ii =1 direction:LEFT,RIGHT
    BitwiseAnd ii =1
    BitwiseNot i =1
    Ceil f =1
    Clip ff?f? =1
    Cos f =1
    Erf f =1
    Exp f =1
    Log f =1
    Neg f =1
    Reciprocal f =1
    Relu f =1
    Sigmoid f =1
    Sign f =1
    Sqrt f =1
    Tanh f =1
    Round f =1
    Softplus f =1
    Elu f =1 alpha:float
    Selu f =1
    LeakyRelu f =1 alpha:float
    HardSigmoid f =1 alpha:float beta:float
    HardSwish f =1
    Gelu f =1 approximate:none,tanh
    Mish f =1
    PRelu ff =1
    ThresholdedRelu f =1 alpha:float
    Celu f =1 alpha:float
    Shrink f =1 bias:float lambd:float
    IsNaN f 1
    IsInf f 1
    Max fff? =1
    Min ff =1
    Mean ff =1
    Sum fff? =1
    Where bff 1
    Softmax f =1 axis=-2~3
    LogSoftmax f =1 axis=-2~3
    Hardmax f =1 axis=-2~3
    Cast f 1 to:type
    Cast i 1 to:type
    Cast s 1 to:type
    CastLike f* 1
    BitCast f 1 to:type
    Identity * =1
    Shape * 1 start=-2~3 end=-2~3
    Size * 1
    Reshape fv 1 allowzero=0~1
    Flatten f 1 axis=-2~3
    Squeeze fv? 1
    Unsqueeze fv 1
    Transpose f 1 perm=4*0~3
    Transpose m 1 perm=2*0~1
    Expand fv 1
    Tile fv 1
    Concat ff 1 axis=-2~3
    Concat mm 1 axis=0~1
    Split fv? 2 axis=-2~3 num_outputs=1~3
    Slice fvvv?v? 1
    Pad fvf?v? 1 mode:constant,reflect,edge,wrap
    Gather fi 1 axis=-2~3
    GatherElements ff 1 axis=-2~3
    GatherND fi 1 batch_dims=0~2
    ScatterElements fif 1 axis=-2~3 reduction:none,add,max
    ScatterND fif 1 reduction:none,add,mul
    Compress fb 1 axis=-1~2
    OneHot ikf 1 axis=-2~2
    NonZero f 1
    Where bii 1
    TopK fk 2 axis=-2~3 largest=0~1 sorted=0~1
    ArgMax f 1 axis=-2~3 keepdims=0~1 select_last_index=0~1
    ArgMin f 1 axis=-2~3 keepdims=0~1
    ReduceSum fv? 1 keepdims=0~1 noop_with_empty_axes=0~1
    ReduceMean fv? 1 keepdims=0~1 noop_with_empty_axes=0~1
    ReduceMax fv? 1 keepdims=0~1
    ReduceL2 fv? 1 keepdims=0~1
    ReduceLogSumExp fv? 1 keepdims=0~1
    ReduceProd fv? 1 keepdims=0~1
    CumSum fk =1 exclusive=0~1 reverse=0~1
    CumProd fk =1 exclusive=0~1 reverse=0~1
    Trilu fk? =1 upper=0~1
    EyeLike m 1 k=-3~3 dtype:type
    Range kkk 1
    ConstantOfShape v 1 value:tensor
    Constant - 1 value:tensor
    Constant - 1 value_ints=4*0~9
    Constant - 1 value_float:float
    MatMul mm 1
    MatMul ff 1
    Gemm mmf? 1 transA=0~1 transB=0~1 alpha:float beta:float
    Einsum mm 1 equation:ij,ij->i,ij,jk->ik,ii->i,...i,...i->...
    Det m 1
    Conv 4wc? 1 kernel_shape=2*1~3 strides=2*1~3 pads=4*0~2 dilations=2*1~3 group=1~2 auto_pad:NOTSET,VALID,SAME_UPPER
    ConvTranspose 4wc? 1 kernel_shape=2*1~3 strides=2*1~3 pads=4*0~2 output_padding=2*0~1 group=1~2 output_shape=2*1~9
    DeformConv 4w4 1 kernel_shape=2*1~3 pads=4*0~1
    ConvInteger qq 1 kernel_shape=2*1~3
    MatMulInteger qqz?z? 1
    MaxPool 4 2 kernel_shape=2*1~3 strides=2*1~3 pads=4*0~2 dilations=2*1~2 ceil_mode=0~1 storage_order=0~1
    AveragePool 4 1 kernel_shape=2*1~3 strides=2*1~3 pads=4*0~2 count_include_pad=0~1 ceil_mode=0~1
    LpPool 4 1 kernel_shape=2*1~3 p=1~3
    GlobalAveragePool 4 1
    GlobalMaxPool 4 1
    MaxUnpool 4i 1 kernel_shape=2*1~3
    MaxRoiPool 4m 1 pooled_shape=2*1~3
    RoiAlign 4mi 1 output_height=1~3 output_width=1~3 sampling_ratio=0~2 mode:avg,max
    BatchNormalization 4cccc =3 epsilon:float training_mode=0~1
    InstanceNormalization 4cc =1 epsilon:float
    LayerNormalization ffc? =3 axis=-2~3 epsilon:float
    GroupNormalization 4cc =1 num_groups=1~4
    RMSNormalization ff =1 axis=-2~3
    LpNormalization f =1 axis=-2~3 p=1~2
    LRN 4 =1 size=1~5 alpha:float
    MeanVarianceNormalization 4 =1 axes=3*0~3
    Dropout ff?b? =2
    LSTM fffffff? 3 hidden_size=1~4 direction:forward,reverse,bidirectional layout=0~1
    GRU fff 2 hidden_size=1~4 linear_before_reset=0~1
    RNN fff 2 hidden_size=1~4 activations:strings
    Resize 4ffv 1 mode:nearest,linear,cubic coordinate_transformation_mode:asymmetric,align_corners,half_pixel
    Upsample 4f 1 mode:nearest,linear
    GridSample 44 1 mode:linear,nearest,cubic padding_mode:zeros,border,reflection align_corners=0~1
    AffineGrid fv 1 align_corners=0~1
    DepthToSpace 4 1 blocksize=1~3 mode:DCR,CRD
    SpaceToDepth 4 1 blocksize=1~3
    CenterCropPad fv 1 axes=2*-2~3
    Col2Im mvv 1 dilations=2*1~2 pads=4*0~1 strides=2*1~2
    NonMaxSuppression ffk?k?k? 1 center_point_box=0~1
    ReverseSequence fi 1 batch_axis=0~1 time_axis=0~1
    Unique f 4 axis=-2~2 sorted=0~1
    QuantizeLinear fzq? 1 axis=-2~3 block_size=0~3 output_dtype:type
    DequantizeLinear qzq? 1 axis=-2~3 block_size=0~3
    DynamicQuantizeLinear f 3
    QLinearMatMul qzqqzqzq 1
    QLinearConv qzqqzqzq 1 kernel_shape=2*1~3
    DFT fk?k? 1 axis=-2~3 inverse=0~1 onesided=0~1
    STFT fkf?k? 1 onesided=0~1
    HannWindow k 1 periodic=0~1
    MelWeightMatrix kkkkk 1
    Attention ffff? 1 q_num_heads=1~4 kv_num_heads=1~4 is_causal=0~1
    RotaryEmbedding ffff? 1 num_heads=0~4 interleaved=0~1
    RandomNormal - 1 shape=2*0~4
    RandomUniformLike f 1
    Multinomial m 1 sample_size=1~4
    Bernoulli f 1
    NegativeLogLikelihoodLoss mif? 1 reduction:none,sum,mean
    SoftmaxCrossEntropyLoss mif? 2 reduction:none,sum,mean
    SequenceConstruct ff 1
    SequenceEmpty - 1 dtype:type
    SequenceInsert Sfk? 1
    SequenceAt Sk 1
    SequenceErase Sk? 1
    SequenceLength S 1
    ConcatFromSequence S 1 axis=-2~3 new_axis=0~1
    SplitToSequence fv? 1 axis=-2~3 keepdims=0~1
    Optional f 1
    OptionalHasElement * 1
    OptionalGetElement * 1
    StringConcat ss 1
    StringSplit s 2 delimiter:a,b maxsplit=0~3
    StringNormalizer s 1 case_change_action:LOWER,UPPER is_case_sensitive=0~1 stopwords:strings
    RegexFullMatch s 1 pattern:(a|b)*c,[a-z]+,(a*)*b
    TfIdfVectorizer i 1 min_gram_length=1~2 max_gram_length=1~3 max_skip_count=0~2 mode:TF,IDF ngram_counts=2*0~2 ngram_indexes=3*0~3 pool_int64s=3*0~4
    ai.onnx.ml.Scaler f 1 offset:floats scale:floats
    ai.onnx.ml.Normalizer f 1 norm:L1,L2,MAX
    ai.onnx.ml.Binarizer f 1 threshold:float
    ai.onnx.ml.Imputer f 1 imputed_value_floats:floats replaced_value_float:float
    ai.onnx.ml.OneHotEncoder i 1 cats_int64s=3*0~4 zeros=0~1
    ai.onnx.ml.OneHotEncoder s 1 cats_strings:strings
    ai.onnx.ml.LabelEncoder s 1 keys_strings:strings values_int64s=3*0~4
    ai.onnx.ml.ArrayFeatureExtractor fi 1
    ai.onnx.ml.FeatureVectorizer mm 1 inputdimensions=2*1~6
    ai.onnx.ml.LinearClassifier m 2 coefficients:floats intercepts:floats classlabels_ints=3*0~4 multi_class=0~1
    ai.onnx.ml.LinearRegressor m 1 coefficients:floats intercepts:floats targets=1~3
    ai.onnx.ml.SVMRegressor m 1 kernel_type:LINEAR,RBF coefficients:floats support_vectors:floats n_supports=0~3 rho:floats
    ai.onnx.ml.SVMClassifier m 2 kernel_type:LINEAR,RBF coefficients:floats support_vectors:floats rho:floats vectors_per_class=2*0~2 classlabels_ints=2*0~2
    ai.onnx.ml.ZipMap m 1 classlabels_int64s=6*0~6
    ai.onnx.ml.TreeEnsembleRegressor m 1 nodes_treeids=3*0~1 nodes_nodeids=3*0~2 nodes_featureids=3*0~6 nodes_values:floats nodes_modes:strings nodes_truenodeids=3*0~2 nodes_falsenodeids=3*0~2 target_treeids=2*0~1 target_nodeids=2*0~2 target_ids=2*0~1 target_weights:floats n_targets=1~2
    ai.onnx.ml.CastMap * 1 cast_to:TO_FLOAT,TO_INT64
    ai.onnx.ml.DictVectorizer * 1 int64_vocabulary=3*0~3
    com.microsoft.Gelu f =1
    com.microsoft.BiasGelu fc =1
    com.microsoft.FusedMatMul mm 1 transA=0~1 transB=0~1 alpha:float
    com.microsoft.SkipLayerNormalization fffc? =4
    com.microsoft.MultiHeadAttention fff 1 num_heads=1~4
    com.microsoft.Attention fmc? 2 num_heads=1~4 unidirectional=0~1
    com.microsoft.GroupQueryAttention fffff 3 num_heads=1~4 kv_num_heads=1~2
    com.microsoft.MatMulNBits mqf 1 N=1~8 K=1~16 bits=2~8 block_size=1~16
    com.microsoft.QLinearAdd qzqqzqzq 1
    com.microsoft.CDist mm 1 metric:euclidean,sqeuclidean
    com.microsoft.Tokenizer s 1 mark=0~1 mincharnum=1~2 separators:strings pad_value:p
    Unknown.Nothing f 1
    """
}
