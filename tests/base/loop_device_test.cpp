// SPDX-License-Identifier: Apache-2.0
#include "base/loop_device.h"

#include "base/error.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {

namespace {

class LoopDeviceTest : public test::LeakCheck {};

TEST_F(LoopDeviceTest, TellsWhatItIsOver) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  test::TempDir const dir;
  auto const make = [&](std::string const& name) {
    Fd file = open_at(AT_FDCWD, dir / name, O_RDWR | O_CREAT | O_EXCL, 0600);
    check(::ftruncate(file.get(), 1 << 20), "set the size of", name);
    return file;
  };
  Fd const ours = make("ours");
  Fd const another = make("another");
  auto const device = LoopDevice::attach(dir / "ours");
  EXPECT_TRUE(is_loop_over(device.path(), ours.get()));
  EXPECT_FALSE(is_loop_over(device.path(), another.get()));
  EXPECT_FALSE(is_loop_over("/dev/null", ours.get()));
  EXPECT_FALSE(is_loop_over("none", ours.get()));
}

TEST_F(LoopDeviceTest, OnceDiscardedItIsFree) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
  test::TempDir const dir;
  Fd const file = open_at(AT_FDCWD, dir / "file", O_RDWR | O_CREAT | O_EXCL, 0600);
  check(::ftruncate(file.get(), 1 << 20), "set the size of", "file");
  auto device = LoopDevice::attach(dir / "file");
  device.discard();
  EXPECT_FALSE(is_loop_over(device.path(), file.get()));
}

}  // namespace

}  // namespace templatefs
