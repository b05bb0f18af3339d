// Constants that were chosen by measurement or prediction: threads of a block, and packs in flight for each architecture.
#pragma once

namespace rectify::detail {

constexpr int threads_per_block = 256;

/// How many 16-byte packs a thread loads from each input before it uses the first (packs in flight), in kernels of one and of
/// two inputs.
struct Tuning {
  int architecture;  // 10 * major + minor; a row also serves later architectures, up to the next row
  int one_input;
  int two_inputs;
};

/// The row of 90 was measured on an H100 (docs/tuning-log.md): one pack is as fast as two or up to 1 % faster, with one input
/// and with two. The other rows are predicted from bytes in flight per multiprocessor (docs/decisions.md, "Packs in flight").
constexpr Tuning tuning_table[] = {{0, 2, 1}, {80, 2, 1}, {90, 1, 1}, {100, 4, 2}, {120, 2, 1}};

/// Single elements in flight from each input, in strided kernels.
constexpr int strided_in_flight = 4;

constexpr int packs_in_flight(int architecture, int inputs) {
  Tuning chosen = tuning_table[0];
  for (const Tuning& row : tuning_table) chosen = row.architecture <= architecture ? row : chosen;
  return inputs == 1 ? chosen.one_input : chosen.two_inputs;
}

/// The architecture that device code is compiled for; 0 in host code. The host asks the device for its architecture, which may
/// be newer (PTX is compiled for it when it is loaded). So no kernel may rely on a grid that the host has chosen by the same
/// row.
#if defined(__CUDA_ARCH__)
constexpr int code_architecture = __CUDA_ARCH__ / 10;
#else
constexpr int code_architecture = 0;
#endif

}  // namespace rectify::detail
