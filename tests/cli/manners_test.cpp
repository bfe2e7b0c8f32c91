// SPDX-License-Identifier: Apache-2.0
#include "base/child.h"
#include "base/files.h"
#include "tests/support/leak_check.h"
#include "tests/support/on_terminal.h"
#include "tests/support/program.h"
#include "tests/support/scoped_variable.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait_until.h"

#include <chrono>
#include <regex>

#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

// What is the same for all commands: suggestions, colour, progress, errors as JSON, exit statuses.
namespace templatefs::test {

namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr char kKey[] = "btrfs-300m-0123456789abcdef";

class Manners : public LeakCheck {
 protected:
  /// A store with a damaged template and a stored recipe.
  void make_store() const {
    for (char const* const name : {"templates/btrfs-300m-0123456789abcdef", "recipes", "locks", "sessions"})
      make_directories(AT_FDCWD, store_ + "/" + name, 0700);
    replace_file(AT_FDCWD, store_ + "/FORMAT", "templatefs store 1\n", 0644, false);
    replace_file(AT_FDCWD, store_ + "/recipes/myapp.json", "{}", 0644, false);
  }
  CommandOutput run(std::vector<std::string> words) const {
    words.insert(words.end(), {"--store", store_});
    return run_program(words);
  }

  TempDir const dir_;
  std::string const store_ = dir_ / "store";
};

using Suggestions = Manners;

TEST_F(Suggestions, AreMadeForOptions) {
  EXPECT_THAT(run_program({"ls", "--jsno"}).text,
              AllOf(HasSubstr("--jsno"), HasSubstr("Did you mean \"--json\"?")));
  EXPECT_THAT(run_program({"import", "--nmae=x", "disk"}).text, HasSubstr("Did you mean \"--name\"?"));
  EXPECT_THAT(run_program({"--vresion"}).text, HasSubstr("Did you mean \"--version\"?"));
  EXPECT_THAT(run_program({"ls", "--explode"}).text, Not(HasSubstr("Did you mean")));
}

TEST_F(Suggestions, AreMadeForRecipesAndKeys) {
  make_store();
  auto const build = run({"build", "btrsf/256M"});
  EXPECT_THAT(build.text, AllOf(HasSubstr("Did you mean \"btrfs\"?"), HasSubstr("There are: btrfs, ")));
  EXPECT_EQ(build.status.describe(), "exit status 2");
  EXPECT_THAT(run({"forget", "myap"}).text, HasSubstr("Did you mean \"myapp\"?"));
  auto const verify = run({"verify", "btrfs-300m-0123456789abcdee"});
  EXPECT_THAT(verify.text, HasSubstr(std::string("Did you mean \"") + kKey + "\"?"));
  EXPECT_EQ(verify.status.describe(), "exit status 3");
  EXPECT_THAT(run({"inspect", "btrfs-300m-0123456789abcdee"}).text, HasSubstr(kKey));
}

using Color = Manners;

bool is_coloured(std::string const& text) {
  return text.find("\033[") != std::string::npos;
}

TEST_F(Color, IsWhatTheOptionThenTheEnvironmentThenTheTerminalSays) {
  std::vector<std::string> const why{"why", "zfs/16M"};
  auto const with = [&](std::string const& when) { return run({"why", "zfs/16M", "--color", when}).text; };
  ScopedVariable const terminal("TERM", "xterm");
  EXPECT_FALSE(is_coloured(run(why).text)) << "no terminal";
  EXPECT_TRUE(is_coloured(with("always")));
  ScopedVariable const forced("CLICOLOR_FORCE", "1");
  EXPECT_TRUE(is_coloured(run(why).text));
  EXPECT_FALSE(is_coloured(with("never")));
  {
    ScopedVariable const zero("CLICOLOR_FORCE", "0");
    EXPECT_FALSE(is_coloured(run(why).text));
  }
  {
    ScopedVariable const empty("NO_COLOR", "");
    EXPECT_TRUE(is_coloured(run(why).text));
  }
  ScopedVariable const none("NO_COLOR", "1");
  EXPECT_FALSE(is_coloured(run(why).text));
  EXPECT_TRUE(is_coloured(with("always")));
  EXPECT_EQ(run({"why", "zfs/16M", "--color", "pink"}).status.describe(), "exit status 2");
}

TEST_F(Color, IsThereOnATerminalThatIsNotDumb) {
  for (auto const& [term, expected] :
       {std::pair("TERM=xterm", true), {"TERM=dumb", false}, {"TERM=", false}}) {
    OnTerminal terminal({program_path(), "why", "zfs/16M", "--store", store_}, 80, {term});
    EXPECT_TRUE(terminal.end().value().success());
    EXPECT_TRUE(terminal.shows("There are"));
    EXPECT_EQ(is_coloured(terminal.text()), expected) << term << terminal.text();
  }
}

TEST_F(Color, IsNeverTheOnlySignal) {
  std::regex const codes("\033\\[[0-9;]*m");
  make_store();
  auto const coloured = run({"verify", "--color", "always"}).text;
  EXPECT_THAT(coloured, HasSubstr("\033[1;31mQUARANTINED"));
  EXPECT_THAT(std::regex_replace(coloured, codes, ""), HasSubstr("QUARANTINED   " + std::string(kKey)));
  auto const doctor = run({"doctor", "--builder", "host", "--color", "always"}).text;
  EXPECT_TRUE(is_coloured(doctor)) << doctor;
  EXPECT_EQ(std::regex_replace(doctor, codes, "").substr(0, 3), "ok ") << doctor;
}

using JsonErrors = Manners;

TEST_F(JsonErrors, HaveASchemaAndTheExitStatus) {
  struct Case {
    std::vector<std::string> words;
    std::string name;
    int status;
  };
  for (auto const& [words, name, status] : {Case{{"verify", "--json"}, "ENOENT", 3},
                                            {{"ls", "--json", "--explode"}, "EINVAL", 2},
                                            {{"lss", "--json"}, "EINVAL", 2},
                                            {{"build", "--json", "btrsf/1G"}, "ENOENT", 2}}) {
    auto const output = run(words);
    auto const json = Json::parse(output.text, nullptr, false);
    ASSERT_TRUE(json.is_object()) << output.text;
    EXPECT_EQ(json.size(), 5u);
    EXPECT_EQ(json["schema"], "templatefs.error/1");
    EXPECT_EQ(json["errno"], name);
    EXPECT_EQ(json["exit_code"], status);
    EXPECT_EQ(output.status.describe(), "exit status " + std::to_string(status));
    EXPECT_NE(json["message"], "");
    EXPECT_NE(json["remedy"], "");
  }
  EXPECT_THAT(run({"verify"}).text, Not(HasSubstr("{")));
}

TEST_F(JsonErrors, AreThoseOfWhatIsNotThereToo) {
  make_store();
  for (auto const& words : {std::vector<std::string>{"inspect", "--json", "nothing-1m"}}) {
    auto const output = run(words);
    EXPECT_EQ(Json::parse(output.text)["exit_code"], 3) << output.text;
    EXPECT_EQ(output.status.describe(), "exit status 3");
  }
}

using ProgressLines = Manners;

TEST_F(ProgressLines, ComeWhenItTakesLong) {
  FormatterStandIn const formatter("mkfs.ext4", FormatterStandIn::waiting_script());
  auto const file = dir_ / "stderr";
  Fd const out = open_at(AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0600);
  auto build = Child::spawn(
      {program_path(), "build", "--builder", "host", "--fanout", "copy", "--store", store_, "ext4/16M"},
      {.descriptors = {{1, out.get()}, {2, out.get()}}, .environment = {}});
  EXPECT_TRUE(wait_until([&] { return read_file(AT_FDCWD, file).find("] ext4/16M: ") != std::string::npos; }))
      << read_file(AT_FDCWD, file);
  formatter.release();
  EXPECT_TRUE(build.wait(Deadline::after(30s)).value().success());
}

TEST_F(ProgressLines, DoNotComeForWhatIsOverAtOnceOrIsToBeQuiet) {
  std::vector<std::string> const build{"build", "--builder", "host", "--fanout", "copy"};
  auto words = build;
  words.emplace_back("raw/1M");
  auto const begin = std::chrono::steady_clock::now();
  auto const output = run(words);
  bool const is_long = std::chrono::steady_clock::now() - begin >= 300ms;
  EXPECT_TRUE(is_long || output.text.find('[') == std::string::npos) << output.text;
  EXPECT_THAT(output.text, HasSubstr("raw/1M  raw-1m-"));
  words.back() = "ext4/16M";
  words.emplace_back("-q");
  EXPECT_EQ(run(words).text, "");
}

using ExitStatuses = Manners;

TEST_F(ExitStatuses, AreAsDocumented) {
  FormatterStandIn const formatter("mkfs.ext4", "exit 9");
  auto const status = [&](std::vector<std::string> const& words) { return run(words).status.describe(); };
  for (auto const& needs_a_store : std::vector<std::vector<std::string>>{
           {"verify"}, {"gc"}, {"forget", "nobody"}, {"inspect", "ext4-16m"}})
    EXPECT_EQ(status(needs_a_store), "exit status 3") << needs_a_store[0];
  for (auto const& takes_none :
       std::vector<std::vector<std::string>>{{"ls"}, {"clean"}, {"recipes"}, {"why", "ext4/16M"}})
    EXPECT_EQ(status(takes_none), "exit status 0") << takes_none[0];
  EXPECT_EQ(::access(store_.c_str(), F_OK), -1) << "one was made";
  EXPECT_EQ(status({"ls", "surplus"}), "exit status 2");
  EXPECT_EQ(run_program({"umount", dir_.path()}).status.describe(), "exit status 3");
  EXPECT_EQ(status({"build", "--builder", "host", "--fanout", "copy", "ext4/16M"}), "exit status 4");
  EXPECT_EQ(status({"forget", "nobody"}), "exit status 3");
  EXPECT_EQ(run_program({"run"}).status.describe(), "exit status 125");
}

}  // namespace

}  // namespace templatefs::test
