// SPDX-License-Identifier: Apache-2.0
#include "fusefs/mount.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mount_table.h"
#include "base/scope_exit.h"
#include "base/surroundings.h"
#include "cache/layout.h"
#include "fusefs/mount_obstacle.h"
#include "fusefs/mount_point.h"
#include "fusefs/operations.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

/// What libfuse said last, for the sentence of a failed start: it reports causes only through its log.
struct LastWords {
  std::string text;
  int err = 0;  // errno as they were said
};
Guarded<LastWords> last_words;

void take_libfuse_log(fuse_log_level level, char const* format_text, va_list arguments) {
  int const err = errno;
  char text[512];
  std::vsnprintf(text, sizeof text, format_text, arguments);
  std::string line = text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  if (level <= FUSE_LOG_ERR) last_words.with([&](LastWords& words) { words = {line, err}; });
  spdlog::debug("libfuse: {}", line);
  errno = err;
}

[[noreturn]] void throw_last_words(int err, std::string const& what, std::string remedy) {
  auto const words = last_words.with([](LastWords const& each) { return each.text; });
  throw Error(err, words.empty() ? what : what + ": " + words, std::move(remedy));
}

sigset_t end_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (int const number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
  return set;
}

/// Of a mount(2) that failed. libfuse logs each errno but EPERM: there it goes on to try fusermount3, whose
/// errno is anything.
int mount_errno() {
  int const err = last_words.with([](LastWords const& words) { return words.err; });
  return err != 0 ? err : EPERM;
}

std::string mount_remedy(int err) {
  if (auto const obstacle = find_mount_obstacle()) return obstacle->what + ". " + obstacle->remedy;
  if (!has_sys_admin())
    return "Is the mount point yours, and does /etc/fuse.conf say user_allow_other if -o allow_other is "
           "given?";
  if (err == EINVAL) return "Look at the -o options.";
  if (err != EPERM && err != EACCES) return {};
  if (!in_initial_user_namespace())
    return "A user namespace may mount only in a mount namespace of its own: unshare -Urm, not unshare -Ur.";
  return "Root is denied it: docker's AppArmor profile does that (--security-opt apparmor=unconfined), a "
         "seccomp filter may.";
}

}  // namespace

void block_end_signals() {
  auto const set = end_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

Mount::Mount(Filesystem& fs, std::vector<std::string> const& fuse_options)
    : fs_(fs), ended_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd", "for the mount")) {
  fuse_set_log_func(take_libfuse_log);
  std::vector<std::string> words{"templatefs", "-o",
                                 "fsname=templatefs,subtype=templatefs,default_permissions"};
  for (auto const& option : fuse_options) {
    words.emplace_back("-o");
    words.push_back(option);
  }
  std::vector<char*> pointers;
  pointers.reserve(words.size());
  for (auto& word : words) pointers.push_back(word.data());
  fuse_args arguments = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
  ScopeExit const free_arguments([&] { fuse_opt_free_args(&arguments); });

  session_.reset(fuse_session_new(&arguments, &kOperations, sizeof kOperations, &fs_));
  if (!session_) throw_last_words(EINVAL, "start a FUSE session", "Look at the -o options.");
  fs_.connection.attach(session_.get());

  last_words.with([](LastWords& said) { said = {}; });
  if (fuse_session_mount(session_.get(), fs_.options.mount_point.c_str()) != 0) {
    int const err = has_sys_admin() ? mount_errno() : EPERM;
    throw_last_words(err, "mount on " + fs_.options.mount_point, mount_remedy(err));
  }
  mounted_ = true;
  try {
    int const wake = ended_.get();
    workers_ = std::make_unique<Workers>(session_.get(), [wake] { ::eventfd_write(wake, 1); });
    workers_->start_first();
    wait_for_first_answer();
    Fd const any_file = open_at(fs_.cache.store().dir(), cache::layout::kFormatFile, O_RDONLY);
    fs_.connection.try_passthrough(any_file.get());
    workers_->start_rest(std::clamp(2 * std::thread::hardware_concurrency(), 4u, 16u));
  } catch (...) {
    end();
    throw;
  }
}

void Mount::wait_for_first_answer() {
  auto const deadline = Deadline::after(10s);
  while (!fs_.connection.negotiated()) {
    if (deadline.passed()) throw_last_words(ETIMEDOUT, "wait for the kernel's first FUSE request", {});
    pollfd ended{ended_.get(), POLLIN, 0};
    if (::poll(&ended, 1, 1) > 0) throw_last_words(EIO, "serve " + fs_.options.mount_point, {});
  }
}

Mount::~Mount() {
  end();
}

void Mount::serve_until_ended(std::function<void()> const& on_hangup) {
  auto const set = end_signals();
  Fd const signals(check(::signalfd(-1, &set, SFD_CLOEXEC), "signalfd", "for the mount"));
  for (;;) {
    pollfd events[] = {{signals.get(), POLLIN, 0}, {ended_.get(), POLLIN, 0}};
    int const ready = ::poll(events, 2, 5000);
    if (ready < 0 && errno != EINTR) throw_errno("wait for", "the end");
    fs_.cache.drop_idle();
    fs_.usage.measure_if_due(fs_);
    log_repeats();
    if (ready <= 0) {
      fs_.late_naming.name_the_old(fs_);
      continue;
    }
    if (events[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
    if (info.ssi_signo != SIGHUP || !on_hangup) {
      spdlog::info("ending on signal {}", info.ssi_signo);
      return;
    }
    on_hangup();
  }
}

void Mount::end() {
  if (!session_) return;
  // Builds first, while the workers still carry the answers out.
  fs_.pool.stop();
  fs_.cache.stop_making_ahead();
  if (mounted_) {
    // In order if nobody uses the mount: the kernel then sends what it still has. A busy mount is detached
    // below.
    if (::geteuid() == 0 && mount_at(fs_.options.mount_point)) {
      try {
        detach_mount(fs_.options.mount_point, false);
      } catch (Error const& error) {
        spdlog::debug("{}", error.sentence());
      }
    }
    workers_.reset();
    // Opens that came in after the builds were stopped: nobody else would answer them.
    fs_.pool.stop();
    fs_.parked.stop_watching();
    // Detaches where it is still mounted, and closes the device: with its last descriptor the kernel ends the
    // connection, whoever still holds a file of it open.
    fuse_session_unmount(session_.get());
    mounted_ = false;
  }
  session_.reset();
}

}  // namespace templatefs::fusefs
