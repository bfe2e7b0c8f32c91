// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace templatefs::test {

/// A variable of this process's environment, and so of what it starts, for the life of the object.
class EnvironmentVariable {
 public:
  EnvironmentVariable(std::string name, std::string const& value) : name_(std::move(name)) {
    if (char const* const old = std::getenv(name_.c_str())) old_ = old;
    ::setenv(name_.c_str(), value.c_str(), 1);
  }
  ~EnvironmentVariable() {
    if (old_)
      ::setenv(name_.c_str(), old_->c_str(), 1);
    else
      ::unsetenv(name_.c_str());
  }
  EnvironmentVariable(EnvironmentVariable const&) = delete;
  EnvironmentVariable& operator=(EnvironmentVariable const&) = delete;

 private:
  std::string name_;
  std::optional<std::string> old_;
};

}  // namespace templatefs::test
