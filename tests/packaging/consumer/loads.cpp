// Loading the library does not change the arithmetic of the process. usage: loads LIBRARY
#include <dlfcn.h>

#include <cstdio>

namespace {

/// Divides a subnormal number at run time.
bool keeps_subnormals() {
  volatile double least = 0x1p-1060;
  const volatile double half = least * 0.5;
  return half > 0;
}

}  // namespace

int main(int, char** arguments) {
  if (!keeps_subnormals()) return std::puts("subnormal numbers are flushed before anything is loaded"), 2;
  if (dlopen(arguments[1], RTLD_NOW) == nullptr) return std::puts(dlerror()), 2;
  if (!keeps_subnormals()) return std::puts("the library makes the process flush subnormal numbers"), 1;
  return 0;
}
