// Engine: a model ready to run. Start here.
//
//   Model     a loaded file: inputs, outputs, lowered graph; shared by all sessions, safe to use from any thread
//   Session   runs a model: holds the plans and arenas of one user; one thread at a time
//   Plan      a graph bound to input shapes: folded, scheduled, placed in memory
