# The CUDA kernel sources, compiled for this CPU with tests/simt/include instead of a toolkit: the tests of the ops, without and with
# sanitizers, and the race test.
if(RECTIFY_NESTED)
  return()
endif()
set(simt_sources simt/kernels_backend.cpp simt/kernels_f16.cpp simt/kernels_f32.cpp simt/simt.cpp simt/targets.cpp simt/spaces_test.cpp
  simt/long_parts_test.cpp simt/runtime_test.cpp simt/simt_test.cpp ${PROJECT_SOURCE_DIR}/bench/harness.cpp)
set(more_kernels simt/kernels_bf16.cpp simt/kernels_f64.cpp)
function(rectify_add_simt_objects name sources)
  rectify_add_test_objects(${name} ${sources})
  target_include_directories(${name} PRIVATE simt simt/include $<TARGET_PROPERTY:rectify_host,INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:rectify_host,COMPILE_DEFINITIONS>)
  target_compile_options(${name} PRIVATE -Wno-unknown-pragmas ${ARGN})
endfunction()
# A binary of the kernels and SOURCES, compiled with FLAGS, and of LIBRARIES, compiled without them. The objects with FLAGS are linked first,
# as the linker keeps the first copy of an inline function.
function(rectify_add_simt_tests name)
  cmake_parse_arguments(arg "" "" "SOURCES;FLAGS;LIBRARIES" ${ARGN})
  rectify_add_simt_objects(${name}_objects "${simt_sources};${arg_SOURCES}" ${arg_FLAGS})
  rectify_add_tests(${name} SHARDED LIBRARIES ${name}_objects ${arg_LIBRARIES})
  target_link_options(${name} PRIVATE ${arg_FLAGS})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
rectify_set_cpu_flags()

rectify_add_simt_objects(rectify_more_kernels "${more_kernels}")
rectify_add_simt_tests(rectify_simt_tests SOURCES simt/coverage_test.cpp
  LIBRARIES rectify_more_kernels rectify_target_tests rectify_test_support rectify_host rectify_reference)
# The order of threads matters if threads of a block exchange data, which they do in sums. Random calls, exact sums and short tests run in all
# three orders; long lists of calls run shuffled, and in the other two orders only in the slow tests.
set(long_lists "")
foreach(tests IN ITEMS Channels.* Masks.* Models.* Ops.* Sums.Of*Numbers* SumsBits.*)
  string(APPEND long_lists */${tests}/kernels_ascending:*/${tests}/kernels_descending:)
endforeach()
rectify_add_shards(rectify_simt_tests BINARY rectify_simt_tests LABELS quick ARGUMENTS --gtest_filter=-${long_lists})
rectify_add_shards(rectify_simt_tests.every_order BINARY rectify_simt_tests LABELS slow
  ARGUMENTS --gtest_filter=${long_lists}*/Fuzz.*/kernels_* ENVIRONMENT RECTIFY_FUZZ_CASES=2000)

# The library and the kernels are sanitized; the tests, which provide the memory, are not. Only the baseline's loops of the CPU backend and
# the kernels of f16 and f32 are: the others have the same source, and take minutes to compile with sanitizers.
set(sanitized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
set(sanitized_sources ${rectify_host_sources})
list(FILTER sanitized_sources EXCLUDE REGEX "loops_avx")
rectify_add_simt_tests(rectify_sanitized_tests FLAGS ${sanitized} SOURCES ${sanitized_sources}
  LIBRARIES rectify_more_kernels rectify_target_tests rectify_host_tests rectify_test_support rectify_reference)
target_compile_definitions(rectify_sanitized_tests_objects PRIVATE RECTIFY_BASELINE_LOOPS)
# Without SumsBits, whose calls are those of Sums.
rectify_add_shards(rectify_sanitized_tests BINARY rectify_sanitized_tests LABELS quick ARGUMENTS --gtest_filter=-*/SumsBits.*)

# Everything sanitized, including the tests and the reference. Compiled by the slow tests.
rectify_add_simt_tests(rectify_wholly_sanitized_tests FLAGS ${sanitized}
  SOURCES ${more_kernels} ${rectify_host_sources} ${rectify_reference_sources} ${target_tests} ${host_tests} ${support})
set_target_properties(rectify_wholly_sanitized_tests rectify_wholly_sanitized_tests_objects PROPERTIES EXCLUDE_FROM_ALL ON)
add_test(NAME rectify_wholly_sanitized_tests.build
  COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target rectify_wholly_sanitized_tests)
set_tests_properties(rectify_wholly_sanitized_tests.build PROPERTIES
  LABELS slow TIMEOUT 3600 PROCESSORS 2 COST 200 FIXTURES_SETUP rectify_wholly_sanitized_tests)
rectify_add_shards(rectify_wholly_sanitized_tests BINARY rectify_wholly_sanitized_tests LABELS slow
  FIXTURE rectify_wholly_sanitized_tests)
foreach(isa IN LISTS lesser_isas)
  rectify_add_shards(rectify_wholly_sanitized_tests.cpu_${isa} BINARY rectify_wholly_sanitized_tests LABELS slow
    FIXTURE rectify_wholly_sanitized_tests ARGUMENTS --gtest_filter=*/cpu:*/cpu_* ENVIRONMENT RECTIFY_MAX_CPU_ISA=${isa})
endforeach()

# The kernels of sums under ThreadSanitizer. The scheduler is not instrumented, as it would be reported.
add_library(rectify_race_scheduler OBJECT simt/simt.cpp)
target_compile_definitions(rectify_race_scheduler PRIVATE SIMT_TSAN)
rectify_add_tests(rectify_race_tests SHARDED
  SOURCES simt/race_test.cpp ${PROJECT_SOURCE_DIR}/host/layout.cpp ${PROJECT_SOURCE_DIR}/host/tensor_view.cpp
    $<TARGET_OBJECTS:rectify_race_scheduler>
  FLAGS -fsanitize=thread -Wno-unknown-pragmas -O1 -g1 LIBRARIES rectify_headers)
target_include_directories(rectify_race_tests PRIVATE simt simt/include)
# One order of threads each. CI runs the shuffled order, which finds the most.
set(index 0)
foreach(order IN ITEMS ascending descending shuffled)
  add_test(NAME rectify_race_tests.${order} COMMAND rectify_race_tests)
  set_tests_properties(rectify_race_tests.${order} PROPERTIES TIMEOUT 900 LABELS slow
    ENVIRONMENT "OMP_WAIT_POLICY=passive;GTEST_TOTAL_SHARDS=3;GTEST_SHARD_INDEX=${index}")
  math(EXPR index "${index} + 1")
endforeach()
set_tests_properties(rectify_race_tests.shuffled PROPERTIES LABELS quick)
add_test(NAME barriers COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/simt/barriers.sh ${CMAKE_CXX_COMPILER} ${PROJECT_SOURCE_DIR})
set_tests_properties(barriers PROPERTIES LABELS slow TIMEOUT 900)
