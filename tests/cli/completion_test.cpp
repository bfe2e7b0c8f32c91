// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/files.h"
#include "tests/support/leak_check.h"
#include "tests/support/on_terminal.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include <fcntl.h>

// Each shell completes command lines itself, with the script that the program prints.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;
using ::testing::Not;
using Words = std::set<std::string>;

Words words_of(std::string const& text) {
  std::istringstream in(text);
  Words words;
  for (std::string word; in >> word;) words.insert(word);
  return words;
}

/// Without the sign after which an option's value, or more of a path, is to follow.
std::string without_end(std::string word) {
  if (word.ends_with('=') || word.ends_with('/')) word.pop_back();
  return word;
}

/// The program comes first on the shell's PATH.
std::vector<std::string> environment() {
  auto const directory = std::filesystem::path(program_path()).parent_path().string();
  return {"PATH=" + directory + ":" + std::getenv("PATH"), "TERM=dumb",
          "HISTFILE=", "FISH_UNIT_TESTS_RUNNING="};
}

/// A shell on a terminal, which shows its line at ^T.
class InteractiveShell {
 public:
  InteractiveShell(std::vector<std::string> const& argv, std::string const& setup)
      : terminal_(argv, 200, environment()) {
    terminal_.type(setup + "; printf 'READ''Y\\n'\n");
    EXPECT_TRUE(terminal_.shows("READY")) << terminal_.text();
  }

  /// The line with all that its last word may become in that word's place.
  std::string completed(std::string const& line, std::string const& complete_all) {
    auto const before = terminal_.text().size();
    terminal_.type(line + complete_all + "\x14");
    std::string shown;
    EXPECT_TRUE(wait_until([&] {
      auto const begin = terminal_.text().find("LINE<", before);
      auto const end = terminal_.text().find('>', begin);
      if (begin == std::string::npos || end == std::string::npos) return false;
      shown = terminal_.text().substr(begin + 5, end - begin - 5);
      return true;
    })) << terminal_.text().substr(before);
    terminal_.type("\x15");  // ^U: an empty line again
    return shown;
  }

 private:
  OnTerminal terminal_;
};

class Completion : public LeakCheck, public ::testing::WithParamInterface<std::string> {
 protected:
  void SetUp() override {
    LeakCheck::SetUp();
    if (find_on_path(GetParam()).empty()) GTEST_SKIP() << GetParam() << " is not installed";
    auto const script = run_program({"completion", GetParam()});
    ASSERT_TRUE(script.status.success()) << script.text;
    // zsh autoloads functions by their files' names.
    script_ = dir_ / "_templatefs";
    replace_file(AT_FDCWD, script_, script.text, 0644, false);
    if (GetParam() == "bash")
      shell_.emplace(std::vector<std::string>{"bash", "--norc", "--noprofile", "-i"},
                     "PS1='$ '; source " + script_ +
                         "; bind -x '\"\\C-t\": printf \"LI\"\"NE<%s>\\n\" \"$READLINE_LINE\"'");
    if (GetParam() == "zsh")
      shell_.emplace(
          std::vector<std::string>{"zsh", "-f", "-i"},
          "PS1='$ '; fpath=(" + dir_.path() + " $fpath); autoload -Uz compinit; compinit -u -d " +
              dir_ / "dump" +
              "; zle -C all-matches complete-word _generic; bindkey '^[*' all-matches"
              "; zstyle ':completion:all-matches:*' insert yes"
              "; zstyle ':completion:all-matches::::' completer _all_matches _complete"
              "; show() { zle -I; print -r -- \"LI\"\"NE<$BUFFER>\" }; zle -N show; bindkey '^T' show"
              "; bindkey '^U' kill-whole-line");
  }

  void TearDown() override {
    shell_.reset();
    LeakCheck::TearDown();
  }

  /// What the last word of the line may become.
  Words completions(std::string const& line) {
    if (GetParam() == "fish") return fish_completions(line);
    auto const all = shell_->completed(line, "\033*");
    auto const word = line.rfind(' ') + 1;
    EXPECT_EQ(all.substr(0, word), line.substr(0, word)) << all;
    // Nothing to offer: the word stays.
    if (all == line) return {};
    Words words;
    // What is to go on, bash and zsh show each in its way.
    for (auto const& each : words_of(all.substr(word))) words.insert(without_end(each));
    return words;
  }

  /// A store with a template, a stored recipe and nothing else, which nobody has opened.
  std::string store() const {
    for (char const* const name : {"templates/btrfs-300m-0123456789abcdef",
                                   "templates/ext4-1024m-0123456789abcdef", "recipes", "sessions"})
      make_directories(AT_FDCWD, dir_ / "store/" + name, 0700);
    replace_file(AT_FDCWD, dir_ / "store/FORMAT", "templatefs store 1\n", 0644, false);
    replace_file(AT_FDCWD, dir_ / "store/recipes/myapp.json", "{}", 0644, false);
    return dir_ / "store";
  }

  TempDir const dir_;

 private:
  Words fish_completions(std::string const& line) const {
    auto const command = "source " + script_ + "; complete -C '" + line + "'";
    std::vector<std::string> argv{"env"};
    auto const variables = environment();
    argv.insert(argv.end(), variables.begin(), variables.end());
    argv.insert(argv.end(), {"HOME=" + dir_.path(), "fish", "--no-config", "-c", command});
    auto const output = run_command(argv, Deadline::after(30s));
    EXPECT_TRUE(output.status.success()) << output.text;
    Words words;
    std::istringstream in(output.text);
    for (std::string each; std::getline(in, each);)
      words.insert(without_end(each.substr(0, each.find('\t'))));
    return words;
  }

  std::string script_;
  std::optional<InteractiveShell> shell_;
};

TEST_P(Completion, CompletesCommands) {
  EXPECT_THAT(completions("templatefs umo"), ElementsAre("umount"));
  EXPECT_THAT(completions("templatefs "), IsSupersetOf({"mount", "build", "completion", "doctor"}));
  EXPECT_THAT(completions("templatefs "), Not(Contains("__complete")));
}

TEST_P(Completion, CompletesOptionsOfTheCommand) {
  EXPECT_THAT(completions("templatefs build --acc"), ElementsAre("--accel"));
  EXPECT_THAT(completions("templatefs umount --"), IsSupersetOf({"--lazy", "--wait"}));
  EXPECT_THAT(completions("templatefs umount --"), Not(Contains("--accel")));
}

TEST_P(Completion, CompletesValuesOfOptions) {
  EXPECT_THAT(completions("templatefs mount --accel "), ElementsAre("auto", "kvm", "tcg"));
  EXPECT_THAT(completions("templatefs mount --accel=k"), ElementsAre("--accel=kvm"));
  EXPECT_THAT(completions("templatefs completion z"), ElementsAre("zsh"));
  make_directories(AT_FDCWD, dir_ / "golden", 0700);
  replace_file(AT_FDCWD, dir_ / "gold.img", "", 0600, false);
  EXPECT_THAT(completions("templatefs ls --store " + dir_ / "go"), ElementsAre(dir_ / "golden"));
  EXPECT_THAT(completions("templatefs import " + dir_ / "gold.i"), ElementsAre(dir_ / "gold.img"));
}

TEST_P(Completion, CompletesWhatTheStoreHolds) {
  auto const options = " --store " + store() + " ";
  EXPECT_THAT(completions("templatefs verify" + options + "bt"), ElementsAre("btrfs-300m-0123456789abcdef"));
  EXPECT_THAT(completions("templatefs verify --store=" + store() + " ex"),
              ElementsAre("ext4-1024m-0123456789abcdef"));
  EXPECT_THAT(completions("templatefs forget" + options), ElementsAre("myapp"));
  EXPECT_THAT(completions("templatefs build" + options + "btr"), ElementsAre("btrfs"));
  EXPECT_THAT(completions("templatefs build" + options + "ext4/1G btrfs/3"), ElementsAre("btrfs/300M"));
  EXPECT_THAT(completions("templatefs build" + options + "myapp/"), ElementsAre("myapp/native"));
  EXPECT_THAT(completions("templatefs build" + options + "nothing/"), IsEmpty());
}

TEST_P(Completion, CompletesTheCommandThatRunRuns) {
  EXPECT_THAT(completions("templatefs run -- xz-utils-no-such"), IsEmpty());
  EXPECT_THAT(completions("templatefs run -- mkfs.ext"), Contains("mkfs.ext4"));
}

INSTANTIATE_TEST_SUITE_P(Shells, Completion, ::testing::Values("bash", "zsh", "fish"),
                         [](auto const& each) { return each.param; });

TEST(CompletionScript, OfNoOtherShell) {
  EXPECT_EQ(run_program({"completion", "csh"}).status.describe(), "exit status 2");
}

}  // namespace

}  // namespace templatefs::test
