# Inline functions of the public headers that the library itself uses have names of their own in the library, or a user's copy could replace
# the library's: a linker keeps one of two. USER is an object that defines the inline functions of the headers, LIBRARY the static library.
#   cmake -DNM=nm -DUSER=a.o -DLIBRARY=librectify.a -P one_definition.cmake
cmake_minimum_required(VERSION 3.25)
function(list_inline result file)
  # Mangled: functions and objects in namespace rectify that a linker may replace by another of the same name.
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
  # Of the exceptions, destructors are what std::runtime_error's are, and types must be the same ones, or nothing could be caught.
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
    message(SEND_ERROR "${list}: no rectify::detail::rounded, so this looked at the wrong file, or at too little")
  endif()
endforeach()
