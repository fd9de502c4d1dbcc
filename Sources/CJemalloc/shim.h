// Linking jemalloc makes it the process allocator; the header gives its statistics.
#include <jemalloc/jemalloc.h>
