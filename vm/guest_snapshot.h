// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "vm/builder.h"
#include "vm/qemu_argv.h"

#include <cstdint>
#include <string>
#include <vector>

namespace templatefs::vm {

class GuestProcess;

// A guest that waits for its job does so the same way for every build of its filesystem. Saved there once, it
// need not boot again: its memory is a sparse file that each QEMU maps privately, so that nothing is read
// before it is used and nothing of one build gets into another; the state of its devices is some 60 KB of
// QEMU's migration stream. Its disk is all zeroes at that time. The job then brings size, clock and entropy.

/// A saved guest, open; it may be removed meanwhile.
struct SavedGuest {
  Fd memory;  // GuestMachine::kMemoryMib
  Fd state;   // of the devices, in a pipe: it serves one guest
  std::string kernel;
  std::string memory_digest;

  /// Throws GuestBroke(EBADMSG) where what is in the directory is no saved guest, or is cut short; Error
  /// where it cannot be opened.
  static SavedGuest open(int dir);
  /// Reads all of the memory. Throws GuestBroke(EBADMSG) where it is not what was saved.
  void require_intact() const;
};

/// A name for all saved guests that are the same as one that this machine would boot, with the initramfs that
/// these inputs describe, and on this host until it boots again: the guest goes by the speed of the host's
/// time stamp counter. Throws Error.
std::string saved_guest_name(std::string const& formatter, std::vector<Input> const& inputs,
                             GuestMachine const& machine);

/// The memory of a guest that is to be saved: GuestMachine::memory_fd. Throws Error.
Fd make_guest_memory();

/// Saves a guest that waits for its job into the directory `dir`, which is empty; then the guest goes on.
/// Throws GuestBroke where QEMU will not, Error where the files cannot be written; then it stands still.
void save_guest(GuestProcess& guest, Fd const& memory, std::string const& kernel, int dir);

/// Lets a guest go on whose memory and state were given to its QEMU, on a disk of `disk_bytes`. Throws as
/// GuestProcess::command does.
void resume_saved_guest(GuestProcess& guest, std::int64_t disk_bytes);

}  // namespace templatefs::vm
