// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/fd.h"

#include <optional>
#include <string>
#include <vector>

namespace templatefs::test {

/// A terminal of our own, of 24 rows, and a program that runs on it.
class OnTerminal {
 public:
  /// Throws Error.
  explicit OnTerminal(std::vector<std::string> const& argv, unsigned short columns = 80,
                      std::vector<std::string> const& environment = {});
  /// All that was written to it so far.
  std::string const& text();
  bool shows(std::string const& words);
  void type(std::string const& keys);
  void signal(int number) const { child_->signal(number); }
  std::optional<ExitStatus> end();
  /// As a shell wants it to be: what is typed is shown, and read by lines.
  bool echoes() const;

 private:
  Fd master_;
  Fd slave_;
  std::string text_;
  std::optional<Child> child_;
};

}  // namespace templatefs::test
