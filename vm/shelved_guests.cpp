// SPDX-License-Identifier: Apache-2.0
#include "vm/shelved_guests.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "base/scope_exit.h"
#include "vm/guest_process.h"
#include "vm/guest_snapshot.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

/// What a guest left on the disk must not meet the next one.
void empty_disk(GuestRun const& run) {
  Fd const image = open_at(AT_FDCWD, run.machine.image, O_RDWR);
  check(::ftruncate(image.get(), 0), "empty", run.machine.image);
  check(::ftruncate(image.get(), run.job.size), "set the length of", run.machine.image);
}

void give_up(ShelvedGuests const& guests, Error const& error) noexcept {
  spdlog::warn("the saved guest {} is not used any more, guests boot instead: {}", guests.name,
               error.sentence());
  guests.shelf.give_up(guests.name, error.sentence());
}

/// Empty where there is none, or it is of no use.
std::optional<SavedGuest> find_saved(ShelvedGuests const& guests) {
  try {
    Fd const dir = guests.shelf.find(guests.name);
    if (dir) return SavedGuest::open(dir.get());
  } catch (GuestBroke const& error) {
    give_up(guests, error);
  } catch (Error const& error) {
    // Removed in this instant, or not ours to open.
    spdlog::debug("the saved guest {} cannot be opened: {}", guests.name, error.sentence());
  }
  return std::nullopt;
}

std::optional<FileLock> claim(ShelvedGuests const& guests) {
  try {
    return guests.shelf.claim(guests.name);
  } catch (Error const& error) {
    spdlog::debug("no guest is saved as {}: {}", guests.name, error.sentence());
    return std::nullopt;
  }
}

/// Boots a guest and saves it when it is idle.
class SavingRun {
 public:
  SavingRun(ShelvedGuests const& guests, GuestRun run)
      : guests_(guests), run_(std::move(run)), memory_(make_guest_memory()) {
    staged_ = run_.machine.image.substr(0, run_.machine.image.rfind('/') + 1) + "guest-" + random_hex(8);
    run_.machine.memory_fd = memory_.get();
  }

  /// Empty where the guest broke while it was saved.
  std::optional<BuildReport> run(Fd const& initrd) {
    ScopeExit const discard([&] {
      try {
        remove_tree(AT_FDCWD, staged_);
      } catch (Error const& error) {
        spdlog::warn("leftover of a saved guest: {}", error.sentence());
      }
    });
    try {
      return run_guest(run_, initrd,
                       [&](GuestProcess& guest, std::string const& kernel) { save(guest, kernel); });
    } catch (GuestBroke const& error) {
      if (!saving_) throw;
      give_up(guests_, error);
      return std::nullopt;
    }
  }

 private:
  void save(GuestProcess& guest, std::string const& kernel) {
    saving_ = true;
    guest.bound_step(Deadline::after(guests_.limit));
    try {
      check(::mkdir(staged_.c_str(), 0700), "make directory", staged_);
      Fd const dir = open_at(AT_FDCWD, staged_, O_RDONLY | O_DIRECTORY);
      save_guest(guest, memory_, kernel, dir.get());
      guests_.shelf.publish(guests_.name, staged_);
    } catch (GuestBroke const&) {
      throw;
    } catch (Error const& error) {
      if (error.err() == ECANCELED || error.err() == ETIMEDOUT) throw;
      spdlog::warn("no guest is saved as {}: {}", guests_.name, error.sentence());
      guest.command("cont");  // it may stand still
    }
    guest.bound_step(Deadline::never());
    saving_ = false;
  }

  ShelvedGuests const& guests_;
  GuestRun run_;
  Fd memory_;
  std::string staged_;
  bool saving_ = false;
};

}  // namespace

BuildReport ShelvedGuests::run(GuestRun const& run, std::function<Fd()> const& make_initrd) const {
  if (auto const saved = find_saved(*this)) {
    try {
      return run_saved_guest(run, *saved, limit);
    } catch (GuestBroke const& error) {
      give_up(*this, error);
    } catch (Error const& error) {
      // It may be what was saved that hangs; the next build will not find out as slowly.
      if (error.err() == ETIMEDOUT) give_up(*this, error);
      throw;
    }
    empty_disk(run);
  }
  if (auto const right = claim(*this)) {
    if (auto report = SavingRun(*this, run).run(make_initrd())) return *report;
    empty_disk(run);
  }
  return run_guest(run, make_initrd());
}

}  // namespace templatefs::vm
