// SPDX-License-Identifier: Apache-2.0
#include "vm/host_identity.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

#include <sstream>

#include <fcntl.h>
#include <sys/stat.h>

namespace templatefs::vm {

std::string cpu_model() {
  std::istringstream lines(read_file(AT_FDCWD, "/proc/cpuinfo"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 1);
  return {};
}

std::string identity_of_file(std::string const& path) {
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  return format("{} size {} mtime {}.{:09} inode {}", path, st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
                st.st_ino);
}

}  // namespace templatefs::vm
