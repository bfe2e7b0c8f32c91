// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"

#include "base/error.h"
#include "base/scope_exit.h"

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace templatefs {

namespace {

/// Everything the child needs, made before fork: after it, only async-signal-safe calls are allowed.
struct Prepared {
  std::string program;
  std::vector<char*> argv;
  std::vector<std::string> environment_text;
  std::vector<char*> envp;
  std::vector<std::pair<int, int>> descriptors;  // wanted number, ours (raised above every wanted number)
  std::vector<Fd> raised;
  int null_fd = -1;
  pid_t parent = 0;
};

std::vector<std::string> merged_environment(std::vector<std::string> const& extra) {
  std::vector<std::string> out(extra);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string const text = *entry;
    std::string const name = text.substr(0, text.find('=') + 1);
    bool replaced = false;
    for (auto const& wanted : extra) replaced = replaced || wanted.rfind(name, 0) == 0;
    if (!replaced) out.push_back(text);
  }
  return out;
}

[[noreturn]] void exec_in_child(Prepared const& prepared, int report_fd) {
  auto const fail = [&] {
    int const err = errno;
    [[maybe_unused]] auto const written = ::write(report_fd, &err, sizeof err);
    ::_exit(127);
  };
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have died before the request was in place.
  if (::getppid() != prepared.parent) ::_exit(127);
  for (auto const& [wanted, ours] : prepared.descriptors)
    if (::dup2(ours, wanted) < 0) fail();
  // A formatter or QEMU that aborts tells why in its output; a core of it would land wherever we were
  // started.
  rlimit const no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int const number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::signal(number, SIG_DFL);
  ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.envp.data());
  fail();
  ::_exit(127);
}

}  // namespace

std::string ExitStatus::describe() const {
  if (exited) return "exit status " + std::to_string(code);
  char const* const words = ::sigdescr_np(code);
  return "signal " + std::to_string(code) + (words != nullptr ? " (" + std::string(words) + ")" : "");
}

Child Child::spawn(std::vector<std::string> const& argv, Options const& options) {
  Prepared prepared;
  prepared.program = find_on_path(argv.at(0));
  if (prepared.program.empty()) throw Error(ENOENT, "run " + argv[0]);
  for (auto const& word : argv) prepared.argv.push_back(const_cast<char*>(word.c_str()));
  prepared.argv.push_back(nullptr);
  prepared.environment_text = merged_environment(options.environment);
  for (auto& entry : prepared.environment_text) prepared.envp.push_back(entry.data());
  prepared.envp.push_back(nullptr);
  prepared.parent = ::getpid();

  // Raising each source above all wanted numbers keeps one dup2 from overwriting the source of the next.
  std::map<int, int> descriptors = options.descriptors;
  Fd const null_fd = open_at(AT_FDCWD, "/dev/null", O_RDWR);
  descriptors.emplace(0, null_fd.get());
  int const floor = descriptors.rbegin()->first + 1;
  for (auto const& [wanted, ours] : descriptors) {
    prepared.raised.emplace_back(
        check(::fcntl(ours, F_DUPFD_CLOEXEC, std::max(floor, 3)), "duplicate", "a descriptor"));
    prepared.descriptors.emplace_back(wanted, prepared.raised.back().get());
  }

  int report[2];
  check(::pipe2(report, O_CLOEXEC), "make a pipe for", argv[0]);
  Fd const report_read(report[0]);
  Fd report_write(report[1]);

  pid_t const pid = check(::fork(), "fork", argv[0]);
  if (pid == 0) exec_in_child(prepared, report_write.get());
  report_write.reset();

  Child child(pid, open_pidfd(pid));
  if (!child.pidfd_) throw_errno("pidfd_open", argv[0]);
  int err = 0;
  ssize_t got = 0;
  while ((got = ::read(report_read.get(), &err, sizeof err)) < 0 && errno == EINTR) {
  }
  if (got == static_cast<ssize_t>(sizeof err)) throw Error(err, "run " + prepared.program);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)), status_(other.status_) {}

Child::~Child() {
  if (pid_ < 0) return;
  kill();
  if (!status_) (void)wait(Deadline::never());
}

std::optional<ExitStatus> Child::wait(Deadline deadline) {
  if (status_) return status_;
  pollfd ended{pidfd_.get(), POLLIN, 0};
  for (;;) {
    int const ready = ::poll(&ended, 1, deadline.remaining_ms());
    if (ready > 0) break;
    if (ready < 0 && errno != EINTR) throw_errno("wait for", "a child");
    if (deadline.passed()) return std::nullopt;
  }
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0)
    if (errno != EINTR) throw_errno("reap", "a child");
  status_ = ExitStatus{info.si_code == CLD_EXITED, info.si_status};
  return status_;
}

void Child::kill() noexcept {
  if (pid_ <= 0 || status_) return;
  // setpgid in the child may not have run yet: the group, or failing that the process.
  if (::kill(-pid_, SIGKILL) != 0) ::kill(pid_, SIGKILL);
}

Fd open_pidfd(pid_t pid) noexcept {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

void send_signal(Fd const& pidfd, int number) noexcept {
  ::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0);
}

int reap(pid_t pid) noexcept {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

CommandOutput run_command(std::vector<std::string> const& argv, Deadline deadline, std::size_t limit) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "make a pipe for", argv.at(0));
  Fd const reader(ends[0]);
  Fd writer(ends[1]);
  Child child = Child::spawn(argv, {{{1, writer.get()}, {2, writer.get()}}, {"LC_ALL=C"}});
  writer.reset();

  CommandOutput out;
  char buffer[4096];
  for (;;) {
    pollfd readable{reader.get(), POLLIN, 0};
    int const ready = ::poll(&readable, 1, deadline.remaining_ms());
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 && deadline.passed()) throw Error(ETIMEDOUT, "run " + argv[0]);
    auto const got = ::read(reader.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.text.append(buffer,
                    std::min(static_cast<std::size_t>(got), limit - std::min(limit, out.text.size())));
  }
  auto const status = child.wait(deadline);
  if (!status) throw Error(ETIMEDOUT, "run " + argv[0]);
  out.status = *status;
  return out;
}

std::string find_on_path(std::string const& name) {
  auto const accept = [](std::string const& candidate) -> std::string {
    struct stat st {};
    if (::stat(candidate.c_str(), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size == 0) return {};
    std::unique_ptr<char, void (*)(void*)> const real(::realpath(candidate.c_str(), nullptr), &std::free);
    return real ? std::string(real.get()) : std::string();
  };
  if (name.find('/') != std::string::npos) return accept(name).empty() ? std::string() : name;
  char const* const path = std::getenv("PATH");
  if (path == nullptr) return {};
  std::string const directories = path;
  for (std::size_t start = 0; start <= directories.size();) {
    std::size_t const end = std::min(directories.find(':', start), directories.size());
    std::string const directory = directories.substr(start, end - start);
    if (!directory.empty())
      if (auto found = accept(directory + "/" + name); !found.empty()) return found;
    start = end + 1;
  }
  return {};
}

}  // namespace templatefs
