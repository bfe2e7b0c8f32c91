// SPDX-License-Identifier: Apache-2.0
#include "cli/top_screen.h"

#include "base/capacity.h"
#include "base/log.h"
#include "cli/table.h"

#include <algorithm>
#include <sstream>

namespace templatefs::cli {

namespace {

/// Mounts and builds keep to this many lines where all do not fit.
constexpr std::size_t kFewestLines = 3;

std::vector<std::string> table_lines(std::vector<std::vector<std::string>> const& rows) {
  std::vector<std::string> lines;
  std::istringstream text(aligned_table(rows));
  for (std::string line; std::getline(text, line);) lines.push_back(std::move(line));
  return lines;
}

std::vector<std::string> mount_lines(TopView const& view, std::size_t columns) {
  std::vector<std::vector<std::string>> rows{
      {"MOUNT", "IMAGES", "OPEN", "OPENS/S", "FAIL/S", "WAITING", "STORE"}};
  auto const widest = std::max<std::size_t>(12, columns < 60 ? 12 : columns - 60);
  for (auto const& mount : view.mounts) {
    auto const& now = mount.now;
    if (!now.answers()) {
      rows.push_back({cut_front_to(now.mount_point, widest), "-", "-", "-", "-", "-", "does not answer"});
      continue;
    }
    auto const size = now.number("/store/size_bytes");
    auto const used = size - now.number("/store/free_bytes");
    rows.push_back({cut_front_to(now.mount_point, widest), std::to_string(now.number("/images/existing")),
                    std::to_string(now.number("/images/open")), format("{:.1f}", mount.opens_per_second),
                    format("{:.1f}", mount.failures_per_second),
                    std::to_string(now.number("/waiting_requests")),
                    format("{} of {}", human_size(used), human_size(size))});
  }
  return table_lines(rows);
}

std::vector<std::string> build_lines(TopView const& view, std::size_t columns) {
  if (view.builds.empty()) return {"No template is being built."};
  std::vector<std::vector<std::string>> rows{{"BUILD", "PHASE", "ELAPSED", "IMAGES", "WAITING"}};
  auto const widest = std::max<std::size_t>(20, columns < 50 ? 20 : columns - 50);
  for (auto const& build : view.builds)
    rows.push_back({cut_front_to(build.path(), widest), build.phase, elapsed_text(build.elapsed),
                    std::to_string(build.images), std::to_string(build.waiters)});
  return table_lines(rows);
}

/// At most `most` lines, the last one saying how many more there are.
void add(std::vector<std::string>& out, std::vector<std::string> lines, std::size_t most) {
  if (lines.size() > most && most > 0) {
    auto const more = lines.size() - most + 1;
    lines.resize(most - 1);
    lines.push_back(format("... and {} more", more));
  }
  for (std::size_t at = 0; at < std::min(lines.size(), most); ++at) out.push_back(std::move(lines[at]));
}

}  // namespace

std::vector<std::string> top_screen(TopView const& view, TerminalSize size) {
  std::vector<std::string> out{
      format("templatefs top  {}  {} mount{}, {} build{}  q quits", view.time, view.mounts.size(),
             view.mounts.size() == 1 ? "" : "s", view.builds.size(), view.builds.size() == 1 ? "" : "s"),
      ""};
  auto mounts = mount_lines(view, size.columns);
  auto builds = build_lines(view, size.columns);
  // What is left of the screen after title and gaps: half of it for mounts, then builds, then failures.
  std::size_t const room = size.rows > 4 ? size.rows - 4 : 1;
  add(out, std::move(mounts), std::max(kFewestLines, room / 2));
  out.emplace_back();
  add(out, std::move(builds), out.size() < size.rows ? size.rows - out.size() : 0);
  if (!view.failures.empty() && out.size() + 2 < size.rows) {
    out.emplace_back();
    out.emplace_back("LAST FAILURES");
    auto failures = view.failures;
    failures.resize(std::min(failures.size(), size.rows - out.size()));
    out.insert(out.end(), failures.begin(), failures.end());
  }
  if (out.size() > size.rows) out.resize(size.rows);
  for (auto& line : out) line = cut_to(line, size.columns);
  return out;
}

}  // namespace templatefs::cli
