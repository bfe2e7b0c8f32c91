// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace templatefs {

/// One failure: an errno for the program, a sentence for the person, and what to do about it.
/// Copies share their text, so copying one never allocates. Immutable, safe to pass between threads.
class Error : public std::system_error {
 public:
  /// `err` is a positive errno. `what_failed` says what was attempted and on what; `remedy` may be empty.
  Error(int err, std::string what_failed, std::string remedy = {});

  int err() const noexcept { return code().value(); }
  /// The failure without the errno's text: "open /x/y".
  std::string const& text() const noexcept { return words_->text; }
  std::string const& remedy() const noexcept { return words_->remedy; }
  /// The whole sentence: text, the errno's words, and the remedy.
  std::string sentence() const;

 private:
  struct Words {
    std::string text;
    std::string remedy;
  };
  std::shared_ptr<Words const> words_;
};

/// Throws Error(errno, "<call> <subject>"). Takes views: errno is read before anything can overwrite it.
[[noreturn]] void throw_errno(std::string_view call, std::string_view subject, std::string_view remedy = {});

/// Passes a system call's result through, or throws the errno it left behind.
template <class T>
T check(T result, std::string_view call, std::string_view subject, std::string_view remedy = {}) {
  if (result == static_cast<T>(-1)) throw_errno(call, subject, remedy);
  return result;
}

/// The Error in an exception: itself, or its nearest equivalent (bad_alloc: ENOMEM; a system_error of
/// another category or any other exception: EIO).
Error to_error(std::exception_ptr const& failure);

/// "No such file or directory" for ENOENT. Thread-safe.
std::string errno_words(int err);
/// "ENOENT" for ENOENT; "errno 999" for a number without a name.
std::string errno_name(int err);

}  // namespace templatefs
