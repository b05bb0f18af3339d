# The sources of the CPU backend. Its loops are compiled once for each instruction set; host/cpu/instruction_set.cpp chooses
# when the library is loaded.
set(rectify_cpu ${PROJECT_SOURCE_DIR}/host/cpu)
set(rectify_cpu_sources ${rectify_cpu}/backend.cpp ${rectify_cpu}/instruction_set.cpp ${rectify_cpu}/loops_baseline.cpp)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  list(APPEND rectify_cpu_sources ${rectify_cpu}/loops_avx2.cpp ${rectify_cpu}/loops_avx512.cpp)
endif()

# To be called in every folder that compiles these sources, because CMake keeps source properties for each folder.
macro(rectify_set_cpu_flags)
  set_source_files_properties(${rectify_cpu}/loops_avx2.cpp PROPERTIES COMPILE_OPTIONS "-mavx2;-mfma;-mf16c")
  set_source_files_properties(${rectify_cpu}/loops_avx512.cpp PROPERTIES
    COMPILE_OPTIONS "-mavx512f;-mavx512bw;-mavx512dq;-mavx512vl;-mfma;-mf16c")
endmacro()
