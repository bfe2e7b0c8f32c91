// SPDX-License-Identifier: Apache-2.0
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/fresh_store.h"
#include "tests/mount/mounted_store.h"
#include "tests/support/wait_until.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include <unistd.h>

// What a mount tells of itself: attributes, status.json, metrics.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class Inspection : public FreshStore {};

std::string fact(std::string const& path, std::string const& name) {
  return xattr_of(path, "user.templatefs." + name);
}

long bytes(std::string const& path, std::string const& name) {
  return std::stol(fact(path, name));
}

/// What the exposition format and Prometheus' conventions ask of a text, as `promtool check metrics` does;
/// returns the complaints.
std::vector<std::string> faults_of_metrics(std::string const& text) {
  static std::regex const about("# (HELP|TYPE) ([a-z][a-z0-9_]*) (.+)");
  static std::regex const sample(
      R"re(([a-z][a-z0-9_]*)(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? (\d+(\.\d+)?))re");
  std::vector<std::string> faults;
  std::map<std::string, std::string> helps, types;
  std::set<std::string> seen, closed;
  std::string family;
  if (text.empty() || text.back() != '\n') faults.emplace_back("the last line does not end");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    auto const fault = [&](std::string const& what) { faults.push_back(what + ": " + line); };
    if (std::regex_match(line, match, about)) {
      auto& known = match[1] == "HELP" ? helps : types;
      if (!known.emplace(match[2], match[3]).second) fault("twice");
      if (family != match[2]) closed.insert(family);
      family = match[2];
      if (closed.contains(family)) fault("not together");
    } else if (std::regex_match(line, match, sample)) {
      if (match[1] != family) fault("not below its HELP and TYPE");
      if (!seen.insert(match[1].str() + match[2].str()).second) fault("the same sample twice");
    } else {
      fault("not of the format");
    }
  }
  for (auto const& [name, type] : types) {
    if (!helps.contains(name)) faults.push_back("no help for " + name);
    if (type != "counter" && type != "gauge") faults.push_back("type " + type + " of " + name);
    if ((type == "counter") != name.ends_with("_total")) faults.push_back("_total and the type: " + name);
    if (!name.starts_with("templatefs_")) faults.push_back("no namespace: " + name);
    static std::regex const unit(
        "_(ms|msec|millis|milliseconds|us|minutes|hours|kb|mb|kib|mib|kilobytes)(_|$)");
    if (std::regex_search(name, unit)) faults.push_back("not a base unit: " + name);
    if (name.find(type) != std::string::npos) faults.push_back("the type in the name: " + name);
  }
  return faults;
}

/// Of promtool, where scripts/test has fetched it.
void expect_promtool_agrees(std::string const& metrics, bool is_good = true) {
  char const* const promtool = std::getenv("TEMPLATEFS_PROMTOOL");
  if (promtool == nullptr || *promtool == '\0') {
    std::printf(
        "without TEMPLATEFS_PROMTOOL: promtool has not seen these metrics (scripts/fetch-promtool)\n");
    return;
  }
  TempDir const dir;
  replace_file(AT_FDCWD, dir / "metrics", metrics, 0600, false);
  auto const output = run_command({"sh", "-c", R"("$0" check metrics <"$1")", promtool, dir / "metrics"},
                                  Deadline::after(std::chrono::seconds(60)));
  EXPECT_EQ(output.status.success(), is_good) << output.text << metrics;
  if (is_good) {
    EXPECT_EQ(output.text, "") << metrics;
  }
}

TEST_F(Inspection, AnImageTellsWhenAndByWhomItWasMade) {
  Daemon const daemon(store(), {"--builder", "host", "-o", "allow_other"});
  auto const image = daemon / "ext4/16M/a.img";
  auto const before = rfc3339(epoch_ms_now() - 1000);  // the kernel stamps with a coarse clock
  ASSERT_EQ(open_outcome_as(1234, image, O_RDWR), "ok");
  EXPECT_EQ(fact(image, "opener"), "uid=1234 gid=1234");
  EXPECT_GE(fact(image, "created"), before);
  EXPECT_LE(fact(image, "created"), rfc3339(epoch_ms_now()));
  ASSERT_EQ(::chown(image.c_str(), 4321, 4321), 0);
  EXPECT_EQ(fact(image, "opener"), "uid=1234 gid=1234") << "whoever it was given to";
  ASSERT_EQ(::unlink(image.c_str()), 0);
  for (auto const* const name : {"opener", "created", "exclusive_bytes", "shared_bytes"})
    EXPECT_EQ(fact(image, name), "ENODATA") << name;
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok");
  EXPECT_EQ(fact(image, "opener"), "uid=0 gid=0") << "its name is as new";
}

TEST_F(Inspection, AnImageTellsWhatItTakesBesideItsTemplate) {
  Daemon const daemon(store());
  auto const image = daemon / "ext4/64M/a.img";
  ASSERT_EQ(open_outcome(image, O_RDWR), "ok");
  EXPECT_EQ(bytes(image, "exclusive_bytes"), 0);
  auto const shared = bytes(image, "shared_bytes");
  EXPECT_GT(shared, 4096);
  auto const file = open_file(image);
  write_at(file.get(), std::string(1 << 20, 'x'), 50 << 20);
  EXPECT_EQ(bytes(image, "exclusive_bytes"), 1 << 20) << "what was written a moment ago is seen";
  EXPECT_EQ(bytes(image, "shared_bytes"), shared);
  ASSERT_EQ(open_outcome(daemon / "raw/1M/empty.img", O_RDWR | O_TRUNC), "ok");
  EXPECT_EQ(fact(daemon / "raw/1M/empty.img", "exclusive_bytes"), "0");
  for (auto const* const name : {"exclusive_bytes", "created", "opener"})
    EXPECT_EQ(fact(daemon / "ext4/64M", name), "ENODATA") << name << " of a directory";
}

TEST_F(Inspection, TheKeyIsToldWhereTheCacheKnowsItAndNothingIsBuiltForIt) {
  FormatterStandIn const formatter("mkfs.ext4", R"("$real" "$@")");
  Daemon const daemon(store());
  EXPECT_EQ(fact(daemon / "ext4/16M/a.img", "key"), "ENODATA");
  EXPECT_EQ(fact(daemon / "ext4/16M", "key"), "ENODATA");
  EXPECT_EQ(formatter.starts(), 0);
  ASSERT_EQ(open_outcome(daemon / "ext4/16M/a.img", O_RDWR), "ok");
  auto const key = fact(daemon / "ext4/16M/a.img", "template");
  EXPECT_THAT(key, MatchesRegex("ext4-16m-[0-9a-f]{16}"));
  EXPECT_EQ(fact(daemon / "ext4/16M/a.img", "key"), key);
  EXPECT_EQ(fact(daemon / "ext4/16M/never-opened.img", "key"), key);
  EXPECT_EQ(fact(daemon / "ext4/16M", "key"), key);
  EXPECT_EQ(fact(daemon / "ext4", "key"), "ENODATA");
  EXPECT_EQ(fact(daemon / "ext4/17M", "key"), "ENODATA");
}

TEST_F(Inspection, StatusTellsOfBuildsAndWhoWaitsForThem) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  Daemon const daemon(store());
  auto const open_it = [&](std::string const& name) {
    return Client([path = daemon / name] { return open_outcome(path, O_RDWR) == "ok" ? 0 : 1; });
  };
  auto first = open_it("ext4/16M/a.img");
  ASSERT_TRUE(formatter.wait_until_started());
  auto second = open_it("ext4/16M/a.img");
  auto third = open_it("ext4/16M/b.img");
  EXPECT_TRUE(wait_until([&] { return status_of(daemon.mount_point())["waiting_requests"] == 3; }));
  auto const status = status_of(daemon.mount_point());
  ASSERT_EQ(status["builds"].size(), 1u);
  auto const& build = status["builds"][0];
  EXPECT_EQ(build["template"], "ext4/16M");
  EXPECT_EQ(build["phase"], "format");
  EXPECT_EQ(build["images"], 2);
  EXPECT_EQ(build["waiters"], 3);
  EXPECT_EQ(status["accelerator"], "none");
  EXPECT_GT(status["store"]["size_bytes"], status["store"]["free_bytes"]);

  auto const metrics = read_file(AT_FDCWD, daemon / ".templatefs/metrics");
  EXPECT_THAT(metrics, HasSubstr("\ntemplatefs_build_waiters{template=\"ext4/16M\",phase=\"format\"} 3\n"));
  EXPECT_THAT(faults_of_metrics(metrics), ::testing::IsEmpty()) << metrics;
  expect_promtool_agrees(metrics);
  formatter.release();
  for (auto* const client : {&first, &second, &third}) EXPECT_EQ(client->wait(), 0);
}

TEST_F(Inspection, MetricsKeepToTheFormatAndItsConventions) {
  Daemon const daemon(store());
  ASSERT_EQ(open_outcome(daemon / "raw/1M/a.img", O_RDWR), "ok");
  auto const metrics = read_file(AT_FDCWD, daemon / ".templatefs/metrics");
  EXPECT_THAT(faults_of_metrics(metrics), ::testing::IsEmpty()) << metrics;
  expect_promtool_agrees(metrics);
  EXPECT_THAT(metrics, AllOf(HasSubstr("\ntemplatefs_opens_total 1\n"), HasSubstr("\ntemplatefs_images 1\n"),
                             HasSubstr("accelerator=\"none\"")));
  for (auto const* const wrong :
       {"templatefs_x 1\n", "# HELP templatefs_x X.\n# TYPE templatefs_x counter\ntemplatefs_x 1\n",
        "# HELP templatefs_x_ms X.\n# TYPE templatefs_x_ms gauge\ntemplatefs_x_ms 1\n",
        "# HELP templatefs_x X.\n# TYPE templatefs_x gauge\ntemplatefs_x 1\ntemplatefs_x 2\n"})
    EXPECT_THAT(faults_of_metrics(wrong), ::testing::Not(::testing::IsEmpty())) << wrong;
  expect_promtool_agrees("templatefs_x 1\n", false);
}

}  // namespace

}  // namespace templatefs::test
