# docs/training-loop.md quotes examples/train_step.cu as it is, so that what people copy is what was compiled.
file(READ ${ROOT}/examples/train_step.cu source)
file(READ ${ROOT}/docs/training-loop.md page)
string(REGEX MATCH "// begin: quoted in docs/training-loop.md\n(.*)  // end\n" ignored "${source}")
string(REGEX REPLACE "\n  " "\n" quoted "\n${CMAKE_MATCH_1}")
string(FIND "${page}" "\n```c++${quoted}```\n" at)
if(at LESS 0)
  message(FATAL_ERROR "docs/training-loop.md does not quote examples/train_step.cu between begin and end")
endif()
