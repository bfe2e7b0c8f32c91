// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include <spdlog/spdlog.h>

namespace templatefs {

// Where the process's one log goes. To be called while the process has one thread.

/// Commands say what they did themselves, so they log warnings only; a mount in the foreground logs
/// everything.
enum class LogLevel { warnings, all, debug };
void log_to_stderr(LogLevel level);
/// Appends to `path`, made 0600; whole lines, so that several processes may share the file. Throws Error.
void log_to_file(std::string const& path, LogLevel level);
/// Lets go of the file: a store of our own is unmounted only when nothing of it is open any more.
void log_to_nowhere();

/// fmt::format: gcc 12 has no std::format, and spdlog brings fmt along. An object, so that where there is a
/// std::format an argument of type std::string does not bring that one in as well, by its namespace.
inline constexpr struct {
  template <typename... Arguments>
  std::string operator()(fmt::format_string<Arguments...> text, Arguments&&... arguments) const {
    return fmt::format(text, std::forward<Arguments>(arguments)...);
  }
} format{};

}  // namespace templatefs
