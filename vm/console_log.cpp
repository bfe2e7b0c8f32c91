// SPDX-License-Identifier: Apache-2.0
#include "vm/console_log.h"

#include "base/files.h"

#include <algorithm>

#include <fcntl.h>

namespace templatefs::vm {

ConsoleLog::ConsoleLog(std::string const& path) : path_(path) {
  if (!path.empty()) file_ = open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

void ConsoleLog::append(std::string_view bytes) {
  std::string text;
  for (char const c : bytes) {
    if ((c & 0x80) != 0)
      text += '?';
    else if (c == '\n' || c == '\t' || (c >= ' ' && c != '\x7f'))
      text += c;
  }
  if (file_) {
    auto const room = std::min(text.size(), kFileLimit - written_);
    write_all(file_.get(), std::string_view(text).substr(0, room), path_);
    written_ += room;
  }
  for (char const c : text) {
    if (c == '\n')
      end_line();
    else if (partial_.size() < kLineLimit)
      partial_ += c;
  }
}

void ConsoleLog::end_line() {
  if (partial_.find_first_not_of(" \t") != std::string::npos) lines_.push_back(partial_);
  if (lines_.size() > kLinesKept) lines_.pop_front();
  partial_.clear();
}

std::string ConsoleLog::tail() const {
  std::string out;
  bool const unfinished = partial_.find_first_not_of(" \t") != std::string::npos;
  bool const skip_first = unfinished && lines_.size() == kLinesKept;
  for (auto line = lines_.begin() + (skip_first ? 1 : 0); line != lines_.end(); ++line)
    out += (out.empty() ? "" : "\n") + *line;
  if (unfinished) out += (out.empty() ? "" : "\n") + partial_;
  return out.empty() ? "(nothing was printed)" : out;
}

}  // namespace templatefs::vm
