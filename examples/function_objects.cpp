// The function objects through Thrust without a GPU: OpenMP is its device system. 0: every result is that of the definition.
#include "function_objects.hpp"

int main() {
  examples::Report report;
  examples::check_thrust(report, examples::Expected());
  return report.failures() == 0 ? 0 : 1;
}
