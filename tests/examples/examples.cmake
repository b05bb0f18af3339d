# The examples that check themselves. 77: this machine lacks what the program runs on.
foreach(example IN ITEMS function_objects_openmp function_objects_cuda cutlass_epilogue)
  if(TARGET ${example})
    add_test(NAME example_${example} COMMAND ${example})
    set_tests_properties(example_${example} PROPERTIES SKIP_RETURN_CODE 77 ENVIRONMENT "OMP_WAIT_POLICY=passive")
  endif()
endforeach()
