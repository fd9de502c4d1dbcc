/// Unicode scalars that one place of a regular expression accepts.
struct ScalarSet: Sendable {
  var ranges: [ClosedRange<UInt32>] = []
  /// General categories, such as those of `\p{L}`; the second half of each: `\P{…}`.
  var categories: [(members: Set<Unicode.GeneralCategory>, isNegated: Bool)] = []
  /// Sets within a class: `[^\W…]`.
  var parts: [ScalarSet] = []
  var isNegated = false
  var ignoresCase = false

  static let digit = ScalarSet(ranges: [0x30...0x39])
  static let space = ScalarSet(ranges: [0x09...0x0A, 0x0C...0x0D, 0x20...0x20])
  static let word = ScalarSet(ranges: [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  static let any = ScalarSet(ranges: [0...0x10FFFF])
  static let notNewline = ScalarSet(ranges: [0x0A...0x0A], isNegated: true)

  init(
    ranges: [ClosedRange<UInt32>] = [], categories: [(Set<Unicode.GeneralCategory>, Bool)] = [],
    isNegated: Bool = false, ignoresCase: Bool = false
  ) {
    self.ranges = ranges
    self.categories = categories
    self.isNegated = isNegated
    self.ignoresCase = ignoresCase
  }

  var negated: ScalarSet {
    var result = self
    result.isNegated.toggle()
    return result
  }

  func contains(_ scalar: Unicode.Scalar) -> Bool {
    holds(scalar) != isNegated
  }

  private func holds(_ scalar: Unicode.Scalar) -> Bool {
    if includes(scalar) { return true }
    guard ignoresCase else { return false }
    return Self.otherCases(of: scalar).contains { includes($0) }
  }

  private func includes(_ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) } || parts.contains { $0.contains(scalar) }
      || categories.contains { $0.members.contains(scalar.properties.generalCategory) != $0.isNegated }
  }

  /// Scalars that differ from this one in case only; mappings to several scalars are no such case.
  private static func otherCases(of scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    let properties = scalar.properties
    return [properties.lowercaseMapping, properties.uppercaseMapping].compactMap { text in
      let scalars = text.unicodeScalars
      guard scalars.count == 1, let other = scalars.first, other != scalar else { return nil }
      return other
    }
  }

  // MARK: Names

  /// `[[:alpha:]]`
  static let posixClasses: [String: ScalarSet] = [
    "alnum": ScalarSet(ranges: [0x30...0x39, 0x41...0x5A, 0x61...0x7A]),
    "alpha": ScalarSet(ranges: [0x41...0x5A, 0x61...0x7A]),
    "ascii": ScalarSet(ranges: [0...0x7F]),
    "blank": ScalarSet(ranges: [0x09...0x09, 0x20...0x20]),
    "cntrl": ScalarSet(ranges: [0...0x1F, 0x7F...0x7F]),
    "digit": digit,
    "graph": ScalarSet(ranges: [0x21...0x7E]),
    "lower": ScalarSet(ranges: [0x61...0x7A]),
    "print": ScalarSet(ranges: [0x20...0x7E]),
    "punct": ScalarSet(ranges: [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]),
    "space": ScalarSet(ranges: [0x09...0x0D, 0x20...0x20]),
    "upper": ScalarSet(ranges: [0x41...0x5A]),
    "word": word,
    "xdigit": ScalarSet(ranges: [0x30...0x39, 0x41...0x46, 0x61...0x66]),
  ]

  /// `\p{Lu}`, and `\p{L}` for all that begin with L.
  static func category(_ name: String) -> ScalarSet? {
    if name == "Any" { return any }
    let members = generalCategories.filter { $0.key.hasPrefix(name) }.map(\.value)
    guard !name.isEmpty, !members.isEmpty else { return nil }
    return ScalarSet(categories: [(Set(members), false)])
  }

  private static let generalCategories: [String: Unicode.GeneralCategory] = [
    "Lu": .uppercaseLetter, "Ll": .lowercaseLetter, "Lt": .titlecaseLetter, "Lm": .modifierLetter,
    "Lo": .otherLetter, "Mn": .nonspacingMark, "Mc": .spacingMark, "Me": .enclosingMark, "Nd": .decimalNumber,
    "Nl": .letterNumber, "No": .otherNumber, "Pc": .connectorPunctuation, "Pd": .dashPunctuation,
    "Ps": .openPunctuation, "Pe": .closePunctuation, "Pi": .initialPunctuation, "Pf": .finalPunctuation,
    "Po": .otherPunctuation, "Sm": .mathSymbol, "Sc": .currencySymbol, "Sk": .modifierSymbol, "So": .otherSymbol,
    "Zs": .spaceSeparator, "Zl": .lineSeparator, "Zp": .paragraphSeparator, "Cc": .control, "Cf": .format,
    "Cs": .surrogate, "Co": .privateUse, "Cn": .unassigned,
  ]
}
