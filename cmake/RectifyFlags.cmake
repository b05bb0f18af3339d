# Compiler flags of rectify's own code. Targets that link rectify do not inherit them. Contraction is off: a multiplication and
# an addition round separately on every machine, so that results have the same bits. Fast math is off even if a parent project
# enables it, because NaN and infinities are part of the function's definition.

add_library(rectify_flags INTERFACE)
target_compile_options(rectify_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-fast-math -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion>
  # Only Clang's -Wconversion includes sign conversions.
  $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wno-sign-conversion>
  $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wno-gnu-zero-variadic-macro-arguments>  # GoogleTest's macros
  $<$<COMPILE_LANGUAGE:CUDA>:-fmad=false -ftz=false -prec-div=true -Xcompiler=-fno-fast-math,-ffp-contract=off,-Wall,-Wextra>)
if(RECTIFY_WARNINGS_AS_ERRORS)
  target_compile_options(rectify_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-Werror>
    $<$<COMPILE_LANGUAGE:CUDA>:--Werror=all-warnings -Xcompiler=-Werror>)
endif()
