// Macros that differ between compilers, and between the library's files and a user's: attributes, and the namespace of inline
// code.
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

// The namespace of inline code in headers has another name in the library's own files, which alone define RECTIFY_LIBRARY. A
// linker keeps one of several inline functions with the same name, so a user's copy, compiled with -ffast-math or for another
// processor, could replace the library's. Files without exceptions have a third name, because their copies abort instead of
// throwing.
#if defined(RECTIFY_LIBRARY)
#define RECTIFY_COPY library_copy
#elif defined(__EXCEPTIONS) || !defined(__GNUC__)
#define RECTIFY_COPY user_copy
#else
#define RECTIFY_COPY user_copy_without_exceptions
#define RECTIFY_NO_EXCEPTIONS
#endif
