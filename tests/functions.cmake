# Functions that add test binaries and ctests.
set(test_includes ${CMAKE_CURRENT_SOURCE_DIR}/support ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/host ${PROJECT_SOURCE_DIR}/host/reference)

# Object files of tests. -O1 halves the time to compile the tests and the emulated kernels, which then run 5% slower.
function(rectify_add_test_objects name)
  add_library(${name} OBJECT ${ARGN})
  target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  target_include_directories(${name} PRIVATE ${test_includes} ${PROJECT_SOURCE_DIR}/bench)
  target_link_libraries(${name} PRIVATE rectify_headers rectify_flags OpenMP::OpenMP_CXX GTest::gtest)
endfunction()

# Divides the tests of BINARY among eight ctests: NAME.1_of_8 to NAME.8_of_8.
function(rectify_add_shards name)
  cmake_parse_arguments(arg "" "BINARY;LABELS;FIXTURE" "ARGUMENTS;ENVIRONMENT" ${ARGN})
  foreach(number RANGE 1 8)
    set(shard ${name}.${number}_of_8)
    math(EXPR index "${number} - 1")
    add_test(NAME ${shard} COMMAND ${arg_BINARY} ${arg_ARGUMENTS})
    # COST: ctest starts the longest tests first.
    set_tests_properties(${shard} PROPERTIES TIMEOUT 1800 LABELS "${arg_LABELS}" COST 100 FIXTURES_REQUIRED "${arg_FIXTURE}"
      ENVIRONMENT "OMP_WAIT_POLICY=passive;GTEST_TOTAL_SHARDS=8;GTEST_SHARD_INDEX=${index};${arg_ENVIRONMENT}")
  endforeach()
endfunction()

# A test binary. Each of its tests becomes a ctest, unless it is SHARDED. FLAGS apply to SOURCES only.
function(rectify_add_tests name)
  cmake_parse_arguments(arg "SHARDED" "LABELS;TIMEOUT" "SOURCES;FLAGS;LIBRARIES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS quick)  # gtest_discover_tests drops an empty list and takes the next word, ENVIRONMENT, as the label
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${test_includes})
  target_compile_options(${name} PRIVATE ${arg_FLAGS})
  target_link_options(${name} PRIVATE ${arg_FLAGS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} rectify_flags OpenMP::OpenMP_CXX GTest::gtest_main)
  if(NOT arg_SHARDED)
    gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "OMP_WAIT_POLICY=passive")
  endif()
endfunction()
