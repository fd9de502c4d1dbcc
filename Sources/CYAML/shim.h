// libyaml: the reader of YAML that most languages' packages wrap.
#include <yaml.h>
