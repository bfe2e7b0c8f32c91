// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/vm/support.h"
#include "vm/guest_builder.h"

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace templatefs::vm {

/// Real guests, on TCG so that every machine runs the same test.
class GuestTest : public VmTest {
 protected:
  GuestTest() { options_.accelerator = AcceleratorChoice::tcg; }

  GuestBuilder& builder() {
    if (!builder_) builder_ = std::make_unique<GuestBuilder>(options_);
    return *builder_;
  }
  BuildReport build(BuildSpec const& spec) {
    make_image(image_, spec.capacity.bytes());
    phases_.clear();
    return builder().build(
        spec, image_, log_, [this](std::string_view phase) { phases_.emplace_back(phase); },
        stop_.get_token());
  }
  /// Of the builds from now on.
  void use_limit(std::chrono::milliseconds restore_limit) {
    options_.restore_limit = restore_limit;
    builder_.reset();
  }
  static int current_year() {
    auto const today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    return static_cast<int>(std::chrono::year_month_day(today).year());
  }

  GuestBuilder::Options options_;
  std::string image_ = scratch_ / "image", log_ = scratch_ / "log";
  std::stop_source stop_;
  std::vector<std::string> phases_;

 private:
  std::unique_ptr<GuestBuilder> builder_;
};

}  // namespace templatefs::vm
