// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "cache/cache.h"
#include "cache/session.h"
#include "cli/doctor_checks.h"
#include "fusefs/libfuse.h"
#include "fusefs/mount.h"
#include "fusefs/mount_obstacle.h"

#include <cstdlib>
#include <exception>

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

struct Trial {
  bool passes;
  std::string why;
};

Trial mount_and_open(cache::Store const& store, vm::Builder& builder) {
  char directory[] = "/tmp/templatefs-doctor-XXXXXX";
  if (::mkdtemp(directory) == nullptr) throw_errno("make", directory);
  ScopeExit const remove_directory([&] { ::rmdir(directory); });
  auto const session = cache::Session::create(store.dir(), "doctor", directory);
  cache::RecipeBook const recipes;
  cache::Cache cache(store, session, builder, 1);
  fusefs::Filesystem fs({directory}, recipes, cache, session);
  fusefs::Mount mount(fs, {});
  (void)open_at(AT_FDCWD, std::string(directory) + "/raw/1M/doctor.img", O_RDWR);
  Trial const outcome{fs.connection.passthrough(), fs.connection.passthrough_reason()};
  mount.end();
  return outcome;
}

std::string passthrough_remedy() {
  constexpr char kOnly[] = "Slower, and nothing else. ";
  if (!fusefs::kCanPassThrough)
    return std::string(kOnly) +
           "Build it with libfuse 3.17 or newer and without -D TEMPLATEFS_PASSTHROUGH=OFF.";
  utsname kernel{};
  ::uname(&kernel);
  return format(
      "{}It takes root's CAP_SYS_ADMIN in no user namespace, and Linux 6.9 or newer with "
      "CONFIG_FUSE_PASSTHROUGH; this is {}.",
      kOnly, kernel.release);
}

}  // namespace

void examine_mount(DoctorFindings& findings, BuilderOptions const& options, cache::Store const* store) {
  try {
    fusefs::require_mountable(false);
    Trial outcome{};
    if (store != nullptr) {
      outcome = mount_and_open(*store, *options.make(*store));
    } else {
      // Without a store yet, in one that lasts for the check.
      std::string const scratch = "/tmp/templatefs-doctor-store-" + random_hex(8);
      ScopeExit const remove_scratch([&] { remove_tree(AT_FDCWD, scratch); });
      auto const own = cache::Store::open({scratch, {}, cache::FanOutChoice::copy_only});
      outcome = mount_and_open(own, *options.make(own));
    }
    findings.push_back(all_well("mount", "an image was opened in a mount"));
    findings.push_back(
        outcome.passes ? all_well("passthrough", outcome.why)
                       : in_trouble("passthrough/none", "passthrough", outcome.why, passthrough_remedy()));
  } catch (...) {
    findings.push_back(
        in_trouble("mount/failed", "mount", std::current_exception(),
                   "What is told above may be the cause; `templatefs mount -f -v MNT` tells more."));
  }
}

}  // namespace templatefs::cli
