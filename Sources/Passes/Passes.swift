// Passes: graph rewrites. Start here.
//
//   Pipeline    ordered passes: `canonical` once for a model, `bound` for each input shape; off switches, dumps
//   Pass        a name and a function from graph to graph; most are rules, several of which can share one walk
//   Rewriter    the walk: adds every node to a new graph, after the rules had a look at it
//   the passes  one a file or folder, each with text tests: what goes in, what comes out
//
// A new rule: write it for one node, as in Simplify; its operands are in the new graph and final. Add what stands for
// the node through the rewriter, so that the other rules see it too. Random graphs (SemanticsTests) hold every pass to
// the numbers of the graph before.
