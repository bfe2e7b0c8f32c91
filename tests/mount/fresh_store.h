// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"
#include "tests/support/program.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <unistd.h>

namespace templatefs::test {

/// A filesystem of each case's own, with a store on it that is made by whoever comes first.
class FreshStore : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_.emplace(filesystem_type());
  }
  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }
  virtual std::string filesystem_type() const { return "xfs"; }

  std::string store(std::string const& below = "") const { return *filesystem_ / "store" + below; }
  /// A path beside the store, on its filesystem.
  std::string beside(std::string const& name) const { return *filesystem_ / name; }
  /// `templatefs WORDS... --store` this one.
  CommandOutput run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--store", store()});
    return run_program(words);
  }

 private:
  std::optional<LoopFilesystem> filesystem_;
};

}  // namespace templatefs::test
