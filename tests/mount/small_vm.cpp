// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/small_vm.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/wait_until.h"
#include "vm/cpio_writer.h"
#include "vm/decompress.h"
#include "vm/initramfs.h"
#include "vm/kernel_modules.h"
#include "vm/qemu_argv.h"

#include <cerrno>
#include <chrono>

#include <fcntl.h>

namespace templatefs::test {

using namespace std::chrono_literals;

namespace {

constexpr char kInit[] =
    "#!/bin/busybox sh\n"
    "/bin/busybox --install -s /bin\n"
    "export PATH=/bin\n"
    "mount -t proc proc /proc\n"
    "mount -t devtmpfs dev /dev\n"
    "while read module; do insmod /modules/$module; done < /modules.list\n"
    ". /script\n"
    "echo 'vm: off'\n"
    "poweroff -f\n";

std::string make_initramfs(vm::Kernel const& kernel, std::string const& script) {
  vm::CpioWriter archive;
  for (char const* const directory : {"proc", "dev", "mnt", "bin"}) archive.add_directory(directory);
  archive.add_character_device("dev/console", 5, 1, 0600);
  std::string const busybox = find_on_path("busybox");
  if (busybox.empty()) throw Error(ENOPKG, "busybox not found on PATH", "Install the busybox-static package");
  archive.add_file("bin/busybox", read_file(AT_FDCWD, busybox), 0755);
  archive.add_file("init", kInit, 0755);
  archive.add_file("script", script, 0644);
  std::string list;
  for (auto const& module : vm::find_modules(kernel.modules, {"virtio_pci", "virtio_blk", "btrfs"}, {})) {
    std::string const name = std::to_string(list.size()) + ".ko";
    archive.add_file("modules/" + name, vm::read_decompressed(module.path), 0644);
    list += name + "\n";
  }
  archive.add_file("modules.list", list, 0644);
  return archive.finish();
}

}  // namespace

std::string SmallVm::qemu() {
  return vm::find_qemu({});
}

SmallVm::SmallVm(std::string const& disk, std::string const& script, std::string const& drive_options) {
  auto const kernel = vm::find_kernel({});
  initramfs_ = vm::make_memory_file("initramfs", make_initramfs(kernel, script));
  Fd const output = open_at(AT_FDCWD, dir_ / "output", O_WRONLY | O_CREAT | O_APPEND, 0644);
  std::vector<std::string> const argv{qemu(),
                                      "-M",
                                      "q35",
                                      "-accel",
                                      "tcg",
                                      "-cpu",
                                      vm::kTcgCpu,
                                      "-m",
                                      "256",
                                      "-nodefaults",
                                      "-no-reboot",
                                      "-display",
                                      "none",
                                      "-serial",
                                      "stdio",
                                      "-kernel",
                                      kernel.image,
                                      "-initrd",
                                      "/proc/self/fd/3",
                                      "-append",
                                      "console=ttyS0 quiet panic=-1 cryptomgr.notests",
                                      "-drive",
                                      "file=" + disk + ",format=raw,if=virtio" + drive_options};
  qemu_ = std::make_unique<Child>(
      Child::spawn(argv, {{{1, output.get()}, {2, output.get()}, {3, initramfs_.get()}}, {}}));
}

SmallVm::~SmallVm() = default;

std::string SmallVm::output() const {
  return read_file(AT_FDCWD, dir_ / "output");
}

std::string SmallVm::wait_for_end() {
  auto const status = qemu_->wait(Deadline::after(60s));
  return output() + (status ? "" : "\nthe machine still runs\n");
}

bool SmallVm::wait_for(std::string const& words) {
  auto const said = [&] { return output().find(words) != std::string::npos; };
  return wait_until([&] { return said() || qemu_->wait(Deadline::after(0s)); }, 60s) && said();
}

void SmallVm::kill() {
  qemu_->kill();
  (void)qemu_->wait(Deadline::after(10s));
}

}  // namespace templatefs::test
