// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/leak_check.h"
#include "tests/support/loop_filesystem.h"

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <unistd.h>

namespace templatefs::test {

/// Tests that need a filesystem of their own, as LoopFilesystem makes it.
class OnFilesystem : public LeakCheck {
 protected:
  OnFilesystem(std::string type, std::int64_t bytes) : type_(std::move(type)), bytes_(bytes) {}
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root for a loop mount";
    filesystem_ = std::make_unique<LoopFilesystem>(type_, bytes_);
  }
  void TearDown() override {
    filesystem_.reset();
    LeakCheck::TearDown();
  }

  std::unique_ptr<LoopFilesystem> filesystem_;

 private:
  std::string const type_;
  std::int64_t const bytes_;
};

}  // namespace templatefs::test
