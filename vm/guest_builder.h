// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/accel_probe.h"
#include "vm/builder.h"
#include "vm/guest_shelf.h"
#include "vm/kernel_lookup.h"
#include "vm/kvm_trial.h"

#include <chrono>
#include <memory>
#include <string>

namespace templatefs::vm {

/// Formats in a one-shot guest: its kernel, not the host's, is the authority on the on-disk format. Needs no
/// root.
class GuestBuilder : public Builder {
 public:
  struct Options {
    std::string kernel;  // path of a bzImage; empty: the newest that is installed
    KernelRoots kernel_roots = {};
    AcceleratorChoice accelerator = AcceleratorChoice::automatic;
    AcceleratorProbe::Options probe = {};
    std::chrono::milliseconds time_limit = std::chrono::seconds(120);  // a build; fill_time() is added
    std::string qemu = {};                        // a name on PATH or a path; empty: the one for this machine
    std::shared_ptr<GuestShelf> shelf = nullptr;  // none: each guest boots
    std::chrono::milliseconds restore_limit = std::chrono::seconds(20);  // until a saved guest starts its job
  };

  explicit GuestBuilder(Options options);

  std::vector<Input> inputs(BuildSpec const& spec) override;
  std::vector<std::string> watched_files(BuildSpec const& spec) override;
  std::string known_accelerator() override;
  BuildReport build(BuildSpec const& spec, std::string const& image_path, std::string const& log_path,
                    PhaseListener const& on_phase, std::stop_token const& stop) override;

  /// What builds run on; probes KVM where nobody did yet, to the end. Throws as build does.
  AcceleratorProbe::Verdict accelerator(std::stop_token const& stop);

 private:
  Kernel kernel_for(BuildSpec const& spec) const;
  /// By the probe, or by the trial, with which a build begins on tcg as long as KVM is being tried.
  AcceleratorProbe::Verdict accelerator_by(auto& judge, std::stop_token const& stop);

  Options options_;
  AcceleratorProbe probe_;
  KvmTrial trial_{probe_};
};

}  // namespace templatefs::vm
