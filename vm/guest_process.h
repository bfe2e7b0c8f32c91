// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/deadline.h"
#include "base/error.h"
#include "vm/console_log.h"
#include "vm/guest_job.h"
#include "vm/qemu_argv.h"
#include "vm/stop_event.h"

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace templatefs::vm {

/// The guest or QEMU failed by itself, which says nothing of the job: another guest may do it.
class GuestBroke : public Error {
 public:
  using Error::Error;
};

/// A running guest, and what it says. One thread owns it; the destructor kills QEMU and reaps it.
///
/// Four streams are read together: the console and QEMU's own output go to the log, the report port carries
/// the guest's events, QMP tells of write errors that the guest sees as EIO and that may mean a full store.
class GuestProcess {
 public:
  /// Starts QEMU on `machine`: memory_fd and state_fd are ours there, the other descriptors and the initrd
  /// are filled in here. `initrd` may be empty. `deadline` and `stop` bound the guest's whole life. Throws
  /// Error.
  GuestProcess(GuestMachine machine, Fd const& initrd, std::string const& log_path, Deadline deadline,
               std::stop_token const& stop);

  /// Waits for the next thing the guest says. Throws Error: ETIMEDOUT, ECANCELED, ENOSPC or EDQUOT (the
  /// image's filesystem is full), EIO (its writes failed); GuestBroke(EIO) where it ended without a verdict.
  GuestEvent next_event();
  /// A second deadline for what follows, until the next call; past it GuestBroke(ETIMEDOUT) is thrown.
  void bound_step(Deadline deadline) { step_deadline_ = deadline; }
  /// Has QEMU carry out a QMP command, whose arguments are JSON; a descriptor may go along. Throws as
  /// next_event, and GuestBroke(EIO) with QEMU's words where it refuses.
  void command(std::string const& name, std::string const& arguments = "{}", int descriptor = -1);
  /// Waits until a migration, in or out, is over. Throws as next_event, and GuestBroke(EIO) where it failed.
  void await_migration();
  /// Text from encode_job, to a guest that said "ready". Throws Error.
  void send(std::string const& job_text);
  ConsoleLog const& console() const noexcept { return console_log_; }

 private:
  struct Stream {
    Fd fd;
    std::string pending;  // a line not yet whole
  };

  void spawn(GuestMachine machine, Fd const& initrd);
  void pump_until(std::function<bool()> const& done);
  std::optional<GuestEvent> take_event();
  void wait_for_input();
  void read_everything();
  void take_qmp_lines();
  [[noreturn]] void fail_after_io_error(std::string const& operation, std::string const& node,
                                        std::string const& reason, bool nospace);
  [[noreturn]] void fail_after_end();

  Deadline deadline_;
  Deadline step_deadline_ = Deadline::never();
  std::stop_token stop_;
  StopEvent stop_event_;
  ConsoleLog console_log_;
  Stream console_, output_, report_, qmp_;
  std::optional<Child> qemu_;
  bool ended_ = false;
  bool answered_ = false;         // the last command
  std::string refusal_;           // QEMU's words
  std::string migration_status_;  // as QEMU's last event of it says
};

}  // namespace templatefs::vm
