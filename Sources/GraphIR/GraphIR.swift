// GraphIR: what a model means, independent of the file it came from and of the machine it will run on. Start here.
//
//   Dimension      an extent: a constant or an expression over symbols, in normal form
//   ValueType      tensor of element type and symbolic shape; sequence, optional, map
//   Operation      the primitives: what every backend must be able to run
//   Graph          flat arrays of nodes and values; regions (branches, loop bodies, composites) are closed graphs
//   GraphBuilder   the only way to make a graph: infers the type of every node as it is added
//   TypeRules/     result types and symbolic values of each primitive, one file for each family; Candidate has the
//                  checks that they share
//   Graph+Binding  the same graph with some extents known; SymbolBinding finds them in the shapes of a request
//   GraphVerifier  what must hold between passes
//   Text/          printer and parser: a graph as text and back; GoldenText compares graphs in tests of passes
//
// Elementwise primitives broadcast their operands as NumPy does: whether two symbolic extents are equal or one of
// them is 1 is often only known when a request arrives, and a kernel reads a broadcast operand with stride 0 anyway.
// Parameters that a model may compute (shapes, starts, pads) are operands, int64 tensors; parameters that decide the
// rank of a result or the form of a loop (axes, permutations) are attributes.
