// SPDX-License-Identifier: Apache-2.0
#include "tests/churn/churn_model.h"

#include "base/error.h"
#include "base/log.h"
#include "tests/support/shared_outcomes.h"

#include <algorithm>
#include <cerrno>

namespace templatefs::test {

namespace {

constexpr std::size_t kMostImages = 6;     // of one process
constexpr std::size_t kMostActions = 10;   // of one process in one round
constexpr std::size_t kMostSnapshots = 3;  // of one image
constexpr std::size_t kWrittenBlocks = 16;

/// Where there is no room for a template, its first opener is told so.
bool is_lawful(Outcome const& outcome) {
  return outcome.err == 0 ||
         (outcome.action.act == Act::make && (outcome.err == EDQUOT || outcome.err == ENOSPC));
}

bool is_write(Act act) {
  return act == Act::write || act == Act::write_past_cache || act == Act::write_mapped || act == Act::punch;
}

std::string directory_of(std::string const& name) {
  return name.substr(0, name.rfind('/'));
}

}  // namespace

std::vector<std::string> const& churned_directories() {
  static std::vector<std::string> const directories{"plain/24M", "plain/25M", "plain/26M", "plain/27M",
                                                    "plain/28M", "plain/29M", "plain/30M", "raw/1M"};
  return directories;
}

std::string ChurnModel::new_name(std::string const& directory) {
  return format("{}/churn-{}.img", directory, ++last_name_);
}

Action ChurnModel::change_of(Name const& name, ImageModel const& image) {
  constexpr Act kWays[] = {Act::write,        Act::write, Act::write_past_cache,
                           Act::write_mapped, Act::punch, Act::read};
  Action action{kWays[below(std::size(kWays))], name.first, name.second};
  if (action.act == Act::read) return action;
  action.block = below(kWrittenBlocks) * (image.disk->blocks() / kWrittenBlocks);
  if (action.act != Act::punch) action.stamp = ++last_stamp_;
  return action;
}

/// What changes more than a block: the last thing that happens to an image in a round.
std::optional<Action> ChurnModel::deed_on(Name const& name, ImageModel const& image) {
  Action action{Act::read, name.first, name.second};
  switch (below(8)) {
    case 0:
      action.act = Act::unlink;
      return action;
    case 1:
      action.act = Act::rename;
      action.other = new_name(directory_of(name.second));
      return action;
    case 2:
    case 3:
      action.act = image.pinned == Known::yes ? Act::unpin : Act::pin;
      return action;
    case 4:
    case 5:
      action.act = Act::snapshot;
      if (image.snapshots.size() >= kMostSnapshots) return std::nullopt;
      action.other = format("s{}", ++last_name_);
      return action;
    case 6:
      action.act = Act::revert;
      if (image.snapshots.empty() || chance(4)) return image.inherited ? std::nullopt : std::optional(action);
      action.other =
          std::next(image.snapshots.begin(), static_cast<std::ptrdiff_t>(below(image.snapshots.size())))
              ->first;
      return action;
    default:
      return std::nullopt;
  }
}

std::vector<Action> ChurnModel::plan(unsigned worker) {
  std::vector<Action> actions;
  std::size_t count = 0;
  for (auto const& [name, image] : images_) {
    if (image.worker != worker) continue;
    ++count;
    for (auto more = below(4); image.disk && more > 0; --more) actions.push_back(change_of(name, image));
    if (auto const deed = image.disk && chance(2) ? deed_on(name, image) : std::nullopt)
      actions.push_back(*deed);
  }
  if (actions.size() > kMostActions) actions.resize(kMostActions);
  for (; count < kMostImages && chance(2); ++count) {
    auto const& directories = churned_directories();
    Action const make{Act::make, static_cast<unsigned>(below(2)),
                      new_name(directories[below(directories.size())])};
    // Its outcome is applied to an image of this process's.
    images_[{make.mount, make.image}].worker = worker;
    images_[{make.mount, make.image}].exists = Known::no;
    actions.push_back(make);
  }
  return actions;
}

void ChurnModel::happened(Action const& action) {
  Name const name{action.mount, action.image};
  auto& image = images_[name];
  if (is_write(action.act)) image.disk->wrote(action.block, action.stamp);
  if (action.act == Act::make) image.exists = Known::yes;
  if (action.act == Act::pin) image.pinned = Known::yes;
  if (action.act == Act::unpin) image.pinned = Known::no;
  if (action.act == Act::snapshot) image.snapshots.insert_or_assign(action.other, *image.disk);
  if (action.act == Act::revert && action.other.empty()) image.disk->revert_to_first();
  if (action.act == Act::revert && !action.other.empty()) image.disk = image.snapshots.at(action.other);
  if (action.act == Act::rename) images_[{action.mount, action.other}] = image;
  if (action.act == Act::rename || action.act == Act::unlink) images_.erase(name);
}

void ChurnModel::may_have_happened(Action const& action) {
  Name const name{action.mount, action.image};
  auto& image = images_[name];
  if (is_write(action.act)) image.disk->may_have_written(action.block, action.stamp);
  if (action.act == Act::make || action.act == Act::unlink) image.exists = Known::maybe;
  if (action.act == Act::pin || action.act == Act::unpin) image.pinned = Known::maybe;
  if (action.act == Act::revert) {
    auto before = *image.disk;
    if (action.other.empty())
      image.disk->revert_to_first();
    else
      image.disk = image.snapshots.at(action.other);
    image.disk->may_be(before);
  }
  if (action.act == Act::rename) {
    image.exists = Known::maybe;
    images_[{action.mount, action.other}] = image;
  }
}

std::vector<std::string> ChurnModel::apply(std::vector<Outcome> const& outcomes,
                                           std::optional<unsigned> disturbed) {
  std::vector<std::string> faults;
  for (auto const& outcome : outcomes) {
    auto const& action = outcome.action;
    if (outcome.err == 0)
      happened(action);
    else if (disturbed == action.mount)
      may_have_happened(action);
    else if (!is_lawful(outcome))
      faults.push_back(
          to_text(action) + ": " +
          (outcome.err == SharedOutcomes::kUnseen ? "never came to its end" : errno_name(outcome.err)));
  }
  std::erase_if(images_, [](auto const& each) { return each.second.exists == Known::no; });
  return faults;
}

void ChurnModel::apply(Ending const& ending) {
  bool const all_stay = ending.killed && ending.recovers;
  for (auto at = images_.begin(); at != images_.end();) {
    auto& [name, image] = *at;
    if (name.first == ending.mount) {
      image.inherited = true;
      image.snapshots.clear();
      bool const goes = image.pinned == Known::no && !all_stay;
      bool const may_go = image.pinned != Known::yes && (!all_stay || ending.was_swept);
      if (goes) {
        at = images_.erase(at);
        continue;
      }
      if (may_go) image.exists = Known::maybe;
    }
    ++at;
  }
}

}  // namespace templatefs::test
