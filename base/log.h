// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace templatefs {

// The process's one log. What repeats itself is told a few times and then counted (base/log_repeats.h).

enum class LogLevel { warning, info, debug };

/// Where a log goes.
struct LogPlace {
  enum class Kind {
    people,          // standard error, with the time
    standard_error,  // the same on a terminal; else as sd-daemon(3) has it: "<3>text", the time is the
                     // reader's
    journal,         // the socket `path`
    file,            // `path`; appended to, made 0600; whole lines, so that several processes may share it
  };
  Kind kind = Kind::people;
  std::string path = {};

  /// "stderr", "journal", else a file.
  static LogPlace parse(std::string_view text);
};

/// Fields that each record in the journal carries besides its message: {"TEMPLATEFS_MOUNT", "/mnt"}.
using LogFields = std::vector<std::pair<std::string, std::string>>;

/// From now on the log goes there; a file is opened anew. Throws Error where that cannot be had; then the log
/// goes where it went. The first call in a process is made while it has one thread.
void log_to(LogPlace const& place, LogLevel level, LogFields const& fields = {});
/// Lets go of the file: a store of our own is unmounted only when nothing of it is open any more.
void log_to_nowhere();
/// To be called every few seconds: tells how often was repeated what was told long enough ago.
void log_repeats();

/// fmt::format: gcc 12 has no std::format, and spdlog brings fmt along. An object, so that where there is a
/// std::format an argument of type std::string does not bring that one in as well, by its namespace.
inline constexpr struct {
  template <typename... Arguments>
  std::string operator()(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    return fmt::format(text, std::forward<Arguments>(arguments)...);
  }
} format{};

}  // namespace templatefs
