// SPDX-License-Identifier: Apache-2.0
#include "vm/run_guest.h"

#include "base/error.h"
#include "base/files.h"
#include "vm/guest_process.h"
#include "vm/guest_snapshot.h"

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
  if (event.name == "failed") throw Error(EIO, describe_failure(event), guest.console().tail_for_people());
  throw GuestBroke(EIO, "the guest said \"" + event.name + "\" where \"" + std::string(wanted) + "\" was due",
                   guest.console().tail_for_people());
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

void send_job(GuestProcess& guest, GuestJob job) {
  job.time_ns = epoch_ms_now() * 1'000'000;
  guest.send(encode_job(job));
}

/// All that follows "started".
void see_job_through(GuestProcess& guest, GuestJob const& job, std::string const& kernel, PhaseClock& phases,
                     BuildReport& report) {
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
      report.not_mounted = why_not_mounted(job, kernel, mounted.err);
  }
  if (job.fill) {
    if (!report.mounted)
      throw Error(EOPNOTSUPP,
                  "the kernel of the guest cannot mount " + job.mount_type + ", to put the seed in",
                  "Name another kernel with --kernel");
    phases.enter("fill");
    expect_filled(guest, *job.fill);
  }
  if (report.mounted) report.kernel = kernel;
  phases.enter("sync");
  expect(guest, guest.next_event(), "done");
  phases.leave();
  // "done" follows a flush of the disk that QEMU has answered: nothing is in flight that ~GuestProcess, which
  // kills QEMU, could cut off.
}

}  // namespace

BuildReport run_guest(GuestRun const& run, Fd const& initrd, IdleGuestHook const& when_idle) {
  BuildReport report;
  report.accelerator = name_of(run.machine.accelerator);
  PhaseClock phases(run.on_phase, report);
  (void)encode_job(run.job);  // what cannot be said is refused before anything boots
  phases.enter("boot");
  GuestProcess guest(run.machine, initrd, run.log_path, run.deadline, run.stop);
  auto const ready = guest.next_event();
  expect(guest, ready, "ready");
  if (when_idle) {
    phases.enter("save");
    when_idle(guest, ready.kernel);
  }
  send_job(guest, run.job);
  expect(guest, guest.next_event(), "started");
  see_job_through(guest, run.job, ready.kernel, phases, report);
  return report;
}

BuildReport run_saved_guest(GuestRun const& run, SavedGuest const& saved, std::chrono::milliseconds limit) {
  BuildReport report;
  report.accelerator = name_of(run.machine.accelerator);
  PhaseClock phases(run.on_phase, report);
  (void)encode_job(run.job);
  phases.enter("restore");
  GuestMachine machine = run.machine;
  machine.memory_fd = saved.memory.get();
  machine.state_fd = saved.state.get();
  GuestProcess guest(std::move(machine), Fd(), run.log_path, run.deadline, run.stop);
  guest.bound_step(Deadline::after(limit));
  saved.require_intact();  // while QEMU starts
  resume_saved_guest(guest, run.job.size);
  send_job(guest, run.job);
  auto const started = guest.next_event();
  // All that it says before it starts on the job is about itself.
  if (started.name != "started")
    throw GuestBroke(EIO, "the saved guest did not start: " + describe_failure(started),
                     guest.console().tail_for_people());
  guest.bound_step(Deadline::never());
  see_job_through(guest, run.job, saved.kernel, phases, report);
  return report;
}

}  // namespace templatefs::vm
