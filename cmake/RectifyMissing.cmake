# Packages that only tests, benchmarks or examples need. One that is missing leaves these out, with a warning, and the rest is built;
# in CI it is an error, or CI would silently test less.
function(rectify_tell_missing what left_out)
  set(text "rectify: ${what} not found; left out: ${left_out}")
  if(rectify_strict)
    message(FATAL_ERROR "${text} (an error because CI is set)")
  endif()
  message(WARNING "${text}")
endfunction()

# rectify_find_package(PACKAGE "how people call it, and Debian's name" "what is left out without it" [option of find_package]...)
macro(rectify_find_package package what left_out)
  find_package(${package} QUIET ${ARGN})
  if(NOT ${package}_FOUND)
    rectify_tell_missing("${what}" "${left_out}")
  endif()
endmacro()
