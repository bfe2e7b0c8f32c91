// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"

#include <memory>
#include <sstream>

#include <unistd.h>

// Reads and writes of an open image do not pass through the daemon.
namespace templatefs::test {

namespace {

struct Load {
  char const* name;
  int flags;
  int calls;
  long most_switches;
};

void PrintTo(Load const& load, std::ostream* out) {
  *out << load.name;
}

/// Voluntary and involuntary switches of all threads of a process.
long context_switches(pid_t pid) {
  long total = 0;
  std::string const tasks = "/proc/" + std::to_string(pid) + "/task";
  for (auto const& task : names_in(tasks)) {
    std::istringstream lines(read_file(AT_FDCWD, tasks + "/" + task + "/status"));
    for (std::string line; std::getline(lines, line);)
      if (line.find("ctxt_switches:") != std::string::npos)
        total += std::stol(line.substr(line.find(':') + 1));
  }
  return total;
}

class DataPath : public SharedMount, public ::testing::WithParamInterface<Load> {
 protected:
  static constexpr std::size_t kBlock = 4096;
  long switches_during(std::function<void()> const& work) const {
    auto const before = context_switches(mount().daemon().pid());
    work();
    return context_switches(mount().daemon().pid()) - before;
  }
};

TEST_P(DataPath, DoesNotWakeTheDaemon) {
  std::unique_ptr<char, decltype(&std::free)> const block(
      static_cast<char*>(std::aligned_alloc(kBlock, kBlock)), std::free);
  std::fill_n(block.get(), kBlock, 'x');
  auto const file = open_file(image(), O_RDWR | GetParam().flags);
  auto const offset_of = [](int each) {
    return static_cast<off_t>(each * 7919 % 256) * static_cast<off_t>(kBlock);
  };
  EXPECT_LT(switches_during([&] {
              for (int each = 0; each < GetParam().calls; ++each)
                ASSERT_EQ(::pwrite(file.get(), block.get(), kBlock, offset_of(each)), kBlock);
            }),
            GetParam().most_switches);
  EXPECT_LT(switches_during([&] {
              for (int each = 0; each < GetParam().calls; ++each)
                ASSERT_EQ(::pread(file.get(), block.get(), kBlock, offset_of(each)), kBlock);
            }),
            GetParam().most_switches);
}

// Each direct call waits for the disk: fewer of them show the same.
INSTANTIATE_TEST_SUITE_P(Loads, DataPath,
                         ::testing::Values(Load{"Buffered", 0, 10'000, 200},
                                           Load{"Direct", O_DIRECT, 500, 50}),
                         [](auto const& each) { return std::string(each.param.name); });

}  // namespace

}  // namespace templatefs::test
