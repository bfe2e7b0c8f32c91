// SPDX-License-Identifier: Apache-2.0
#include "cache/spares.h"

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "cache/layout.h"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace templatefs::cache {

namespace {

using namespace std::chrono_literals;

constexpr std::size_t kAtFirst = 8;
constexpr std::size_t kMostOfAKind = 128;
constexpr std::size_t kMostInAll = 512;
constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;
constexpr std::int64_t kMostBytesOfACopy = kMostBytes / kAtFirst;
/// After an open, for clones of one template wait for each other: a burst of opens is over before the next
/// are made, unless few are left.
constexpr auto kQuiet = 1ms;
constexpr std::size_t kFew = 4;  // a fourth of what is wanted
constexpr auto kPause = 10s;     // after a failure
constexpr auto kLongestWait = 300us;
constexpr auto kLongestTurn = 50ms;
/// Of the store's blocks, free: below that, room is for images that somebody asked for.
constexpr unsigned kLeastFreePercent = 5;
/// A look takes a tenth of the time that a clone does; some more are no danger to the room that is left.
constexpr unsigned kLookForRoomEvery = 16;

bool is_short_of_room(int dir) {
  struct statvfs fs {};
  return ::fstatvfs(dir, &fs) != 0 || fs.f_bavail < fs.f_blocks / 100 * kLeastFreePercent;
}

std::int64_t allocated_bytes(int file) {
  struct stat st {};
  return ::fstat(file, &st) == 0 ? st.st_blocks * std::int64_t{512} : 0;
}

}  // namespace

Spares::Spares(FanOut const& fan_out, int images_dir, Maker maker)
    : fan_out_(fan_out),
      images_dir_(images_dir),
      in_line_(is_on(images_dir, XFS_SUPER_MAGIC)),
      maker_(std::move(maker)) {}

/// At the first take(), so that commands that open nothing have neither directory nor thread.
bool Spares::get_ready() noexcept try {
  if (!dir_ && (::mkdirat(images_dir_, layout::kSpares, 0700) == 0 || errno == EEXIST))
    dir_ = Fd(::openat(images_dir_, layout::kSpares, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir_ && !thread_.joinable()) thread_ = std::thread([this] { run(); });
  return static_cast<bool>(dir_);
} catch (std::system_error const&) {
  return false;
}

std::optional<Spares::Spare> Spares::take(SharedTemplate const& from, TemplateRequest const& request) {
  bool const is_copied = fan_out_.rung() == Rung::copy;
  if (is_copied && allocated_bytes(from->image.get()) > kMostBytesOfACopy) return std::nullopt;
  std::lock_guard const lock(mutex_);
  if (stopping_ || !get_ready()) return std::nullopt;
  auto const [at, is_new] =
      pools_.try_emplace({from.get(), request.bytes()}, Pool{from, request, next_, {}, kAtFirst});
  if (is_new) ++next_;
  Pool& pool = at->second;
  pool.taken = Clock::now();
  auto taken = pop(pool);
  if (!taken && !is_new) pool.wanted = std::min(pool.wanted * 2, kMostOfAKind);
  if (asleep_) changed_.notify_one();
  return taken;
}

std::optional<Spares::Spare> Spares::pop(Pool& pool) {
  if (pool.ready.empty()) return std::nullopt;
  std::optional<Spare> taken(pool.ready.back());
  pool.ready.pop_back();
  --count_;
  bytes_ -= taken->bytes;
  return taken;
}

std::optional<Spares::Spare> Spares::pop(Kind const& kind) {
  auto const at = pools_.find(kind);
  return at == pools_.end() ? std::nullopt : pop(at->second);
}

std::optional<Spares::Spare> Spares::await(PinnedTemplate const& from, TemplateRequest const& request,
                                           Patience patience) {
  if (patience == Patience::none) return std::nullopt;
  Kind const kind{&from, request.bytes()};
  auto const seen = made_.load();
  std::unique_lock lock(mutex_);
  auto const at = pools_.find(kind);
  if (at == pools_.end()) return std::nullopt;
  if (auto taken = pop(at->second)) return taken;
  if (patience == Patience::in_crowd) return in_line_ ? await_turn(lock, kind) : std::nullopt;
  if (making_ != kind) return std::nullopt;
  // Not on a condition: to be woken takes as long as what is waited for.
  auto const limit = Clock::now() + std::min<Clock::duration>(2 * at->second.cost, kLongestWait);
  lock.unlock();
  while (made_.load() == seen && Clock::now() < limit) std::this_thread::yield();
  lock.lock();
  return pop(kind);
}

std::optional<Spares::Spare> Spares::await_turn(std::unique_lock<std::mutex>& lock, Kind const& kind) {
  auto const limit = Clock::now() + kLongestTurn;
  for (;;) {
    auto const at = pools_.find(kind);
    bool const is_made = at != pools_.end() && (!making_ || making_ == kind);
    if (!is_made || stopping_ || is_full() || Clock::now() < paused_until_) return std::nullopt;
    if (auto taken = pop(at->second)) return taken;
    auto const serial = at->second.serial;
    ++at->second.waiting;
    ++waiting_;
    if (asleep_) changed_.notify_one();
    bool const in_time = delivered_.wait_until(lock, limit) == std::cv_status::no_timeout;
    --waiting_;
    auto const after = pools_.find(kind);
    if (after != pools_.end() && after->second.serial == serial) --after->second.waiting;
    if (!in_time) return pop(kind);
  }
}

bool Spares::is_full() const {
  return count_ >= kMostInAll || bytes_ >= kMostBytes;
}

std::vector<Spares::Spare> Spares::empty(Pool& pool) {
  count_ -= pool.ready.size();
  for (auto const& spare : pool.ready) bytes_ -= spare.bytes;
  return std::move(pool.ready);
}

std::vector<Spares::Spare> Spares::empty_all() {
  std::vector<Spare> all;
  for (auto& [kind, pool] : pools_)
    for (auto const& spare : empty(pool)) all.push_back(spare);
  pools_.clear();
  return all;
}

void Spares::remove(std::vector<Spare> const& files) const noexcept {
  for (auto const& file : files) ::unlinkat(dir_.get(), file.file().c_str(), 0);
}

void Spares::give_up(std::map<Kind, Pool>::iterator at) {
  for (auto const& spare : empty(at->second)) garbage_.push_back(spare);
  pools_.erase(at);
  delivered_.notify_all();
}

void Spares::drop_if(std::function<bool(PinnedTemplate const*)> const& unwanted) {
  std::lock_guard const lock(mutex_);
  for (auto at = pools_.begin(); at != pools_.end();) {
    auto const here = at++;
    if (unwanted(here->first.first)) give_up(here);
  }
  changed_.notify_one();
}

void Spares::drop(PinnedTemplate const& from) {
  drop_if([&](PinnedTemplate const* each) { return each == &from; });
}

void Spares::drop_all_but(std::set<PinnedTemplate const*> const& current) {
  drop_if([&](PinnedTemplate const* each) { return !current.contains(each); });
}

std::size_t Spares::drop_all() {
  std::vector<Spare> all;
  {
    std::lock_guard const lock(mutex_);
    all = empty_all();
    paused_until_ = Clock::now() + kPause;
    delivered_.notify_all();
  }
  remove(all);
  return all.size();
}

void Spares::stop() noexcept {
  std::thread thread;
  {
    std::lock_guard const lock(mutex_);
    stopping_ = true;
    thread.swap(thread_);
    changed_.notify_one();
    delivered_.notify_all();
  }
  if (thread.joinable()) thread.join();
  std::lock_guard const lock(mutex_);
  (void)empty_all();
}

std::size_t Spares::count() const {
  std::lock_guard const lock(mutex_);
  return count_;
}

std::optional<Spares::Kind> Spares::next_to_fill(Clock::time_point now, Clock::time_point& look_again) const {
  if (is_full()) return std::nullopt;
  if (now < paused_until_) {
    look_again = std::min(look_again, paused_until_);
    return std::nullopt;
  }
  for (auto const& [kind, pool] : pools_) {
    if (pool.waiting > 0) return kind;
    if (pool.ready.size() >= pool.wanted) continue;
    bool const are_few = pool.ready.size() < pool.wanted / kFew;
    if (are_few || now - pool.taken >= kQuiet) return kind;
    look_again = std::min(look_again, pool.taken + kQuiet);
  }
  return std::nullopt;
}

void Spares::make_one(std::unique_lock<std::mutex>& lock, Kind const& kind) {
  Pool& pool = pools_.at(kind);
  making_ = kind;
  auto const from = pool.from;
  auto const request = pool.request;
  auto const serial = pool.serial;
  Spare made{next_++, 0};
  auto const begin = Clock::now();
  lock.unlock();
  int err = made_in_a_row_++ % kLookForRoomEvery == 0 && is_short_of_room(dir_.get()) ? ENOSPC : 0;
  try {
    if (err == 0) {
      Fd const file = maker_(*from, request, dir_.get(), made.file());
      if (fan_out_.rung() == Rung::copy) made.bytes = allocated_bytes(file.get());
    }
  } catch (Error const& error) {
    spdlog::debug("an image was not made ahead: {}", error.sentence());
    err = error.err();
  }
  if (err == ENOSPC || err == EDQUOT) (void)drop_all();
  lock.lock();
  making_.reset();
  ++made_;
  auto const at = pools_.find(kind);
  bool const is_wanted = at != pools_.end() && at->second.serial == serial;
  if (err != 0) {
    // Whoever asks next will be told why.
    if (is_wanted) give_up(at);
    return;
  }
  if (!is_wanted) {
    garbage_.push_back(made);
    return;
  }
  ++count_;
  bytes_ += made.bytes;
  at->second.ready.push_back(made);
  at->second.waiting == waiting_ ? delivered_.notify_one() : delivered_.notify_all();  // one of them has it
  at->second.cost = Clock::now() - begin;
}

void Spares::run() {
  name_this_thread("spares");
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!garbage_.empty()) {
      auto const garbage = std::move(garbage_);
      garbage_.clear();
      lock.unlock();
      remove(garbage);
      lock.lock();
      continue;
    }
    auto const never = Clock::time_point::max();
    auto look_again = never;
    if (auto const kind = next_to_fill(Clock::now(), look_again)) {
      make_one(lock, *kind);
      continue;
    }
    made_in_a_row_ = 0;
    asleep_ = look_again == never;
    if (asleep_)
      changed_.wait(lock);
    else
      changed_.wait_until(lock, look_again);
    asleep_ = false;
  }
}

}  // namespace templatefs::cache
