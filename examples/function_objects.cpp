// Runs function_objects.hpp without a GPU: Thrust's device system is OpenMP. Exit status: 0 if every result is as expected,
// else 1.
#include "function_objects.hpp"

int main() {
  examples::Report report;
  examples::check_thrust(report, examples::Expected());
  return report.failures() == 0 ? 0 : 1;
}
