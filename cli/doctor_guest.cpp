// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/doctor_checks.h"
#include "vm/filesystem.h"
#include "vm/host_program.h"
#include "vm/kernel_lookup.h"
#include "vm/kernel_modules.h"
#include "vm/qemu_argv.h"

#include <cerrno>
#include <exception>
#include <optional>

#include <unistd.h>

namespace templatefs::cli {

namespace {

std::optional<vm::Kernel> examine_kernel(DoctorFindings& findings, BuilderOptions const& options) {
  std::optional<vm::Kernel> kernel;
  try {
    kernel = vm::find_kernel(options.kernel_path());
  } catch (...) {
    findings.push_back(in_trouble("kernel/none", "kernel", std::current_exception()));
    return kernel;
  }
  try {
    (void)vm::find_modules(kernel->modules, vm::guest_drivers(), {});
    findings.push_back(all_well("kernel", format("{} ({})", kernel->image, kernel->version)));
  } catch (...) {
    findings.push_back(in_trouble("kernel/no-virtio", "kernel", std::current_exception()));
    kernel.reset();
  }
  return kernel;
}

bool has_driver(vm::Kernel const& kernel, vm::Filesystem const& filesystem) {
  try {
    (void)vm::find_modules(kernel.modules, {filesystem.modules.front()}, {});
    return true;
  } catch (Error const& error) {
    if (error.err() != ENOPKG) throw;
    return false;
  }
}

Finding check_drivers(vm::Kernel const& kernel) {
  std::string there;
  std::string missing;
  for (auto const& filesystem : vm::filesystems()) {
    if (filesystem.modules.empty()) continue;
    auto& names = has_driver(kernel, filesystem) ? there : missing;
    names += (names.empty() ? "" : ", ") + std::string(filesystem.name);
  }
  if (missing.empty()) return all_well("drivers", kernel.version + " has that of " + there);
  return in_trouble(
      "drivers/missing", "drivers",
      format("{} has none for {}: these are formatted and not mounted to test them", kernel.version, missing),
      "apt-get install linux-image-amd64, whose kernels have more; --kernel chooses one.");
}

/// Without a driver of the filesystem nothing mounts what such a kernel formats.
Finding check_kernel_of(cache::Recipe const& recipe) {
  auto const check = "recipe " + recipe.name;
  vm::Kernel kernel;
  try {
    kernel = vm::find_kernel(recipe.kernel);
    (void)vm::find_modules(kernel.modules, vm::guest_drivers(), {});
  } catch (...) {
    return in_trouble("recipe-kernel/unusable", check, std::current_exception(),
                      format("Here that is recipe.{}.kernel, in {}.", recipe.name, recipe.origin));
  }
  auto const found = format("its kernel is {} ({})", kernel.image, kernel.version);
  auto const& filesystem = *recipe.filesystem;
  if (filesystem.modules.empty() || has_driver(kernel, filesystem)) return all_well(check, found);
  return in_trouble("recipe-kernel/no-driver", check,
                    format("{}, which has no driver {}: {} is formatted and not mounted to test it", found,
                           filesystem.modules.front(), filesystem.name),
                    format("Give recipe.{}.kernel one that has it, in {}.", recipe.name, recipe.origin));
}

std::optional<std::string> examine_qemu(DoctorFindings& findings) {
  std::string path;
  try {
    path = vm::find_qemu({});
  } catch (...) {
    findings.push_back(in_trouble("qemu/missing", "qemu", std::current_exception()));
    return {};
  }
  try {
    auto const qemu = vm::examine_program(path, "--version");
    findings.push_back(all_well("qemu", format("{} ({})", qemu.path, qemu.first_line())));
    return path;
  } catch (...) {
    findings.push_back(in_trouble("qemu/broken", "qemu", std::current_exception(),
                                  "apt-get install --reinstall qemu-system-x86"));
    return {};
  }
}

/// Everything a build of each filesystem needs is looked for: modules, the formatter and its libraries. What
/// is not on PATH at all was told before.
void examine_builds(DoctorFindings& findings, vm::GuestBuilder& builder) {
  for (auto const& filesystem : vm::filesystems()) {
    if (filesystem.formatter.empty() || find_on_path(std::string(filesystem.formatter)).empty()) continue;
    try {
      (void)builder.inputs({&filesystem, Capacity::of_mib(1024), {}});
    } catch (...) {
      findings.push_back(
          in_trouble(filesystem.common ? TroubleName("guest/no-build") : TroubleName("guest/no-build-rare"),
                     "guest " + std::string(filesystem.name), std::current_exception(),
                     "apt-get install --reinstall " + std::string(filesystem.package)));
    }
  }
}

Finding check_accelerator(vm::GuestBuilder& builder) {
  auto const verdict = builder.accelerator({});
  auto const found = format("{}: {}", vm::name_of(verdict.accelerator), verdict.reason);
  if (verdict.accelerator == vm::Accelerator::kvm) return all_well("accelerator", found);
  std::string remedy = "Builds take seconds longer and nothing else.";
  if (::access("/dev/kvm", F_OK) == 0 && ::access("/dev/kvm", R_OK | W_OK) != 0)
    remedy += " To let this user open /dev/kvm, as root: usermod -aG kvm USER";
  return in_trouble("accelerator/tcg", "accelerator", found, remedy);
}

}  // namespace

void examine_guest(DoctorFindings& findings, BuilderOptions const& options, cache::Store const* store,
                   std::vector<cache::Recipe> const& recipes) {
  auto const kernel = examine_kernel(findings, options);
  for (auto const& recipe : recipes)
    if (!recipe.kernel.empty())
      findings.push_back(attempt("recipe-kernel/unusable", "recipe " + recipe.name,
                                 [&] { return check_kernel_of(recipe); }));
  auto const qemu = examine_qemu(findings);
  if (!kernel) return;
  auto const builder = options.make_guest_builder(store);
  findings.push_back(attempt("drivers/missing", "drivers", [&] { return check_drivers(*kernel); }));
  examine_builds(findings, *builder);
  if (qemu)
    findings.push_back(
        attempt("accelerator/tcg", "accelerator", [&] { return check_accelerator(*builder); }));
}

}  // namespace templatefs::cli
