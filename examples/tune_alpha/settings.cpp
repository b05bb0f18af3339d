// Names and the list of what is tried.
#include "settings.hpp"

#include <cstdio>

namespace tune {

std::string Variant::name() const {
  if (kind == Kind::learned_per_layer) return "learned, per layer";
  if (kind == Kind::learned_per_channel) return "learned, per channel";
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", alpha);
  return text;
}

std::vector<Variant> variants(const Settings& settings) {
  constexpr double start = 0.25;  // of He et al. (2015) and of PyTorch's PReLU
  std::vector<Variant> all;
  for (const double alpha : settings.alphas) all.push_back({Variant::Kind::fixed, alpha});
  if (!settings.learned) return all;
  all.push_back({Variant::Kind::learned_per_layer, start});
  all.push_back({Variant::Kind::learned_per_channel, start});
  return all;
}

}  // namespace tune
