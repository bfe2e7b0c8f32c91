// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fd.h"
#include "cache/fan_out.h"
#include "cache/recipe.h"
#include "cache/template_store.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace templatefs::cache {

/// Whether it pays to wait for an image in the making, for who could make one as well.
enum class Patience { none, alone, in_crowd };

/// Private images that are made before anybody asks, so that an open has only to rename one. Nobody's until
/// then: they lie in a directory of the session's images, and go with these, after a crash too.
///
/// How many there are follows the demand: an open that finds none doubles what is kept ready, up to a limit
/// for each kind and one for all, in number and, where images are copies, in bytes. They are made by a thread
/// of their own while no opens come in, or while few are left; not at all while the store is short of room.
/// Thread-safe.
class Spares {
 public:
  /// Makes an image from a template: the directory, and the name in it. Throws Error.
  using Maker = std::function<Fd(PinnedTemplate const& from, TemplateRequest const& request, int dir,
                                 std::string const& name)>;

  /// No descriptor is kept for it.
  struct Spare {
    std::uint64_t name = 0;  // in dir(), never used again
    std::int64_t bytes = 0;  // that it does not share with its template

    std::string file() const { return std::to_string(name); }
  };

  /// Borrows the fan-out and the directory of the session's images.
  Spares(FanOut const& fan_out, int images_dir, Maker maker);
  ~Spares() { stop(); }
  Spares(Spares const&) = delete;
  Spares& operator=(Spares const&) = delete;

  /// One that is ready, which is the caller's from now on; none where none is. More will be made.
  std::optional<Spare> take(SharedTemplate const& from, TemplateRequest const& request);
  /// For a caller of take() that got none: waits for the next one. Alone it waits no longer than that should
  /// take, and only for one in the making; in a crowd it has its turn, for clones of one template made at
  /// once wait for each other anyway, with much ado. None where it is better to make one oneself.
  std::optional<Spare> await(PinnedTemplate const& from, TemplateRequest const& request, Patience patience);

  /// Removes those of one template, some time later, and lets go of it now.
  void drop(PinnedTemplate const& from);
  /// The same of all templates but these: who had hold of one when it was dropped may have asked for more.
  void drop_all_but(std::set<PinnedTemplate const*> const& current);
  /// Removes them all, now: the store is full. Answers how many there were.
  std::size_t drop_all();
  /// No more are made, and what there is stays to whoever removes the session. Before it is removed.
  void stop() noexcept;

  std::size_t count() const;
  /// Where they are, while one was taken.
  int dir() const noexcept { return dir_.get(); }

 private:
  using Clock = std::chrono::steady_clock;
  using Kind = std::pair<PinnedTemplate const*, std::int64_t>;  // and the bytes of an image

  struct Pool {
    SharedTemplate from;
    TemplateRequest request;
    std::uint64_t serial;  // a kind's pool may be dropped and made anew
    std::vector<Spare> ready{};
    std::size_t wanted;
    Clock::time_point taken{};  // last
    Clock::duration cost{};     // of making the last one
    unsigned waiting = 0;       // in a crowd
  };
  void run();
  std::optional<Kind> next_to_fill(Clock::time_point now, Clock::time_point& look_again) const;
  void make_one(std::unique_lock<std::mutex>& lock, Kind const& kind);
  std::optional<Spare> pop(Pool& pool);
  std::optional<Spare> pop(Kind const& kind);
  std::optional<Spare> await_turn(std::unique_lock<std::mutex>& lock, Kind const& kind);
  bool is_full() const;
  void drop_if(std::function<bool(PinnedTemplate const*)> const& unwanted);
  std::vector<Spare> empty(Pool& pool);
  std::vector<Spare> empty_all();
  void remove(std::vector<Spare> const& files) const noexcept;
  void give_up(std::map<Kind, Pool>::iterator at);
  bool get_ready() noexcept;

  FanOut const& fan_out_;
  int const images_dir_;
  bool const in_line_;  // clones of one file are made one after the other, whatever one does: xfs
  Maker const maker_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;    // for the thread
  std::condition_variable delivered_;  // for the crowd
  unsigned waiting_ = 0;               // in all pools, and in those that were dropped meanwhile
  std::map<Kind, Pool> pools_;
  std::vector<Spare> garbage_;           // to be removed by the thread
  std::size_t count_ = 0;                // in all pools
  std::int64_t bytes_ = 0;               // that they do not share with their template
  std::uint64_t next_ = 1;               // name, pool
  std::optional<Kind> making_;           // what the thread is at
  unsigned made_in_a_row_ = 0;           // the thread's own
  std::atomic<std::uint64_t> made_ = 0;  // or failed
  Clock::time_point paused_until_{};
  bool asleep_ = false;  // the thread waits for a word from us
  bool stopping_ = false;
  Fd dir_;  // like the thread, from the first take() on
  std::thread thread_;
};

}  // namespace templatefs::cache
