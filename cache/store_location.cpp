// SPDX-License-Identifier: Apache-2.0
#include "cache/store_location.h"

#include "base/error.h"
#include "base/log.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>

namespace templatefs::cache {

namespace {

constexpr char kRemedy[] = "Set it to an absolute path, unset it, or give --store DIR.";

/// The variable's value, which must be an absolute path; empty where it is not set.
std::optional<std::string> absolute_from_environment(char const* variable) {
  char const* const value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  if (*value != '/')
    throw Error(EINVAL, format("{} is \"{}\", which is no absolute path", variable, value), kRemedy);
  return value;
}

std::string without_trailing_slash(std::string path) {
  path = std::filesystem::path(path).lexically_normal().string();
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::string store_location(std::string const& option) {
  if (!option.empty()) return without_trailing_slash(std::filesystem::absolute(option).string());
  if (auto const chosen = absolute_from_environment("TEMPLATEFS_STORE"))
    return without_trailing_slash(*chosen);
  if (auto const cache = absolute_from_environment("XDG_CACHE_HOME"))
    return without_trailing_slash(*cache + "/templatefs");
  auto const home = absolute_from_environment("HOME");
  if (!home) throw Error(EINVAL, "neither HOME nor TEMPLATEFS_STORE is set", "Give --store DIR.");
  if (without_trailing_slash(*home) == "/") throw Error(EINVAL, "HOME is \"/\"", kRemedy);
  return without_trailing_slash(*home + "/.cache/templatefs");
}

}  // namespace templatefs::cache
