// Parses the command line (CLI11), and makes the cases that it requests.
#include "options.hpp"

#include "report.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <numeric>

namespace rectify::bench {
namespace {

void add_ops(CLI::App& app, Options& o) {
  std::vector<std::string> names;
  for (const Op& op : ops()) names.push_back(op.name);
  app.add_option("--against", o.against, "Baseline: this op on tensors of the same size, instead of a copy")
      ->type_name("OP")
      ->check(CLI::IsMember(names).description(""));
  names.insert(names.begin(), "all");
  app.add_option("--op", o.ops, "Ops to run, separated by commas; --list-ops shows them")
      ->type_name("OP")
      ->delimiter(',')
      ->check(CLI::IsMember(names).description(""))
      ->capture_default_str();
}

void add_choices(CLI::App& app, Options& o) {
  app.add_option("--dtype", o.dtypes, "Storage types, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"f16", "bf16", "f32", "f64", "all"}))
      ->capture_default_str();
  app.add_option("--device", o.device, "Device; auto is cuda if there is a GPU, else cpu")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
}

void add_sizes(CLI::App& app, Options& o) {
  const CLI::Range range(std::uint64_t{8}, std::uint64_t{1} << 40);
  app.add_option("--min-bytes", o.min_bytes, "Smallest tensor (64K, 16M, 1G)")
      ->transform(CLI::AsSizeValue(false))
      ->check(range);
  app.add_option("--max-bytes", o.max_bytes, "Largest tensor")->transform(CLI::AsSizeValue(false))->check(range);
  app.add_option("--factor", o.factor, "Ratio of one size to the one before")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  app.add_option("--repetitions", o.repetitions, "Samples of each measurement, of which the median is reported")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  CLI::Option* const is_short = app.add_flag(
      "--short", o.is_short, "forward and backward at 1 MiB and 256 MiB in f32 and bf16, the fused ops at 64 MiB in f32");
  for (const char* other : {"--dtype", "--min-bytes", "--max-bytes", "--factor"}) is_short->excludes(other);
}

void add_layout(CLI::App& app, Options& o) {
  CLI::Option* const channels =
      app.add_option("--channels", o.channels, "Run the ops that have channels on [n, C, I] instead of their own layouts")
          ->type_name("C")
          ->check(CLI::Range(std::int64_t{1}, std::int64_t{65536}));
  app.add_option("--inner", o.inner, "Neighbouring elements of one channel, such as height times width")
      ->type_name("I")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}))
      ->needs(channels)
      ->capture_default_str();
}

/// Checks that involve several options.
void check_together(const Options& o) {
  if (o.min_bytes > o.max_bytes) throw CLI::ValidationError("--min-bytes", "is larger than --max-bytes");
  if (o.channels * o.inner > max_unit_elements)
    throw CLI::ValidationError("--channels", "times --inner is more than " + std::to_string(max_unit_elements));
}

void lay_out(Options& o) {
  if (o.channels == 0) return;
  for (Op& op : o.table) {
    if (op.layout.has_channels()) op.layout = channels_layout(o.channels, o.inner);
  }
}

void add_function(CLI::App& app, Options& o) {
  app.add_option("--alpha", o.relu.alpha, "Slope below the threshold")->capture_default_str();
  app.add_option("--threshold", o.relu.threshold, "Largest input that has the slope alpha")->capture_default_str();
  app.add_option("--max-value", o.relu.max_value, "Cap of the output; none by default");
}

bool chosen(const std::vector<std::string>& list, const std::string& name) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& item) { return item == "all" || item == name; });
}

std::vector<std::uint64_t> sizes_of(const Options& o, const Op& op, DType dtype) {
  const std::uint64_t mebi = 1 << 20;
  if (o.is_short && op.is_plain())
    return dtype == DType::f32 || dtype == DType::bf16 ? std::vector{mebi, 256 * mebi} : std::vector<std::uint64_t>{};
  if (o.is_short) return dtype == DType::f32 ? std::vector{64 * mebi} : std::vector<std::uint64_t>{};
  std::vector<std::uint64_t> sizes;
  for (std::uint64_t bytes = o.min_bytes; bytes <= o.max_bytes; bytes *= static_cast<std::uint64_t>(o.factor))
    sizes.push_back(bytes);
  return sizes;
}

void append_cases(const Options& o, const Op& op, DType dtype, std::vector<Case>& cases) {
  const Op* const other = against(o);
  const std::int64_t own = op.layout.unit_elements();
  const std::int64_t unit = other != nullptr ? std::lcm(own, other->layout.unit_elements()) : own;
  const Relu relu = op.function(other != nullptr ? other->function(o.relu) : o.relu);
  mask_of(relu, dtype);  // throws if the parameters are not valid
  std::int64_t last = 0;
  for (const std::uint64_t bytes : sizes_of(o, op, dtype)) {
    const std::int64_t fitting = static_cast<std::int64_t>(bytes) / (bits_per_element(dtype) / 8) / unit * unit;
    const std::int64_t elements = std::max(fitting, unit);
    if (elements != last) cases.push_back({op, other, relu, dtype, elements, device_of(o), o.repetitions});
    last = elements;
  }
}

}  // namespace

int parse(int argc, char** argv, Options& o) {
  CLI::App app{
      "Compares the time of rectify with that of a plain copy of as many bytes. Every result is checked against the reference "
      "first."};
  add_ops(app, o);
  add_choices(app, o);
  add_sizes(app, o);
  add_layout(app, o);
  add_function(app, o);
  app.add_option("--json", o.json, "Also write the results to this file");
  app.footer(
      "Threads do not spin while they wait, unless OMP_WAIT_POLICY=active is set: that loses time slices if other programs use "
      "the "
      "CPU too.");
  bool list_ops = false;
  app.add_flag("--list-ops", list_ops, "Show the ops and their bytes per element, and exit");
  try {
    app.parse(argc, argv);
    check_together(o);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  lay_out(o);
  if (!list_ops) return -1;
  print_ops(o.table);
  return 0;
}

const Op* against(const Options& o) { return o.against.empty() ? nullptr : &op_called(o.against, o.table); }

Device device_of(const Options& o) {
  if (o.device == "auto") return harness::best_device();
  return o.device == "cpu" ? Device::cpu() : Device::cuda(0);
}

std::vector<Case> cases_of(const Options& o) {
  std::vector<Case> cases;
  for (const Op& op : o.table) {
    for (DType dtype : {DType::f32, DType::bf16, DType::f16, DType::f64}) {
      if (chosen(o.ops, op.name) && chosen(o.dtypes, name(dtype))) append_cases(o, op, dtype, cases);
    }
  }
  return cases;
}

}  // namespace rectify::bench
