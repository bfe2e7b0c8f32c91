// SPDX-License-Identifier: Apache-2.0
#include "vm/kernel_modules.h"

#include "base/files.h"
#include "tests/vm/support.h"
#include "vm/decompress.h"
#include "vm/kernel_lookup.h"

#include <algorithm>
#include <cerrno>

#include <gmock/gmock.h>

#include <fcntl.h>

namespace templatefs::vm {

namespace {

using testing::HasSubstr;

std::vector<std::string> names_of(std::vector<KernelModule> const& modules) {
  std::vector<std::string> out;
  for (auto const& module : modules) {
    auto const name = module.path.substr(module.path.rfind('/') + 1);
    out.push_back(name.substr(0, name.find('.')));
  }
  return out;
}

/// Of this machine's guest kernel; the trees below are made of its modules.
class KernelModules : public VmTest {
 protected:
  std::string const directory_ = find_kernel("").modules;

  /// A tree with virtio and virtio_ring only, indexed by depmod, the modules stored by `pack` with `suffix`.
  std::string make_tree(std::vector<std::string> const& pack, std::string const& suffix) {
    std::string const tree = scratch_ / "lib/modules/9.9.9";
    for (auto const& module : find_modules(directory_, {"virtio"}, {})) {
      auto const name = module.path.substr(module.path.rfind('/') + 1);
      write_file(tree + "/kernel/" + name, read_decompressed(module.path));
      if (!pack.empty()) {
        auto argv = pack;
        argv.push_back(tree + "/kernel/" + name);
        EXPECT_TRUE(succeeds(argv));
      }
    }
    write_file(tree + "/modules.order", "");
    write_file(tree + "/modules.builtin", "kernel/fs/ext4/ext4.ko\n");
    write_file(tree + "/modules.builtin.modinfo", "");
    // depmod reads names and dependencies out of the modules, compressed ones too.
    EXPECT_TRUE(succeeds({"/usr/sbin/depmod", "-b", scratch_.path(), "9.9.9"})) << suffix;
    return tree;
  }
};

}  // namespace

TEST_F(KernelModules, PutsDependenciesFirst) {
  auto const names = names_of(find_modules(directory_, {"virtio_blk"}, {}));
  auto const at = [&](std::string const& name) {
    return std::find(names.begin(), names.end(), name) - names.begin();
  };
  ASSERT_THAT(names, testing::IsSupersetOf({"virtio_ring", "virtio", "virtio_blk"}));
  EXPECT_LT(at("virtio_ring"), at("virtio"));
  EXPECT_LT(at("virtio"), at("virtio_blk"));
}

TEST_F(KernelModules, NamesEachModuleOnce) {
  auto names =
      names_of(find_modules(directory_, {"virtio_blk", "virtio_console", "virtio_blk"}, {"btrfs", "xfs"}));
  auto const count = names.size();
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  EXPECT_EQ(names.size(), count);
}

TEST_F(KernelModules, TakesSoftDependenciesAsOptional) {
  auto const modules = find_modules(directory_, {}, {"btrfs"});
  bool saw_soft = false;
  for (auto const& module : modules) {
    if (module.path.find("blake2b") != std::string::npos) saw_soft = !module.required;
    EXPECT_TRUE(module.required || module.path.find("/btrfs.ko") == std::string::npos);
  }
  EXPECT_TRUE(saw_soft) << "btrfs has a soft dependency on blake2b-256";
}

TEST_F(KernelModules, TakesAllSoftDependenciesOfAModule) {
  auto const tree = make_tree({}, "");
  write_file(tree + "/modules.softdep",
             "# a comment\nsoftdep virtio_ring post: virtio\nsoftdep virtio pre: nothing-like-it\n"
             "softdep virtio_ring pre: ext4\n");
  EXPECT_THAT(names_of(find_modules(tree, {"virtio_ring"}, {})), testing::ElementsAre("virtio_ring"));
  write_file(tree + "/modules.softdep", "softdep virtio_ring pre: ext4\nsoftdep virtio_ring pre: virtio\n");
  EXPECT_THAT(names_of(find_modules(tree, {"virtio_ring"}, {})), testing::Contains("virtio"));
  auto const names = names_of(find_modules(directory_, {}, {"btrfs"}));
  for (std::string const checksum : {"xxhash_generic", "blake2b_generic"})
    EXPECT_THAT(names, testing::Contains(checksum)) << "what `mkfs.btrfs --checksum` may ask for";
}

TEST_F(KernelModules, KnowsWhatIsBuiltIn) {
  auto const tree = make_tree({}, "");
  EXPECT_TRUE(find_modules(tree, {"ext4"}, {}).empty());
  EXPECT_EQ(names_of(find_modules(tree, {"virtio"}, {})),
            (std::vector<std::string>{"virtio_ring", "virtio"}));
}

TEST_F(KernelModules, LeavesOutAWantedDriverAndRefusesWithoutANeededOne) {
  EXPECT_TRUE(find_modules(directory_, {}, {"no_such_filesystem"}).empty());
  auto const error = error_of([&] { find_modules(directory_, {"no_such_bus"}, {}); });
  EXPECT_EQ(error.err(), ENOPKG);
  EXPECT_THAT(error.text(), HasSubstr("no_such_bus"));
  EXPECT_THAT(error.remedy(), HasSubstr("linux-image-"));
}

TEST_F(KernelModules, ReportsAMissingTree) {
  EXPECT_EQ(error_of([&] { find_modules(scratch_ / "nowhere", {"virtio"}, {}); }).err(), ENOPKG);
}

TEST_F(KernelModules, FindsAndUnpacksCompressedModules) {
  auto const plain = read_file(AT_FDCWD, find_modules(directory_, {"virtio"}, {}).back().path);
  std::vector<std::pair<std::string, std::vector<std::string>>> const packers{
      {".xz", {"xz", "--check=crc32"}}, {".zst", {"zstd", "-q", "--rm"}}};
  for (auto const& [suffix, pack] : packers) {
    if (find_on_path(pack[0]).empty()) continue;
    SCOPED_TRACE(suffix);
    auto const modules = find_modules(make_tree(pack, suffix), {"virtio"}, {});
    ASSERT_EQ(names_of(modules), (std::vector<std::string>{"virtio_ring", "virtio"}));
    EXPECT_TRUE(modules[1].path.ends_with(".ko" + suffix));
    EXPECT_EQ(read_decompressed(modules[1].path), plain);
    remove_tree(AT_FDCWD, scratch_ / "lib");
  }
}

TEST_F(KernelModules, DecompressPassesPlainFilesThroughAndRefusesTornOnes) {
  write_file(scratch_ / "plain", "just text");
  EXPECT_EQ(read_decompressed(scratch_ / "plain"), "just text");
  ASSERT_TRUE(succeeds({"gzip", scratch_ / "plain"}));
  EXPECT_EQ(read_decompressed(scratch_ / "plain.gz"), "just text");
  write_file(scratch_ / "empty", "");
  EXPECT_EQ(read_decompressed(scratch_ / "empty"), "");
  EXPECT_EQ(error_of([&] { read_decompressed(scratch_ / "missing"); }).err(), ENOENT);
  write_file(scratch_ / "big", std::string(1 << 20, 'x'));
  ASSERT_TRUE(succeeds({"xz", scratch_ / "big"}));
  auto const packed = read_file(AT_FDCWD, scratch_ / "big.xz");
  write_file(scratch_ / "torn.xz", packed.substr(0, packed.size() / 2));
  error_of([&] { read_decompressed(scratch_ / "torn.xz"); });
}

}  // namespace templatefs::vm
