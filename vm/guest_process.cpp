// SPDX-License-Identifier: Apache-2.0
#include "vm/guest_process.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

// Numbers in the QEMU process.
enum : int {
  kConsoleFd = 3,
  kReportFd = 4,
  kQmpFd = 5,
  kInitrdFd = 6,
  kImageFd = 7,
  kSeedFd = 8,
  kMemoryFd = 9,
  kStateFd = kStateFdInQemu
};

constexpr std::size_t kLongestLine = 1 << 16;

std::array<Fd, 2> socket_pair() {
  int ends[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "make", "a socket pair");
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string in_child(int fd) {
  return "/proc/self/fd/" + std::to_string(fd);
}

/// Appends what is there to `out`. False at the end of the stream.
bool read_available(int fd, std::string& out) {
  char buffer[1 << 14];
  for (;;) {
    auto const got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) out.append(buffer, static_cast<std::size_t>(got));
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    return got < 0 && errno == EAGAIN;
  }
}

std::optional<std::string> take_line(std::string& pending) {
  auto const end = pending.find('\n');
  if (end == std::string::npos) {
    if (pending.size() > kLongestLine) pending.clear();
    return std::nullopt;
  }
  std::string line = pending.substr(0, end);
  pending.erase(0, end + 1);
  return line;
}

}  // namespace

GuestProcess::GuestProcess(GuestMachine machine, Fd const& initrd, std::string const& log_path,
                           Deadline deadline, std::stop_token const& stop)
    : deadline_(deadline), stop_(stop), stop_event_(stop), console_log_(log_path) {
  spawn(std::move(machine), initrd);
}

void GuestProcess::spawn(GuestMachine machine, Fd const& initrd) {
  auto console = socket_pair(), output = socket_pair(), report = socket_pair(), qmp = socket_pair();
  machine.console_fd = kConsoleFd;
  machine.report_fd = kReportFd;
  machine.qmp_fd = kQmpFd;
  machine.initrd = initrd ? in_child(kInitrdFd) : "";
  Child::Options options{{{1, output[1].get()},
                          {2, output[1].get()},
                          {kConsoleFd, console[1].get()},
                          {kReportFd, report[1].get()},
                          {kQmpFd, qmp[1].get()}},
                         {"LC_ALL=C"}};
  if (initrd) options.descriptors[kInitrdFd] = initrd.get();
  if (machine.memory_fd >= 0)
    options.descriptors[kMemoryFd] = std::exchange(machine.memory_fd, static_cast<int>(kMemoryFd));
  if (machine.state_fd >= 0)
    options.descriptors[kStateFd] = std::exchange(machine.state_fd, static_cast<int>(kStateFd));
  Fd image, seed;
  if (!machine.image.empty()) {
    // By descriptor: QEMU takes paths as JSON, and a path need not be UTF-8.
    image = open_at(AT_FDCWD, machine.image, O_RDWR);
    options.descriptors[kImageFd] = image.get();
    machine.image = in_child(kImageFd);
  }
  if (!machine.seed.empty()) {
    seed = open_at(AT_FDCWD, machine.seed, O_RDONLY);
    options.descriptors[kSeedFd] = seed.get();
    machine.seed = in_child(kSeedFd);
  }
  qemu_.emplace(Child::spawn(qemu_argv(machine), options));
  console_.fd = std::move(console[0]);
  output_.fd = std::move(output[0]);
  report_.fd = std::move(report[0]);
  qmp_.fd = std::move(qmp[0]);
  // QMP sends no event before this; its answer, which has no "id", is of no interest.
  write_all(qmp_.fd.get(), "{\"execute\":\"qmp_capabilities\"}\n", "QMP");
}

void GuestProcess::send(std::string const& job_text) {
  // A job is smaller than a socket's buffer, so that a stuck QEMU cannot block us here.
  auto const sent = ::send(report_.fd.get(), job_text.data(), job_text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(job_text.size()))
    throw Error(EIO, "the template guest did not take its job", console_log_.tail_for_people());
}

void GuestProcess::pump_until(std::function<bool()> const& done) {
  for (;;) {
    // Write errors first: the guest's own account of them is a mere EIO, or none where its cache hid them.
    take_qmp_lines();
    if (done()) return;
    if (ended_) fail_after_end();
    if (stop_.stop_requested()) throw Error(ECANCELED, "the template guest was stopped");
    if (deadline_.passed())
      throw Error(ETIMEDOUT, "the template guest did not finish in time", console_log_.tail_for_people());
    if (step_deadline_.passed())
      throw GuestBroke(ETIMEDOUT, "the template guest hangs", console_log_.tail_for_people());
    wait_for_input();
    read_everything();
  }
}

GuestEvent GuestProcess::next_event() {
  std::optional<GuestEvent> event;
  pump_until([&] { return (event = take_event()).has_value(); });
  return *event;
}

void GuestProcess::command(std::string const& name, std::string const& arguments, int descriptor) {
  std::string text = format(R"({{"execute":"{}","arguments":{},"id":1}})", name, arguments) + "\n";
  answered_ = false;
  refusal_.clear();
  iovec bytes{text.data(), text.size()};
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  if (descriptor >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(int));
  }
  // As a job, a command fits the socket's buffer.
  if (::sendmsg(qmp_.fd.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    throw GuestBroke(EIO, "QEMU took no command", console_log_.tail_for_people());
  pump_until([&] { return answered_; });
  if (!refusal_.empty()) throw GuestBroke(EIO, format("QEMU refused {}: {}", name, refusal_));
}

void GuestProcess::await_migration() {
  pump_until([&] { return migration_status_ == "completed" || migration_status_ == "failed"; });
  if (migration_status_ == "failed")
    throw GuestBroke(EIO, "QEMU could not carry the guest over", console_log_.tail_for_people());
}

std::optional<GuestEvent> GuestProcess::take_event() {
  while (auto line = take_line(report_.pending)) {
    if (auto event = parse_guest_event(*line)) return event;
    console_log_.append("templatefs: the guest said: " + *line + "\n");
  }
  return std::nullopt;
}

void GuestProcess::wait_for_input() {
  std::array<pollfd, 6> fds{pollfd{console_.fd.get(), POLLIN, 0}, {output_.fd.get(), POLLIN, 0},
                            {report_.fd.get(), POLLIN, 0},        {qmp_.fd.get(), POLLIN, 0},
                            {qemu_->pidfd(), POLLIN, 0},          {stop_event_.fd(), POLLIN, 0}};
  if (::poll(fds.data(), fds.size(), deadline_.sooner_of(step_deadline_).remaining_ms()) < 0 &&
      errno != EINTR)
    throw_errno("wait for", "the template guest");
}

void GuestProcess::read_everything() {
  // Before the streams, so that nothing QEMU wrote before its end is missed.
  bool const ended = qemu_->wait(Deadline::after({})).has_value();
  for (Stream* const stream : {&console_, &output_}) {
    // A stream that has ended would make poll return at once for ever; -1 takes it out.
    if (stream->fd && !read_available(stream->fd.get(), stream->pending)) stream->fd.reset();
    console_log_.append(stream->pending);
    stream->pending.clear();
  }
  for (Stream* const stream : {&report_, &qmp_})
    if (stream->fd && !read_available(stream->fd.get(), stream->pending)) stream->fd.reset();
  ended_ = ended;
}

void GuestProcess::fail_after_io_error(std::string const& operation, std::string const& node,
                                       std::string const& reason, bool nospace) {
  console_log_.append("templatefs: a " + operation + " of the guest failed: " + reason + "\n");
  if (node == "seed") throw Error(EIO, "reading the seed failed (" + reason + ")");
  if (nospace || reason == std::strerror(ENOSPC))
    throw Error(ENOSPC, "the image's filesystem is full", "Free some space there");
  if (reason == std::strerror(EDQUOT)) throw Error(EDQUOT, "the quota of the image's filesystem is used up");
  throw Error(EIO, "the image's filesystem failed a request of the template guest (" + reason + ")");
}

void GuestProcess::take_qmp_lines() {
  while (auto line = take_line(qmp_.pending)) {
    auto const message = nlohmann::json::parse(*line, nullptr, false);
    if (!message.is_object()) continue;
    if (message.contains("id")) {
      answered_ = true;
      if (message.contains("error")) refusal_ = message["error"].value("desc", "no reason was given");
    }
    auto const data = message.value("data", nlohmann::json::object());
    auto const event = message.value("event", "");
    if (event == "MIGRATION") migration_status_ = data.value("status", "");
    if (event == "BLOCK_IO_ERROR")
      fail_after_io_error(data.value("operation", "request"), data.value("node-name", ""),
                          data.value("reason", "unknown reason"), data.value("nospace", false));
  }
}

void GuestProcess::fail_after_end() {
  // QEMU exits 0 after a guest's panic too (-no-reboot): only the guest's own word counts.
  throw GuestBroke(
      EIO,
      "the template guest ended without a result (QEMU: " + qemu_->wait(Deadline::never())->describe() + ")",
      console_log_.tail_for_people());
}

}  // namespace templatefs::vm
