# For packages that only tests, benchmarks or examples need. If one is missing, what needs it is left out with a warning. In CI
# that is an error, because CI would otherwise silently test less.
function(rectify_tell_missing what left_out)
  set(text "rectify: ${what} not found; left out: ${left_out}")
  if(rectify_strict)
    message(FATAL_ERROR "${text} (an error because CI is set)")
  endif()
  message(WARNING "${text}")
endfunction()

# rectify_find_package(PACKAGE "its usual name, and the Debian package" "what is left out without it" [option of
# find_package]...)
macro(rectify_find_package package what left_out)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    rectify_tell_missing("${what}" "${left_out}")
  endif()
endmacro()
