# Flags of the CPU backend's sources. Properties of sources count in their folder alone, so every folder that compiles them calls this.
macro(rectify_set_cpu_flags)
  # GCC may assume that a comparison traps, and then does not turn selects into vectors. Results are the same.
  set_source_files_properties(${rectify_loop_sources} PROPERTIES COMPILE_OPTIONS -fno-trapping-math)
endmacro()
