// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

namespace templatefs::test {

/// Replaces an environment variable for the life of the object.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, std::string const& value);
  ~ScopedVariable();
  ScopedVariable(ScopedVariable const&) = delete;
  ScopedVariable& operator=(ScopedVariable const&) = delete;

 private:
  std::string name_;
  std::optional<std::string> old_;
};

}  // namespace templatefs::test
