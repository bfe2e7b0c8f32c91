// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"

#include <atomic>
#include <functional>
#include <string>

namespace templatefs::test {

/// A builder for the cache's tests: writes the superblock's magic and a line of its own, no guest. It can be
/// made to fail, to wait, and to write a torn image, which the real one cannot be made to do on demand.
class FakeBuilder : public vm::Builder {
 public:
  std::string formatter_version = "mkfs.fake 1";  // change it between builds, not during one
  std::atomic<int> builds{0};
  /// Called in each build after the image was written, with its path; may throw or wait.
  std::function<void(std::string const& image_path, std::stop_token const& stop)> during_build;

  std::vector<vm::Input> inputs(vm::BuildSpec const& spec) override;
  std::vector<std::string> watched_files(vm::BuildSpec const& spec) override;
  std::string known_accelerator() override { return "none"; }
  vm::BuildReport build(vm::BuildSpec const& spec, std::string const& image_path, std::string const& log_path,
                        vm::PhaseListener const& on_phase, std::stop_token const& stop) override;
};

}  // namespace templatefs::test
