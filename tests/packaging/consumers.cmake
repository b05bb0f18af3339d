# Every way to use rectify in a project, static and shared, with CUDA and without; packaging/consumer is that project. CI tests each way once:
# the main build as it is installed, and the sources for the CPU as a shared library.
if(RECTIFY_NESTED)
  return()
endif()

# Consumers use the CUDA toolkit of the main build.
set(consumer_environment "")
if(RECTIFY_WITH_CUDA)
  cmake_path(GET CUDAToolkit_BIN_DIR PARENT_PATH toolkit)
  set(consumer_environment CUDACXX=${CMAKE_CUDA_COMPILER} CUDA_PATH=${toolkit})
endif()

# rectify_add_consumer(NAME LABEL TREE GENERATOR OPTION...)
function(rectify_add_consumer name label tree generator)
  add_test(NAME ${name} COMMAND ${CMAKE_CTEST_COMMAND}
    --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/packaging/consumer ${tree} --build-generator ${generator} --build-noclean
    --build-options -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} ${ARGN}
    --test-command ${CMAKE_CTEST_COMMAND} --output-on-failure)
  set_tests_properties(${name} PROPERTIES LABELS ${label} TIMEOUT 600 ENVIRONMENT "MAKEFLAGS=-j2;${consumer_environment}")
endfunction()

set(consumer_finders find_package)
find_program(RECTIFY_PKG_CONFIG NAMES pkg-config pkgconf)
if(RECTIFY_PKG_CONFIG)
  list(APPEND consumer_finders pkgconfig)
endif()

# Installs TREE with SCRIPT after its FIXTURES, and builds consumers of the installed package.
function(rectify_add_install_tests kind label script tree fixtures)
  set(stage ${PROJECT_BINARY_DIR}/installed/${kind})
  add_test(NAME install_${kind} COMMAND ${CMAKE_COMMAND} -DTREE=${tree} -DSTAGE=${stage} -DROOT=${PROJECT_SOURCE_DIR}
    -DCPACK=${CMAKE_CPACK_COMMAND} -P ${CMAKE_CURRENT_SOURCE_DIR}/packaging/${script})
  set_tests_properties(install_${kind} PROPERTIES LABELS ${label} FIXTURES_REQUIRED "${fixtures}" FIXTURES_SETUP install_${kind})
  foreach(by IN LISTS consumer_finders)
    rectify_add_consumer(${by}_${kind} ${label} ${stage}/${by} ${CMAKE_GENERATOR} -DTAKEN_BY=${by} -DCMAKE_PREFIX_PATH=${stage}/prefix)
    set_tests_properties(${by}_${kind} PROPERTIES FIXTURES_REQUIRED install_${kind})
  endforeach()
endfunction()

# Builds consumers of the sources in one tree, by add_subdirectory and FetchContent, static and shared. Both use the same objects, so only the
# first test compiles them, without optimisation and for CUDA only to PTX, as the main build tests the code. Makefiles put the project's
# flags after rectify's on the link line.
function(rectify_add_source_tests backend)
  set(tree ${PROJECT_BINARY_DIR}/sources_${backend})
  set(before "")
  foreach(kind IN ITEMS shared static)
    set(label slow)
    if("${backend} ${kind}" STREQUAL "cpu shared")
      set(label quick)
    endif()
    set(shared OFF)
    set(runtime Static)
    if(kind STREQUAL "shared")
      set(shared ON)
      set(runtime Shared)
    endif()
    foreach(by IN ITEMS subdirectory fetchcontent)
      set(name ${by}_${kind}_${backend})
      rectify_add_consumer(${name} ${label} ${tree} "Unix Makefiles" -DTAKEN_BY=${by} -DRECTIFY_SOURCE=${PROJECT_SOURCE_DIR} -DBUILD_SHARED_LIBS=${shared}
        -DRECTIFY_INSTALL=ON -DCMAKE_CXX_FLAGS_RELEASE=-O0 -DCMAKE_CUDA_FLAGS_RELEASE=-O0 ${ARGN} -DCMAKE_CUDA_RUNTIME_LIBRARY=${runtime})
      if(before)
        set_tests_properties(${name} PROPERTIES DEPENDS ${before})
      else()
        set_tests_properties(${name} PROPERTIES PROCESSORS 2)
      endif()
      set(before ${name})
    endforeach()
    # The next kind uses the same tree.
    set_tests_properties(${name} PROPERTIES FIXTURES_SETUP ${name})
    rectify_add_install_tests(${kind}_${backend} ${label} install.cmake ${tree} ${name})
    set(before install_${kind}_${backend})
  endforeach()
endfunction()

rectify_add_source_tests(cpu -DRECTIFY_CUDA=OFF)
if(RECTIFY_WITH_CUDA)
  rectify_add_source_tests(cuda -DRECTIFY_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=90-virtual "-DCMAKE_CUDA_FLAGS=-Xcicc -O0")
endif()
rectify_add_install_tests(at_hand quick install.cmake ${PROJECT_BINARY_DIR} "")
find_program(RECTIFY_DPKG_SHLIBDEPS dpkg-shlibdeps)
if(RECTIFY_DPKG_SHLIBDEPS AND TARGET rectify-bench)
  rectify_add_install_tests(debian slow debian.cmake ${PROJECT_BINARY_DIR}/build_shared build_shared)
endif()
