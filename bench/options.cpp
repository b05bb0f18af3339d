// Parses the command line (CLI11).
#include "options.hpp"

#include "option_values.hpp"
#include "peers/peer.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>

namespace rectify::bench {
namespace {

constexpr const char* about =
    "Times every op of rectify beside the fastest copy of the same bytes\n"
    "between the same tensors, in one run. Every result is checked against a\n"
    "reference before it is timed. GB/s are 10^9 useful bytes per second.\n"
    "Without a command: run --short, which takes about half a minute.";

constexpr const char* examples =
    "Examples:\n"
    "  rectify-bench --short                      every op once, on GPU 0 or the CPU\n"
    "  rectify-bench run --op forward,backward --dtype f32,bf16 --min 64K --max 1G\n"
    "  rectify-bench run --op bias_forward --shape 8192x1024 --alpha 0,0.01\n"
    "  rectify-bench run --op forward --baseline onednn,torch --json new.json\n"
    "  rectify-bench compare old.json new.json --fail-above 5%\n"
    "Sizes are bytes of one tensor: 64K, 16M, 1G are powers of 1024. Lists are\n"
    "separated by commas; every combination is a case.\n"
    "Exit status: 0; 1 if a result was wrong, a case failed, or compare found a\n"
    "case slower; 2 for an invalid command line; 77 if there is no such device or\n"
    "nothing to run; 128 + the signal that ended the run early (130: Ctrl-C).";

struct SizeOptions {
  CLI::Option *min, *max;
};

/// CLI11's excludes() would repeat itself in the help of every option.
void require_alone(const CLI::App& app, const char* option, std::initializer_list<const char*> others) {
  if (app.get_option(option)->empty()) return;
  for (const char* other : others) {
    if (!app.get_option(other)->empty()) throw CLI::ValidationError(option, std::string("cannot be combined with ") + other);
  }
}

void add_what(CLI::App& app, Options& o) {
  std::vector<std::string> names{"all"};
  for (const Op& op : ops()) names.push_back(op.name);
  app.add_option("--op", o.ops, "Ops; rectify-bench list shows them")
      ->type_name("OP")
      ->delimiter(',')
      ->check(one_of(names, "rectify-bench list shows the ops"))
      ->capture_default_str();
  app.add_option("--dtype", o.dtypes, "Storage types: f16, bf16, f32, f64, all")
      ->type_name("TYPE")
      ->delimiter(',')
      ->check(one_of({"f16", "bf16", "f32", "f64", "all"}, "known are f16, bf16, f32, f64, all"))
      ->capture_default_str();
  app.add_option("--alpha", o.alphas, "Slopes below the threshold")
      ->type_name("A")
      ->delimiter(',')
      ->check(finite(-1e300, "a finite number"))
      ->capture_default_str();
  app.add_option("--threshold", o.thresholds, "Largest inputs that have the slope alpha")
      ->type_name("T")
      ->delimiter(',')
      ->check(finite(-1e300, "a finite number"))
      ->capture_default_str();
  app.add_option("--max-value", o.max_values, "Caps of the output; none by default")
      ->type_name("M")
      ->delimiter(',')
      ->check(finite(-1e300, "a finite number"));
}

SizeOptions add_sizes(CLI::App& app, Options& o) {
  const auto size = [](CLI::Option* option) { return option->type_name("SIZE")->transform(size_in_bytes()); };
  CLI::Option* const min = size(app.add_option("--min", o.min_bytes, "Smallest tensor; 64M, or --max if only that is given"));
  CLI::Option* const max = size(app.add_option("--max", o.max_bytes, "Largest tensor; --min by default"));
  app.add_option("--factor", o.factor, "Ratio of one size to the one before")
      ->type_name("N")
      ->check(CLI::Range(2, 1 << 20).description(""))
      ->capture_default_str();
  app.add_option("--shape", o.shape_texts, "Shapes such as 8192x1024; in nx1024, n is what --min and --max give")
      ->type_name("SHAPE")
      ->delimiter(',');
  app.add_option("--channel-axis", o.channel_axis, "Axis of the channels in a --shape; 1 by default")
      ->type_name("AXIS")
      ->check(CLI::Range(0, max_rank - 1).description(""));
  app.add_option("--layout", o.layout, "nchw, nhwc (64 channels, 28x28) or pitched (rows with gaps of 64)")
      ->type_name("LAYOUT")
      ->check(one_of({"nchw", "nhwc", "pitched"}, "known are nchw, nhwc, pitched"));
  app.add_flag("--inplace", o.in_place, "Write y over x, and dx over dy");
  app.add_option("--misalign", o.misalign, "x begins N elements past an aligned address (dy, if the op reads no x)")
      ->type_name("N")
      ->check(CLI::Range(0, 4096).description(""));
  return {min, max};
}

void add_where(CLI::App& app, Options& o) {
  app.add_option("--device", o.device, "auto (a GPU if there is one), cpu, cuda, cuda:1")
      ->type_name("DEVICE")
      ->check(CLI::Validator(
          [](std::string& text) {
            const bool known = text == "auto" || text == "cpu" || text == "cuda" ||
                               (text.size() == 6 && text.rfind("cuda:", 0) == 0 && std::isdigit(text[5]) != 0);
            return known ? std::string() : "no '" + text + "'; known are auto, cpu, cuda, cuda:1";
          },
          ""))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "Threads of the CPU; one per core by default")
      ->type_name("N")
      ->check(CLI::Range(1, 4096).description(""));
}

void add_how(CLI::App& app, Options& o) {
  app.add_flag("--cold", "Rotate over buffers so that none is in the last cache (default)");
  app.add_flag("--hot", o.hot, "Use the same buffers in every call");
  app.add_flag("--graph", o.graph, "On a GPU, replay calls as a CUDA graph");
  const std::vector<std::string> names = peer_names();
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  app.add_option("--baseline", o.baselines, "Peers on the same buffers: " + known)
      ->type_name("PEER")
      ->delimiter(',')
      ->check(one_of(names, "known are " + known));
  app.add_option("--samples", o.rules.samples, "Least number of samples of each contender")
      ->type_name("N")
      ->check(CLI::Range(1, 10000).description(""))
      ->capture_default_str();
  app.add_option("--seconds", o.rules.seconds, "After which a case takes no further sample")
      ->type_name("S")
      ->check(finite(0, "a number of seconds"))
      ->capture_default_str();
  app.add_option("--noise", o.rules.noise, "Standard error of the medians at which a case ends earlier")
      ->type_name("P%")
      ->transform(fraction())
      ->default_str("0.5%");
  app.add_flag(
      "--check,!--no-check", [&o](std::int64_t count) { o.no_check = count < 0; },
      "Check results before timing (default); rows that were not are marked");
}

void add_outputs(CLI::App& app, Options& o) {
  app.add_option("--json", o.json, "Write a record with all samples, which compare reads")->type_name("FILE");
  app.add_option("--csv", o.csv, "Write the rows as CSV")->type_name("FILE");
  app.add_option("--md", o.md, "Write the rows as a Markdown table")->type_name("FILE");
  app.add_flag("--repro", o.repro, "Print the command that runs each case alone");
}

SizeOptions add_run(CLI::App& app, Options& o, bool with_times) {
  add_what(app, o);
  const SizeOptions sizes = add_sizes(app, o);
  add_where(app, o);
  if (with_times) add_how(app, o);
  add_outputs(app, o);
  app.add_flag("--short", o.is_short, "forward, backward at 1M, 256M in f32, bf16; other ops at 64M in f32");
  return sizes;
}

void add_compare(CLI::App& app, Options& o) {
  app.add_option("records", o.records, "Two records of run --json: the earlier one first")
      ->type_name("OLD NEW")
      ->expected(2)
      ->required();
  app.add_option("--fail-above", o.fail_above, "Slowdown from which the exit status is 1")
      ->type_name("P%")
      ->transform(fraction())
      ->default_str("5%");
  app.add_option("--by", o.by, "time, or ceiling: shares of each run's own ceiling, for a noisy machine")
      ->type_name("WHAT")
      ->check(one_of({"time", "ceiling"}, "known are time, ceiling"))
      ->capture_default_str();
}

/// What one size option leaves open is the other. An option that was not given cannot be wrong.
void settle_sizes(const SizeOptions& given, Options& o) {
  if (given.min->empty() && !given.max->empty()) o.min_bytes = o.max_bytes;
  if (given.max->empty() && !given.min->empty()) o.max_bytes = o.min_bytes;
  if (o.min_bytes > o.max_bytes) throw CLI::ValidationError("--min", "is larger than --max");
  if (o.is_short) o.dtypes = {"all"};
  o.shapes();  // throws for a text that is no shape
}

/// Breaks the texts of options, so that no line is longer than 79 columns.
void wrap_help(CLI::App& app) {
  constexpr std::size_t column = 26, width = 79 - column;
  app.get_formatter()->column_width(column);
  for (CLI::Option* const option : app.get_options()) {
    std::istringstream words(option->get_description());
    std::string text;
    std::size_t line = 0;
    for (std::string word; words >> word; line += word.size() + 1) {
      const bool fits = line == 0 || line + word.size() <= width;
      if (!fits) line = 0;
      text += (text.empty() ? "" : fits ? " " : "\n") + word;
    }
    option->description(text);
  }
}

/// The words of the command line, last one first, as CLI11 takes them. `run` is put before options without a command.
std::vector<std::string> with_command(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string first = words.empty() ? "" : words[0];
  if (words.empty()) words.push_back("--short");
  if (first.empty() || (first[0] == '-' && first != "--help" && first != "-h" && first != "--version"))
    words.insert(words.begin(), "run");
  std::reverse(words.begin(), words.end());
  return words;
}

}  // namespace

std::vector<Shape> Options::shapes() const {
  std::vector<Shape> all;
  for (const std::string& text : shape_texts) all.push_back(shape_of(text));
  return all;
}

bool Options::has_open_extent(const Shape& shape) { return shape[0] == 0; }

std::vector<Relu> Options::functions() const {
  std::vector<Relu> all;
  const std::vector<double> caps = max_values.empty() ? std::vector<double>{Relu{}.max_value} : max_values;
  for (const double alpha : alphas) {
    for (const double threshold : thresholds) {
      for (const double cap : caps) all.push_back(Relu{alpha, threshold, cap});
    }
  }
  return all;
}

int parse(int argc, char** argv, Options& o) {
  CLI::App app{about, "rectify-bench"};
  app.footer(examples);
  app.set_version_flag("--version", RECTIFY_BENCH_VERSION);
  app.require_subcommand(1);
  CLI::App* const run = app.add_subcommand("run", "Check and time ops (the default)");
  CLI::App* const check = app.add_subcommand("check", "Check ops against the reference, without timing");
  CLI::App* const list = app.add_subcommand("list", "Show the ops, their operands and bytes");
  CLI::App* const info = app.add_subcommand("info", "Show what figures depend on: machine, build, peers");
  CLI::App* const compare = app.add_subcommand("compare", "Compare two records, case by case");
  const SizeOptions of_run = add_run(*run, o, true), of_check = add_run(*check, o, false);
  info->add_flag("--json", o.info_as_json, "As JSON");
  add_where(*info, o);
  add_compare(*compare, o);
  for (CLI::App* const each : {&app, run, check, list, info, compare}) wrap_help(*each);
  std::vector<std::string> words = with_command(argc, argv);
  try {
    app.parse(words);
    if (run->parsed()) require_alone(*run, "--cold", {"--hot"});
    for (const CLI::App* const each : {run, check}) {
      if (each->parsed()) require_alone(*each, "--short", {"--min", "--max", "--factor", "--shape", "--dtype"});
    }
    if (run->parsed()) settle_sizes(of_run, o);
    if (check->parsed()) settle_sizes(of_check, o);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  o.command = run->parsed()     ? Command::run
              : check->parsed() ? Command::check
              : list->parsed()  ? Command::list
              : info->parsed()  ? Command::info
                                : Command::compare;
  return -1;
}

Device device_of(const Options& o) {
  if (o.device == "auto") return harness::best_device();
  if (o.device == "cpu") return Device::cpu();
  const Device device = Device::cuda(o.device == "cuda" ? 0 : o.device[5] - '0');
  if (!cuda_available() || !harness::use(device)) throw NoDevice("no GPU can be used for --device " + o.device);
  return device;
}

}  // namespace rectify::bench
