# Inline functions of the public headers, of which a program and the library may both define copies.

# A file without exceptions, whose copies abort, is linked before one with exceptions, whose copies throw.
set(without_exceptions ${CMAKE_CURRENT_BINARY_DIR}/headers/function_without_exceptions.cpp)
add_executable(rectify_mixed_exceptions_test ${without_exceptions} api/mixed_exceptions_test.cpp)
set_source_files_properties(${without_exceptions} PROPERTIES COMPILE_OPTIONS "-fno-exceptions")
target_compile_options(rectify_mixed_exceptions_test PRIVATE -O0)
target_link_libraries(rectify_mixed_exceptions_test PRIVATE rectify)
if(RECTIFY_DLPACK)
  target_include_directories(rectify_mixed_exceptions_test PRIVATE ${RECTIFY_DLPACK})
endif()
add_test(NAME rectify_mixed_exceptions_test COMMAND rectify_mixed_exceptions_test)

if(BUILD_SHARED_LIBS)
  return()  # a shared library does not export its inline functions
endif()
foreach(flags IN ITEMS -O0 "-O2;-fno-inline")
  list(GET flags 0 level)
  string(MAKE_C_IDENTIFIER rectify_one_definition${level}_test name)
  add_executable(${name} api/one_definition_test.cpp)
  target_compile_options(${name} PRIVATE ${flags} -ffast-math)
  target_link_libraries(${name} PRIVATE rectify)
  add_test(NAME ${name} COMMAND ${name})
endforeach()
if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug")  # which inlines nothing, so that the library defines more functions
  add_test(NAME one_definition COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DUSER=$<TARGET_OBJECTS:rectify_one_definition_O0_test>
    -DLIBRARY=$<TARGET_FILE:rectify> -P ${CMAKE_CURRENT_SOURCE_DIR}/api/one_definition.cmake)
endif()
