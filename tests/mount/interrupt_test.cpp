// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"

#include <atomic>
#include <cerrno>
#include <random>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;

/// What RELIABILITY promises; nobody notices less.
constexpr auto kGone = 400ms * kSlowness;

/// A handler without SA_RESTART.
void handle(int number) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(number, &action, nullptr);
}

class Interrupt : public RobustnessTest {
 protected:
  std::string path(unsigned index) const { return *daemon_ / "ext4/64M/i" + std::to_string(index) + ".img"; }
  std::vector<Client> open_in_processes(unsigned count) {
    std::vector<Client> clients;
    for (unsigned index = 0; index < count; ++index)
      clients.emplace_back([this, index] { return errno_of_open(path(index)); });
    EXPECT_TRUE(wait_for_waiting(*daemon_, count));
    return clients;
  }
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    handle(SIGUSR1);  // the openers have it from their first moment
    daemon_ = &mount();
  }

  FormatterStandIn formatter_{"mkfs.ext4", FormatterStandIn::waiting_script()};
  Daemon* daemon_ = nullptr;
};

TEST_F(Interrupt, AnInterruptedOpenerIsGoneAtOnceAndTheOthersGetTheirImage) {
  auto clients = open_in_processes(8);
  struct Case {
    unsigned client;
    int signal;
    int status;
  };
  for (auto const& [client, signal, status] : {Case{1, SIGKILL, 128 + SIGKILL}, Case{2, SIGINT, 128 + SIGINT},
                                               Case{3, SIGTERM, 128 + SIGTERM}, Case{4, SIGUSR1, EINTR}}) {
    clients[client].signal(signal);
    EXPECT_EQ(clients[client].wait(kGone), status) << "signal " << signal;
  }
  EXPECT_TRUE(wait_for_waiting(*daemon_, 4));
  formatter_.release();
  for (unsigned const client : {0u, 5u, 6u, 7u}) EXPECT_EQ(clients[client].wait(), 0);
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(status_of(*daemon_)["counters"]["images_made"], 4) << "an image was made for nobody";
  EXPECT_EQ(::access(path(1).c_str(), F_OK), 0) << "its name is as new, and resolves";
  EXPECT_EQ(errno_of_open(path(1)), 0);
  EXPECT_EQ(formatter_.starts(), 1);
}

TEST_F(Interrupt, OneOfTheOpenersOfOneIdLeavesTheImageToTheOthers) {
  std::vector<Client> clients;
  clients.reserve(4);
  for (int index = 0; index < 4; ++index) clients.emplace_back([this] { return errno_of_open(path(0)); });
  ASSERT_TRUE(wait_for_waiting(*daemon_, 4));
  clients[0].signal(SIGKILL);
  EXPECT_EQ(clients[0].wait(kGone), 128 + SIGKILL);
  formatter_.release();
  for (int index = 1; index < 4; ++index) EXPECT_EQ(clients[static_cast<unsigned>(index)].wait(), 0);
  EXPECT_EQ(status_of(*daemon_)["counters"]["images_made"], 1);
  EXPECT_TRUE(wait_until([&] { return status_of(*daemon_)["images"]["open"] == 0; }));
}

TEST_F(Interrupt, TheBuildOutlivesAllItsOpenersAndServesTheNext) {
  auto clients = open_in_processes(20);
  for (auto& client : clients) client.signal(SIGKILL);
  for (auto& client : clients) EXPECT_EQ(client.wait(kGone), 128 + SIGKILL);
  EXPECT_EQ(status_of(*daemon_)["waiting_requests"], 0);
  Client late([this] { return errno_of_open(path(100)); });
  ASSERT_TRUE(wait_for_waiting(*daemon_, 1));
  formatter_.release();
  EXPECT_EQ(late.wait(), 0);
  EXPECT_EQ(formatter_.starts(), 1);
  EXPECT_EQ(status_of(*daemon_)["images"]["existing"], 1);
}

TEST_F(Interrupt, NothingStaysWhereNobodyIsLeftAtTheEndOfTheBuild) {
  auto clients = open_in_processes(5);
  for (auto& client : clients) client.signal(SIGTERM);
  for (auto& client : clients) EXPECT_EQ(client.wait(kGone), 128 + SIGTERM);
  formatter_.release();
  ASSERT_TRUE(wait_until([&] { return status_of(*daemon_)["builds"].empty(); }));
  EXPECT_EQ(status_of(*daemon_)["images"]["existing"], 0);
  EXPECT_EQ(in_store("templates").size(), 1u) << "the build is not wasted";
  EXPECT_EQ(errno_of_open(path(0)), 0);
}

/// Opens, writes and unlinks new ids for ever; 0 unless something is wrong that no signal explains.
int churn(std::string const& mount_point, unsigned client, unsigned round, bool signalled) {
  for (unsigned turn = 0;; ++turn) {
    std::string const path = mount_point + "/ext4/" + std::to_string(64 + round) + "M/c" +
                             std::to_string(client) + "-" + std::to_string(turn % 5) + ".img";
    int const fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0 && !(signalled && errno == EINTR)) return errno;
    if (fd < 0) continue;
    if (::pwrite(fd, "x", 1, 0) != 1) return errno;
    ::close(fd);
    if (::unlink(path.c_str()) != 0 && !(signalled && errno == EINTR)) return errno;
  }
}

TEST_F(Interrupt, AHundredAtRandomUnderLoadLeaveNothingBehind) {
  formatter_.release();
  ASSERT_EQ(errno_of_open(*daemon_ / "ext4/64M/warm.img"), 0);
  auto const descriptors = descriptors_of(daemon_->pid());
  std::string const mount_point = daemon_->mount_point();
  unsigned const seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  auto const up_to = [&](unsigned most) { return std::uniform_int_distribution<unsigned>(0, most)(random); };

  std::vector<Client> steady;
  for (unsigned index = 0; index < 2; ++index)
    steady.emplace_back([&, index] { return churn(mount_point, 100 + index, 0, false); });
  int const signals[] = {SIGKILL, SIGINT, SIGTERM, SIGUSR1};
  for (unsigned round = 1; round <= 10; ++round) {  // a cold key each
    std::vector<Client> clients;
    for (unsigned index = 0; index < 10; ++index)
      clients.emplace_back([&, index] { return churn(mount_point, index, round, true); });
    for (auto& client : clients) {
      ::poll(nullptr, 0, static_cast<int>(up_to(25)));  // the moment of the signal is the test's random input
      int const number = signals[up_to(3)];
      client.signal(number);
      if (number == SIGUSR1) {
        EXPECT_EQ(client.wait(static_cast<std::chrono::milliseconds>(up_to(5))), -1)
            << "a handled signal is no end";
        client.signal(SIGKILL);
      }
      EXPECT_NE(client.wait(kGone), -1);
    }
  }
  for (auto& client : steady) {
    EXPECT_EQ(client.wait(0ms), -1) << "it failed, though nobody disturbed it";
    client.signal(SIGKILL);
    EXPECT_NE(client.wait(kGone), -1);
  }
  EXPECT_TRUE(wait_until([&] {
    auto const status = status_of(*daemon_);
    return status["waiting_requests"] == 0 && status["images"]["open"] == 0 && status["builds"].empty();
  })) << status_of(*daemon_).dump(2);
  // Each key's template stays open for a while: image, lock and the images' directory. One that is made
  // ahead, and what the last look at the status took, goes by itself.
  auto const most = descriptors + 10 * 3;
  EXPECT_TRUE(wait_until([&] { return descriptors_of(daemon_->pid()) <= most; }))
      << descriptors_of(daemon_->pid()) << " descriptors, at most " << most << " expected";
  EXPECT_LE(formatter_.starts(), 11);
  EXPECT_EQ(errno_of_open(*daemon_ / "ext4/64M/after.img"), 0);
}

}  // namespace

}  // namespace templatefs::test
