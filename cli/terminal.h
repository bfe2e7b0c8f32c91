// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "cli/report_text.h"

#include <chrono>
#include <string>
#include <vector>

#include <termios.h>

namespace templatefs::cli {

/// A whole screen of the terminal at standard output, and the keys of the one at standard input; both are as
/// they were once this is gone. The signals that end a program and SIGWINCH have to be blocked before
/// (block_terminal_signals), so that no signal skips that.
class Terminal {
 public:
  /// Throws Error(ENOTTY) where either is no terminal.
  Terminal();
  ~Terminal();
  Terminal(Terminal const&) = delete;
  Terminal& operator=(Terminal const&) = delete;

  /// False where the terminal is gone.
  bool draw(std::vector<std::string> const& lines);
  TerminalSize size() const;

  enum class Event { nothing, resized, quit };
  /// Waits for a key, a signal or the time to pass; q, Escape, and the signals that end a program are quit.
  Event wait(std::chrono::milliseconds most);

 private:
  termios before_{};
  Fd signals_;
};

void block_terminal_signals();

}  // namespace templatefs::cli
