// What differs between compilers and between the library's files and a user's: attributes, and the namespace of inline code. No code
// lives here.
#pragma once

#if defined(__CUDACC__)
#define RECTIFY_HD __host__ __device__
#else
#define RECTIFY_HD
#endif

#if defined(__GNUC__) || defined(__clang__)
#define RECTIFY_API __attribute__((visibility("default")))
#else
#define RECTIFY_API
#endif

// Inline code that the library itself uses has another name in the library's files, which alone define RECTIFY_LIBRARY. Of two inline
// functions of one name, a linker keeps one: a user's copy, compiled with -ffast-math or for another processor, would replace the library's.
// Code in a user's file without exceptions has a third name, because it aborts where other files throw.
#if defined(RECTIFY_LIBRARY)
#define RECTIFY_COPY library_copy
#elif defined(__EXCEPTIONS) || !defined(__GNUC__)
#define RECTIFY_COPY user_copy
#else
#define RECTIFY_COPY user_copy_without_exceptions
#define RECTIFY_NO_EXCEPTIONS
#endif
