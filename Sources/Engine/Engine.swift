// Engine: a model ready to run. Start here.
//
//   Models/    Model: a loaded file with its inputs, outputs and lowered graphs; shared by all sessions, safe to use from
//              any thread
//   Session    runs a model: holds the plans and the memory of one user; one thread at a time
//   Plans/     Plan: a graph bound to input shapes, folded and cut into steps; PlanMemory and MemoryPlan give results their
//              places in one arena, Placement puts a plan into a session's memory, Plan+Run executes it
//   Machine/   the code and the packed weights of a model's kernels, shared by all its plans
//   Profile/   where the time of a model goes
