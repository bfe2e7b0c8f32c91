// SPDX-License-Identifier: Apache-2.0
#include "cli/mount_helper.h"

#include "base/error.h"
#include "cli/command.h"

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>

namespace templatefs::cli {

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MountHelper : public ::testing::Test {
 protected:
  MountHelper() { add_mount(program_, action_); }
  HelperCall parse(std::vector<char const*> words) const {
    words.insert(words.begin(), "/sbin/mount.templatefs");
    return parse_mount_helper(static_cast<int>(words.size()), words.data(),
                              *program_.get_subcommand("mount"));
  }
  std::string refusal(std::vector<char const*> words) const {
    try {
      (void)parse(std::move(words));
    } catch (Error const& error) {
      return error.sentence();
    }
    return "none";
  }
  static bool is_helper(std::vector<char const*> words) {
    return is_mount_helper(static_cast<int>(words.size()), words.data());
  }

  CLI::App program_;
  Action action_;
};

TEST_F(MountHelper, IsKnownByItsNameOrByWhatMountFuseSays) {
  EXPECT_TRUE(is_helper({"/sbin/mount.templatefs"}));
  EXPECT_TRUE(is_helper({"mount.fuse.templatefs", "templatefs", "/mnt"}));
  EXPECT_TRUE(is_helper({"templatefs", "/var/lib/templatefs", "/mnt", "-o", "rw"}));
  EXPECT_TRUE(is_helper({"templatefs", "templatefs", "/mnt", "-o", "rw"}));
  EXPECT_FALSE(is_helper({"/usr/bin/templatefs", "mount", "/mnt"}));
  EXPECT_FALSE(is_helper({"templatefs", "/mnt"}));
}

TEST_F(MountHelper, LeavesOutWhatIsForMountAndFstab) {
  auto const call =
      parse({"/var/lib/templatefs", "/mnt/templates", "-n", "-o",
             "rw,nofail,_netdev,user,noauto,x-systemd.automount,x-mount.mkdir=0755,comment=hello,"
             "noexec,nosuid,nodev,allow_other"});
  EXPECT_THAT(call.words,
              ElementsAre("mount", "--store=/var/lib/templatefs", "-o", "fsname=/var/lib/templatefs", "-o",
                          "noexec", "-o", "nosuid", "-o", "nodev", "-o", "allow_other", "/mnt/templates"));
  EXPECT_FALSE(call.only_pretend);
}

TEST_F(MountHelper, TakesEveryOptionOfTheCommandAsOneOfO) {
  auto const call = parse({"templatefs", "/mnt", "-vo", "store_size=20G,builder=host,recover,max-capacity=1T",
                           "-o", "config=\"/etc/a,b.toml\"", "-t", "templatefs"});
  EXPECT_THAT(call.words,
              ElementsAre("mount", "-o", "fsname=templatefs", "--store-size=20G", "--builder=host",
                          "--recover", "--max-capacity=1T", "--config=/etc/a,b.toml", "/mnt"));
}

TEST_F(MountHelper, PretendsAndMountsReadOnly) {
  EXPECT_TRUE(parse({"-f", "templatefs", "/mnt"}).only_pretend);
  EXPECT_THAT(parse({"-rs", "templatefs", "/mnt"}).words,
              ElementsAre("mount", "-o", "fsname=templatefs", "-o", "ro", "/mnt"));
}

TEST_F(MountHelper, SaysWhatIsWrongWithACall) {
  EXPECT_THAT(refusal({"templatefs"}), HasSubstr("It is: mount.templatefs SPEC DIR"));
  EXPECT_THAT(refusal({"relative", "/mnt"}), HasSubstr("a store's directory"));
  EXPECT_THAT(refusal({"templatefs", "/mnt", "-o"}), HasSubstr("-o needs a value"));
  EXPECT_THAT(refusal({"templatefs", "/mnt", "-x"}), HasSubstr("no option -x"));
  EXPECT_THAT(refusal({"templatefs", "/mnt", "-o", "remount,ro"}), HasSubstr("Unmount it first"));
  EXPECT_THAT(refusal({"templatefs", "/mnt", "-o", "builder"}), HasSubstr("needs a value"));
}

}  // namespace

}  // namespace templatefs::cli
