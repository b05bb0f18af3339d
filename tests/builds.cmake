# Builds that must pass beside the one at hand: each configures, builds and tests a tree of its own. Sanitizers, random calls, every
# size, and the optimiser are left to the build at hand.
function(rectify_add_build_test name target tests)
  add_test(NAME ${name} COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/${name} --build-generator ${CMAKE_GENERATOR} --build-noclean
    --build-target ${target} --build-options -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DRECTIFY_NESTED=ON ${ARGN}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure --label-exclude slow --tests-regex "${tests}" --exclude-regex "EverySize|Fuzz")
  set_tests_properties(${name} PROPERTIES TIMEOUT 1500 PROCESSORS 2)
endfunction()

if(RECTIFY_NESTED)
  return()  # a build test has none of its own
endif()
find_program(RECTIFY_CLANG clang++)
if(RECTIFY_CLANG)
  rectify_add_build_test(build_with_clang rectify_tests "^rectify_tests" -DRECTIFY_CUDA=OFF -DCMAKE_CXX_COMPILER=${RECTIFY_CLANG} -DBUILD_SHARED_LIBS=ON)
endif()
if(RECTIFY_WITH_CUDA)
  # Complete without CUDA: the kernel sources on the CPU included.
  rectify_add_build_test(build_without_cuda all "." -DRECTIFY_CUDA=OFF)
  rectify_add_build_test(build_shared rectify_tests "^rectify_tests" -DRECTIFY_CUDA=ON -DBUILD_SHARED_LIBS=ON -DCMAKE_CUDA_RUNTIME_LIBRARY=Shared
    -DCMAKE_CUDA_ARCHITECTURES=90-real)
else()
  rectify_add_build_test(build_shared rectify_tests "^rectify_tests" -DRECTIFY_CUDA=OFF -DBUILD_SHARED_LIBS=ON)
endif()

add_test(NAME build_as_subdirectory COMMAND ${CMAKE_CTEST_COMMAND}
  --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumer ${PROJECT_BINARY_DIR}/build_as_subdirectory --build-generator ${CMAKE_GENERATOR}
  --build-noclean --build-options -DCMAKE_BUILD_TYPE=Release -DRECTIFY_SOURCE=${PROJECT_SOURCE_DIR} -DCMAKE_CUDA_ARCHITECTURES=90-real
  --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure)
set_tests_properties(build_as_subdirectory PROPERTIES TIMEOUT 600 PROCESSORS 2)
