// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "base/deadline.h"
#include "vm/console_log.h"
#include "vm/guest_job.h"
#include "vm/qemu_argv.h"
#include "vm/stop_event.h"

#include <optional>
#include <stop_token>
#include <string>

namespace templatefs::vm {

/// A booted guest, and what it says. One thread owns it; the destructor kills QEMU and reaps it.
///
/// Four streams are read together: the console and QEMU's own output go to the log, the report port carries
/// the guest's events, QMP tells of write errors that the guest sees as EIO and that may mean a full store.
class GuestProcess {
 public:
  /// Starts QEMU on `machine`, whose descriptors and initrd are filled in here. `deadline` and `stop` bound
  /// the guest's whole life. Throws Error.
  GuestProcess(GuestMachine machine, Fd const& initrd, std::string const& log_path, Deadline deadline,
               std::stop_token const& stop);

  /// Waits for the next thing the guest says. Throws Error: ETIMEDOUT, ECANCELED, ENOSPC or EDQUOT (the
  /// image's filesystem is full), EIO (its writes failed, or the guest ended without a verdict).
  GuestEvent next_event();
  /// Text from encode_job, to a guest that said "ready". Throws Error.
  void send(std::string const& job_text);
  ConsoleLog const& console() const noexcept { return console_log_; }

 private:
  struct Stream {
    Fd fd;
    std::string pending;  // a line not yet whole
  };

  void spawn(GuestMachine machine, Fd const& initrd);
  std::optional<GuestEvent> take_event();
  void wait_for_input();
  void read_everything();
  void take_qmp_lines();
  [[noreturn]] void fail_after_end();

  Deadline deadline_;
  std::stop_token stop_;
  StopEvent stop_event_;
  ConsoleLog console_log_;
  Stream console_, output_, report_, qmp_;
  std::optional<Child> qemu_;
  bool ended_ = false;
};

}  // namespace templatefs::vm
