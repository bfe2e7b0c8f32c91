// SPDX-License-Identifier: Apache-2.0
#include "cache/gc.h"

#include "base/capacity.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "cache/guest_store.h"
#include "cache/listing.h"
#include "cache/stock.h"
#include "cache/template_store.h"

#include <algorithm>
#include <cerrno>

namespace templatefs::cache {

namespace {

/// What a build is taken to need where no template of its recipe tells.
constexpr std::int64_t kUsualNeed = 16 << 20;

struct Candidate {
  std::string name;
  std::int64_t used_at_ms;
  bool is_guest;
};

std::vector<Candidate> least_recently_used_first(Store const& store) {
  std::vector<Candidate> out;
  for (auto const& key : template_names(store.dir()).keys)
    if (auto const used = last_use_ms(store.dir(), key); used >= 0)  // else it was removed this instant
      out.push_back({key, used, false});
  for (auto const& guest : GuestStore(store.dir()).list())
    out.push_back({guest.name, guest.used_at_ms, true});
  std::stable_sort(out.begin(), out.end(),
                   [](auto const& a, auto const& b) { return a.used_at_ms < b.used_at_ms; });
  return out;
}

bool holds(Budget const& budget, Stock const& stock, std::int64_t need) {
  return (!budget.max_size || stock.size() + need <= *budget.max_size) &&
         stock.free() - need >= budget.min_free.value_or(0);
}

/// Whether it changes anything if this one goes: not if it holds no data, nor for the free space if all its
/// blocks are those of live images too.
bool helps(Budget const& budget, Stock const& stock, std::int64_t need, std::string const& name) {
  auto const usage = stock.usage_of(name);
  bool const too_large = budget.max_size && stock.size() + need > *budget.max_size;
  return usage.exclusive > 0 || (too_large && usage.shared > 0);
}

/// The largest that a template of the recipe has been, but not less than its seed, of which a directory is
/// packed beside the template first.
std::int64_t expected_bytes(Store const& store, TemplateRequest const& request) {
  if (request.recipe->filesystem->formatter.empty()) return 0;
  std::int64_t most = 0;
  for (auto const& entry : list_templates(store.dir()))
    if (entry.manifest && entry.manifest->recipe == request.recipe->name)
      most = std::max(most, entry.manifest->allocated_bytes);
  if (auto const& seed = request.recipe->seed) {
    auto const data = vm::seed_size(*seed).data;
    most = std::max(most, seed->kind == vm::Seed::Kind::directory ? 2 * data : data + kUsualNeed);
  }
  return most > 0 ? most : kUsualNeed;
}

}  // namespace

GcResult collect_garbage(Store const& store, Session const& session, Budget const& budget, std::int64_t need,
                         Rehearsal rehearsal) {
  GcResult result;
  Stock stock(store, rehearsal);
  auto const now = epoch_ms_now();
  for (auto const& [key, used_at_ms, is_guest] : least_recently_used_first(store)) {
    bool const too_old = budget.max_age && std::chrono::milliseconds(now - used_at_ms) > *budget.max_age;
    if (!too_old && holds(budget, stock, need)) break;
    if (!too_old && !helps(budget, stock, need, key)) continue;
    if (budget.keeps(key)) {
      result.kept.push_back(key);
      continue;
    }
    try {
      if (is_guest) {
        if (GuestStore(store.dir()).last_use_ms(key) != used_at_ms) continue;
        if (rehearsal == Rehearsal::yes || GuestStore(store.dir()).remove(session.staging_dir(), key))
          result.removed.push_back({key, used_at_ms, stock.remove(key), too_old, true});
        continue;
      }
      auto const unused_since = [&, &key = key, &used = used_at_ms] {
        return last_use_ms(store.dir(), key) == used;
      };
      switch (remove_unused(store, session.staging_dir(), key, unused_since, rehearsal)) {
        case Fate::removed:
          result.removed.push_back({key, used_at_ms, stock.remove(key), too_old, false});
          break;
        case Fate::named:
          result.kept.push_back(key);
          break;
        case Fate::wanted:
          if (last_use_ms(store.dir(), key) < 0) break;  // somebody else removed it
          [[fallthrough]];
        case Fate::in_use:
          result.in_use.push_back(key);
          break;
      }
    } catch (Error const& error) {
      spdlog::warn("{} {} could not be removed: {}", is_guest ? "saved guest" : "template", key,
                   error.sentence());
    }
  }
  result.size = stock.size();
  result.guests = stock.guests();
  result.free = stock.free();
  result.held = holds(budget, stock, need);
  if (rehearsal == Rehearsal::no)
    for (auto const& each : result.removed)
      spdlog::info("{} {} was removed, last used {}: {}", each.is_guest ? "saved guest" : "template",
                   each.key, rfc3339(each.used_at_ms),
                   each.too_old ? "older than max_age" : "to hold the store's budget");
  return result;
}

void make_room(Store const& store, Session const& session, TemplateRequest const& request) {
  auto const budget = store.budget();
  auto const need = expected_bytes(store, request);
  if (!budget.max_size && !budget.min_free) {
    auto const free = Stock::free_in(store);
    if (need <= free) return;
    throw Error(ENOSPC, format("build {}: it takes about {}, and {} has {} free", request.path(),
                               human_size(need), store.path(), human_size(free)));
  }
  auto const result = collect_garbage(store, session, budget, need);
  if (result.held) return;
  auto const stays = format("{} in use, {} kept", result.in_use.size(), result.kept.size());
  if (budget.max_size && result.size + need > *budget.max_size)
    throw Error(EDQUOT,
                format("build {}: it takes about {}, and the templates of {} have {} of max_size {} ({})",
                       request.path(), human_size(need), store.path(), human_size(result.size),
                       human_size(*budget.max_size), stays),
                "Raise max_size in [store], or try again when fewer are in use.");
  throw Error(ENOSPC,
              format("build {}: it takes about {}, and {} has {} free with min_free {} ({})", request.path(),
                     human_size(need), store.path(), human_size(result.free),
                     human_size(budget.min_free.value_or(0)), stays),
              "Unlink images, lower min_free in [store], or use a larger store.");
}

}  // namespace templatefs::cache
