// SPDX-License-Identifier: Apache-2.0
#include "base/loop_device.h"

#include "base/error.h"
#include "base/scope_exit.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace templatefs {

LoopDevice LoopDevice::attach(std::string const& file) {
  Fd const backing = open_at(AT_FDCWD, file, O_RDWR);
  Fd const control = open_at(AT_FDCWD, "/dev/loop-control", O_RDWR);
  // A free device may be taken by somebody else between the two calls: then the next free one.
  for (int attempt = 0; attempt < 64; ++attempt) {
    int const number = check(::ioctl(control.get(), LOOP_CTL_GET_FREE), "find a free loop device for", file);
    std::string path = "/dev/loop" + std::to_string(number);
    // Where no device manager makes the node, we do: loop block devices have major 7.
    bool const made = ::mknod(path.c_str(), S_IFBLK | 0600, makedev(7, static_cast<unsigned>(number))) == 0;
    if (!made && errno != EEXIST) throw_errno("make the node", path);
    ScopeExit unmake([&] {
      if (made) ::unlink(path.c_str());
    });
    Fd device = open_at_if_exists(AT_FDCWD, path, O_RDWR);
    if (!device) continue;  // somebody else made the node, and took it away
    loop_config config{};
    config.fd = static_cast<__u32>(backing.get());
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), file.c_str(), LO_NAME_SIZE - 1);
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) {
      unmake.dismiss();
      return LoopDevice(std::move(device), path, made);
    }
    if (errno != EBUSY) throw_errno("attach a loop device to", file);
    unmake.dismiss();  // it is another's now
  }
  throw Error(EBUSY, "attach a loop device to " + file, "Too many loop devices come and go; try again.");
}

void LoopDevice::discard() noexcept {
  // The node first: as long as it is ours nobody is given the same device.
  if (made_node_) ::unlink(path_.c_str());
  made_node_ = false;
  fd_.reset();
}

bool is_loop_over(std::string const& device, int file) {
  struct stat st {};
  check(::fstat(file, &st), "stat", "a file");
  Fd const loop(::open(device.c_str(), O_RDONLY | O_CLOEXEC));
  loop_info64 info{};
  return loop && ::ioctl(loop.get(), LOOP_GET_STATUS64, &info) == 0 && info.lo_device == st.st_dev &&
         info.lo_inode == st.st_ino;
}

}  // namespace templatefs
