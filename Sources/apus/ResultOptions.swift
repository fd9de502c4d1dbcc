import ArgumentParser

/// What users may ask of results besides being right.
struct ResultOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Only what gives a row the same bits alone and in any batch.",
      discussion: """
        Everything that runs float32 today does: no sum is split differently for more rows or threads. Say so where \
        you rely on it; what comes later and does not will be left out.
        """))
  var batchInvariant = false
}
