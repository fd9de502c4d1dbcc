// Passes: graph rewrites. Start here.
//
//   Pass        a name and a function from graph to graph
//   Pipeline    an ordered list of passes, with the verifier between them, dumps and off switches
//   the passes  one a file, each with text tests: what goes in, what comes out
