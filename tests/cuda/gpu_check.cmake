# The scripts that measure on a GPU, tested without one: scripts/gpu-check.sh with fake programs, invalid input and sample results; the
# interpreter of scripts/count_instructions; and that a missing package leaves out the targets that need it, and no others.
if(RECTIFY_NESTED)
  return()
endif()
find_program(RECTIFY_ANY_PYTHON python3)
if(RECTIFY_ANY_PYTHON)
  add_test(NAME gpu_check
    COMMAND ${RECTIFY_ANY_PYTHON} -B -m unittest discover -s ${CMAKE_CURRENT_LIST_DIR} -p gpu_check*test.py)
  set_tests_properties(gpu_check PROPERTIES LABELS quick TIMEOUT 120)
  if(TARGET rectify_loadable)
    list(APPEND gpu_check_programs "RECTIFY_LOADABLE=$<TARGET_FILE:rectify_loadable>")
  endif()
  if(TARGET rectify-bench)
    list(APPEND gpu_check_programs "RECTIFY_BENCH_PROGRAM=$<TARGET_FILE:rectify-bench>")
  endif()
  set_tests_properties(gpu_check PROPERTIES ENVIRONMENT "${gpu_check_programs}")
else()
  rectify_tell_missing("python3" "the test of scripts/gpu-check.sh")
endif()

if(RECTIFY_PYTHON)
  add_test(NAME count_instructions COMMAND ${RECTIFY_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/count_instructions_test.py)
  set_tests_properties(count_instructions PROPERTIES LABELS quick TIMEOUT 60 SKIP_RETURN_CODE 77)
endif()

set(configure_bare ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR} -G ${CMAKE_GENERATOR} -DRECTIFY_CUDA=OFF -DRECTIFY_NESTED=ON
  -DRECTIFY_PYTHON_MODULE=ON
  -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} --fresh)
foreach(package IN ITEMS GTest CLI11 nlohmann_json ZLIB Python)
  list(APPEND configure_bare -DCMAKE_DISABLE_FIND_PACKAGE_${package}=ON)
endforeach()
add_test(NAME configure_without_packages
  COMMAND ${CMAKE_COMMAND} -E env --unset=CI ${configure_bare} -B ${PROJECT_BINARY_DIR}/without_packages)
add_test(NAME configure_without_packages_in_ci
  COMMAND ${CMAKE_COMMAND} -E env CI=1 ${configure_bare} -B ${PROJECT_BINARY_DIR}/without_packages_in_ci)
set_tests_properties(configure_without_packages PROPERTIES LABELS quick FAIL_REGULAR_EXPRESSION "CMake Error")
set_tests_properties(configure_without_packages_in_ci PROPERTIES LABELS quick PASS_REGULAR_EXPRESSION "CMake Error.*not found; left out")
