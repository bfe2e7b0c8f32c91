// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/deadline.h"
#include "base/guarded.h"
#include "vm/qemu_argv.h"

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace templatefs::vm {

/// What the operator wants: the probe's verdict, or one of the two without a question.
enum class AcceleratorChoice { automatic, kvm, tcg };
/// "auto", "kvm", "tcg"; empty for anything else.
std::optional<AcceleratorChoice> parse_accelerator_choice(std::string_view text);

/// Finds out whether KVM really runs a guest. That /dev/kvm exists, or opens, proves nothing: there are hosts
/// whose KVM_RUN never returns. So one guest is booted on it under a watchdog, and the verdict is remembered
/// in a file until the host's kernel or CPU, QEMU, the guest's kernel or /dev/kvm change. Safe from many
/// threads.
class AcceleratorProbe {
 public:
  struct Options {
    std::string memory;  // file that holds the verdict; empty: remembered in this process only
    std::string lock;    // lock file beside it: one probe at a time on this machine
    std::chrono::milliseconds watchdog = std::chrono::seconds(5);
    std::string device = "/dev/kvm";
  };
  struct Verdict {
    Accelerator accelerator;
    std::string reason;  // a clause for people: "a guest booted on KVM"
  };
  /// Boots a guest on KVM and returns once it said "ready"; throws Error by the deadline otherwise, and
  /// Error(ECANCELED) where it was stopped.
  using BootOnKvm = std::function<void(Deadline, std::stop_token const&)>;

  explicit AcceleratorProbe(Options options) : options_(std::move(options)) {}

  /// `qemu` and `kernel` are paths of files. Throws Error(ECANCELED) only.
  Verdict choose(std::string const& qemu, std::string const& kernel, BootOnKvm const& boot,
                 std::stop_token const& stop);

  /// What choose() would say without a trial: what is remembered, or tcg where the device cannot be opened.
  std::optional<Verdict> without_trial(std::string const& qemu, std::string const& kernel);
  /// Remembers a verdict that was found otherwise, `took` after the trial had begun.
  void conclude(std::string const& qemu, std::string const& kernel, Verdict const& verdict,
                std::chrono::duration<double> took);

  /// What choose() would say, if that needs no look at kernel and QEMU: the last verdict of this process, or
  /// tcg where the device cannot be opened.
  std::optional<Accelerator> known() const;

 private:
  struct Known {
    std::string identity;  // of all that could change it
    Verdict verdict;
  };

  std::optional<Verdict> recall(std::string const& identity);
  void remember(Known const& found, double seconds);
  Verdict probe(std::string const& identity, BootOnKvm const& boot, std::stop_token const& stop);

  Options options_;
  Guarded<std::optional<Known>> known_;
};

}  // namespace templatefs::vm
