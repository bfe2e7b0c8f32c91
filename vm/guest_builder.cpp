// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_builder.h"

#include "base/child.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/log.h"
#include "base/random_name.h"
#include "vm/archiver.h"
#include "vm/console_log.h"
#include "vm/filesystem.h"
#include "vm/formatter.h"
#include "vm/guest_init.h"
#include "vm/guest_process.h"
#include "vm/guest_seed.h"
#include "vm/guest_snapshot.h"
#include "vm/initramfs.h"
#include "vm/kernel_modules.h"
#include "vm/run_guest.h"
#include "vm/shared_libraries.h"
#include "vm/shelved_guests.h"
#include "vm/sparsify.h"
#include "vm/tsc.h"

namespace templatefs::vm {

namespace {

bool is_formatted(BuildSpec const& spec) {
  return !spec.filesystem->formatter.empty();
}

std::vector<KernelModule> modules_for(Kernel const& kernel, BuildSpec const& spec) {
  auto wanted = spec.filesystem->modules;
  auto const for_seed = seed_modules(spec);
  wanted.insert(wanted.end(), for_seed.begin(), for_seed.end());
  return find_modules(kernel.modules, guest_drivers(), wanted);
}

std::string digest_of_modules(std::vector<KernelModule> const& modules) {
  std::vector<std::string> paths;
  paths.reserve(modules.size());
  for (auto const& module : modules) paths.push_back(module.path);
  return digest_of_files(paths);
}

GuestJob make_job(BuildSpec const& spec, std::vector<std::string> const& libraries) {
  GuestJob job;
  job.seed = random_hex(32);
  job.size = spec.capacity.bytes();
  job.arguments = formatter_command(spec, "/dev/vda");
  job.arguments[0] = formatter_in_guest(job.arguments[0]);
  job.environment = {"PATH=/bin", "HOME=/", "LC_ALL=C", "LD_LIBRARY_PATH=" + library_path(libraries)};
  job.mount_type = spec.filesystem->mount_type;
  job.mount_options = spec.filesystem->mount_options;
  return job;
}

std::string directory_of(std::string const& path) {
  auto const slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::vector<std::string> libraries_in_guest(Formatter const& formatter,
                                            std::optional<GuestSeed> const& seed) {
  auto out = formatter.libraries;
  if (!seed) return out;
  auto const& more = seed->archiver().program.libraries;
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace

GuestBuilder::GuestBuilder(Options options) : options_(std::move(options)), probe_(options_.probe) {}

Kernel GuestBuilder::kernel_for(BuildSpec const& spec) const {
  return find_kernel(spec.kernel.empty() ? options_.kernel : spec.kernel, options_.kernel_roots);
}

std::vector<Input> GuestBuilder::inputs(BuildSpec const& spec) {
  require_fillable(spec);
  if (!is_formatted(spec)) return {{"builder", "none"}, {"formatter_version", "noversion"}};
  auto const formatter = find_formatter(*spec.filesystem);
  (void)elf_interpreter(formatter.path);  // a script would find no shell in the guest
  auto const kernel = kernel_for(spec);
  std::vector<Input> out{{"builder", "guest"}};
  for (auto& input : formatter.inputs()) out.push_back(std::move(input));
  out.push_back({"kernel_version", kernel.version});
  out.push_back({"kernel_digest", file_sha256(kernel.image)});
  out.push_back({"kernel_modules", digest_of_modules(modules_for(kernel, spec))});
  out.push_back({"guest_init", guest_init_digest()});
  if (spec.seed) {
    out.push_back({"seed", seed_digest(*spec.seed)});
    for (auto& input : find_archiver().inputs(*spec.seed)) out.push_back(std::move(input));
  }
  return out;
}

std::vector<std::string> GuestBuilder::watched_files(BuildSpec const& spec) {
  if (!is_formatted(spec)) return {};
  auto const kernel = kernel_for(spec);
  auto out = find_formatter(*spec.filesystem).files();
  out.push_back(kernel.image);
  out.push_back(kernel.modules + "/modules.dep");
  if (spec.seed) {
    out.push_back(spec.seed->path);
    auto const archiver = find_archiver().files();
    out.insert(out.end(), archiver.begin(), archiver.end());
  }
  // Decides no byte, but whether a build that failed is worth another try.
  if (auto qemu = find_on_path(options_.qemu.empty() ? kDefaultQemu : options_.qemu); !qemu.empty())
    out.push_back(std::move(qemu));
  // Where a newer kernel would appear.
  if (options_.kernel.empty() && spec.kernel.empty()) out.push_back(options_.kernel_roots.boot);
  return out;
}

std::string GuestBuilder::known_accelerator() {
  if (options_.accelerator == AcceleratorChoice::kvm) return "kvm";
  if (options_.accelerator == AcceleratorChoice::tcg) return "tcg";
  auto const known = probe_.known();
  return known ? std::string(name_of(*known)) : std::string();
}

AcceleratorProbe::Verdict GuestBuilder::accelerator_by(auto& judge, std::stop_token const& stop) {
  if (options_.accelerator == AcceleratorChoice::kvm) return {Accelerator::kvm, "as was asked for"};
  if (options_.accelerator == AcceleratorChoice::tcg) return {Accelerator::tcg, "as was asked for"};
  GuestMachine machine;
  machine.qemu = find_qemu(options_.qemu);
  auto const kernel = find_kernel(options_.kernel, options_.kernel_roots);
  machine.kernel = kernel.image;
  machine.accelerator = Accelerator::kvm;
  auto const boot = [machine, kernel](Deadline deadline, std::stop_token const& until) {
    auto const modules = find_modules(kernel.modules, guest_drivers(), {});
    Fd const initrd = make_memory_file("templatefs-probe", make_initramfs({modules, {}, nullptr}));
    (void)GuestProcess(machine, initrd, {}, deadline, until).next_event();
  };
  return judge.choose(machine.qemu, machine.kernel, boot, stop);
}

AcceleratorProbe::Verdict GuestBuilder::accelerator(std::stop_token const& stop) {
  return accelerator_by(probe_, stop);
}

BuildReport GuestBuilder::build(BuildSpec const& spec, std::string const& image_path,
                                std::string const& log_path, PhaseListener const& on_phase,
                                std::stop_token const& stop) {
  require_fillable(spec);
  // A raw image is what the caller made already: a hole of the right size.
  if (!is_formatted(spec))
    return BuildReport{.accelerator = "none",
                       .kernel = {},
                       .formatter = {},
                       .phases = {},
                       .not_mounted = "there is no filesystem on it"};

  auto const formatter = find_formatter(*spec.filesystem);
  auto const kernel = kernel_for(spec);
  GuestMachine machine;
  machine.qemu = find_qemu(options_.qemu);
  machine.kernel = kernel.image;
  machine.image = image_path;
  auto limit = options_.time_limit;
  if (spec.seed) {
    auto const size = seed_size(*spec.seed);
    require_room(*spec.seed, size, spec.capacity);
    limit += fill_time(*spec.seed, size);
  }
  machine.accelerator = accelerator_by(trial_, stop).accelerator;
  machine.tsc_khz = tsc_khz();

  Deadline const deadline = Deadline::after(limit);
  std::string const name(spec.filesystem->formatter);
  ConsoleLog log(log_path);
  std::optional<GuestSeed> seed;
  if (spec.seed)
    seed.emplace(spec, SeedDisk::Surroundings{directory_of(image_path), log, deadline, stop}, on_phase);
  GuestRun run{machine, make_job(spec, libraries_in_guest(formatter, seed)), log_path, on_phase, deadline,
               stop};
  if (seed) {
    run.job.fill = seed->fill();
    run.machine.seed = seed->disk_path();
  }
  auto const make_initrd = [&] {
    GuestContents const contents{modules_for(kernel, spec), name, &formatter,
                                 seed ? &seed->archiver() : nullptr};
    return make_memory_file("templatefs-initramfs", make_initramfs(contents));
  };
  log.append(format("templatefs: {} in a guest: Linux {}, {}, {}\n", name, kernel.version, machine.qemu,
                    name_of(machine.accelerator)));
  // A saved guest has no second disk.
  auto report = options_.shelf && !seed
                    ? ShelvedGuests{*options_.shelf, saved_guest_name(name, inputs(spec), machine),
                                    options_.restore_limit}
                          .run(run, make_initrd)
                    : run_guest(run, make_initrd());
  if (machine.accelerator == Accelerator::tcg) trial_.tcg_was_through();
  if (!report.mounted) log.append(format("templatefs: not mounted: {}\n", report.not_mounted));
  if (seed) seed->require_unchanged();
  if (seed && seed->packing()) report.phases.insert(report.phases.begin(), {"pack", *seed->packing()});
  punch_unwritten(image_path);
  report.formatter = formatter.version_line();
  return report;
}

}  // namespace templatefs::vm
