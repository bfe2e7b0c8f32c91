// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace templatefs::cli {

/// fail: it stops a user of templatefs. warn: it costs time or space, or stops one command only.
enum class Verdict { ok, warn, fail };

/// "ok", "WARN", "FAIL".
char const* verdict_name(Verdict verdict);

/// One thing that doctor can find wrong. `name` is stable: "fuse/no-device".
struct Trouble {
  std::string_view name;
  Verdict verdict;
  std::string_view meaning;
};

/// All of them, in the order in which they are looked for. `doctor --list` prints them, the manual page has
/// them, and tests/mount/doctor_cases.cpp provokes each.
inline constexpr Trouble kTroubles[] = {
    {"config/invalid", Verdict::fail, "a configuration file cannot be read, or has a mistake"},
    {"store/unusable", Verdict::fail, "the store cannot be opened, or its place is unknown"},
    {"store/other-owner", Verdict::fail, "the store is another user's"},
    {"store/no-place", Verdict::fail, "nothing can be written where the store is to be"},
    {"store/not-mounted", Verdict::warn, "the store's own filesystem is not mounted, which takes root"},
    {"store/writable-by-others", Verdict::warn, "others may change what is trusted"},
    {"reflink/none", Verdict::warn, "images are sparse copies"},
    {"loop/no-device", Verdict::warn, "no loop device for the filesystem that a store gets"},
    {"loop/no-formatter", Verdict::fail, "neither mkfs.xfs nor mkfs.btrfs for it"},
    {"loop/no-room", Verdict::fail, "less than 512M for it"},
    {"space/low", Verdict::warn, "less than 1G is free in the store"},
    {"space/full", Verdict::fail, "less than 16M, or no file, is free for the store"},
    {"pins/no-attributes", Verdict::warn, "images cannot be pinned"},
    {"pins/unknown", Verdict::warn, "whether they can could not be tried"},
    {"quarantine/damaged", Verdict::warn, "templates were found damaged"},
    {"debris/dead-sessions", Verdict::warn, "processes that were killed left images"},
    {"budget/over", Verdict::warn, "templates take more than the configuration allows"},
    {"budget/out-of-reach", Verdict::fail, "the same, and nothing can be removed"},
    {"capabilities/no-sys-admin", Verdict::fail, "nobody here may mount, as in most containers"},
    {"capabilities/no-new-privileges", Verdict::fail, "fusermount3 cannot become root"},
    {"capabilities/user-namespace", Verdict::warn, "root of a user namespace only"},
    {"capabilities/no-ownership", Verdict::warn, "root that may not give files away"},
    {"fuse/no-device", Verdict::fail, "there is no /dev/fuse"},
    {"fuse/forbidden", Verdict::fail, "/dev/fuse may not be opened"},
    {"fusermount3/missing", Verdict::fail, "an ordinary user cannot mount without it"},
    {"fusermount3/not-set-user-id", Verdict::fail, "the same"},
    {"allow-other/refused", Verdict::warn, "-o allow_other is refused to ordinary users"},
    {"descriptors/few", Verdict::warn, "few images can be open at once"},
    {"run/no-namespace", Verdict::warn, "`templatefs run` cannot have a mount of its own"},
    {"mount/failed", Verdict::fail, "a mount, or an image in it, could not be made"},
    {"passthrough/none", Verdict::warn, "reads and writes go through the daemon"},
    {"formatter/missing", Verdict::fail, "that of btrfs, ext4 or xfs"},
    {"formatter/missing-rare", Verdict::warn, "that of another filesystem"},
    {"formatter/broken", Verdict::fail, "it does not run; of those above"},
    {"formatter/broken-rare", Verdict::warn, "the same of another filesystem"},
    {"qemu-img/missing", Verdict::warn, "`templatefs import` takes raw images only"},
    {"tar/unusable", Verdict::warn, "recipes cannot have a seed"},
    {"kernel/none", Verdict::fail, "no kernel with its modules for the template guest"},
    {"kernel/no-virtio", Verdict::fail, "the guest's kernel lacks drivers of virtual machines"},
    {"recipe-kernel/unusable", Verdict::fail, "the same of a recipe's own kernel"},
    {"recipe-kernel/no-driver", Verdict::warn, "it cannot mount what the recipe formats"},
    {"drivers/missing", Verdict::warn, "the guest's kernel mounts not all that it formats"},
    {"qemu/missing", Verdict::fail, "no QEMU for the template guest"},
    {"qemu/broken", Verdict::fail, "QEMU does not run"},
    {"guest/no-build", Verdict::fail, "a guest cannot format btrfs, ext4 or xfs"},
    {"guest/no-build-rare", Verdict::warn, "a guest cannot format another filesystem"},
    {"accelerator/tcg", Verdict::warn, "template guests run without KVM"},
    {"dead-mount/left", Verdict::warn, "a mount whose daemon was killed"},
    {"mount-helper/elsewhere", Verdict::warn, "mount(8) does not find mount.templatefs"},
};

/// A name of the table; any other does not compile.
class TroubleName {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor)
  consteval TroubleName(char const* name) : trouble_(find(name)) {}
  constexpr Trouble const& operator*() const noexcept { return *trouble_; }

 private:
  static constexpr Trouble const* find(std::string_view name) {
    for (auto const& each : kTroubles)
      if (each.name == name) return &each;
    throw "not in kTroubles";
  }
  Trouble const* trouble_;
};

struct Finding {
  Verdict verdict;
  std::string name;    // of the trouble; empty where all is well
  std::string check;   // for people: "passthrough", "mkfs.ext4"
  std::string found;   // what is there
  std::string remedy;  // what to do; empty where all is well
};

Finding all_well(std::string check, std::string found);
Finding in_trouble(TroubleName name, std::string check, std::string found, std::string remedy);
/// The failure tells what was found and what to do; `also` is added to that.
Finding in_trouble(TroubleName name, std::string check, std::exception_ptr const& failure,
                   std::string const& also = {});
/// What `look` returns, or the trouble where it throws.
Finding attempt(TroubleName name, std::string const& check, std::function<Finding()> const& look);

}  // namespace templatefs::cli
