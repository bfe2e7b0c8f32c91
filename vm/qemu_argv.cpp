// SPDX-License-Identifier: Apache-2.0
#include "vm/qemu_argv.h"

#include "base/child.h"
#include "base/error.h"
#include "base/log.h"

#include <cerrno>

#include <nlohmann/json.hpp>

#include <sys/utsname.h>

namespace templatefs::vm {

namespace {

std::string socket_chardev(std::string const& id, int fd) {
  return "socket,id=" + id + ",fd=" + std::to_string(fd);
}

/// As JSON: the comma syntax has no room for two cache settings, and would need the path quoted.
std::string disk_as_json(std::string const& image) {
  // Syncing is the caller's business, once, when the guest has vouched for the result.
  nlohmann::json const cache{{"direct", false}, {"no-flush", true}};
  return nlohmann::json{
      {"node-name", "disk"},
      {"driver", "raw"},
      {"discard", "unmap"},
      // Zeroes that a formatter writes become holes: the template stays sparse.
      {"detect-zeroes", "unmap"},
      {"cache", cache},
      {"file", {{"driver", "file"}, {"filename", image}, {"discard", "unmap"}, {"cache", cache}}}}
      .dump();
}

std::string seed_disk_as_json(std::string const& file) {
  return nlohmann::json{{"node-name", "seed"},
                        {"driver", "raw"},
                        {"read-only", true},
                        {"file", {{"driver", "file"}, {"filename", file}}}}
      .dump();
}

}  // namespace

std::string_view name_of(Accelerator accelerator) {
  return accelerator == Accelerator::kvm ? "kvm" : "tcg";
}

std::string kernel_command_line(GuestMachine const& machine) {
  // cryptomgr.notests: self-tests of ciphers are a tenth of a boot under TCG.
  // pci=off: the machine has none, and the kernel complains of that even when told to be quiet.
  std::string line = "console=ttyS0 quiet panic=-1 pci=off cryptomgr.notests";
  // microvm has no timer that a kernel with ACPI can use before it knows the TSC's speed, which it measures
  // against the PIT: on a busy host that fails, and the kernel then waits for a tick for ever (one boot in
  // fifteen; Linux 6.1, QEMU 7.2, TCG). TCG hands the host's counter through. KVM tells the speed by itself.
  if (machine.accelerator == Accelerator::tcg && machine.tsc_khz > 0)
    line += " tsc=reliable tsc_early_khz=" + std::to_string(machine.tsc_khz);
  return line;
}

std::vector<std::string> qemu_argv(GuestMachine const& machine) {
  std::vector<std::string> flags{"-nodefaults", "-no-user-config", "-no-reboot"};
  bool const kvm = machine.accelerator == Accelerator::kvm;
  std::vector<std::pair<std::string, std::string>> options{
      {"-M", machine.memory_fd < 0 ? "microvm" : "microvm,memory-backend=memory"},
      {"-accel", kvm ? "kvm" : "tcg"},
      {"-cpu", kvm ? "host" : kTcgCpu},
      {"-smp", "1"},
      {"-m", std::to_string(GuestMachine::kMemoryMib)},
      {"-display", "none"},
      {"-kernel", machine.kernel},
      {"-append", kernel_command_line(machine)},
      {"-chardev", socket_chardev("console", machine.console_fd)},
      {"-serial", "chardev:console"},
      {"-chardev", socket_chardev("report", machine.report_fd)},
      {"-device", "virtio-serial-device"},
      {"-device", format("virtserialport,chardev=report,name={}", kReportPort)},
      {"-chardev", socket_chardev("qmp", machine.qmp_fd)},
      {"-mon", "chardev=qmp,mode=control"}};
  if (!machine.initrd.empty()) options.emplace_back("-initrd", machine.initrd);
  if (machine.memory_fd >= 0)
    options.emplace_back(
        "-object", format("memory-backend-file,id=memory,size={}M,share={},mem-path=/proc/self/fd/{}",
                          GuestMachine::kMemoryMib, machine.state_fd < 0 ? "on" : "off", machine.memory_fd));
  if (machine.state_fd >= 0) {
    // Deferred: whether the state comes with memory is to be said first.
    options.emplace_back("-incoming", "defer");
    flags.emplace_back("-S");
  }
  if (!machine.image.empty()) {
    options.emplace_back("-blockdev", disk_as_json(machine.image));
    // Write errors go to the guest and, over QMP, to us; by default a full host disk would pause the guest.
    options.emplace_back("-device", "virtio-blk-device,drive=disk,werror=report,rerror=report");
  }
  if (!machine.seed.empty()) {
    options.emplace_back("-blockdev", seed_disk_as_json(machine.seed));
    options.emplace_back("-device", "virtio-blk-device,drive=seed,rerror=report");
  }
  std::vector<std::string> argv{machine.qemu};
  argv.insert(argv.end(), flags.begin(), flags.end());
  for (auto& [option, value] : options) {
    argv.push_back(std::move(option));
    argv.push_back(std::move(value));
  }
  return argv;
}

std::string find_qemu(std::string const& configured) {
  utsname machine{};
  ::uname(&machine);
  if (std::string(machine.machine) != "x86_64")
    throw Error(ENOPKG, "there is no template guest for " + std::string(machine.machine) + " yet",
                "Format on the host instead: --builder=host");
  std::string const name = configured.empty() ? kDefaultQemu : configured;
  auto path = find_on_path(name);
  if (path.empty())
    throw Error(ENOPKG, name + " not found on PATH",
                "Install the qemu-system-x86 package (or your distribution's equivalent)");
  return path;
}

}  // namespace templatefs::vm
