// Calls a function of rectify's C interface many times in a row, so that what is timed is the calls and not Python's loop around them.
#include <cstdint>

using Function = std::int32_t (*)(const void* relu, const void* operands, void* stream);

extern "C" std::int32_t repeat_call(Function function, const void* relu, const void* operands, void* stream,
                                    std::int64_t calls) {
  for (std::int64_t i = 0; i < calls; ++i) {
    if (const std::int32_t status = function(relu, operands, stream)) return status;
  }
  return 0;
}
