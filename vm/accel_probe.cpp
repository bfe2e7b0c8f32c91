// SPDX-License-Identifier: Apache-2.0
#include "vm/accel_probe.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/file_lock.h"
#include "base/files.h"
#include "base/log.h"
#include "vm/host_identity.h"

#include <cerrno>
#include <mutex>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>

namespace templatefs::vm {

namespace {

std::string identity_of(std::string const& qemu, std::string const& kernel, std::string const& device) {
  utsname host{};
  ::uname(&host);
  struct stat st {};
  check(::stat(device.c_str(), &st), "stat", device);
  return nlohmann::json{{"host_kernel", std::string(host.release) + " " + host.version},
                        {"cpu", cpu_model()},
                        {"kvm_device", format("{}:{}", major(st.st_rdev), minor(st.st_rdev))},
                        {"qemu", identity_of_file(qemu)},
                        {"guest_kernel", file_sha256(kernel)}}
      .dump();
}

AcceleratorProbe::Verdict not_probed(Error const& error) {
  spdlog::warn("KVM was not probed, the guest runs without it: {}", error.sentence());
  return {Accelerator::tcg, "KVM was not probed: " + error.sentence()};
}

}  // namespace

std::optional<AcceleratorChoice> parse_accelerator_choice(std::string_view text) {
  if (text == "auto") return AcceleratorChoice::automatic;
  if (text == "kvm") return AcceleratorChoice::kvm;
  if (text == "tcg") return AcceleratorChoice::tcg;
  return std::nullopt;
}

std::optional<AcceleratorProbe::Verdict> AcceleratorProbe::without_trial(std::string const& qemu,
                                                                         std::string const& kernel) {
  // Nothing to probe, and nothing to remember: the user may join the group kvm at any moment.
  if (Fd const kvm(::open(options_.device.c_str(), O_RDWR | O_CLOEXEC)); !kvm) {
    std::string reason = format("{} cannot be opened ({})", options_.device, errno_words(errno));
    static std::once_flag said;
    std::call_once(said, [&] { spdlog::info("{}: template guests run on tcg", reason); });
    return Verdict{Accelerator::tcg, std::move(reason)};
  }
  try {
    return recall(identity_of(qemu, kernel, options_.device));
  } catch (Error const& error) {
    return not_probed(error);
  }
}

AcceleratorProbe::Verdict AcceleratorProbe::choose(std::string const& qemu, std::string const& kernel,
                                                   BootOnKvm const& boot, std::stop_token const& stop) {
  if (auto verdict = without_trial(qemu, kernel)) return *std::move(verdict);
  try {
    std::string const identity = identity_of(qemu, kernel, options_.device);
    std::optional<FileLock> lock;
    if (!options_.lock.empty()) {
      // Whoever is before us is done within its watchdog, and then has written the verdict down.
      lock = FileLock::lock(AT_FDCWD, options_.lock, FileLock::Mode::exclusive,
                            Deadline::after(2 * options_.watchdog), stop);
      if (auto const known = recall(identity)) return *known;
    }
    return probe(identity, boot, stop);
  } catch (Error const& error) {
    if (error.err() == ECANCELED) throw;
    return not_probed(error);
  }
}

void AcceleratorProbe::conclude(std::string const& qemu, std::string const& kernel, Verdict const& verdict,
                                std::chrono::duration<double> took) {
  spdlog::info("probed KVM for {:.1f} s: {}; template guests run on {}", took.count(), verdict.reason,
               name_of(verdict.accelerator));
  try {
    remember({identity_of(qemu, kernel, options_.device), verdict}, took.count());
  } catch (Error const& error) {
    spdlog::warn("the verdict on KVM cannot be remembered: {}", error.sentence());
  }
}

std::optional<Accelerator> AcceleratorProbe::known() const {
  if (Fd const kvm(::open(options_.device.c_str(), O_RDWR | O_CLOEXEC)); !kvm) return Accelerator::tcg;
  return known_.with([](auto const& known) -> std::optional<Accelerator> {
    if (known) return known->verdict.accelerator;
    return std::nullopt;
  });
}

AcceleratorProbe::Verdict AcceleratorProbe::probe(std::string const& identity, BootOnKvm const& boot,
                                                  std::stop_token const& stop) {
  auto const start = Deadline::Clock::now();
  Verdict verdict{Accelerator::kvm, "a guest booted on KVM"};
  try {
    boot(Deadline::after(options_.watchdog), stop);
  } catch (Error const& error) {
    if (error.err() == ECANCELED) throw;
    verdict = {Accelerator::tcg, error.err() == ETIMEDOUT ? "a guest on KVM did not come up"
                                                          : "a guest on KVM failed: " + error.text()};
  }
  std::chrono::duration<double> const took = Deadline::Clock::now() - start;
  spdlog::info("probed KVM in {:.1f} s: {}; template guests run on {}", took.count(), verdict.reason,
               name_of(verdict.accelerator));
  remember({identity, verdict}, took.count());
  return verdict;
}

std::optional<AcceleratorProbe::Verdict> AcceleratorProbe::recall(std::string const& identity) {
  auto const in_memory = known_.with([&](auto const& known) -> std::optional<Verdict> {
    if (known && known->identity == identity) return known->verdict;
    return std::nullopt;
  });
  if (in_memory || options_.memory.empty()) return in_memory;
  if (!open_at_if_exists(AT_FDCWD, options_.memory, O_RDONLY)) return std::nullopt;
  auto const record = nlohmann::json::parse(read_file(AT_FDCWD, options_.memory), nullptr, false);
  if (!record.is_object() || !record.contains("identity") || record["identity"].dump() != identity)
    return std::nullopt;
  auto const name = record.value("accelerator", "");
  if (name != "kvm" && name != "tcg") return std::nullopt;
  Verdict const verdict{name == "kvm" ? Accelerator::kvm : Accelerator::tcg,
                        record.value("reason", "found out earlier")};
  known_.with([&](auto& known) { known = Known{identity, verdict}; });
  return verdict;
}

void AcceleratorProbe::remember(Known const& found, double seconds) {
  known_.with([&](auto& known) { known = found; });
  if (options_.memory.empty()) return;
  nlohmann::json const record{{"identity", nlohmann::json::parse(found.identity)},
                              {"accelerator", name_of(found.verdict.accelerator)},
                              {"reason", found.verdict.reason},
                              {"seconds", seconds},
                              {"probed", rfc3339(epoch_ms_now())}};
  try {
    replace_file(AT_FDCWD, options_.memory, record.dump(2) + "\n", 0644, false);
  } catch (Error const& error) {
    spdlog::warn("the verdict on KVM cannot be remembered: {}", error.sentence());
  }
}

}  // namespace templatefs::vm
