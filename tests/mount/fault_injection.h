// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/child.h"
#include "tests/support/program.h"

#include <memory>
#include <string>
#include <vector>

namespace templatefs::test {

/// strace on threads of a daemon, tampering with one of their system calls. What they start is not traced.
/// Detaches at the end.
class FaultInjection {
 public:
  enum class Threads {
    all,
    builder,  // the one that builds, where there was one build and no more
  };
  /// `what` is as after strace's -e inject=: "fsync:signal=SIGKILL:when=2"; counted in each thread from now
  /// on. Returns once it is in place.
  FaultInjection(Daemon const& daemon, Threads threads, std::string const& what);
  ~FaultInjection();
  FaultInjection(FaultInjection const&) = delete;
  FaultInjection& operator=(FaultInjection const&) = delete;

  /// Whether the call was tampered with.
  bool happened() const;
  std::string log() const;

 private:
  TempDir dir_;
  std::unique_ptr<Child> strace_;
};

}  // namespace templatefs::test
