// SPDX-License-Identifier: Apache-2.0
#include "fusefs/auto_link.h"

#include "base/log.h"
#include "fusefs/path_grammar.h"

#include <cerrno>

namespace templatefs::fusefs {

namespace {

/// Throws Error.
std::string find_target(Filesystem const& fs, cache::Recipe const& recipe) {
  auto target = cache::auto_target(recipe);
  auto const capacity = Capacity::parse(target);
  if (capacity && *capacity > fs.options.largest) throw above_largest(*capacity, fs.options.largest);
  return target;
}

void run_job(Filesystem& fs, cache::Recipe const& recipe, std::stop_token const& stop) noexcept {
  std::string const path = recipe.name + "/" + cache::kAuto;
  std::string target;
  std::optional<Error> failure;
  if (stop.stop_requested()) {
    failure = Error(ESHUTDOWN, "read the link " + path);
  } else {
    try {
      target = find_target(fs, recipe);
      fs.errors.clear(path);
    } catch (...) {
      failure = to_error(std::current_exception());
      fs.errors.clear(path);  // every look at the link is one more
      fs.errors.add(path, *failure);
      spdlog::error("{} leads nowhere: {}", path, failure->sentence());
    }
  }
  // Whoever asks from now on starts a new job.
  auto const waiters = fs.auto_links.with([&](auto& links) { return links.extract(&recipe).mapped(); });
  for (auto const id : waiters) {
    auto parked = fs.parked.take(id);
    if (!parked) continue;  // interrupted meanwhile
    failure ? parked->request.error(failure->err()) : parked->request.link(target.c_str());
  }
}

}  // namespace

void answer_auto_link(Filesystem& fs, Request& request, cache::Recipe const& recipe) {
  auto const id = fs.parked.park({Request(request.release()), nullptr, recipe.name + "/" + cache::kAuto});
  if (id == 0) return;
  bool const is_first = fs.auto_links.with([&](auto& links) {
    auto& waiters = links[&recipe];
    waiters.push_back(id);
    return waiters.size() == 1;
  });
  if (is_first) fs.pool.submit([&fs, &recipe](std::stop_token const& stop) { run_job(fs, recipe, stop); });
}

}  // namespace templatefs::fusefs
