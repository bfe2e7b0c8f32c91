// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/fault_injection.h"

#include "base/error.h"
#include "base/files.h"
#include "tests/support/wait_until.h"

#include <algorithm>
#include <chrono>

#include <fcntl.h>
#include <signal.h>

namespace templatefs::test {

using namespace std::chrono_literals;

namespace {

std::string tasks_of(pid_t pid) {
  return "/proc/" + std::to_string(pid) + "/task";
}

bool is_traced(pid_t pid, int thread) {
  std::string const status = read_file(AT_FDCWD, tasks_of(pid) + "/" + std::to_string(thread) + "/status");
  return status.find("TracerPid:\t0\n") == std::string::npos;
}

std::string name_of(pid_t pid, int thread) {
  return read_file(AT_FDCWD, tasks_of(pid) + "/" + std::to_string(thread) + "/comm");
}

}  // namespace

FaultInjection::FaultInjection(Daemon const& daemon, Threads threads, std::string const& what) {
  std::vector<int> ids;
  for_each_entry(AT_FDCWD, tasks_of(daemon.pid()),
                 [&](std::string const& name) { ids.push_back(std::stoi(name)); });
  std::sort(ids.begin(), ids.end());
  if (threads == Threads::builder)
    std::erase_if(ids, [&](int id) { return name_of(daemon.pid(), id) != "job\n"; });
  std::string list;
  for (int const id : ids) list += (list.empty() ? "" : ",") + std::to_string(id);
  std::string const call = what.substr(0, what.find(':'));
  Fd const output = open_at(AT_FDCWD, dir_ / "output", O_WRONLY | O_CREAT, 0600);
  strace_ = std::make_unique<Child>(
      Child::spawn({"strace", "-o", dir_ / "log", "-e", "trace=" + call, "-e", "inject=" + what, "-p", list},
                   {{{1, output.get()}, {2, output.get()}}, {}}));
  bool const attached = wait_until([&] {
    if (strace_->wait(Deadline::after(0s))) return true;
    return std::all_of(ids.begin(), ids.end(), [&](int id) { return is_traced(daemon.pid(), id); });
  });
  if (!attached || strace_->wait(Deadline::after(0s)))
    throw Error(EIO, "attach strace: " + read_file(AT_FDCWD, dir_ / "output"));
}

FaultInjection::~FaultInjection() {
  // SIGTERM lets strace detach; SIGKILL, of the destructor, would as well, but could leave a thread stopped.
  strace_->signal(SIGTERM);
  (void)strace_->wait(Deadline::after(10s));
}

std::string FaultInjection::log() const {
  return read_file(AT_FDCWD, dir_ / "log");
}

bool FaultInjection::happened() const {
  // strace writes its log after the tracee has gone on.
  return wait_until(
      [&] {
        std::string const text = log();
        return text.find("(INJECTED)") != std::string::npos ||
               text.find("+++ killed by SIGKILL") != std::string::npos;
      },
      2s);
}

}  // namespace templatefs::test
