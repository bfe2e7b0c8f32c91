// SPDX-License-Identifier: Apache-2.0
#include "vm/qemu_img.h"

#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "vm/logged_child.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

constexpr char kImage[] = "/proc/self/fd/3";
constexpr char kTarget[] = "/proc/self/fd/4";

std::string program() {
  auto path = find_on_path("qemu-img");
  if (path.empty()) throw Error(ENOPKG, "qemu-img not found on PATH", "Install the qemu-utils package.");
  return path;
}

/// "    (12.34/100%)"
std::optional<double> percent_in(std::string_view line) {
  auto const open = line.find('('), slash = line.find("/100%)");
  if (open == std::string_view::npos || slash == std::string_view::npos || slash < open) return std::nullopt;
  double percent = 0;
  if (std::from_chars(line.data() + open + 1, line.data() + slash, percent).ec != std::errc())
    return std::nullopt;
  return percent;
}

/// Tells progress from words in qemu-img's output, which separates the former with carriage returns.
class ProgressFilter {
 public:
  ProgressFilter(Transfer const& transfer, std::int64_t bytes, std::string const& subject)
      : transfer_(transfer), bytes_(bytes), subject_(subject) {}

  std::string operator()(std::string_view words) {
    std::string rest;
    for (char const each : words) {
      if (each != '\r' && each != '\n') {
        if (line_.size() < ConsoleLog::kLineLimit) line_ += each;
        continue;
      }
      if (auto const percent = percent_in(line_))
        transfer_.advance("convert", static_cast<std::int64_t>(static_cast<double>(bytes_) * *percent / 100),
                          bytes_, subject_);
      else
        rest += line_ + '\n';
      line_.clear();
    }
    return rest;
  }

 private:
  Transfer const& transfer_;
  std::int64_t bytes_;
  std::string const& subject_;
  std::string line_;
};

Error refusal(ExitStatus const& status, std::string const& what, ConsoleLog const& log) {
  bool const full = log.tail().find(std::strerror(ENOSPC)) != std::string::npos;
  return Error(full ? ENOSPC : EINVAL, what + " (qemu-img: " + status.describe() + ")",
               log.tail_for_people());
}

}  // namespace

std::int64_t QemuImg::virtual_bytes() const {
  Fd const answer(templatefs::check(::memfd_create("qemu-img", MFD_CLOEXEC), "make", "a memory file"));
  ConsoleLog log{""};
  auto const status =
      run_logged({program(), "info", "--output=json", "-f", std::string(format_), kImage},
                 {{1, answer.get()}, {3, image_.get()}}, "qemu-img", log, transfer_.deadline, transfer_.stop);
  if (!status.success()) throw refusal(status, "import " + subject_, log);
  auto const text = read_file(AT_FDCWD, "/proc/self/fd/" + std::to_string(answer.get()));
  auto const document = nlohmann::json::parse(text, nullptr, false);
  if (!document.is_object() || !document.contains("virtual-size") ||
      !document.at("virtual-size").is_number_integer())
    throw Error(EIO, "import " + subject_ + ": qemu-img info did not tell its size");
  return document.at("virtual-size").get<std::int64_t>();
}

void QemuImg::check() const {
  constexpr int kLeaks = 3, kNoSuchCheck = 63;
  ConsoleLog log{""};
  auto const status = run_logged({program(), "check", "-q", "-f", std::string(format_), kImage},
                                 {{3, image_.get()}}, "qemu-img", log, transfer_.deadline, transfer_.stop);
  if (status.success() || (status.exited && (status.code == kLeaks || status.code == kNoSuchCheck))) return;
  throw refusal(status, "import " + subject_ + ": it is damaged or cut short", log);
}

void QemuImg::convert(Fd const& to, std::int64_t bytes) const {
  templatefs::check(::ftruncate(to.get(), bytes), "set the length of", "what " + subject_ + " holds");
  ConsoleLog log{""};
  auto const status = run_logged({program(), "convert", "-p", "-n", "--target-is-zero", "-f",
                                  std::string(format_), "-O", "raw", kImage, kTarget},
                                 {{3, image_.get()}, {4, to.get()}}, "qemu-img", log, transfer_.deadline,
                                 transfer_.stop, ProgressFilter(transfer_, bytes, subject_));
  if (!status.success()) throw refusal(status, "convert " + subject_, log);
}

}  // namespace templatefs::vm
