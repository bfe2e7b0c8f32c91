// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace templatefs {

/// Runs a callable at the end of the scope unless dismissed. For C handles and undo steps without a type.
template <class F>
class [[nodiscard]] ScopeExit {
 public:
  explicit ScopeExit(F undo) : undo_(std::move(undo)) {}
  ScopeExit(ScopeExit const&) = delete;
  ScopeExit& operator=(ScopeExit const&) = delete;
  ~ScopeExit() {
    if (armed_) undo_();
  }
  void dismiss() noexcept { armed_ = false; }

 private:
  F undo_;
  bool armed_ = true;
};

}  // namespace templatefs
