// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <set>

#include <fcntl.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;

constexpr unsigned kOpeners = 200;
constexpr std::int64_t kExt4Superblock = 1024;  // holds a random UUID: no two builds have the same

class Stampede : public RobustnessTest {
 protected:
  /// `count` processes that open `path(index)` and end with the errno.
  static std::vector<Client> open_in_processes(unsigned count,
                                               std::function<std::string(unsigned)> const& path) {
    std::vector<Client> clients;
    for (unsigned index = 0; index < count; ++index)
      clients.emplace_back([&path, index] { return errno_of_open(path(index)); });
    return clients;
  }
  static std::vector<int> results_of(std::vector<Client>& clients) {
    std::vector<int> results;
    results.reserve(clients.size());
    for (auto& client : clients) results.push_back(client.wait(60s));
    return results;
  }
  static std::vector<int> successes(unsigned count) { return std::vector<int>(count, 0); }
  static std::string id(Daemon const& daemon, std::string const& capacity, unsigned index) {
    return daemon / "ext4/" + capacity + "/s" + std::to_string(index) + ".img";
  }
  static std::set<std::string> contents(Daemon const& daemon, std::string const& capacity, unsigned count) {
    std::set<std::string> found;
    for (unsigned index = 0; index < count; ++index)
      found.insert(read_image(id(daemon, capacity, index), 1024, kExt4Superblock));
    return found;
  }
  std::size_t templates_of(std::string const& prefix) const {
    auto const names = in_store("templates");
    return static_cast<std::size_t>(std::count_if(
        names.begin(), names.end(), [&](std::string const& name) { return name.starts_with(prefix); }));
  }

  FormatterStandIn formatter_{"mkfs.ext4", FormatterStandIn::waiting_script()};
};

TEST_F(Stampede, TwoHundredNewIdsOfOneColdKeyAreOneBuild) {
  Daemon const& daemon = mount();
  ASSERT_EQ(errno_of_open(daemon / "raw/8M/first.img"), 0);
  auto clients = open_in_processes(kOpeners, [&](unsigned index) { return id(daemon, "64M", index); });
  ASSERT_TRUE(wait_for_waiting(daemon, kOpeners));

  for (int round = 0; round < 20; ++round)
    EXPECT_LT(time_of([&] {
                EXPECT_EQ(errno_of_open(daemon / "raw/8M/warm" + std::to_string(round) + ".img"), 0);
              }),
              1s)
        << "an open of another, warm template waited for the build";

  formatter_.release();
  EXPECT_EQ(results_of(clients), successes(kOpeners));
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(templates_of("ext4-64m-"), 1u);
  EXPECT_EQ(contents(daemon, "64M", kOpeners).size(), 1u);
  EXPECT_EQ(status_of(daemon)["counters"]["images_made"], kOpeners + 21);
}

TEST_F(Stampede, TwoHundredOpenersOfOneColdIdShareOneImage) {
  Daemon const& daemon = mount();
  auto clients = open_in_processes(kOpeners, [&](unsigned) { return id(daemon, "64M", 0); });
  ASSERT_TRUE(wait_for_waiting(daemon, kOpeners));
  formatter_.release();
  EXPECT_EQ(results_of(clients), successes(kOpeners));
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(status_of(daemon)["counters"]["images_made"], 1);
  EXPECT_TRUE(wait_until([&] { return status_of(daemon)["images"]["open"] == 0; }));
}

TEST_F(Stampede, EightOpenersOfEachOfSixKeysAreSixBuilds) {
  Daemon const& daemon = mount();
  auto const capacity = [](unsigned index) { return std::to_string(64 + index % 6) + "M"; };
  auto clients = open_in_processes(48, [&](unsigned index) { return id(daemon, capacity(index), index); });
  ASSERT_TRUE(wait_for_waiting(daemon, 48));
  formatter_.release();
  EXPECT_EQ(results_of(clients), successes(48));
  EXPECT_EQ(formatter_.starts(), 6);
  EXPECT_EQ(templates_of("ext4-"), 6u);
}

TEST_F(Stampede, TwoDaemonsAndABuildCommandAreOneBuild) {
  Daemon const& left = mount();
  Daemon const& right = mount();
  auto on_left = open_in_processes(40, [&](unsigned index) { return id(left, "64M", index); });
  auto on_right = open_in_processes(40, [&](unsigned index) { return id(right, "64M", index); });
  Client command([&] {
    auto const result = run_program({"build", "--builder", "host", "--store", store(), "ext4/64M"});
    return result.status.success() ? 0 : 1;
  });
  ASSERT_TRUE(wait_for_waiting(left, 40));
  ASSERT_TRUE(wait_for_waiting(right, 40));
  ASSERT_TRUE(wait_until([&] { return in_store("sessions").size() == 3; })) << "the command has not begun";
  ASSERT_TRUE(formatter_.wait_until_started());
  formatter_.release();

  EXPECT_EQ(results_of(on_left), successes(40));
  EXPECT_EQ(results_of(on_right), successes(40));
  EXPECT_EQ(command.wait(), 0);
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(templates_of("ext4-64m-"), 1u);
  auto all = contents(left, "64M", 40);
  all.merge(contents(right, "64M", 40));
  EXPECT_EQ(all.size(), 1u);
}

TEST_F(Stampede, NobodyWaitsWhereTheFormatterIsQuick) {
  formatter_.release();
  Daemon const& daemon = mount();
  auto const results =
      run_in_processes(kOpeners, [&](unsigned index) { return errno_of_open(id(daemon, "64M", index)); });
  EXPECT_EQ(results, successes(kOpeners));
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(contents(daemon, "64M", kOpeners).size(), 1u);
}

}  // namespace

}  // namespace templatefs::test
