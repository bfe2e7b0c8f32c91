// SPDX-License-Identifier: Apache-2.0
#include "fusefs/build_jobs.h"

#include "base/files.h"
#include "base/log.h"
#include "fusefs/images.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

constexpr auto kLockLimit = 600s;

using JobId = std::pair<cache::Recipe const*, std::int64_t>;

JobId id_of(cache::TemplateRequest const& request) {
  return {request.recipe, request.template_bytes()};
}

using Jobs = std::map<JobId, BuildJob>;
using Turn = BuildJob::Turn;

std::optional<std::int64_t> builds_per_user(Filesystem& fs) {
  return fs.nodes.with([](NodeTable const& nodes) { return nodes.holdings.quota.builds_per_user; });
}

bool has_turn_left(Jobs const& jobs, uid_t uid, std::optional<std::int64_t> most) {
  if (uid == 0 || !most) return true;
  return std::count_if(jobs.begin(), jobs.end(), [&](auto const& each) {
           return each.second.uid == uid && each.second.turn == Turn::has;
         }) < *most;
}

/// Whether the job may build now. If not it ends, holding nothing, and is run again when one of its user's
/// has ended.
bool take_turn(Filesystem& fs, JobId const& id) {
  return fs.jobs.with([&, most = builds_per_user(fs)](Jobs& jobs) {
    auto& job = jobs.at(id);
    if (job.turn != Turn::has) job.turn = has_turn_left(jobs, job.uid, most) ? Turn::has : Turn::waits;
    return job.turn == Turn::has;
  });
}

/// Those whose turn has come, the oldest first.
std::vector<cache::TemplateRequest> call_waiting(Filesystem& fs) {
  return fs.jobs.with([&, most = builds_per_user(fs)](Jobs& jobs) {
    std::vector<BuildJob*> waiting;
    for (auto& [id, job] : jobs)
      if (job.turn == Turn::waits) waiting.push_back(&job);
    std::sort(waiting.begin(), waiting.end(),
              [](auto const* a, auto const* b) { return a->since < b->since; });
    std::vector<cache::TemplateRequest> called;
    for (auto* const job : waiting) {
      if (!has_turn_left(jobs, job->uid, most)) continue;
      job->turn = Turn::has;
      called.push_back(job->request);
    }
    return called;
  });
}

/// Ends the job: whoever asks from now on starts a new one.
std::vector<fuse_ino_t> take_images(Filesystem& fs, JobId const& id) {
  return fs.jobs.with([&](auto& jobs) {
    auto images = std::move(jobs.at(id).images);
    jobs.erase(id);
    return images;
  });
}

void submit(Filesystem& fs, cache::TemplateRequest const& request);

void run_job(Filesystem& fs, cache::TemplateRequest const& request, std::int64_t asked_at_ms,
             std::stop_token const& stop) noexcept {
  JobId const id = id_of(request);
  cache::SharedTemplate pinned;
  std::optional<Error> failure;
  bool waits = false;
  try {
    cache::BuildWish wish{request, asked_at_ms, false, Deadline::after(kLockLimit), stop, nullptr};
    wish.on_phase = [&](std::string_view phase) {
      fs.jobs.with([&](auto& jobs) { jobs.at(id).phase = phase; });
    };
    wish.before_build = [&] {
      if (stop.stop_requested()) throw Error(ECANCELED, "build while the mount ends");
      waits = !take_turn(fs, id);
      if (waits) throw Error(ECANCELED, "wait for a turn to build");
    };
    pinned = fs.cache.ensure(wish);
  } catch (...) {
    failure = to_error(std::current_exception());
  }
  if (waits) return;
  auto const images = take_images(fs, id);
  for (auto const& each : call_waiting(fs)) submit(fs, each);
  if (failure && failure->err() != ECANCELED)
    spdlog::error("template {} failed for {} image{}: {}", request.path(), images.size(),
                  images.size() == 1 ? "" : "s", failure->sentence());
  for (auto const image : images) {
    if (failure)
      fail_image(fs, image, *failure);
    else
      finish_from_template(fs, image, pinned);
  }
}

void submit(Filesystem& fs, cache::TemplateRequest const& request) {
  fs.pool.submit([&fs, request, asked_at_ms = epoch_ms_now()](std::stop_token const& stop) {
    run_job(fs, request, asked_at_ms, stop);
  });
}

}  // namespace

void wait_for_template(Filesystem& fs, cache::TemplateRequest const& request, fuse_ino_t image, uid_t uid) {
  bool const starts = fs.jobs.with([&, most = builds_per_user(fs)](Jobs& jobs) {
    auto const [at, is_new] = jobs.try_emplace(
        id_of(request), BuildJob{request, "look up", std::chrono::steady_clock::now(), {}, uid});
    auto& job = at->second;
    job.images.push_back(image);
    if (job.turn != Turn::waits || !has_turn_left(jobs, uid, most)) return is_new;
    job.uid = uid;
    job.turn = Turn::has;
    return true;
  });
  if (starts) submit(fs, request);
}

}  // namespace templatefs::fusefs
