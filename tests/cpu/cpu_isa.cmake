# Every symbol compiled for AVX2 or AVX-512 is in a namespace of its own. An inline function that other objects define too, such as a
# template of the standard library, would be one symbol: the linker might keep the copy with these instructions for machines without them.
#   cmake -DNM=nm -DOBJECTS=a.o,b.o,... -P cpu_isa.cmake
# Of OBJECTS, those of loops_avx2.cpp and loops_avx512.cpp are checked.
function(require_own_names object namespace)
  # -g: symbols that a linker sees, including weak and unique ones. In a mangled name the length of a namespace precedes it.
  execute_process(COMMAND ${NM} -g --defined-only ${object} OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" symbols "${listed}")
  set(own 0)
  foreach(symbol IN LISTS symbols)
    if(symbol MATCHES "^[0-9a-f]+ [A-Za-z] _Z[A-Za-z0-9_]*${namespace}")
      math(EXPR own "${own} + 1")
    elseif(NOT symbol MATCHES " V DW\\.ref\\.__gxx_personality_v0$")  # data, and the same in all objects
      message(SEND_ERROR "${object}: not in its own namespace: ${symbol}")
    endif()
  endforeach()
  if(own LESS 4)  # loops(), and the loops
    message(SEND_ERROR "${object}: only ${own} symbols in its own namespace")
  endif()
endfunction()

string(REPLACE "," ";" objects "${OBJECTS}")
set(seen "")
foreach(object IN LISTS objects)
  if(object MATCHES "loops_(avx2|avx512)\\.cpp\\.[a-z]+$")
    set(isa ${CMAKE_MATCH_1})
    list(APPEND seen ${isa})
    string(LENGTH ${isa} length)
    require_own_names(${object} "${length}${isa}")
  endif()
endforeach()
list(SORT seen)
if(NOT seen STREQUAL "avx2;avx512")
  message(SEND_ERROR "cpu_isa looked at \"${seen}\": the objects of loops_avx2.cpp and loops_avx512.cpp are not among ${objects}")
endif()
