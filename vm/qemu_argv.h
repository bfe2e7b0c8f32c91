// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace templatefs::vm {

enum class Accelerator { kvm, tcg };
/// "kvm", "tcg".
std::string_view name_of(Accelerator accelerator);

/// The processor of a guest on TCG: without cmpxchg16b, which leaves garbage in the flags (NT and TF among
/// them) until the next instruction that sets them, as an interrupt in between finds out: of 28 boots of
/// Linux 6.12 on a busy host seven died of it (QEMU 7.2). Kernels do without where the processor does.
inline constexpr char kTcgCpu[] = "max,-cx16";

/// One guest to boot, or to go on with. Descriptors are those of the QEMU process.
struct GuestMachine {
  static constexpr int kMemoryMib = 512;

  std::string qemu;    // path of the program
  std::string kernel;  // path of a bzImage
  std::string initrd;  // path, which may be /proc/self/fd/N; empty for none
  std::string image;   // the disk, empty for none
  std::string seed;    // a second disk, read-only, after the first; empty for none
  Accelerator accelerator = Accelerator::tcg;
  long tsc_khz = 0;  // the host's time stamp counter, 0 where unknown
  // A file of kMemoryMib that is the guest's memory, if QEMU's own is not. What the guest writes is seen in
  // it where it does not go on from a saved state, and kept out of it where it does.
  int memory_fd = -1;
  int state_fd = -1;  // a pipe with a saved state; the guest is paused until QMP says more
  int console_fd = -1;
  int report_fd = -1;
  int qmp_fd = -1;
};

/// The name of the report port, which the guest looks for.
inline constexpr char kReportPort[] = "templatefs.report";

/// The number of state_fd in QEMU, for QMP's migrate-incoming.
inline constexpr int kStateFdInQemu = 10;

/// QEMU's argument vector. Pure.
std::vector<std::string> qemu_argv(GuestMachine const& machine);
std::string kernel_command_line(GuestMachine const& machine);

inline constexpr char kDefaultQemu[] = "qemu-system-x86_64";
/// The QEMU that runs guests of this machine's architecture, on PATH by that name or as the path
/// `configured`. Throws Error(ENOPKG): the package to install, or that there is no template guest for the
/// architecture.
std::string find_qemu(std::string const& configured);

}  // namespace templatefs::vm
