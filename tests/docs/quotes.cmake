# The README quotes examples/train_step.cu as it is, so that what people copy is what was compiled.
file(READ ${ROOT}/examples/train_step.cu source)
file(READ ${ROOT}/README.md readme)
string(REGEX MATCH "// begin: quoted in README.md\n(.*)  // end\n" ignored "${source}")
string(REGEX REPLACE "\n  " "\n" quoted "\n${CMAKE_MATCH_1}")
string(FIND "${readme}" "\n```c++${quoted}```\n" at)
if(at LESS 0)
  message(FATAL_ERROR "README.md does not quote examples/train_step.cu between begin and end")
endif()
