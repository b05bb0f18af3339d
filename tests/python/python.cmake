# The tests of the Python package that need NumPy and pytest alone, each file with the package of the build tree. The others need torch or
# a wheel: scripts/test.sh --python runs them all.
if(NOT TARGET _rectify)
  return()
endif()
function(rectify_has_pytest result python)
  execute_process(COMMAND ${python} -c "import numpy, pytest, sys; sys.exit(sys.version_info < (3, 10))" RESULT_VARIABLE failed
    OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()
find_program(RECTIFY_PYTEST_PYTHON python3 HINTS /usr/bin VALIDATOR rectify_has_pytest)
if(NOT RECTIFY_PYTEST_PYTHON)
  rectify_tell_missing("python3 with NumPy and pytest (Debian: python3-numpy, python3-pytest)" "the tests of the Python package")
  return()
endif()
file(GLOB files CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*_test.py)
list(FILTER files EXCLUDE REGEX "/(torch_[^/]*|module_torch|package)_test\\.py$")
foreach(file IN LISTS files)
  cmake_path(GET file STEM name)
  string(REGEX REPLACE "_test$" "" name "${name}")
  # 5: every test of the file is skipped
  add_test(NAME python_${name} COMMAND ${RECTIFY_PYTEST_PYTHON} -B -m pytest -q -rs -p no:cacheprovider ${file})
  set_tests_properties(python_${name} PROPERTIES LABELS quick TIMEOUT 600 SKIP_RETURN_CODE 5
    ENVIRONMENT "PYTHONPATH=${PROJECT_BINARY_DIR}/python;PYTHONDONTWRITEBYTECODE=1;OMP_WAIT_POLICY=passive")
endforeach()
