// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "vm/builder.h"

#include <chrono>

namespace templatefs::vm {

/// Runs the formatter on the host, on the image file itself: for those who want no guest. Nothing mounts the
/// result.
class HostBuilder : public Builder {
 public:
  struct Options {
    std::chrono::milliseconds time_limit = std::chrono::seconds(120);  // for one build
  };

  explicit HostBuilder(Options options) : options_(options) {}

  std::vector<Input> inputs(BuildSpec const& spec) override;
  std::vector<std::string> watched_files(BuildSpec const& spec) override;
  std::string known_accelerator() override { return "none"; }
  BuildReport build(BuildSpec const& spec, std::string const& image_path, std::string const& log_path,
                    PhaseListener const& on_phase, std::stop_token const& stop) override;

 private:
  Options options_;
};

}  // namespace templatefs::vm
