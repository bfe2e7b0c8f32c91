// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "tests/support/temp_dir.h"

#include <string>
#include <vector>

namespace templatefs::test {

/// A terminal as people have one, and what it shows: a detached tmux of the test's own, with a shell in it.
/// All of it ends with the object.
class TmuxTerminal {
 public:
  /// Throws Error, ENOENT without tmux.
  TmuxTerminal(unsigned columns, unsigned rows);
  ~TmuxTerminal();
  TmuxTerminal(TmuxTerminal const&) = delete;
  TmuxTerminal& operator=(TmuxTerminal const&) = delete;

  /// Has the shell run it, on a screen that shows "ready> " and nothing else before. The command itself is
  /// not shown, so that its length does not matter.
  void run(std::string const& command);
  void type(std::string const& keys) const;
  void resize(unsigned columns, unsigned rows) const;

  /// The screen from top to bottom, without blanks at the ends of lines.
  std::vector<std::string> lines() const;
  std::string text() const;
  /// The line that has these words; empty where none has.
  std::string line_with(std::string const& words) const;
  /// Waits for them.
  bool shows(std::string const& words) const;
  bool shows_no(std::string const& words) const;
  /// Whether a line of what was written goes on in the next one of the screen.
  bool wraps() const;
  bool has_alternate_screen() const;
  bool has_cursor() const;

 private:
  std::string tmux(std::vector<std::string> words) const;
  std::string fact(std::string const& name) const;

  TempDir dir_;
  Child server_;
};

}  // namespace templatefs::test
