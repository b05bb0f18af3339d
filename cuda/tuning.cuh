// The numbers that were chosen by measurement or by prediction: threads of a block, and packs in flight by architecture.
#pragma once

namespace rectify::detail {

constexpr int threads_per_block = 256;

/// 16-byte packs that a thread has in flight from each input, for kernels of one and of two inputs.
struct Tuning {
  int architecture;  // 10 * major + minor, and everything up to the next row
  int one_input;
  int two_inputs;
};

/// The row of 90 is measured, on an H100 (docs/tuning-log.md): one pack is as fast as two or up to 1 % faster with one input and with two.
/// The others are predicted from bytes in flight per SM (docs/decisions.md, "Packs in flight").
constexpr Tuning tuning_table[] = {{0, 2, 1}, {80, 2, 1}, {90, 1, 1}, {100, 4, 2}, {120, 2, 1}};

/// Scalars that a thread of the strided kernel has in flight from each input.
constexpr int strided_in_flight = 4;

constexpr int packs_in_flight(int architecture, int inputs) {
  Tuning row = tuning_table[0];
  for (const Tuning& next : tuning_table) row = next.architecture <= architecture ? next : row;
  return inputs == 1 ? row.one_input : row.two_inputs;
}

/// The architecture that the code at hand is compiled for. The host asks the device instead, and may be answered otherwise
/// (PTX compiled for a newer chip), so no kernel may rely on the host having picked a grid by the same row.
#if defined(__CUDA_ARCH__)
constexpr int code_architecture = __CUDA_ARCH__ / 10;
#else
constexpr int code_architecture = 0;
#endif

}  // namespace rectify::detail
