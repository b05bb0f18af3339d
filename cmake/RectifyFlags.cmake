# Flags of rectify's own code; nobody who links rectify inherits them.
# No contraction: a multiply and an add round twice, on every machine, or results would not be the same bits. And
# no fast math, should a parent project ask for it: NaN and infinities are part of the definition.

add_library(rectify_flags INTERFACE)
target_compile_options(rectify_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-fast-math -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion>
  # Of signs, -Wconversion speaks in Clang alone.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wno-sign-conversion>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wno-gnu-zero-variadic-macro-arguments>  # GoogleTest's macros
  $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false -ftz=false -prec-div=true -Xcompiler=-fno-fast-math,-ffp-contract=off,-Wall,-Wextra>)
if(RECTIFY_WARNINGS_AS_ERRORS)
  target_compile_options(rectify_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Werror>
    $<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings -Xcompiler=-Werror>)
endif()
