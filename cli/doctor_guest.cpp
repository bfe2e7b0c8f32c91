// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"
#include "base/log.h"
#include "cli/doctor_checks.h"
#include "vm/filesystem.h"
#include "vm/kernel_lookup.h"

#include <cerrno>

namespace templatefs::cli {

namespace {

Finding failed(std::string check, Error const& error) {
  return {Verdict::fail, std::move(check), error.text() + ": " + errno_words(error.err()), error.remedy()};
}

}  // namespace

void examine_guest(std::vector<Finding>& findings, BuilderOptions const& options, cache::Store const* store) {
  auto const builder = options.make_guest_builder(store);
  try {
    auto const kernel = vm::find_kernel(options.kernel_path());
    findings.push_back({Verdict::ok, "kernel", format("{} ({})", kernel.image, kernel.version), ""});
  } catch (Error const& error) {
    findings.push_back(failed("kernel", error));
    return;
  }
  // Everything a build of each filesystem needs is looked for: QEMU, modules, the formatter and its
  // libraries.
  for (auto const& filesystem : vm::filesystems()) {
    if (filesystem.formatter.empty()) continue;
    try {
      builder->inputs({&filesystem, Capacity::of_mib(1024), {}});
    } catch (Error const& error) {
      findings.push_back(failed("guest " + std::string(filesystem.name), error));
      if (!filesystem.common) findings.back().verdict = Verdict::warn;
    }
  }
  try {
    auto const verdict = builder->accelerator({});
    bool const kvm = verdict.accelerator == vm::Accelerator::kvm;
    findings.push_back({kvm ? Verdict::ok : Verdict::warn, "accelerator",
                        format("{}: {}", vm::name_of(verdict.accelerator), verdict.reason),
                        kvm ? ""
                            : "Builds take seconds longer and nothing else. Where the host has KVM, let this "
                              "user open /dev/kvm."});
  } catch (Error const& error) {
    findings.push_back(failed("accelerator", error));
  }
}

}  // namespace templatefs::cli
