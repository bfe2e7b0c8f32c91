// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/fd.h"
#include "tests/support/temp_dir.h"
#include "vm/kernel_lookup.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace templatefs::test {

/// A virtual machine as a user of templatefs runs one: QEMU without acceleration, the stock kernel of /boot,
/// busybox, and one virtio disk given as `-drive file=DISK,format=raw,if=virtio`.
class SmallVm {
 public:
  /// `script` runs in the guest with btrfs and virtio at hand, the disk being /dev/vda; then the machine goes
  /// off. `drive_options` are added to the -drive: ",cache=none".
  SmallVm(std::string const& disk, std::string const& script, std::string const& drive_options = {});
  ~SmallVm();
  SmallVm(SmallVm const&) = delete;
  SmallVm& operator=(SmallVm const&) = delete;

  /// Waits until it went off by itself, a minute at most, and returns all that it printed.
  std::string wait_for_end();
  /// Whether the guest has printed a line with these words.
  bool wait_for(std::string const& words);
  /// SIGKILL to QEMU.
  void kill();
  /// The guest's console, and what QEMU said.
  std::string output() const;

  static std::string qemu();

 private:
  TempDir dir_;
  Fd initramfs_;
  std::unique_ptr<Child> qemu_;
};

}  // namespace templatefs::test
