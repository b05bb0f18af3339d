# The tests of the library as built, with GoogleTest. Sources that several binaries use are compiled once, without sanitizers. Each binary has
# a targets.cpp, which lists the targets on which its tests run and the number of random calls.

# NAMEs become FOLDER/NAME_test.cpp.
function(rectify_list_tests result folder)
  list(TRANSFORM ARGN REPLACE ".+" "${folder}/\\0_test.cpp")
  set(${result} ${ARGN} PARENT_SCOPE)
endfunction()

set(support support/cases.cpp support/checked_call.cpp support/fuzz_case.cpp support/random_layout.cpp support/random_numbers.cpp
  support/sum_call.cpp support/sum_outputs.cpp support/tensor.cpp)
# Tests that run on every target: in rectify_tests, rectify_simt_tests and rectify_sanitized_tests.
rectify_list_tests(target_tests ops accumulate channels fuzz gain gradients mask models operands ops slices sums_bits sums)
# Tests of checks that precede any backend: in rectify_tests, and in rectify_sanitized_tests, as the checks must have no undefined behaviour
# for any argument.
rectify_list_tests(host_tests api c_api_tensors c_api layout overlap tensor_view validate_masks validate_memory validate_overlap
  validate_parameters validate_sums validate validate_workspace)
# Other tests of the CPU backend and of the library: in rectify_tests only.
rectify_list_tests(api_tests api c_api_memory no_gpu)
rectify_list_tests(cpu_tests cpu float_environment process)
rectify_list_tests(function_tests ops half reference relu sums_bound)

rectify_add_test_objects(rectify_test_support ${support})
rectify_add_test_objects(rectify_target_tests ${target_tests})
rectify_add_test_objects(rectify_host_tests ${host_tests})
# build_with_clang compiles without precompiled headers, and so finds a file that does not include what it uses.
target_precompile_headers(rectify_test_support PRIVATE <gtest/gtest.h> <algorithm> <functional> <string> <vector> <rectify/rectify.hpp>)
target_precompile_headers(rectify_target_tests REUSE_FROM rectify_test_support)
target_precompile_headers(rectify_host_tests REUSE_FROM rectify_test_support)

rectify_add_tests(rectify_tests
  SOURCES ${api_tests} ${cpu_tests} ${function_tests} support/whole_call.cpp support/targets.cpp
  LIBRARIES rectify_target_tests rectify_host_tests rectify_test_support rectify rectify_reference rectify_harness)
if(BUILD_SHARED_LIBS)
  # The tests call functions that a shared library does not export. Without its loops, cpu_isa_test.cpp is left out.
  target_sources(rectify_tests PRIVATE ${PROJECT_SOURCE_DIR}/host/layout.cpp ${PROJECT_SOURCE_DIR}/host/overlap.cpp)
else()
  target_sources(rectify_tests PRIVATE cpu/cpu_isa_test.cpp)
endif()
find_path(RECTIFY_DLPACK dlpack/dlpack.h)
if(RECTIFY_DLPACK)
  target_sources(rectify_tests PRIVATE api/dlpack_test.cpp)
  target_include_directories(rectify_tests PRIVATE ${RECTIFY_DLPACK})
else()
  message(STATUS "rectify: no dlpack.h, so no test of rectify/dlpack.hpp")
endif()

# rectify_tests runs the loops for the best instruction set of this machine; these run the others.
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
# The threads of OpenMP's pool with small stacks.
add_test(NAME small_omp_stacks COMMAND rectify_tests --gtest_filter=*SmallStack*)
set_tests_properties(small_omp_stacks PROPERTIES LABELS quick TIMEOUT 300 ENVIRONMENT "OMP_WAIT_POLICY=passive;OMP_STACKSIZE=128k")

if(NOT RECTIFY_NESTED)
  rectify_add_tests(rectify_slow_tests
    SOURCES ops/slow_test.cpp support/targets.cpp
    LIBRARIES rectify_test_support rectify rectify_reference rectify_harness LABELS slow TIMEOUT 3600)
endif()
if(RECTIFY_WITH_CUDA)
  rectify_add_tests(rectify_gpu_tests SOURCES cuda/gpu_test.cu LIBRARIES rectify)
endif()
