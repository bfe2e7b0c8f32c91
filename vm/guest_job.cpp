// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_job.h"

#include "base/child.h"
#include "base/error.h"

#include <cerrno>

#include <nlohmann/json.hpp>

#include <sys/wait.h>

namespace templatefs::vm {

namespace {

// vm/guest/job.h has the same limits.
constexpr std::size_t kMaxArguments = 128;
constexpr std::size_t kMaxJobBytes = 1 << 16;

void add_line(std::string& out, std::string_view key, std::string const& value) {
  if (value.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
    throw Error(EINVAL, "a formatter argument or a seed's path holds a newline: " + value);
  out.append(key).append(" ").append(value).append("\n");
}

}  // namespace

std::string encode_job(GuestJob const& job) {
  std::string out;
  add_line(out, "time", std::to_string(job.time_ns));
  add_line(out, "seed", job.seed);
  add_line(out, "size", std::to_string(job.size));
  for (auto const& argument : job.arguments) add_line(out, "argument", argument);
  for (auto const& variable : job.environment) add_line(out, "environment", variable);
  add_line(out, "type", job.mount_type);
  add_line(out, "options", job.mount_options);
  if (job.fill) {
    add_line(out, "seed-disk", std::to_string(job.fill->disk_size));
    add_line(out, "seed-type", job.fill->disk_type);
    for (auto const& argument : job.fill->pack) add_line(out, "pack", argument);
    for (auto const& argument : job.fill->unpack) add_line(out, "unpack", argument);
  }
  out += "run\n";
  if (job.arguments.size() > kMaxArguments || out.size() >= kMaxJobBytes)
    throw Error(E2BIG, "the formatter's arguments are too many or too long for the template guest");
  return out;
}

std::optional<GuestEvent> parse_guest_event(std::string_view line) {
  auto const json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  auto const text = [&](char const* key) {
    auto const found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  auto const number = [&](char const* key) {
    auto const found = json.find(key);
    return found != json.end() && found->is_number_integer() ? found->get<long>() : 0L;
  };
  GuestEvent event{text("event"),
                   text("kernel"),
                   text("step"),
                   static_cast<int>(number("errno")),
                   static_cast<int>(number("status")),
                   number("ms")};
  if (event.name.empty()) return std::nullopt;
  return event;
}

std::string describe_failure(GuestEvent const& event) {
  ExitStatus const how{WIFEXITED(event.status),
                       WIFEXITED(event.status) ? WEXITSTATUS(event.status) : WTERMSIG(event.status)};
  if (event.step == "format") return "the formatter failed with " + how.describe();
  if (event.step == "fill" && event.err == ENOTSUP) return "not all of the seed could be put in";
  if (event.step == "fill" && event.err == 0)
    return "the seed could not be put in: tar failed with " + how.describe();
  if (event.step == "seed-mount")
    return "the guest could not mount the seed (" + errno_words(event.err) + ")";
  return "step \"" + event.step + "\" failed in the guest (" + errno_words(event.err) + ")";
}

}  // namespace templatefs::vm
