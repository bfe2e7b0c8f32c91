// SPDX-License-Identifier: Apache-2.0
#include "base/capacity.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/mount_status.h"
#include "cli/report_text.h"

#include <algorithm>
#include <cstdio>

#include <CLI/CLI.hpp>

#include <sys/types.h>

namespace templatefs::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFailuresShown = 3;
constexpr std::size_t kUsersShown = 5;

struct StatusOptions {
  std::vector<std::string> mount_points;
  bool json = false;
};

std::string text_of(Json const& object, char const* pointer) {
  Json::json_pointer const at(pointer);
  return object.contains(at) && object[at].is_string() ? object[at].get<std::string>() : std::string();
}

std::string store_text(MountStatus const& mount) {
  auto const size = mount.number("/store/size_bytes");
  auto const free = mount.number("/store/free_bytes");
  auto out = text_of(mount.status, "/store/path");
  if (mount.status["store"].value("own_filesystem", false)) out += " on a filesystem of its own,";
  return out + format(" {} of {} used, {} free", human_size(size - free), human_size(size), human_size(free));
}

std::string passthrough_text(Json const& status) {
  bool const active = status["passthrough"].value("active", false);
  return (active ? "yes: " : "no: ") + text_of(status, "/passthrough/reason");
}

/// "images 3 of 100", "images 3" without a limit; empty where nobody has counted.
std::string use_text(Json const& used, std::string const& what, Json const& limit) {
  auto const text = [&](Json const& number) {
    return what == "bytes" ? human_size(number) : std::to_string(number.get<std::int64_t>());
  };
  if (!used.at(what).is_number()) return {};
  return format("{}{} {}{}", what == "images" ? "" : ", ", what, text(used[what]),
                limit.is_number() ? " of " + text(limit) : "");
}

/// A line for all users and one for each of those who have most, where there are limits.
std::vector<std::string> quota_texts(Json const& quota) {
  auto const& limits = quota.at("limits");
  if (std::all_of(limits.begin(), limits.end(), [](auto const& each) { return each.is_null(); })) return {};
  auto const uses = [&](Json const& used, std::string const& suffix) {
    std::string out;
    for (std::string const what : {"images", "bytes", "builds"})
      out += use_text(used, what, limits.value(what + suffix, Json()));
    return out;
  };
  std::vector<std::string> out{"all users: " + uses(quota.at("used"), "")};
  std::vector<Json> users = quota.at("users");
  std::stable_sort(users.begin(), users.end(),
                   [](auto const& a, auto const& b) { return a.at("images") > b.at("images"); });
  for (std::size_t at = 0; at < std::min(users.size(), kUsersShown); ++at) {
    auto const uid = users[at].at("uid").get<uid_t>();
    // Root is bound by the totals alone.
    out.push_back(format("user {}: {}", uid, uses(users[at], uid == 0 ? "_of_root" : "_per_user")));
  }
  if (users.size() > kUsersShown) out.push_back(format("and {} more users", users.size() - kUsersShown));
  return out;
}

void print(MountStatus const& mount) {
  std::printf("%s\n", mount.mount_point.c_str());
  auto const line = [](std::string_view label, std::string const& text) {
    std::fputs(labelled(label, text).c_str(), stdout);
  };
  if (!mount.answers()) return line("problem", mount.problem);
  auto const& status = mount.status;
  line("daemon", format("templatefs {}, pid {}, since {}", text_of(status, "/version"), mount.number("/pid"),
                        text_of(status, "/started")));
  line("store", store_text(mount));
  line("fan-out", text_of(status, "/store/fanout") + ": " + text_of(status, "/store/explanation"));
  line("passthrough", passthrough_text(status));
  auto const accelerator = text_of(status, "/accelerator");
  line("accelerator", accelerator.empty() ? "not tried yet" : accelerator);
  line("images", format("{} exist, {} open; {} made, {} removed", mount.number("/images/existing"),
                        mount.number("/images/open"), mount.number("/counters/images_made"),
                        mount.number("/counters/images_dropped")));
  line("opens", format("{} succeeded, {} failed, {} wait", mount.number("/counters/opens"),
                       mount.number("/counters/opens_failed"), mount.number("/waiting_requests")));
  if (status.contains("quota"))
    for (auto const& text : quota_texts(status["quota"])) line("quota", text);
  for (auto const& build : status["builds"])
    line("build", format("{}: {}, {}, {} waiting", text_of(build, "/template"), text_of(build, "/phase"),
                         elapsed_text(std::chrono::milliseconds(build.value("elapsed_ms", 0))),
                         build.value("waiters", 0)));
  for (auto const& record : last_failures(mount.mount_point, kFailuresShown))
    line("failure", record.substr(0, record.find('\n')));
}

Json to_json(MountStatus const& mount) {
  Json out = {{"mount_point", mount.mount_point}, {"answers", mount.answers()}};
  if (!mount.answers()) {
    out["problem"] = mount.problem;
    return out;
  }
  out["status"] = mount.status;
  out["last_failures"] = last_failures(mount.mount_point, kFailuresShown);
  return out;
}

int run(StatusOptions const& options) {
  auto const mount_points = mounts_to_show(options.mount_points);
  std::vector<MountStatus> mounts;
  mounts.reserve(mount_points.size());
  for (auto const& each : mount_points) mounts.push_back(look_at_mount(each));
  if (options.json) {
    Json list = Json::array();
    for (auto const& mount : mounts) list.push_back(to_json(mount));
    Json const document = {{"schema", "templatefs.status-list/1"}, {"mounts", list}};
    print_json(document);
  } else {
    for (auto const& mount : mounts) print(mount);
  }
  if (mounts.empty()) return kNotFound;
  return std::all_of(mounts.begin(), mounts.end(), [](auto const& each) { return each.answers(); }) ? kOk
                                                                                                    : kFailed;
}

}  // namespace

void add_status(CLI::App& program, Action& action) {
  auto options = std::make_shared<StatusOptions>();
  auto* const command = program.add_subcommand("status", "Say how the mounts are and what they do");
  command->add_option("mount_point", options->mount_points, "Which ones (default: all)")->type_name("MNT");
  command->add_flag("--json", options->json, "Print JSON, schema templatefs.status-list/1");
  command->footer(
      "Exit status: 1 where a mount does not answer, 3 where there is none.\n\n"
      "Example:\n  templatefs status /mnt/templates");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace templatefs::cli
