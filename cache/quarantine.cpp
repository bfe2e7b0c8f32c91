// SPDX-License-Identifier: Apache-2.0
#include "cache/quarantine.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "cache/key.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::cache {

namespace {

/// "20260110T091204Z": a name without colons, which some tools take for hosts.
std::string compact_time(std::int64_t epoch_ms) {
  auto text = rfc3339(epoch_ms);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

/// Whether quarantine_template made this name.
bool is_ours(std::string const& name) {
  auto const random = name.rfind('-');
  if (random == std::string::npos || random == 0) return false;
  auto const time = name.rfind('-', random - 1);
  return time != std::string::npos && parse_key_name(std::string_view(name).substr(0, time)).has_value();
}

std::vector<std::string> names(int store_dir) {
  std::vector<std::string> out;
  for_each_entry(store_dir, layout::kQuarantine, [&](std::string const& name) {
    if (is_ours(name)) out.push_back(name);
  });
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string quarantine_template(int store_dir, std::string const& key, std::string const& reason) {
  auto name = format("{}-{}-{}", key, compact_time(epoch_ms_now()), random_hex(4));
  auto const target = layout::quarantined(name);
  if (::renameat2(store_dir, layout::template_dir(key).c_str(), store_dir, target.c_str(),
                  RENAME_NOREPLACE) != 0) {
    if (errno == ENOENT) return {};
    throw_errno("put into quarantine", key);
  }
  if (::fchmodat(store_dir, (target + "/" + layout::kImage).c_str(), 0, 0) != 0 && errno != ENOENT)
    throw_errno("set the mode of", target);
  replace_file(store_dir, target + "/" + layout::kReason, reason + "\n", 0600, false);
  for (char const* const parent : {layout::kTemplates, layout::kQuarantine}) {
    Fd const dir = open_at(store_dir, parent, O_RDONLY | O_DIRECTORY);
    sync_file(dir.get(), parent);
  }
  return name;
}

std::vector<QuarantinedTemplate> list_quarantine(int store_dir) {
  std::vector<QuarantinedTemplate> out;
  for (auto const& name : names(store_dir)) {
    QuarantinedTemplate each{name, "no reason was recorded"};
    struct stat st {};
    if (::fstatat(store_dir, (layout::quarantined(name) + "/" + layout::kImage).c_str(), &st,
                  AT_SYMLINK_NOFOLLOW) == 0)
      each.allocated_bytes = static_cast<std::int64_t>(st.st_blocks) * 512;
    try {
      each.reason = read_file(store_dir, layout::quarantined(name) + "/" + layout::kReason, 4096);
      while (!each.reason.empty() && each.reason.back() == '\n') each.reason.pop_back();
    } catch (Error const& error) {
      spdlog::debug("{}", error.sentence());
    }
    out.push_back(std::move(each));
  }
  return out;
}

unsigned empty_quarantine(int store_dir) {
  Fd const sessions = open_at(store_dir, layout::kSessions, O_RDONLY | O_DIRECTORY);
  unsigned removed = 0;
  for (auto const& name : names(store_dir))
    if (remove_tree_through(sessions.get(), store_dir, layout::quarantined(name))) ++removed;
  return removed;
}

}  // namespace templatefs::cache
