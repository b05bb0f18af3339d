# Builds with other compilers and options. Each configures, builds and tests a tree of its own. They leave out sanitizers, the emulated
# kernels, random calls, the benchmark and optimisation, which the main build tests, and threads of a forked child, at which qemu-user 7.2
# aborts. Those that take minutes are slow.
if(RECTIFY_NESTED)
  return()  # these builds do not test builds
endif()

# The preset of slow tests selects some.
if(PROJECT_BINARY_DIR STREQUAL "${PROJECT_SOURCE_DIR}/build/release")
  add_test(NAME slow_preset_selects_tests COMMAND ${CMAKE_CTEST_COMMAND} --preset slow -N WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(slow_preset_selects_tests PROPERTIES LABELS quick TIMEOUT 60 PASS_REGULAR_EXPRESSION "Total Tests: [1-9]")
endif()

function(rectify_add_build_test name target tests)
  add_test(NAME ${name} COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/${name} --build-generator ${CMAKE_GENERATOR} --build-noclean
    --build-target ${target} --build-options -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-O1 -DRECTIFY_NESTED=ON ${ARGN}
    --test-command ${CMAKE_CTEST_COMMAND} --parallel 2 --output-on-failure --label-exclude slow --tests-regex "${tests}"
      --exclude-regex "EverySize|Fuzz|ThreadsOfTheChild|^rectify_bench$")
  set_tests_properties(${name} PROPERTIES LABELS slow TIMEOUT 1500 PROCESSORS 2 FIXTURES_SETUP ${name})
endfunction()

find_program(RECTIFY_CLANG clang++)
if(RECTIFY_CLANG AND TARGET rectify_tests)
  # With -march=native, on which the namespaces of the CPU's loops must not depend.
  rectify_add_build_test(build_with_clang rectify_tests "^rectify_tests" -DRECTIFY_CUDA=OFF -DCMAKE_CXX_COMPILER=${RECTIFY_CLANG} -DBUILD_SHARED_LIBS=ON
    -DCMAKE_CXX_FLAGS=-march=native
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON)
endif()
if(RECTIFY_CLANG)
  # Errors and warnings of Clang in the library, without code generation.
  add_test(NAME clang_accepts COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/clang_accepts --build-generator ${CMAKE_GENERATOR} --build-target rectify_host
    --build-options -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE=-fsyntax-only -DRECTIFY_NESTED=ON -DRECTIFY_TESTS=OFF -DRECTIFY_BENCH=OFF
      -DRECTIFY_EXAMPLES=OFF -DRECTIFY_CUDA=OFF -DRECTIFY_WARNINGS_AS_ERRORS=ON -DCMAKE_CXX_COMPILER=${RECTIFY_CLANG})
  set_tests_properties(clang_accepts PROPERTIES LABELS quick TIMEOUT 300 PROCESSORS 2)
endif()
# RECTIFY_CUDA accepts every value that CMake takes as OFF.
add_test(NAME cuda_may_be_switched_off COMMAND ${CMAKE_COMMAND} -S ${PROJECT_SOURCE_DIR} -B ${PROJECT_BINARY_DIR}/cuda_off -G ${CMAKE_GENERATOR}
  -DRECTIFY_CUDA=no -DRECTIFY_TESTS=OFF -DRECTIFY_BENCH=OFF -DRECTIFY_EXAMPLES=OFF)
set_tests_properties(cuda_may_be_switched_off PROPERTIES LABELS quick TIMEOUT 60 PASS_REGULAR_EXPRESSION "CUDA backend OFF")
# A CPU with AVX2 but without F16C, which the loops for AVX2 use.
find_program(RECTIFY_QEMU_X86_64 qemu-x86_64)
if(RECTIFY_QEMU_X86_64 AND TARGET rectify_tests AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$")
  add_test(NAME cpu_without_f16c COMMAND ${RECTIFY_QEMU_X86_64} -cpu max,-f16c,-avx512f $<TARGET_FILE:rectify_tests> --gtest_filter=*Operands*)
  set_tests_properties(cpu_without_f16c PROPERTIES LABELS slow TIMEOUT 300)
endif()
# A complete shared build without CUDA, with the prefix /usr, for which Debian names the library folder after the architecture.
rectify_add_build_test(build_shared all "." -DRECTIFY_CUDA=OFF -DBUILD_SHARED_LIBS=ON -DCMAKE_INSTALL_PREFIX=/usr)
# Another architecture in an emulator: the loops of the CPU backend with NEON, and another memory order.
find_program(RECTIFY_AARCH64_COMPILER aarch64-linux-gnu-g++)
find_program(RECTIFY_QEMU_AARCH64 qemu-aarch64)
if(RECTIFY_AARCH64_COMPILER AND RECTIFY_QEMU_AARCH64 AND EXISTS /usr/src/googletest/CMakeLists.txt AND TARGET rectify_tests)
  rectify_add_build_test(build_for_aarch64 rectify_tests "^rectify_tests" -DCMAKE_TOOLCHAIN_FILE=${PROJECT_SOURCE_DIR}/cmake/aarch64.cmake
    -DRECTIFY_GTEST_SOURCE=/usr/src/googletest -DRECTIFY_CUDA=OFF -DRECTIFY_BENCH=OFF -DRECTIFY_EXAMPLES=OFF -DRECTIFY_INSTALL=OFF)
endif()
