// SPDX-License-Identifier: Apache-2.0
#include "fusefs/build_jobs.h"

#include "base/files.h"
#include "base/log.h"
#include "fusefs/images.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>

namespace templatefs::fusefs {

namespace {

using namespace std::chrono_literals;

constexpr auto kLockLimit = 600s;

using JobId = std::pair<cache::Recipe const*, std::int64_t>;

JobId id_of(cache::TemplateRequest const& request) {
  return {request.recipe, request.template_bytes()};
}

/// Ends the job: whoever asks from now on starts a new one.
std::vector<fuse_ino_t> take_images(Filesystem& fs, JobId const& id) {
  return fs.jobs.with([&](auto& jobs) {
    auto images = std::move(jobs.at(id).images);
    jobs.erase(id);
    return images;
  });
}

void run_job(Filesystem& fs, cache::TemplateRequest const& request, std::int64_t asked_at_ms,
             std::stop_token const& stop) noexcept {
  JobId const id = id_of(request);
  std::shared_ptr<cache::PinnedTemplate const> pinned;
  std::optional<Error> failure;
  try {
    cache::BuildWish wish{request, asked_at_ms, false, Deadline::after(kLockLimit), stop, nullptr};
    wish.on_phase = [&](std::string_view phase) {
      fs.jobs.with([&](auto& jobs) { jobs.at(id).phase = phase; });
    };
    pinned = fs.cache.ensure(wish);
  } catch (...) {
    failure = to_error(std::current_exception());
  }
  auto const images = take_images(fs, id);
  if (failure && failure->err() != ECANCELED)
    spdlog::error("template {} failed for {} image{}: {}", request.path(), images.size(),
                  images.size() == 1 ? "" : "s", failure->sentence());
  for (auto const image : images) {
    if (failure)
      fail_image(fs, image, *failure);
    else
      finish_from_template(fs, image, *pinned);
  }
}

}  // namespace

void wait_for_template(Filesystem& fs, cache::TemplateRequest const& request, fuse_ino_t image) {
  bool const started = fs.jobs.with([&](auto& jobs) {
    auto const [at, is_new] =
        jobs.try_emplace(id_of(request), BuildJob{request, "look up", std::chrono::steady_clock::now(), {}});
    at->second.images.push_back(image);
    return is_new;
  });
  if (!started) return;
  auto const asked_at_ms = epoch_ms_now();
  fs.pool.submit(
      [&fs, request, asked_at_ms](std::stop_token const& stop) { run_job(fs, request, asked_at_ms, stop); });
}

}  // namespace templatefs::fusefs
