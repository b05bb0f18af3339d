// Attributes that differ between compilers: device functions and exported symbols. No code lives here.
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
