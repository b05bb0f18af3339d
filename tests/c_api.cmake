# The C ABI from outside C++: from C11, and what only a shared library shows. The names begin with rectify_tests, as the nested builds run
# those.
enable_language(C)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

function(rectify_add_c_test name source)
  add_executable(rectify_${name}_test ${source})
  target_compile_options(rectify_${name}_test PRIVATE -Wall -Wextra -Wpedantic -Werror)
  target_link_libraries(rectify_${name}_test PRIVATE rectify_headers)
  if(TARGET rectify_tests)
    add_dependencies(rectify_tests rectify_${name}_test)  # the one target that nested builds ask for
  endif()
  add_test(NAME rectify_tests.${name} COMMAND rectify_${name}_test ${ARGN})
  set_tests_properties(rectify_tests.${name} PROPERTIES TIMEOUT 60)
endfunction()

rectify_add_c_test(c_api c_api.c)
string(REPLACE "." ";" version ${PROJECT_VERSION})
list(GET version 0 major)
list(GET version 1 minor)
list(GET version 2 patch)
math(EXPR version "10000 * ${major} + 100 * ${minor} + ${patch}")
target_compile_definitions(rectify_c_api_test PRIVATE EXPECTED_VERSION=${version})
target_link_libraries(rectify_c_api_test PRIVATE rectify)

# The library itself where it is shared, else the CPU's part of the same objects.
set(loaded rectify)
if(NOT BUILD_SHARED_LIBS)
  set(loaded rectify_as_shared)
  add_library(rectify_as_shared SHARED $<TARGET_OBJECTS:rectify_host> ${PROJECT_SOURCE_DIR}/host/no_cuda.cpp)
  target_link_libraries(rectify_as_shared PRIVATE rectify_headers rectify_flags OpenMP::OpenMP_CXX)
  target_link_options(rectify_as_shared PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/rectify.map LINKER:-z,nodelete)
  set_target_properties(rectify_as_shared PROPERTIES LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/rectify.map)
  if(TARGET rectify_tests)
    add_dependencies(rectify_tests rectify_as_shared)
  endif()
endif()
find_package(Threads REQUIRED)
rectify_add_c_test(dlclose dlclose_test.c $<TARGET_FILE:${loaded}>)
target_link_libraries(rectify_dlclose_test PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
set(soname "")
if(BUILD_SHARED_LIBS)
  set(soname librectify.so.${major}.${minor})
endif()
add_test(NAME rectify_tests.exports COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLIBRARY=$<TARGET_FILE:${loaded}> -DSONAME=${soname}
  -DREADELF=${CMAKE_READELF}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/exports.cmake)

# From Python, which loads the library as it is. The interpreter is one that has numpy: that of the system first.
function(rectify_has_numpy result python)
  execute_process(COMMAND ${python} -c "import numpy" RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()
if(CMAKE_CROSSCOMPILING)
  return()  # Python is of this machine's architecture
endif()
find_program(RECTIFY_PYTHON python3 HINTS /usr/bin VALIDATOR rectify_has_numpy)
if(NOT RECTIFY_PYTHON)
  message(STATUS "rectify: no python3 with numpy, so no test of the C ABI from Python")
  return()
endif()
add_test(NAME rectify_tests.ctypes COMMAND ${RECTIFY_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/c_api_test.py)
add_test(NAME rectify_tests.ctypes_operands COMMAND ${RECTIFY_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/ctypes_operands_test.py)
set_tests_properties(rectify_tests.ctypes rectify_tests.ctypes_operands PROPERTIES TIMEOUT 60
  ENVIRONMENT "RECTIFY_LIBRARY=$<TARGET_FILE:${loaded}>;PYTHONPATH=${PROJECT_SOURCE_DIR}/examples")
