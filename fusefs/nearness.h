// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <sched.h>
#include <sys/types.h>

namespace templatefs::fusefs {

/// Keeps a thread on the processor of whom it serves.
///
/// A request and its answer are two wake-ups. On one processor each is a switch to another task; across two
/// of a virtual machine each is an interrupt for a processor that has halted: 7 us for a look-up here
/// against 50. The scheduler leaves both where they were, either way, so it takes a nudge: the thread is
/// moved to where its client is, and may go from there as before. Not thread-safe: of one thread.
class Nearness {
 public:
  Nearness();

  /// Before each answer: the thread that asked, 0 where that is not known. It sleeps now, so that the move
  /// leaves nobody waiting whom the processor that this thread goes from would take to itself. A look at
  /// where it is takes some microseconds, and is taken when somebody asks for a second time in a row and
  /// every so often.
  void about_to_serve(pid_t caller) noexcept;

  /// The scheduler will have it otherwise, and takes them apart after each move: an idle processor that
  /// shares its cache attracts whoever is woken. Then it is better not to sleep between the requests.
  bool is_apart() const noexcept { return found_apart_ >= kTooOften; }

 private:
  bool may_move_ = false;
  cpu_set_t processors_{};  // that this thread may run on
  pid_t caller_ = 0;
  unsigned in_a_row_ = 0;
  unsigned found_apart_ = 0;  // looks in a row
  static constexpr unsigned kTooOften = 3;
};

}  // namespace templatefs::fusefs
