// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>

#include <gtest/gtest.h>

namespace templatefs::test {

/// What a process and its machine hold: compared before and after each test.
struct Holdings {
  std::set<int> descriptors;          // of this process
  std::set<int> children;             // of this process, zombies included
  std::multiset<std::string> mounts;  // FUSE and loop mounts of this namespace
  static Holdings now();
};

/// Every fixture's base: a test that leaves a descriptor, a child or a mount behind has failed.
class LeakCheck : public ::testing::Test {
 protected:
  void SetUp() override { before_ = Holdings::now(); }
  void TearDown() override;

 private:
  Holdings before_;
};

}  // namespace templatefs::test
