// SPDX-License-Identifier: Apache-2.0
#include "tests/support/scoped_variable.h"

#include <cstdlib>
#include <utility>

namespace templatefs::test {

ScopedVariable::ScopedVariable(std::string name, std::string const& value) : name_(std::move(name)) {
  if (char const* const old = std::getenv(name_.c_str())) old_ = old;
  ::setenv(name_.c_str(), value.c_str(), 1);
}

ScopedVariable::~ScopedVariable() {
  if (old_)
    ::setenv(name_.c_str(), old_->c_str(), 1);
  else
    ::unsetenv(name_.c_str());
}

}  // namespace templatefs::test
