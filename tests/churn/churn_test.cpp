// SPDX-License-Identifier: Apache-2.0
#include "base/deadline.h"
#include "base/files.h"
#include "base/log.h"
#include "tests/churn/churned_store.h"
#include "tests/mount/file_calls.h"
#include "tests/mount/mounted_store.h"
#include "tests/mount/robustness_fixture.h"
#include "tests/mount/verify_store.h"
#include "tests/support/shared_outcomes.h"

#include <algorithm>
#include <iostream>

#include <gmock/gmock.h>

#include <poll.h>
#include <unistd.h>

// Processes that do whatever they like to images on two mounts of one store, while templates are collected,
// cleaned and verified and mounts end and are killed. TEMPLATEFS_CHURN_SECONDS and TEMPLATEFS_CHURN_SEED in
// the environment.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;
using Json = nlohmann::json;

constexpr unsigned kWorkers = 4;
constexpr auto kRoundLimit = 60s;
/// On each store: two minutes in all.
constexpr std::uint64_t kUsualSeconds = kSanitized ? 15 : 45;

std::uint64_t number_in(char const* variable, std::uint64_t otherwise) {
  char const* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::stoull(text);
}

class Churn : public LeakCheck, public ::testing::WithParamInterface<char const*> {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: loop devices";
    store_.emplace(GetParam());
  }
  void TearDown() override {
    store_.reset();
    LeakCheck::TearDown();
  }

  void round();
  void check_images();
  void check_image(ChurnModel::Name const& name, ImageModel& image);
  void check_budget();
  void check_templates() const { EXPECT_THAT(faults_of_templates(store_->path()), IsEmpty()); }

  std::uint64_t const seed_ = number_in("TEMPLATEFS_CHURN_SEED", std::random_device()());
  ChurnModel model_{seed_};
  std::optional<ChurnedStore> store_;
  unsigned actions_ = 0;
  unsigned endings_ = 0;

 private:
  std::vector<std::vector<Action>> plans();
  std::vector<Client> start_commands(bool& sweeps);
  std::optional<Ending> end_a_mount();
};

std::vector<std::vector<Action>> Churn::plans() {
  std::vector<std::vector<Action>> plans;
  for (unsigned worker = 0; worker < kWorkers; ++worker) plans.push_back(model_.plan(worker));
  return plans;
}

/// What operators and timers do beside it. Sets whether one of them sweeps.
std::vector<Client> Churn::start_commands(bool& sweeps) {
  std::vector<std::vector<std::string>> const commands{{"gc", "--max-size", "8M"},
                                                       {"gc"},
                                                       {"clean"},
                                                       {"verify"},
                                                       {"verify", "--fast"},
                                                       {"ls", "--images"},
                                                       {"build", "--builder", "host", "plain/24M"}};
  std::vector<Client> running;
  for (auto more = model_.below(3); more > 0; --more) {
    auto words = commands[model_.below(commands.size())];
    sweeps = true;
    words.insert(words.end(), {"--store", store_->path(), "--config", store_->config()});
    running.emplace_back([words] {
      auto const output = run_program(words);
      bool const refused = words[0] == "build" && output.text.find("max_size") != std::string::npos;
      if (output.status.success() || refused) return 0;
      std::cerr << words[0] << ": " << output.status.describe() << ": " << output.text;
      return 1;
    });
  }
  return running;
}

/// At some moment of the round.
std::optional<Ending> Churn::end_a_mount() {
  if (!model_.chance(3)) return std::nullopt;
  Ending ending{static_cast<unsigned>(model_.below(2)), model_.chance(2), model_.chance(2), false};
  ::poll(nullptr, 0, static_cast<int>(model_.below(60)));
  if (ending.killed)
    store_->kill(ending.mount);
  else
    EXPECT_TRUE(store_->end(ending.mount)) << store_->mount(ending.mount).output();
  return ending;
}

void Churn::round() {
  auto const plans = this->plans();
  std::size_t count = 0;
  for (auto const& plan : plans) count += plan.size();
  SharedOutcomes outcomes(count);
  bool sweeps = false;
  std::optional<Ending> ending;
  {
    std::vector<Client> clients = start_commands(sweeps);
    std::size_t first = 0;
    for (auto const& plan : plans) {
      clients.emplace_back([&, first, plan] {
        for (std::size_t at = 0; at < plan.size(); ++at)
          outcomes[first + at] = perform(plan[at], store_->path_of(plan[at].mount, plan[at].image),
                                         store_->path_of(plan[at].mount, plan[at].other));
        return 0;
      });
      first += plan.size();
    }
    ending = end_a_mount();
    auto const limit = Deadline::after(kRoundLimit);
    for (auto& client : clients)
      ASSERT_EQ(client.wait(std::chrono::milliseconds(limit.remaining_ms())), 0)
          << "a process hangs or failed";
  }
  std::vector<Outcome> seen;
  for (auto const& plan : plans)
    for (auto const& action : plan) seen.push_back({action, outcomes[seen.size()]});
  actions_ += static_cast<unsigned>(seen.size());
  if (ending) {
    ++endings_;
    ending->was_swept = sweeps;
    store_->start(ending->mount, ending->recovers);
  }
  EXPECT_THAT(model_.apply(seen, ending ? std::optional(ending->mount) : std::nullopt), IsEmpty());
  if (ending) model_.apply(*ending);
  if (!HasFailure()) return;
  for (auto const& each : seen) std::cout << to_text(each.action) << ": " << each.err << "\n";
}

void Churn::check_image(ChurnModel::Name const& name, ImageModel& image) {
  auto const path = store_->path_of(name.first, name.second);
  auto const seen = block_sums(open_file(path, O_RDONLY).get());
  if (!image.disk) {
    image.disk.emplace(seen);
  } else if (auto const wrong = image.disk->settle(seen)) {
    ADD_FAILURE() << path << ": block " << *wrong << " holds what nobody wrote";
  }
  bool const pinned = xattr_of(path, "user.templatefs.keep") == "churn";
  EXPECT_TRUE(image.pinned == Known::maybe || pinned == (image.pinned == Known::yes))
      << path << ": pinned: " << pinned;
  image.pinned = pinned ? Known::yes : Known::no;
}

/// That exactly those are there that must, and hold what they must.
void Churn::check_images() {
  std::set<ChurnModel::Name> listed;
  for (unsigned mount = 0; mount < ChurnedStore::kMounts; ++mount)
    for (auto const& directory : churned_directories())
      for (auto const& name : names_in(store_->path_of(mount, directory)))
        listed.emplace(mount, directory + "/" + name);
  auto& images = model_.images();
  for (auto at = images.begin(); at != images.end();) {
    auto& [name, image] = *at;
    bool const is_listed = listed.erase(name) > 0;
    EXPECT_TRUE(is_listed || image.exists == Known::maybe) << name.first << ":" << name.second << " is lost";
    if (!is_listed) {
      at = images.erase(at);
      continue;
    }
    check_image(name, image);
    image.exists = Known::yes;
    ++at;
  }
  for (auto const& [mount, name] : listed)
    ADD_FAILURE() << mount << ":" << name << " was removed and is there";
}

void Churn::check_budget() {
  auto const output = run_program({"gc", "--json", "--store", store_->path(), "--config", store_->config()});
  ASSERT_TRUE(output.status.success()) << output.text;
  auto const result = Json::parse(output.text);
  EXPECT_TRUE(result["held"] || !result["in_use"].empty()) << output.text;
}

TEST_P(Churn, LosesNothingAndLeavesNothing) {
  std::cout << "TEMPLATEFS_CHURN_SEED=" << seed_ << std::endl;
  auto const end =
      Deadline::after(std::chrono::seconds(number_in("TEMPLATEFS_CHURN_SECONDS", kUsualSeconds)));
  unsigned rounds = 0;
  for (; !end.passed(); ++rounds) {
    SCOPED_TRACE("round " + std::to_string(rounds));
    round();
    if (HasFatalFailure()) break;
    check_images();
    EXPECT_THAT(store_->leaks(), IsEmpty());
    check_budget();
    check_templates();
    if (HasFailure()) break;
  }
  std::cout << rounds << " rounds, " << actions_ << " actions, " << endings_ << " mounts ended" << std::endl;
}

INSTANTIATE_TEST_SUITE_P(Stores, Churn, ::testing::Values("xfs", "btrfs"));

}  // namespace

}  // namespace templatefs::test
