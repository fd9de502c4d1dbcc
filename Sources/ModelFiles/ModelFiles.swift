// ModelFiles: bytes on disk, read without copying and without trust. Start here.
//
//   MappedFile      a file's bytes, mapped read-only (or held in memory under a file's name)
//   FileSlice       a range of a MappedFile that keeps it alive: what parsed models hold instead of copies
//   WireReader      protobuf messages inside a slice: one typed field after the other, every step bounds-checked
//   RepeatedField   a repeated field, counted and validated when the message is read and decoded only when asked for
//
// Every error is a value that says where: ModelFileError (the file), WireError (byte offset and field).
