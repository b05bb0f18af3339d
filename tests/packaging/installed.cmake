# Checks of an installed rectify at PREFIX, whose sources are in ROOT. install.cmake and debian.cmake include this file.

# It has every public header, including detail/, and no other.
file(GLOB_RECURSE sources RELATIVE ${ROOT}/include ${ROOT}/include/*)
file(GLOB_RECURSE headers RELATIVE ${PREFIX}/include ${PREFIX}/include/*)
if(NOT headers STREQUAL sources OR NOT "rectify/detail/host_device.hpp" IN_LIST headers)
  message(SEND_ERROR "installed headers: ${headers}; sources: ${sources}")
endif()

# Packages can be moved, so they must not name the folders in which they were made.
file(GLOB_RECURSE texts ${PREFIX}/*.cmake ${PREFIX}/*.pc)
list(LENGTH texts count)
if(NOT count EQUAL 5)
  message(SEND_ERROR "five files of packages were expected, not: ${texts}")
endif()
foreach(text IN LISTS texts)
  file(READ ${text} content)
  foreach(path IN ITEMS ${ROOT} /opt/rectify rectify_flags)
    string(FIND "${content}" "${path}" at)
    if(NOT at EQUAL -1)
      message(SEND_ERROR "${text} names ${path}")
    endif()
  endforeach()
endforeach()

# rectify-bench finds the library relative to its own folder.
if(EXISTS ${PREFIX}/bin/rectify-bench)
  unset(ENV{LD_LIBRARY_PATH})
  execute_process(COMMAND ${PREFIX}/bin/rectify-bench check --op forward --max 64K
    OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endif()
