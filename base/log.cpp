// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/journal_sink.h"
#include "base/log_repeats.h"

#include <memory>
#include <mutex>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {

namespace {

/// One write(2) a record on an O_APPEND descriptor: records of several processes never mix.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(Fd fd)
      : base_sink(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ templatefs[%P] %l: %v",
                                                              spdlog::pattern_time_type::utc)),
        fd_(std::move(fd)) {}

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override {
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    write(std::string_view(line.data(), line.size()));
  }
  void flush_() override {}

  // A log that cannot be written must not take the filesystem down.
  void write(std::string_view line) const {
    [[maybe_unused]] auto const written = ::write(fd_.get(), line.data(), line.size());
  }

 private:
  Fd fd_;
};

/// For whoever collects a service's standard error and keeps the time: each line with its priority, since to
/// them each is a record of its own.
class ServiceSink : public DescriptorSink {
 public:
  using DescriptorSink::DescriptorSink;

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override {
    auto const prefix = format("<{}>", syslog_priority(record.level));
    std::string lines = prefix;
    for (char const each : std::string_view(record.payload.data(), record.payload.size())) {
      lines += each;
      if (each == '\n') lines += prefix;
    }
    write(lines + "\n");
  }
};

spdlog::sink_ptr open_place(LogPlace const& place, LogFields const& fields) {
  switch (place.kind) {
    case LogPlace::Kind::journal:
      return std::make_shared<JournalSink>(place.path, fields);
    case LogPlace::Kind::file:
      return std::make_shared<DescriptorSink>(
          open_at(AT_FDCWD, place.path, O_WRONLY | O_CREAT | O_APPEND, 0600));
    case LogPlace::Kind::people:
    case LogPlace::Kind::standard_error:
      break;
  }
  Fd fd(check(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), "duplicate", "standard error"));
  if (place.kind == LogPlace::Kind::people || ::isatty(fd.get()) == 1)
    return std::make_shared<DescriptorSink>(std::move(fd));
  return std::make_shared<ServiceSink>(std::move(fd));
}

/// In front of whatever the log goes to at the time, so that this can change while others log. Its logger is
/// spdlog's default from the first call on.
LogRepeats& front() {
  static auto const sink = [] {
    auto made = std::make_shared<LogRepeats>();
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("templatefs", made));
    return made;
  }();
  return *sink;
}

}  // namespace

LogPlace LogPlace::parse(std::string_view text) {
  if (text == "stderr") return {Kind::standard_error};
  if (text == "journal") return {Kind::journal, kJournalSocket};
  return {Kind::file, std::string(text)};
}

void log_to(LogPlace const& place, LogLevel level, LogFields const& fields) {
  front().redirect(open_place(place, fields));
  spdlog::set_level(level == LogLevel::debug  ? spdlog::level::debug
                    : level == LogLevel::info ? spdlog::level::info
                                              : spdlog::level::warn);
}

void log_to_nowhere() {
  front().redirect(nullptr);
}

void log_repeats() {
  front().flush();
}

}  // namespace templatefs
