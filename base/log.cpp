// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/error.h"
#include "base/fd.h"

#include <memory>
#include <mutex>

#include <spdlog/sinks/base_sink.h>

#include <fcntl.h>
#include <unistd.h>

namespace templatefs {

namespace {

/// One write(2) a record on an O_APPEND descriptor: records of several processes never mix.
class DescriptorSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit DescriptorSink(Fd fd) : fd_(std::move(fd)) {}

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override {
    spdlog::memory_buf_t line;
    formatter_->format(record, line);
    // A log that cannot be written must not take the filesystem down.
    [[maybe_unused]] auto const written = ::write(fd_.get(), line.data(), line.size());
  }
  void flush_() override {}

 private:
  Fd fd_;
};

void install(Fd fd, LogLevel level) {
  auto logger =
      std::make_shared<spdlog::logger>("templatefs", std::make_shared<DescriptorSink>(std::move(fd)));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ templatefs[%P] %l: %v", spdlog::pattern_time_type::utc);
  logger->set_level(level == LogLevel::debug ? spdlog::level::debug
                    : level == LogLevel::all ? spdlog::level::info
                                             : spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

void log_to_stderr(LogLevel level) {
  install(Fd(check(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), "duplicate", "standard error")), level);
}

void log_to_file(std::string const& path, LogLevel level) {
  install(open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0600), level);
}

void log_to_nowhere() {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("templatefs", spdlog::sinks_init_list{}));
}

}  // namespace templatefs
