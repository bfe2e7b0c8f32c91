// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/stored_names.h"
#include "tests/support/temp_dir.h"

#include <filesystem>
#include <set>
#include <sstream>

#include <gmock/gmock.h>

#include <signal.h>
#include <sys/stat.h>

// Disk images from elsewhere that become recipes. What is read of them, tests/vm has; here is what the store
// and a mount make of it.
namespace templatefs::test {

namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Import : public WithStoredNames {
 protected:
  static constexpr std::int64_t kBytes = (16 << 20) + 512;

  void SetUp() override {
    WithStoredNames::SetUp();
    if (IsSkipped()) return;
    replace_file(AT_FDCWD, raw_, "", 0600, false);
    auto const file = open_file(raw_);
    check(::ftruncate(file.get(), kBytes), "set the length of", raw_);
    write_at(file.get(), "disk of " + name(), kTextAt);
    write_at(file.get(), std::string(300'000, 'd'), 5'000'001);
  }
  void TearDown() override {
    if (!IsSkipped()) (void)run_program({"forget", name() + "-too", "--store", mount().store()});
    WithStoredNames::TearDown();
  }

  void sh(std::string const& script) const {
    auto const output = run_command({"/bin/sh", "-ec", "cd " + dir_.path() + "\n" + script},
                                    Deadline::after(std::chrono::seconds(60)));
    ASSERT_TRUE(output.status.success()) << output.text;
  }
  std::string qcow2() const {
    sh("qemu-img convert -f raw -O qcow2 disk disk.qcow2");
    return dir_ / "disk.qcow2";
  }
  std::string padded() const {
    auto bytes = contents(raw_);
    bytes.resize((bytes.size() + 4095) / 4096 * 4096);
    return bytes;
  }
  std::vector<std::string> words(std::string const& file, std::vector<std::string> const& options = {},
                                 std::string const& as = name()) const {
    std::vector<std::string> all{"import", file, "--name", as, "--store", mount().store()};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }
  /// Names of all that is in the store.
  std::set<std::string> listing() const {
    std::set<std::string> names;
    for (auto const& each : std::filesystem::recursive_directory_iterator(mount().store()))
      names.insert(each.path().string());
    return names;
  }
  /// A qemu-img in front of the real one that does something before it converts.
  std::string path_with_qemu_img(std::string const& before_convert) const {
    sh("mkdir bin\ncat >bin/qemu-img <<'EOF'\n#!/bin/sh\ncase $1 in convert) " + before_convert +
       ";; esac\nexec " + find_on_path("qemu-img") + " \"$@\"\nEOF\nchmod +x bin/qemu-img");
    return "PATH=" + dir_ / "bin" + ":/usr/bin:/bin";
  }
  /// An import that is in the middle of a conversion which does not end.
  Child start_endless_import() const {
    auto const path = path_with_qemu_img("echo $$ >" + dir_ / "new; mv " + dir_ / "new " +
                                         dir_ / "started; exec sleep 100");
    std::vector<std::string> argv = words(qcow2(), {"--quiet"});
    argv.insert(argv.begin(), program_path());
    auto child = Child::spawn(argv, {{}, {path}});
    EXPECT_TRUE(wait_until([&] { return ::access((dir_ / "started").c_str(), F_OK) == 0; }));
    return child;
  }
  bool converter_lives() const { return ::kill(std::stoi(contents(dir_ / "started")), 0) == 0; }

  TempDir const dir_;
  std::string const raw_ = dir_ / "disk";
};

TEST_P(Import, IsByteForByteTheDiskInEveryMountAndGrows) {
  sh("qemu-img convert -f raw -O qcow2 disk disk.qcow2\nxz -0 disk.qcow2");
  auto const output = run_program(words(dir_ / "disk.qcow2.xz"));
  ASSERT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text,
              AllOf(HasSubstr("imported " + name() + ": "), HasSubstr("qcow2, compressed with xz"),
                    HasSubstr("MNT/" + name() + "/native/<id>.img")));
  EXPECT_EQ(contents(of_recipe("native/a.img")), padded());
  EXPECT_EQ(stat_of(of_recipe("64M/a.img")).st_size, 64 << 20);
  auto const grown = contents(of_recipe("64M/a.img"));
  EXPECT_EQ(grown.substr(0, padded().size()), padded());
  EXPECT_EQ(grown.find_first_not_of('\0', padded().size()), std::string::npos);
  EXPECT_LT(stat_of(of_recipe("native/a.img")).st_blocks, 4096) << "the holes are kept";
  auto const recipe = run_json({"recipes", "--store", mount().store()})["recipes"].back();
  EXPECT_EQ(recipe["kind"], "import");
  EXPECT_EQ(recipe["lineage"]["format"], "qcow2");
  EXPECT_EQ(recipe["lineage"]["compression"], "xz");
}

TEST_P(Import, TheSameContentUnderTwoNamesIsStoredOnce) {
  auto const summary_of = [](std::vector<std::string> const& command) {
    std::istringstream lines(run_program(command).text);
    nlohmann::json last;
    for (std::string line; std::getline(lines, line);) {
      last = nlohmann::json::parse(line);
      EXPECT_EQ(last["message_type"], lines.peek() == EOF ? "summary" : "status");
    }
    EXPECT_EQ(last["schema"], "templatefs.import/1");
    return last;
  };
  auto const first = summary_of(words(raw_, {"--json"}));
  auto const second = summary_of(words(qcow2(), {"--json"}, name() + "-too"));
  EXPECT_EQ(second["template"], first["template"]);
  EXPECT_EQ(second["content_sha256"], first["content_sha256"]);
  EXPECT_EQ(names_in_store(mount(), "templates").size(), templates_before() + 1);
  EXPECT_EQ(contents(at(name() + "-too/native/a.img")), padded());
}

TEST_P(Import, WhatIsRefusedLeavesNothingInTheStore) {
  sh("qemu-img create -q -f qcow2 -F raw -b disk over\nhead -c 200000 " + qcow2() +
     " >cut\necho x >other\ntar -cf two.tar disk other\ngzip -c disk | head -c 5000 >cut.gz");
  auto const before = listing();
  auto const sentence = [&](std::vector<std::string> const& command) {
    auto const output = run_program(command);
    EXPECT_EQ(output.status.describe(), "exit status 1") << output.text;
    EXPECT_EQ(listing(), before) << output.text;
    return output.text;
  };
  EXPECT_THAT(sentence(words(dir_ / "over")), HasSubstr("an overlay of another image"));
  EXPECT_THAT(sentence(words(dir_ / "cut")), HasSubstr("cut short"));
  EXPECT_THAT(sentence(words(dir_ / "cut.gz")), HasSubstr("cut short at byte "));
  EXPECT_THAT(sentence(words(dir_ / "two.tar")), HasSubstr("several files: disk, other"));
  EXPECT_THAT(sentence(words(dir_ / "absent")), HasSubstr("No such file"));
  EXPECT_THAT(sentence(words(raw_, {"--max-capacity", "16M"})),
              AllOf(HasSubstr("more than 16M"), HasSubstr("--max-capacity")));
  EXPECT_THAT(sentence(words(raw_, {"--max-capacity", "16"})), HasSubstr("Write it like"));
  EXPECT_THAT(sentence(words(raw_, {}, "ext4")), HasSubstr("built in"));
  EXPECT_THAT(sentence(words(raw_, {}, "a/b")), HasSubstr("no recipe's name"));
  EXPECT_EQ(open_outcome(of_recipe("native/a.img"), O_RDONLY), "ENOENT");
}

TEST_P(Import, ATakenNameIsOnlyReplacedOnDemand) {
  EXPECT_EQ(run_program(words(raw_, {"-q"})).text, "");
  sh("printf more | dd of=disk bs=1 seek=10M conv=notrunc status=none");
  EXPECT_THAT(run_program(words(raw_)).text, AllOf(HasSubstr("the name is taken"), HasSubstr("--replace")));
  EXPECT_TRUE(run_program(words(raw_, {"--replace"})).status.success());
  EXPECT_EQ(contents(of_recipe("native/a.img")), padded());
}

TEST_P(Import, ASignalEndsItAndNothingIsLeft) {
  for (int const number : {SIGINT, SIGTERM}) {
    auto const before = listing();
    auto child = start_endless_import();
    EXPECT_NE(listing(), before);
    child.signal(number);
    auto const status = child.wait(Deadline::after(std::chrono::seconds(20)));
    ASSERT_TRUE(status);
    EXPECT_EQ(status->describe(), "exit status 1");
    EXPECT_EQ(listing(), before);
    EXPECT_FALSE(converter_lives());
    sh("rm -r bin started");
  }
}

TEST_P(Import, KilledItLeavesWhatTheNextStartSweeps) {
  auto const before = listing();
  {
    auto child = start_endless_import();
    child.signal(SIGKILL);
    ASSERT_TRUE(child.wait(Deadline::after(std::chrono::seconds(20))));
  }
  EXPECT_NE(listing(), before);
  EXPECT_TRUE(wait_until([&] { return !converter_lives(); }));
  EXPECT_TRUE(run_program(words(raw_, {"-q"})).status.success());
  EXPECT_EQ(names_in_store(mount(), "sessions").size(), 1u) << "the mount's own";
}

TEST_P(Import, ATerminalShowsRateAndTimeLeft) {
  // As if the first half of it had taken a while.
  auto const path = path_with_qemu_img("sleep 0.5; printf '    (50.00/100%%)\\r'");
  std::string command = path + " " + program_path();
  for (auto const& word : words(qcow2())) command += " " + word;
  auto const output =
      run_command({"script", "-qefc", command, "/dev/null"}, Deadline::after(std::chrono::seconds(60)));
  EXPECT_TRUE(output.status.success()) << output.text;
  EXPECT_THAT(output.text, HasSubstr("[##########..........] 8.0M of 16.0M, 50 %, "));
  EXPECT_THAT(output.text, AllOf(HasSubstr("/s, "), HasSubstr(" s left  convert ")));
}

INSTANTIATE_TEST_SUITE_P(Stores, Import, ::testing::Values(kOnXfs, kOnBtrfs),
                         [](auto const& each) { return std::string(each.param); });

}  // namespace

}  // namespace templatefs::test
