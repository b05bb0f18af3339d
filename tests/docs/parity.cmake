# Statements about other systems in docs/semantics.md: CI compares the page with docs/parity.json and the library; `parity` runs the systems
# that RECTIFY_PARITY_PYTHON has. Included after c_api.cmake, which finds Python and builds the library that it loads.
if(RECTIFY_NESTED OR NOT RECTIFY_PYTHON OR CMAKE_CROSSCOMPILING)
  return()
endif()
set(RECTIFY_PARITY_PYTHON ${RECTIFY_PYTHON} CACHE FILEPATH "Python with the systems that scripts/parity.py runs")
add_test(NAME parity_page COMMAND ${RECTIFY_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/parity.py --page)
add_test(NAME parity_script COMMAND ${RECTIFY_PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/parity_test.py)
set_tests_properties(parity_page parity_script PROPERTIES LABELS quick TIMEOUT 60)
add_test(NAME parity COMMAND ${RECTIFY_PARITY_PYTHON} -B ${PROJECT_SOURCE_DIR}/scripts/parity.py)
set_tests_properties(parity PROPERTIES LABELS slow TIMEOUT 1800 SKIP_RETURN_CODE 77)
set_tests_properties(parity_page parity_script parity PROPERTIES ENVIRONMENT "RECTIFY_LIBRARY=$<TARGET_FILE:${loaded}>")
