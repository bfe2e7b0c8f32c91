// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/mount_namespace.h"
#include "base/surroundings.h"
#include "cli/doctor_checks.h"

#include <cerrno>
#include <exception>
#include <sstream>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace templatefs::cli {

namespace {

Finding check_capabilities() {
  constexpr char kCheck[] = "capabilities";
  if (!has_sys_admin()) {
    if (!can_have_sys_admin())
      return in_trouble(
          "capabilities/no-sys-admin", kCheck,
          "CAP_SYS_ADMIN, which mounting takes, cannot be had here, not even by fusermount3",
          "Give it to the container (docker run --cap-add SYS_ADMIN --device /dev/fuse), or mount "
          "on the host and share that into it.");
    if (::geteuid() != 0 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
      return in_trouble(
          "capabilities/no-new-privileges", kCheck,
          "no_new_privs is set: the set-user-ID bit of fusermount3 has no effect",
          "Start it without (NoNewPrivileges=no of systemd, --security-opt no-new-privileges=false "
          "of docker), or use `templatefs run`.");
    return all_well(kCheck, "none to mount with: fusermount3 does it");
  }
  if (!in_initial_user_namespace())
    return in_trouble("capabilities/user-namespace", kCheck,
                      "CAP_SYS_ADMIN in a user namespace only: no passthrough, and no filesystem for a store",
                      "For both run it as the machine's root, in no user namespace.");
  if (::geteuid() == 0 && (!has_capability(CAP_CHOWN) || !has_capability(CAP_DAC_OVERRIDE)))
    return in_trouble("capabilities/no-ownership", kCheck,
                      "root without CAP_CHOWN or CAP_DAC_OVERRIDE: image files keep root as their owner, and "
                      "files of others cannot be opened",
                      "Give it both, or run it as the user that the store belongs to.");
  return all_well(kCheck, "CAP_SYS_ADMIN, in no user namespace");
}

Finding check_fuse_device() {
  constexpr char kCheck[] = "fuse";
  constexpr char kDevice[] = "/dev/fuse";
  Fd const device(::open(kDevice, O_RDWR | O_CLOEXEC));
  if (device) return all_well(kCheck, "/dev/fuse can be opened");
  int const err = errno;
  if (err == EACCES || err == EPERM)
    return in_trouble("fuse/forbidden", kCheck,
                      "/dev/fuse may not be opened by this user: " + errno_words(err),
                      "As root: chmod 0666 /dev/fuse. In a container: --device /dev/fuse.");
  return in_trouble("fuse/no-device", kCheck, "there is no /dev/fuse: " + errno_words(err),
                    "Load the module: modprobe fuse. In a container: --device /dev/fuse.");
}

Finding check_fusermount() {
  constexpr char kCheck[] = "fusermount3";
  auto const path = find_on_path(kCheck);
  if (path.empty())
    return in_trouble("fusermount3/missing", kCheck, "fusermount3 is not on PATH", "apt-get install fuse3");
  struct stat st {};
  check(::stat(path.c_str(), &st), "stat", path);
  if ((st.st_mode & S_ISUID) == 0 || st.st_uid != 0)
    return in_trouble("fusermount3/not-set-user-id", kCheck, path + " is not set-user-ID root",
                      "apt-get install --reinstall fuse3, or as root: chmod u+s " + path);
  return all_well(kCheck, path);
}

/// Of a file that fusermount3 reads as root: a user who may not see it is told nothing.
Finding check_allow_other() {
  constexpr char kCheck[] = "allow_other";
  constexpr char kFile[] = "/etc/fuse.conf";
  constexpr char kWord[] = "user_allow_other";
  if (::access(kFile, F_OK) == 0 && ::access(kFile, R_OK) != 0)
    return all_well(kCheck, std::string("unknown: ") + kFile + " may not be read");
  int commented = 0;
  if (::access(kFile, R_OK) == 0) {
    std::istringstream text(read_file(AT_FDCWD, kFile, 1 << 20));
    int number = 0;
    for (std::string line; std::getline(text, line);) {
      ++number;
      std::istringstream words(line);
      std::string word;
      words >> word;
      if (word == kWord) return all_well(kCheck, format("{} line {} has {}", kFile, number, kWord));
      if (word == std::string("#") + kWord) commented = number;
      if (word == "#" && words >> word && word == kWord) commented = number;
    }
  }
  if (commented != 0)
    return in_trouble(
        "allow-other/refused", kCheck,
        format("{} line {} has {} commented out: only root may use -o allow_other", kFile, commented, kWord),
        format("As root: sed -i '{}s/^# *//' {}", commented, kFile));
  return in_trouble("allow-other/refused", kCheck,
                    format("{} has no line {}: only root may use -o allow_other", kFile, kWord),
                    format("As root: echo {} >> {}", kWord, kFile));
}

Finding check_descriptors() {
  constexpr rlim_t kFew = 256;
  rlimit limit{};
  check(::getrlimit(RLIMIT_NOFILE, &limit), "ask for", "the limit of descriptors");
  auto const found = format("{} at most, of which each open image takes one or two", limit.rlim_cur);
  if (limit.rlim_cur >= kFew) return all_well("descriptors", found);
  return in_trouble("descriptors/few", "descriptors", found, "ulimit -n 4096, or LimitNOFILE= of systemd.");
}

/// In a child: what a namespace does to a process cannot be taken back.
Finding check_run() {
  constexpr char kCheck[] = "run";
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make", "a pipe");
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  pid_t const pid = check(::fork(), "fork", "for a mount namespace");
  if (pid == 0) {
    std::string told;
    try {
      MountNamespace const own;
    } catch (Error const& error) {
      told = error.text() + ": " + errno_words(error.err()) + "\n" + error.remedy();
    }
    auto const written = ::write(writer.get(), told.data(), told.size());
    ::_exit(told.empty() && written == 0 ? 0 : 1);
  }
  writer.reset();
  std::string told;
  char part[512];
  for (ssize_t got = 0; (got = ::read(reader.get(), part, sizeof part)) > 0;)
    told.append(part, static_cast<std::size_t>(got));
  int const status = reap(pid);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return all_well(kCheck, "`templatefs run` can have a mount that nobody else sees");
  auto const line = told.find('\n');
  return in_trouble("run/no-namespace", kCheck, told.substr(0, line),
                    line == std::string::npos ? std::string() : told.substr(line + 1));
}

}  // namespace

void examine_rights(DoctorFindings& findings) {
  findings.push_back(attempt("capabilities/no-sys-admin", "capabilities", check_capabilities));
  findings.push_back(attempt("fuse/no-device", "fuse", check_fuse_device));
  if (!has_sys_admin()) {
    findings.push_back(attempt("fusermount3/missing", "fusermount3", check_fusermount));
    findings.push_back(attempt("allow-other/refused", "allow_other", check_allow_other));
  }
  findings.push_back(attempt("descriptors/few", "descriptors", check_descriptors));
  findings.push_back(attempt("run/no-namespace", "run", check_run));
}

}  // namespace templatefs::cli
