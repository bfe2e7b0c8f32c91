// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

namespace templatefs::vm {

/// What a guest or formatter printed: appended to a file, at most `kFileLimit` bytes of it, and the last
/// lines kept for error messages. Control characters are dropped and others outside ASCII become '?': the
/// lines end up in JSON and on terminals. One thread at a time.
class ConsoleLog {
 public:
  static constexpr std::size_t kFileLimit = 4 << 20;
  static constexpr std::size_t kLinesKept = 20;
  static constexpr std::size_t kLineLimit = 1000;

  /// Appends to `path`, made if missing; an empty path keeps lines only. Throws Error.
  explicit ConsoleLog(std::string const& path);

  /// Throws Error where the file cannot be written.
  void append(std::string_view bytes);
  /// The last lines, an unfinished one included, joined by newlines; "(nothing was printed)" if there are
  /// none.
  std::string tail() const;
  /// The same with a heading, to end an error's sentence.
  std::string tail_for_people() const { return "The last lines that were printed:\n" + tail(); }

 private:
  void end_line();

  std::string path_;
  Fd file_;
  std::size_t written_ = 0;
  std::deque<std::string> lines_;
  std::string partial_;
};

}  // namespace templatefs::vm
