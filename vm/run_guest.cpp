// SPDX-License-Identifier: Apache-2.0
#include "vm/run_guest.h"

#include "base/error.h"
#include "vm/guest_process.h"

#include <cerrno>

namespace templatefs::vm {

namespace {

/// Tells the listener of each phase and times it.
class PhaseClock {
 public:
  PhaseClock(PhaseListener const& listener, BuildReport& report) : listener_(listener), report_(report) {}

  void enter(std::string phase) {
    leave();
    current_ = std::move(phase);
    start_ = Deadline::Clock::now();
    if (listener_) listener_(current_);
  }
  void leave() {
    if (current_.empty()) return;
    std::chrono::duration<double> const took = Deadline::Clock::now() - start_;
    report_.phases.emplace_back(std::move(current_), took.count());
    current_.clear();
  }

 private:
  PhaseListener const& listener_;
  BuildReport& report_;
  std::string current_;
  Deadline::Clock::time_point start_;
};

/// Throws for "failed"; anything but `wanted` is a protocol error.
void expect(GuestProcess const& guest, GuestEvent const& event, std::string_view wanted) {
  if (event.name == wanted) return;
  std::string const what = event.name == "failed" ? describe_failure(event)
                                                  : "the guest said \"" + event.name + "\" where \"" +
                                                        std::string(wanted) + "\" was due";
  throw Error(EIO, what, guest.console().tail_for_people());
}

/// The guest's "mount-failed": what was made was not tried, which says nothing against it.
std::string why_not_mounted(GuestJob const& job, std::string const& kernel, int err) {
  if (err == ENODEV) return "Linux " + kernel + " has no driver " + job.mount_type;
  if (err == ENOMEM) return "the template guest has too little memory for so large a swap area";
  return "Linux " + kernel + ": " + errno_words(err);
}

void expect_filled(GuestProcess& guest, GuestFill const& fill) {
  auto const event = guest.next_event();
  if (event.name == "failed" && event.step == "fill" && event.err == ENOSPC && fill.overflow)
    throw *fill.overflow;
  expect(guest, event, "filled");
}

}  // namespace

BuildReport run_guest(GuestMachine const& machine, Fd const& initrd, GuestJob const& job,
                      std::string const& log_path, PhaseListener const& on_phase, Deadline deadline,
                      std::stop_token const& stop) {
  BuildReport report;
  PhaseClock phases(on_phase, report);
  std::string const job_text = encode_job(job);
  phases.enter("boot");
  GuestProcess guest(machine, initrd, log_path, deadline, stop);
  auto event = guest.next_event();
  expect(guest, event, "ready");
  guest.send(job_text);

  if (!job.arguments.empty()) {
    phases.enter("format");
    expect(guest, guest.next_event(), "formatted");
  }
  if (!job.mount_type.empty()) {
    phases.enter("mount");
    auto const mounted = guest.next_event();
    // A kernel without that driver can still have run the formatter.
    report.mounted = mounted.name != "mount-failed";
    if (report.mounted)
      expect(guest, mounted, "mounted");
    else
      report.not_mounted = why_not_mounted(job, event.kernel, mounted.err);
  }
  if (job.fill) {
    if (!report.mounted)
      throw Error(EOPNOTSUPP,
                  "the kernel of the guest cannot mount " + job.mount_type + ", to put the seed in",
                  "Name another kernel with --kernel");
    phases.enter("fill");
    expect_filled(guest, *job.fill);
  }
  if (report.mounted) report.kernel = event.kernel;
  phases.enter("sync");
  expect(guest, guest.next_event(), "done");
  phases.leave();
  // "done" follows a flush of the disk that QEMU has answered: nothing is in flight that ~GuestProcess, which
  // kills QEMU, could cut off.
  report.accelerator = name_of(machine.accelerator);
  return report;
}

}  // namespace templatefs::vm
