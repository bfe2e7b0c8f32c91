// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "tests/mount/observe.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/support/wait_until.h"

#include <cerrno>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

using namespace std::chrono_literals;

/// An io_uring whose one operation, a timeout, completes while this thread is busy elsewhere: the kernel then
/// interrupts whatever the thread waits in, without a signal. Every QEMU that starts does that to itself.
class Ring {
 public:
  Ring() : ring_(static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters_))) {}

  bool works() const { return static_cast<bool>(ring_); }
  void complete_in(std::chrono::nanoseconds delay) {
    auto* const queue =
        static_cast<char*>(map(parameters_.sq_off.array + 4 * sizeof(unsigned), IORING_OFF_SQ_RING));
    auto* const entry = static_cast<io_uring_sqe*>(map(sizeof(io_uring_sqe), IORING_OFF_SQES));
    delay_ = {0, delay.count()};
    entry->opcode = IORING_OP_TIMEOUT;
    entry->fd = -1;
    entry->addr = reinterpret_cast<std::uint64_t>(&delay_);
    entry->len = 1;
    auto* const tail = reinterpret_cast<unsigned*>(queue + parameters_.sq_off.tail);
    __atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
    check(::syscall(SYS_io_uring_enter, ring_.get(), 1, 0, 0, nullptr, 0), "submit to", "a ring");
  }

 private:
  void* map(std::size_t length, std::uint64_t offset) {
    void* const at =
        ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, ring_.get(), static_cast<off_t>(offset));
    if (at == MAP_FAILED) throw_errno("map", "a ring");
    return at;
  }

  io_uring_params parameters_{};
  Fd ring_;
  __kernel_timespec delay_{};
};

class TaskWork : public RobustnessTest {
 protected:
  void SetUp() override {
    RobustnessTest::SetUp();
    if (IsSkipped()) return;
    if (!Ring().works()) GTEST_SKIP() << "no io_uring here: " << std::strerror(errno);
    daemon_ = &mount();
  }
  /// An opener that was interrupted by its ring's completion and is still waiting.
  Client open_interrupted() {
    Client client([this] {
      struct sigaction action {};
      action.sa_handler = [](int) {};
      ::sigaction(SIGUSR1, &action, nullptr);
      Ring ring;
      ring.complete_in(50ms);
      return errno_of_open(*daemon_ / "ext4/64M/r.img");
    });
    // After its first interrupt the kernel waits for fatal signals only: uninterruptible, as ps says.
    std::string const status = "/proc/" + std::to_string(client.pid()) + "/status";
    EXPECT_TRUE(
        wait_until([&] { return read_file(AT_FDCWD, status).find("State:\tD") != std::string::npos; }, 5s))
        << read_file(AT_FDCWD, status);
    return client;
  }

  FormatterStandIn formatter_{"mkfs.ext4", FormatterStandIn::waiting_script()};
  Daemon* daemon_ = nullptr;
};

TEST_F(TaskWork, IsNoInterruptOfAnOpenThatWaits) {
  auto client = open_interrupted();
  EXPECT_EQ(client.wait(100ms), -1);
  formatter_.release();
  EXPECT_EQ(client.wait(), 0) << "EINTR without a signal: QEMU would not start";
}

TEST_F(TaskWork, DoesNotKeepALaterSignalFromTheOpener) {
  auto killed = open_interrupted();
  killed.signal(SIGKILL);
  EXPECT_EQ(killed.wait(400ms * kSlowness), 128 + SIGKILL);
  auto handled = open_interrupted();
  handled.signal(SIGUSR1);
  EXPECT_EQ(handled.wait(400ms * kSlowness), EINTR);
  formatter_.release();
  EXPECT_TRUE(wait_until([&] { return status_of(*daemon_)["builds"].empty(); }));
  EXPECT_EQ(status_of(*daemon_)["images"]["existing"], 0);
}

TEST_F(TaskWork, LeavesNoOpenerBehindAtTheUnmount) {
  auto client = open_interrupted();
  unmount(*daemon_);
  EXPECT_NE(client.wait(), -1);
}

}  // namespace

}  // namespace templatefs::test
