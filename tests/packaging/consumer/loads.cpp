// Loading the library leaves the arithmetic of the process alone. usage: loads LIBRARY
#include <dlfcn.h>

#include <cstdio>

namespace {

/// A subnormal number and its half, computed when it is asked.
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
