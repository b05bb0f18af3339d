# Code compiled for AVX2 or AVX-512 has names of its own. A function that is inline elsewhere too, such as a template of the standard
# library, would be one symbol in all objects; the linker keeps one of the copies, and a machine without these instructions runs it.
#   cmake -DNM=nm -DOBJECTS=a.o,b.o,... -P cpu_isa.cmake
# Of the objects, those of loops_avx2.cpp and loops_avx512.cpp are looked at.
function(require_own_names object namespace)
  # -g: those that a linker sees, weak and unique ones among them. Mangled: a namespace stands with its length before it.
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
