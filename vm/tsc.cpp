// SPDX-License-Identifier: Apache-2.0
#include "vm/tsc.h"

#if defined(__x86_64__)

#include <algorithm>
#include <array>
#include <chrono>

#include <x86intrin.h>

namespace templatefs::vm {

namespace {

long measure_once() {
  using Clock = std::chrono::steady_clock;
  auto const start = Clock::now();
  auto const first = __rdtsc();
  auto now = start;
  while (now - start < std::chrono::milliseconds(2)) now = Clock::now();
  auto const ticks = static_cast<double>(__rdtsc() - first);
  return static_cast<long>(ticks / std::chrono::duration<double, std::milli>(now - start).count());
}

/// The median: being scheduled away between the two clocks spoils a measurement.
long measure() {
  std::array<long, 5> measured{};
  for (auto& value : measured) value = measure_once();
  std::sort(measured.begin(), measured.end());
  return measured[measured.size() / 2];
}

}  // namespace

long tsc_khz() {
  static long const measured = measure();
  return measured;
}

}  // namespace templatefs::vm

#else

long templatefs::vm::tsc_khz() {
  return 0;
}

#endif
