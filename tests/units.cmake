# The tests in C++, all of which need GoogleTest.
# Run by all three; `library_tests` by the first alone.
set(shared_tests c_api_tensors_test.cpp c_api_test.cpp channels_test.cpp fuzz_test.cpp gradients_test.cpp layout_test.cpp
  mask_test.cpp models_test.cpp operands_test.cpp ops_test.cpp sums_bits_test.cpp sums_bound_test.cpp sums_test.cpp tensor_view_test.cpp
  validate_masks_test.cpp validate_overlap_test.cpp validate_parameters_test.cpp validate_sums_test.cpp validate_test.cpp
  support/cases.cpp support/checked_call.cpp support/fuzz_case.cpp support/random_layout.cpp support/random_numbers.cpp
  support/sum_call.cpp support/sum_outputs.cpp support/tensor.cpp)
set(library_tests c_api_memory_test.cpp half_test.cpp reference_test.cpp relu_test.cpp)

# A test binary and its ctest entries. Sanitized or not is a matter of FLAGS, which reach every source of it.
function(rectify_add_tests name)
  cmake_parse_arguments(arg "" "LABELS;TIMEOUT" "SOURCES;FLAGS;LIBRARIES" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 900)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS quick)  # gtest_discover_tests drops an empty one, and takes the next word, ENVIRONMENT, for it
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/support ${PROJECT_SOURCE_DIR}/host)
  target_compile_options(${name} PRIVATE ${arg_FLAGS})
  target_link_options(${name} PRIVATE ${arg_FLAGS})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} rectify_flags OpenMP::OpenMP_CXX GTest::gtest_main)
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}" ENVIRONMENT "OMP_WAIT_POLICY=passive")
endfunction()

rectify_add_tests(rectify_tests
  SOURCES ${shared_tests} ${library_tests} support/targets.cpp no_gpu_test.cpp
  LIBRARIES rectify rectify_reference rectify_harness)

find_path(RECTIFY_DLPACK dlpack/dlpack.h)
if(RECTIFY_DLPACK)
  target_sources(rectify_tests PRIVATE dlpack_test.cpp)
  target_include_directories(rectify_tests PRIVATE ${RECTIFY_DLPACK})
else()
  message(STATUS "rectify: no dlpack.h, so no test of rectify/dlpack.hpp")
endif()
if(BUILD_SHARED_LIBS)
  target_sources(rectify_tests PRIVATE ${PROJECT_SOURCE_DIR}/host/layout.cpp)  # which the library hides
endif()
if(NOT RECTIFY_NESTED)
  rectify_add_tests(rectify_slow_tests
    SOURCES slow_test.cpp support/cases.cpp support/fuzz_case.cpp support/random_layout.cpp support/random_numbers.cpp
      support/sum_outputs.cpp support/tensor.cpp support/targets.cpp
    LIBRARIES rectify rectify_reference rectify_harness LABELS slow TIMEOUT 3600)
endif()

if(RECTIFY_EXAMPLES)
  find_package(ZLIB QUIET)  # whose target is seen in the folder that asked for it alone
endif()
if(RECTIFY_EXAMPLES AND ZLIB_FOUND)
  rectify_add_tests(rectify_example_tests SOURCES idx_test.cpp ${PROJECT_SOURCE_DIR}/examples/idx.cpp LIBRARIES ZLIB::ZLIB)
  target_include_directories(rectify_example_tests PRIVATE ${PROJECT_SOURCE_DIR}/examples)
  if(TARGET train_step)
    add_test(NAME train_step COMMAND train_step)
    set_tests_properties(train_step PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300)
  endif()
  if(TARGET tune_alpha)
    rectify_add_tests(rectify_tune_alpha_tests SOURCES tune_alpha_test.cpp tune_alpha_parts_test.cpp LIBRARIES tune_alpha_parts)
    add_test(NAME tune_alpha COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/tune_alpha.sh $<TARGET_FILE:tune_alpha>)
    set_tests_properties(tune_alpha PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 PROCESSORS 2 ENVIRONMENT "OMP_WAIT_POLICY=passive")
  endif()
endif()

if(RECTIFY_WITH_CUDA)
  rectify_add_tests(rectify_gpu_tests SOURCES gpu_test.cu LIBRARIES rectify)
endif()


# Compiled anew rather than linked: the kernel sources see tests/simt/include in place of a toolkit, and sanitizers all of it.
set(simt_sources ${rectify_host_sources} ${PROJECT_SOURCE_DIR}/host/reference.cpp ${PROJECT_SOURCE_DIR}/bench/harness.cpp
  ${shared_tests} simt/kernels_table.cpp simt/kernels_f16.cpp simt/kernels_bf16.cpp simt/kernels_f32.cpp simt/kernels_f64.cpp
  simt/simt.cpp simt/targets.cpp simt/access_test.cpp simt/coverage_test.cpp simt/long_parts_test.cpp simt/runtime_test.cpp simt/simt_test.cpp)
function(rectify_add_simt_tests name)
  rectify_add_tests(${name} SOURCES ${simt_sources} FLAGS -Wno-unknown-pragmas -DRECTIFY_BASELINE_ISA ${ARGN} LIBRARIES rectify_headers)
  target_include_directories(${name} PRIVATE simt simt/include ${PROJECT_SOURCE_DIR}/bench)
endfunction()
if(NOT RECTIFY_NESTED)
  rectify_add_simt_tests(rectify_simt_tests)
  # Sanitizers leave optimisers little to gain, and -O3 takes minutes over what they add.
  rectify_add_simt_tests(rectify_sanitized_tests
    -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g1)
endif()

# The sums' kernels under ThreadSanitizer. The scheduler itself is not instrumented: it would be reported.
if(NOT RECTIFY_NESTED)
  add_library(rectify_race_scheduler OBJECT simt/simt.cpp)
  target_compile_definitions(rectify_race_scheduler PRIVATE SIMT_TSAN)
  rectify_add_tests(rectify_race_tests
    SOURCES simt/race_test.cpp ${PROJECT_SOURCE_DIR}/host/layout.cpp ${PROJECT_SOURCE_DIR}/host/tensor_view.cpp
      $<TARGET_OBJECTS:rectify_race_scheduler>
    FLAGS -fsanitize=thread -Wno-unknown-pragmas -O1 -g1 LIBRARIES rectify_headers)
  target_include_directories(rectify_race_tests PRIVATE simt simt/include)
  add_test(NAME barriers COMMAND bash ${CMAKE_CURRENT_SOURCE_DIR}/barriers.sh ${CMAKE_CXX_COMPILER} ${PROJECT_SOURCE_DIR})
  set_tests_properties(barriers PROPERTIES LABELS slow TIMEOUT 900)
endif()
