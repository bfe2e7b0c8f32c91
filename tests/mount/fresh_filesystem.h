// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"

#include <memory>
#include <string>

#include <unistd.h>

namespace templatefs::test {

/// A fresh xfs for each case, with room for a store; the case starts what daemons it wants.
class OnFreshFilesystem : public LeakCheck {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    filesystem_ = std::make_unique<LoopFilesystem>("xfs");
  }
  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }
  std::string store() const { return beside("store"); }
  std::string beside(std::string const& name) const { return *filesystem_ / name; }

 private:
  std::unique_ptr<LoopFilesystem> filesystem_;
};

}  // namespace templatefs::test
