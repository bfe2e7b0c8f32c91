// SPDX-License-Identifier: Apache-2.0
#include "fusefs/job_pool.h"

#include "fusefs/error_records.h"

#include <atomic>
#include <latch>

#include <gtest/gtest.h>

namespace templatefs::fusefs {
namespace {

TEST(JobPool, JobsThatWaitDoNotHoldUpOthers) {
  JobPool pool(8);
  std::latch gate(1);
  std::latch others(4);
  pool.submit([&](auto&) { gate.wait(); });
  for (int each = 0; each < 4; ++each) pool.submit([&](auto&) { others.count_down(); });
  others.wait();
  gate.count_down();
}

TEST(JobPool, StopAsksRunningJobsToEndAndStillRunsTheQueued) {
  std::atomic<int> ran = 0;
  JobPool pool(1);
  std::latch started(1);
  pool.submit([&](std::stop_token const& stop) {
    started.count_down();
    while (!stop.stop_requested()) std::this_thread::yield();
    ++ran;
  });
  for (int each = 0; each < 3; ++each)
    pool.submit([&](std::stop_token const& stop) { ran += stop.stop_requested(); });
  started.wait();
  pool.stop();
  EXPECT_EQ(ran, 4);
  pool.submit([&](auto&) { ++ran; });
  pool.stop();
  EXPECT_EQ(ran, 5) << "a job that came too late must be able to answer for itself";
}

TEST(ErrorRecords, KeepsTheNewestAndIsBounded) {
  ErrorRecords records;
  for (int each = 0; each < 3000; ++each) records.add("p" + std::to_string(each), Error(EIO, "x"));
  EXPECT_EQ(records.all().size(), ErrorRecords::kKept);
  EXPECT_FALSE(records.find("p0"));
  records.add("p2999", Error(ENOSPC, "later"));
  EXPECT_EQ(records.find("p2999")->error.err(), ENOSPC);
  records.clear("p2999");
  EXPECT_FALSE(records.find("p2999"));
  EXPECT_FALSE(records.empty());
}

}  // namespace
}  // namespace templatefs::fusefs
