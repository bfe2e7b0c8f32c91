// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <new>

namespace templatefs {

Error::Error(int err, std::string what_failed, std::string remedy)
    : std::system_error(err, std::generic_category(), what_failed),
      words_(std::make_shared<Words const>(Words{std::move(what_failed), std::move(remedy)})) {}

std::string Error::sentence() const {
  std::string out = words_->text + ": " + errno_words(err());
  if (!words_->remedy.empty()) out += ". " + words_->remedy;
  return out;
}

void throw_errno(std::string_view call, std::string_view subject, std::string_view remedy) {
  int const err = errno;
  throw Error(err, std::string(call).append(" ").append(subject), std::string(remedy));
}

Error to_error(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (Error const& error) {
    return error;
  } catch (std::system_error const& error) {
    bool const is_errno = (error.code().category() == std::generic_category() ||
                           error.code().category() == std::system_category());
    return Error(is_errno && error.code().value() > 0 ? error.code().value() : EIO, error.what());
  } catch (std::bad_alloc const&) {
    return Error(ENOMEM, "out of memory");
  } catch (std::exception const& error) {
    return Error(EIO, error.what());
  } catch (...) {
    return Error(EIO, "an unknown exception");
  }
}

std::string errno_words(int err) {
  return std::generic_category().message(err);
}

std::string errno_name(int err) {
  char const* const name = ::strerrorname_np(err);
  return name != nullptr ? name : "errno " + std::to_string(err);
}

}  // namespace templatefs
