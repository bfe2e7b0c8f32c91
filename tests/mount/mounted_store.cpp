// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/mounted_store.h"

#include "base/error.h"
#include "base/files.h"
#include "vm/filesystem.h"

#include <algorithm>
#include <map>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::test {

namespace {

std::map<std::string, std::unique_ptr<MountedStore>>& shared_mounts() {
  static std::map<std::string, std::unique_ptr<MountedStore>> mounts;
  return mounts;
}

void make_directory(std::string const& path) {
  check(::mkdir(path.c_str(), 0755), "make", path);
}

}  // namespace

std::vector<std::string> recipe_names() {
  std::vector<std::string> names;
  for (auto const& filesystem : vm::filesystems()) names.emplace_back(filesystem.name);
  std::sort(names.begin(), names.end());
  return names;
}

MountedStore::MountedStore(std::string const& kind, std::vector<std::string> const& more_options)
    : filesystem_(kind == kOnBtrfs ? "btrfs" : "xfs"), root_(filesystem_.path()) {
  if (kind == kThroughDaemon) {
    for (char const* const name : {"lower1", "lower2", "upper", "work", "overlay1", "overlay2"})
      make_directory(filesystem_ / name);
    auto const overlay = [&](std::string const& name, std::string const& options) {
      std::string const where = filesystem_ / name;
      check(::mount("overlay", where.c_str(), "overlay", 0, options.c_str()), "mount", where);
      overlays_.push_back(where);
    };
    overlay("overlay1", "lowerdir=" + filesystem_ / "lower1" + ":" + filesystem_ / "lower2");
    overlay("overlay2", "lowerdir=" + filesystem_ / "overlay1" + ",upperdir=" + filesystem_ / "upper" +
                            ",workdir=" + filesystem_ / "work");
    root_ = filesystem_ / "overlay2";
  }
  store_ = root_ + "/store";
  std::vector<std::string> options{"--builder", "host", "-o", "allow_other"};
  options.insert(options.end(), more_options.begin(), more_options.end());
  daemon_ = std::make_unique<Daemon>(store_, options);
}

MountedStore::~MountedStore() {
  daemon_.reset();
  for (auto where = overlays_.rbegin(); where != overlays_.rend(); ++where)
    ::umount2(where->c_str(), MNT_DETACH);
}

void SharedMount::SetUp() {
  bool const root = ::geteuid() == 0;
  if (root) {
    auto& mount = shared_mounts()[kind()];
    if (!mount) mount = std::make_unique<MountedStore>(kind());
    mount_ = mount.get();
  }
  LeakCheck::SetUp();
  if (!root) GTEST_SKIP() << "needs root: loop devices";
}

void SharedMount::TearDownTestSuite() {
  shared_mounts().clear();
}

std::string SharedMount::image(std::string const& name) const {
  std::string test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  std::replace(test.begin(), test.end(), '/', '.');
  return at("raw/1M/" + test + "-" + name + ".img");
}

nlohmann::json status_of(std::string const& mount_point) {
  return nlohmann::json::parse(read_file(AT_FDCWD, mount_point + "/.templatefs/status.json"));
}

std::vector<std::string> names_in(std::string const& directory) {
  std::vector<std::string> names;
  for_each_entry(AT_FDCWD, directory, [&](std::string const& name) { names.push_back(name); });
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace templatefs::test
