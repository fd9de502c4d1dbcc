extension Instruction {
  /// Every line of the tables, by family: what the tests enumerate.
  static let families: [(name: String, instructions: [Instruction])] = [
    ("Moves", moves),
    ("Arithmetic", arithmetic),
    ("FusedMultiplyAdd", fusedMultiplyAdd),
    ("HalfPrecision", halfPrecision),
    ("Integer", integer),
    ("Shuffle", shuffle),
    ("Convert", convert),
    ("Compare", compare),
    ("Mask", mask),
    ("Dot", dot),
    ("Gather", gather),
    ("Tile", tile),
    ("General", general),
    ("Branch", branch),
    ("Prefetch", prefetch),
  ]
}
