// RECTIFY_MAX_CPU_ISA. The library reads it when it is loaded, so each value is tried in a process of its own.
#include "cases.hpp"
#include "whole_call.hpp"

#include "cpu/loop.hpp"

#include "core/half.hpp"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#if defined(__x86_64__)

namespace rectify::test {
namespace {

using detail::Loops;

/// Sets an environment variable, and restores it when destroyed.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* const before = std::getenv(name)) before_ = before;
    setenv(name, value, 1);
  }
  ~Variable() { before_ ? setenv(name_, before_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

template <class T>
const char* isa_of() {
  const auto is = [](const Loops<T>& other) {
    const Loops<T>& own = detail::loops_of_this_machine();
    return own.find == other.find;
  };
  if (is(detail::baseline::loops())) return "baseline";
  if (is(detail::avx2::loops())) return "avx2";
  return is(detail::avx512::loops()) ? "avx512" : "a mixture";
}

/// The instruction set that the library uses for every type.
std::string isas_in_use() {
  return std::string("f16 ") + isa_of<detail::f16>() + ", bf16 " + isa_of<detail::bf16>() + ", f32 " + isa_of<float>() +
         ", f64 " + isa_of<double>() + ".";
}
std::string of_every_type(const std::string& isa) {
  return "f16 " + isa + ", bf16 " + isa + ", f32 " + isa + ", f64 " + isa + ".";
}

[[noreturn]] void print_and_exit(const std::string& text) {
  std::fputs(text.c_str(), stderr);
  std::fflush(stderr);
  _exit(0);
}

// Clang 14 cannot test for "f16c", which every machine with AVX2 has.
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
std::string widest() { return has_avx512() ? "avx512" : has_avx2() ? "avx2" : "baseline"; }

/// A hash of the outputs of calls (FNV-1a), in 16 digits. Inputs are finite, as the bits of NaN may differ.
std::string digest_of_calls() {
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (const DType dtype : dtypes) {
    for (const Shape& shape : {Shape{61, 100}, Shape{7, 13, 401}}) {
      for (const Result& result : WholeCall(dtype, Placement(shape, 1), WholeCall::Values::finite).run())
        for (const unsigned char byte : result.bytes) digest = (digest ^ byte) * 0x100000001b3u;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(digest));
  return text;
}

/// A death test of style "threadsafe" starts this program again for this one test, so the child loads the library with the variable set.
class MaxCpuIsa : public testing::Test {
 protected:
  MaxCpuIsa() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }  // until the end of the test
};

TEST_F(MaxCpuIsa, SelectsTheInstructionSetThatItNames) {
  const std::string avx2 = has_avx2() ? "avx2" : "baseline";
  const struct {
    const char* value;
    std::string expected;
  } cases[] = {{"baseline", "baseline"}, {"avx2", avx2}, {"avx512", widest()}, {"", widest()}, {"no such set", widest()}};
  for (const auto& c : cases) {
    const Variable variable("RECTIFY_MAX_CPU_ISA", c.value);
    EXPECT_EXIT(print_and_exit(isas_in_use()), testing::ExitedWithCode(0), of_every_type(c.expected)) << c.value;
  }
}

/// Each child computes its digest with the variable that the parent has set; the parent compares.
TEST_F(MaxCpuIsa, ChangesNoBit) {
  const std::string own = digest_of_calls();
  for (const char* const isa : {"baseline", "avx2", "avx512"}) {
    const Variable variable("RECTIFY_MAX_CPU_ISA", isa);
    EXPECT_EXIT(print_and_exit(digest_of_calls()), testing::ExitedWithCode(0), own) << isa;
  }
}

}  // namespace
}  // namespace rectify::test

#endif
