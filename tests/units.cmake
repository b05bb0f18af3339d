# The tests in C++, all of which need GoogleTest. What binaries share is compiled once, without sanitizers, and linked into each; where its
# tests run, and how many calls they make, is in the binary's own targets.cpp.
set(support support/cases.cpp support/checked_call.cpp support/fuzz_case.cpp support/random_layout.cpp support/random_numbers.cpp
  support/sum_call.cpp support/sum_outputs.cpp support/tensor.cpp)
# Of ops, on every target: in all three binaries.
set(target_tests ops/accumulate_test.cpp ops/channels_test.cpp ops/fuzz_test.cpp ops/gain_test.cpp ops/gradients_test.cpp ops/mask_test.cpp ops/models_test.cpp ops/operands_test.cpp ops/ops_test.cpp
  ops/slices_test.cpp ops/sums_bits_test.cpp ops/sums_test.cpp)
# Of what comes before any backend, and of arguments that are rejected: in the library as built, and under the sanitizers, for a wild
# argument must not be undefined behaviour on its way to the rejection.
set(host_tests api/c_api_tensors_test.cpp api/c_api_test.cpp api/layout_test.cpp api/overlap_test.cpp api/tensor_view_test.cpp api/validate_masks_test.cpp api/validate_memory_test.cpp
  api/validate_overlap_test.cpp api/validate_parameters_test.cpp api/validate_sums_test.cpp api/validate_test.cpp api/validate_workspace_test.cpp)
# In the library as built alone.
set(library_tests api/c_api_memory_test.cpp cpu/float_environment_test.cpp ops/half_test.cpp api/no_gpu_test.cpp cpu/process_test.cpp ops/reference_test.cpp
  ops/relu_test.cpp ops/sums_bound_test.cpp support/whole_call.cpp)

# At -O1: it halves the time to compile kernels and tests for this processor, and they run as fast but for a twentieth.
function(rectify_add_test_objects name)
  add_library(${name} OBJECT ${ARGN})
  target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/support ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/host ${PROJECT_SOURCE_DIR}/host/reference ${PROJECT_SOURCE_DIR}/bench)
  target_link_libraries(${name} PRIVATE rectify_headers rectify_flags OpenMP::OpenMP_CXX GTest::gtest)
endfunction()
rectify_add_test_objects(rectify_test_support ${support})
rectify_add_test_objects(rectify_target_tests ${target_tests})
rectify_add_test_objects(rectify_host_tests ${host_tests})
# What they all include, parsed once. That each file includes what it uses is seen by build_with_clang, which does without.
target_precompile_headers(rectify_test_support PRIVATE <gtest/gtest.h> <algorithm> <functional> <string> <vector> <rectify/rectify.hpp>)
target_precompile_headers(rectify_target_tests REUSE_FROM rectify_test_support)
target_precompile_headers(rectify_host_tests REUSE_FROM rectify_test_support)

# ctest entries of a test binary among which its tests are shared out: NAME.1_of_8 and so on.
function(rectify_add_shards name)
  cmake_parse_arguments(arg "" "BINARY;LABELS;FIXTURE" "ARGUMENTS;ENVIRONMENT" ${ARGN})
  foreach(number RANGE 1 8)
    set(shard ${name}.${number}_of_8)
    math(EXPR index "${number} - 1")
    add_test(NAME ${shard} COMMAND ${arg_BINARY} ${arg_ARGUMENTS})
    # COST: ctest begins with the longest.
    set_tests_properties(${shard} PROPERTIES TIMEOUT 1800 LABELS "${arg_LABELS}" COST 100 FIXTURES_REQUIRED "${arg_FIXTURE}"
      ENVIRONMENT "OMP_WAIT_POLICY=passive;GTEST_TOTAL_SHARDS=8;GTEST_SHARD_INDEX=${index};${arg_ENVIRONMENT}")
  endforeach()
endfunction()

# A test binary, with a ctest entry for each test or, if SHARDED, those of rectify_add_shards. FLAGS reach its own sources.
function(rectify_add_tests name)
  cmake_parse_arguments(arg "SHARDED" "LABELS;TIMEOUT" "SOURCES;FLAGS;LIBRARIES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS quick)  # gtest_discover_tests drops an empty one, and takes the next word, ENVIRONMENT, for it
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/support ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/host ${PROJECT_SOURCE_DIR}/host/reference)
  target_compile_options(${name} PRIVATE ${arg_FLAGS})
  target_link_options(${name} PRIVATE ${arg_FLAGS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} rectify_flags OpenMP::OpenMP_CXX GTest::gtest_main)
  if(NOT arg_SHARDED)
    gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "OMP_WAIT_POLICY=passive")
  endif()
endfunction()

rectify_add_tests(rectify_tests
  SOURCES ${library_tests} support/targets.cpp
  LIBRARIES rectify_target_tests rectify_host_tests rectify_test_support rectify rectify_reference rectify_harness)
# The loops that the machine at hand is too good for. rectify_tests itself runs the best.
set(lesser_isas baseline)
set(flags "")
if(EXISTS /proc/cpuinfo)
  file(STRINGS /proc/cpuinfo flags REGEX "avx512f" LIMIT_COUNT 1)
endif()
if(flags)
  list(APPEND lesser_isas avx2)
endif()
foreach(isa IN LISTS lesser_isas)
  add_test(NAME rectify_tests.cpu_${isa} COMMAND rectify_tests --gtest_filter=*/cpu:*/cpu_*)
  set_tests_properties(rectify_tests.cpu_${isa} PROPERTIES TIMEOUT 900 LABELS quick COST 100
    ENVIRONMENT "OMP_WAIT_POLICY=passive;RECTIFY_MAX_CPU_ISA=${isa}")
endforeach()

if(NOT BUILD_SHARED_LIBS)  # which hides the loops
  target_sources(rectify_tests PRIVATE cpu/cpu_isa_test.cpp)
endif()
# The threads of OpenMP's pool have small stacks too.
add_test(NAME small_omp_stacks COMMAND rectify_tests --gtest_filter=*SmallStack*)
set_tests_properties(small_omp_stacks PROPERTIES LABELS quick TIMEOUT 300 ENVIRONMENT "OMP_WAIT_POLICY=passive;OMP_STACKSIZE=128k")

find_path(RECTIFY_DLPACK dlpack/dlpack.h)
if(RECTIFY_DLPACK)
  target_sources(rectify_tests PRIVATE api/dlpack_test.cpp)
  target_include_directories(rectify_tests PRIVATE ${RECTIFY_DLPACK})
else()
  message(STATUS "rectify: no dlpack.h, so no test of rectify/dlpack.hpp")
endif()
if(BUILD_SHARED_LIBS)
  # which the library hides
  target_sources(rectify_tests PRIVATE ${PROJECT_SOURCE_DIR}/host/layout.cpp ${PROJECT_SOURCE_DIR}/host/overlap.cpp)
endif()
if(NOT RECTIFY_NESTED)
  rectify_add_tests(rectify_slow_tests
    SOURCES ops/slow_test.cpp support/targets.cpp
    LIBRARIES rectify_test_support rectify rectify_reference rectify_harness LABELS slow TIMEOUT 3600)
endif()

if(RECTIFY_EXAMPLES)
  find_package(ZLIB QUIET)  # whose target is seen in the folder that requested it alone
endif()
if(RECTIFY_EXAMPLES AND ZLIB_FOUND)
  rectify_add_tests(rectify_example_tests SOURCES examples/idx_test.cpp ${PROJECT_SOURCE_DIR}/examples/idx.cpp LIBRARIES ZLIB::ZLIB)
  target_include_directories(rectify_example_tests PRIVATE ${PROJECT_SOURCE_DIR}/examples)
  if(TARGET train_step)
    add_test(NAME train_step COMMAND train_step)
    set_tests_properties(train_step PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
  endif()
  if(TARGET tune_alpha)
    rectify_add_tests(rectify_tune_alpha_tests SOURCES examples/tune_alpha_test.cpp examples/tune_alpha_parts_test.cpp LIBRARIES tune_alpha_parts)
    add_test(NAME tune_alpha COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/examples/tune_alpha.sh $<TARGET_FILE:tune_alpha>)
    set_tests_properties(tune_alpha PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 PROCESSORS 2 ENVIRONMENT "OMP_WAIT_POLICY=passive")
  endif()
endif()

if(RECTIFY_WITH_CUDA)
  rectify_add_tests(rectify_gpu_tests SOURCES cuda/gpu_test.cu LIBRARIES rectify)
endif()

# The kernel sources, compiled for this processor: they see tests/simt/include instead of a toolkit.
set(simt_sources simt/kernels_backend.cpp simt/kernels_f16.cpp simt/kernels_f32.cpp simt/simt.cpp simt/targets.cpp simt/spaces_test.cpp
  simt/long_parts_test.cpp simt/runtime_test.cpp simt/simt_test.cpp ${PROJECT_SOURCE_DIR}/bench/harness.cpp)
set(more_kernels simt/kernels_bf16.cpp simt/kernels_f64.cpp)
function(rectify_add_simt_objects name sources)
  rectify_add_test_objects(${name} ${sources})
  target_include_directories(${name} PRIVATE simt simt/include $<TARGET_PROPERTY:rectify_host,INCLUDE_DIRECTORIES>)
  target_compile_definitions(${name} PRIVATE $<TARGET_PROPERTY:rectify_host,COMPILE_DEFINITIONS>)
  target_compile_options(${name} PRIVATE -Wno-unknown-pragmas ${ARGN})
endfunction()
# The kernels and SOURCES compiled with FLAGS, and what LIBRARIES bring, which is compiled without them. FLAGS' own objects are linked
# first: of an inline function that both have, the linker keeps the first.
function(rectify_add_simt_tests name)
  cmake_parse_arguments(arg "" "" "SOURCES;FLAGS;LIBRARIES" ${ARGN})
  rectify_add_simt_objects(${name}_objects "${simt_sources};${arg_SOURCES}" ${arg_FLAGS})
  rectify_add_tests(${name} SHARDED LIBRARIES ${name}_objects ${arg_LIBRARIES})
  target_link_options(${name} PRIVATE ${arg_FLAGS})
  set_target_properties(${name} PROPERTIES LINKER_LANGUAGE CXX)
endfunction()
rectify_set_cpu_flags()
set(sanitized -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
if(NOT RECTIFY_NESTED)
  rectify_add_simt_objects(rectify_more_kernels "${more_kernels}")
  rectify_add_simt_tests(rectify_simt_tests SOURCES simt/coverage_test.cpp
    LIBRARIES rectify_more_kernels rectify_target_tests rectify_test_support rectify_host rectify_reference)
  # An order matters where threads of a block meet: in sums. All three run random calls, exact sums and what is short; long lists of calls
  # run shuffled, and in the other two when it is requested.
  set(long_lists "")
  foreach(tests IN ITEMS Channels.* Masks.* Models.* Ops.* Sums.Of*Numbers* SumsBits.*)
    string(APPEND long_lists */${tests}/kernels_ascending:*/${tests}/kernels_descending:)
  endforeach()
  rectify_add_shards(rectify_simt_tests BINARY rectify_simt_tests LABELS quick ARGUMENTS --gtest_filter=-${long_lists})
  rectify_add_shards(rectify_simt_tests.every_order BINARY rectify_simt_tests LABELS slow
    ARGUMENTS --gtest_filter=${long_lists}*/Fuzz.*/kernels_* ENVIRONMENT RECTIFY_FUZZ_CASES=2000)

  # The library and the kernels are sanitized; the tests, whose memory they are given, are not. Of the CPU backend's loops the baseline's,
  # and of the kernels those of f16 and f32: the others are the same text, which the sanitizers take minutes to compile.
  set(sanitized_sources ${rectify_host_sources})
  list(FILTER sanitized_sources EXCLUDE REGEX "loops_avx")
  rectify_add_simt_tests(rectify_sanitized_tests FLAGS ${sanitized} SOURCES ${sanitized_sources}
    LIBRARIES rectify_more_kernels rectify_target_tests rectify_host_tests rectify_test_support rectify_reference)
  target_compile_definitions(rectify_sanitized_tests_objects PRIVATE RECTIFY_BASELINE_LOOPS)
  # Without the sums that must have the same bits: their calls are those of the other sums.
  rectify_add_shards(rectify_sanitized_tests BINARY rectify_sanitized_tests LABELS quick ARGUMENTS --gtest_filter=-*/SumsBits.*)

  # The tests and the reference too: what they themselves do wrong. Compiled when it is requested.
  rectify_add_simt_tests(rectify_wholly_sanitized_tests FLAGS ${sanitized}
    SOURCES ${more_kernels} ${rectify_host_sources} ${PROJECT_SOURCE_DIR}/host/reference/elementwise.cpp
      ${PROJECT_SOURCE_DIR}/host/reference/sums.cpp ${target_tests} ${host_tests} ${support})
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
endif()

# The sums' kernels under ThreadSanitizer. The scheduler itself is not instrumented: it would be reported.
if(NOT RECTIFY_NESTED)
  add_library(rectify_race_scheduler OBJECT simt/simt.cpp)
  target_compile_definitions(rectify_race_scheduler PRIVATE SIMT_TSAN)
  rectify_add_tests(rectify_race_tests SHARDED
    SOURCES simt/race_test.cpp ${PROJECT_SOURCE_DIR}/host/layout.cpp ${PROJECT_SOURCE_DIR}/host/tensor_view.cpp
      $<TARGET_OBJECTS:rectify_race_scheduler>
    FLAGS -fsanitize=thread -Wno-unknown-pragmas -O1 -g1 LIBRARIES rectify_headers)
  # An order of threads each; one that is neither up nor down finds most.
  set(index 0)
  foreach(order IN ITEMS ascending descending shuffled)
    add_test(NAME rectify_race_tests.${order} COMMAND rectify_race_tests)
    set_tests_properties(rectify_race_tests.${order} PROPERTIES TIMEOUT 900 LABELS slow
      ENVIRONMENT "OMP_WAIT_POLICY=passive;GTEST_TOTAL_SHARDS=3;GTEST_SHARD_INDEX=${index}")
    math(EXPR index "${index} + 1")
  endforeach()
  set_tests_properties(rectify_race_tests.shuffled PROPERTIES LABELS quick)
  target_include_directories(rectify_race_tests PRIVATE simt simt/include)
  add_test(NAME barriers COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/simt/barriers.sh ${CMAKE_CXX_COMPILER} ${PROJECT_SOURCE_DIR})
  set_tests_properties(barriers PROPERTIES LABELS slow TIMEOUT 900)
endif()
