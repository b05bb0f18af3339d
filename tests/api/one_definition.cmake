# If the library uses an inline function of the public headers, its copy must have another name there: a linker keeps one copy of a name,
# which may be the user's. USER is an object file that defines the inline functions of the headers, LIBRARY the static library.
#   cmake -DNM=nm -DUSER=a.o -DLIBRARY=librectify.a -P one_definition.cmake
cmake_minimum_required(VERSION 3.25)
function(list_inline result file)
  # Mangled names of functions and objects in namespace rectify of which a linker keeps one copy.
  execute_process(COMMAND ${NM} -g --defined-only ${file} OUTPUT_VARIABLE listed COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[WVu] _Z[A-Z]*7rectify[A-Za-z0-9_]*" symbols "${listed}")
  list(TRANSFORM symbols REPLACE "^[WVu] " "")
  list(REMOVE_DUPLICATES symbols)
  set(${result} ${symbols} PARENT_SCOPE)
endfunction()

list_inline(of_user ${USER})
list_inline(of_library ${LIBRARY})
set(shared "")
foreach(symbol IN LISTS of_user)
  # Exceptions are exempt: their destructors do nothing of their own, and their types must be shared, or they could not be caught.
  if(symbol IN_LIST of_library AND NOT symbol MATCHES "^_ZT[ISV]|^_ZN7rectify(5Error|15InvalidArgument|11Unsupported|9CudaError)D[012]Ev$")
    list(APPEND shared ${symbol})
  endif()
endforeach()
if(shared)
  list(JOIN shared "\n  " lines)
  message(SEND_ERROR "a user's copy could replace the library's:\n  ${lines}")
endif()
foreach(list IN ITEMS of_user of_library)
  if(NOT "${${list}}" MATCHES "7rounded")
    message(SEND_ERROR "${list}: no rectify::detail::rounded, so this is the wrong file, or the pattern is wrong")
  endif()
endforeach()
