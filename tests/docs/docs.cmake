# What the pages say in code compiles.
set(for_snippets -DROOT=${PROJECT_SOURCE_DIR} -DOUT=${CMAKE_CURRENT_BINARY_DIR}/pages -DCXX=${CMAKE_CXX_COMPILER})
if(RECTIFY_THRUST_INCLUDE_DIR)
  list(APPEND for_snippets -DTHRUST=${RECTIFY_THRUST_INCLUDE_DIR})
endif()
if(RECTIFY_WITH_CUDA)
  if(NOT CMAKE_CUDA_ARCHITECTURES MATCHES "^[0-9]+")
    set(CMAKE_MATCH_0 90)
  endif()
  list(APPEND for_snippets -DNVCC=${CMAKE_CUDA_COMPILER} -DARCHITECTURE=${CMAKE_MATCH_0})
endif()
find_program(RECTIFY_ANY_PYTHON python3)
if(RECTIFY_ANY_PYTHON)
  list(APPEND for_snippets -DPYTHON=${RECTIFY_ANY_PYTHON})
endif()
add_test(NAME snippets COMMAND ${CMAKE_COMMAND} ${for_snippets} -P ${CMAKE_CURRENT_LIST_DIR}/snippets.cmake)

# What the pages link to exists: files, images and headings.
if(RECTIFY_ANY_PYTHON)
  add_test(NAME links COMMAND ${RECTIFY_ANY_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/links_test.py ${PROJECT_SOURCE_DIR})
  add_test(NAME links_test COMMAND ${RECTIFY_ANY_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/links_test.py)
endif()

# The public headers through Doxygen: a public name without a word on it is a failure.
find_program(RECTIFY_DOXYGEN doxygen)
if(RECTIFY_DOXYGEN)
  file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/Doxyfile
    "@INCLUDE = docs/Doxyfile\nOUTPUT_DIRECTORY = ${CMAKE_CURRENT_BINARY_DIR}/doxygen\n")
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/doxygen)
  add_test(NAME doxygen COMMAND ${RECTIFY_DOXYGEN} ${CMAKE_CURRENT_BINARY_DIR}/Doxyfile WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
else()
  message(WARNING "rectify: doxygen not found (Debian: doxygen); its test is left out")
endif()
