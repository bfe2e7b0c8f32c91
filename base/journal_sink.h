// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "base/log.h"

#include <mutex>
#include <string>

#include <spdlog/sinks/base_sink.h>

namespace templatefs {

inline constexpr char kJournalSocket[] = "/run/systemd/journal/socket";

/// 3 (an error) to 7 (for debugging), as syslog(3) numbers them.
int syslog_priority(spdlog::level::level_enum level) noexcept;

/// Records as datagrams to systemd's journal, in its native protocol.
class JournalSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  /// Throws Error where nobody listens on the socket now. Whether it is there later does not matter: records
  /// that it does not take at once are lost.
  explicit JournalSink(std::string socket, LogFields const& fields = {});

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override;
  void flush_() override {}

 private:
  std::string socket_;
  std::string fields_;  // the same in every record, as they are sent
  Fd fd_;
};

}  // namespace templatefs
