import ArgumentParser

/// What users may ask of results besides being right.
struct ResultOptions: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "Only what gives a row the same bits alone and in any batch.",
      discussion: """
        No sum is split differently for more rows or threads, so that most of what there is does so anyway. On CPUs \
        with AMX, large products of float32 run on tiles and small ones do not: with this, none does, and fast is \
        float32.
        """))
  var batchInvariant = false
}
