// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include "base/error.h"
#include "base/journal_sink.h"
#include "base/log_repeats.h"
#include "tests/support/datagram_socket.h"
#include "tests/support/leak_check.h"
#include "tests/support/temp_dir.h"

#include <cerrno>

#include <gmock/gmock.h>

namespace templatefs {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

/// Keeps what it is told.
class Kept : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::vector<std::string> texts;

 protected:
  void sink_it_(spdlog::details::log_msg const& record) override {
    texts.emplace_back(record.payload.data(), record.payload.size());
  }
  void flush_() override {}
};

class LogRepeatsTest : public ::testing::Test {
 protected:
  /// A record of this many milliseconds after the first.
  void say(std::string const& text, int after_ms = 0, spdlog::level::level_enum level = spdlog::level::err) {
    repeats_.log(spdlog::details::log_msg(start_ + std::chrono::milliseconds(after_ms), {}, "", level, text));
  }

  spdlog::log_clock::time_point const start_ = spdlog::log_clock::now();
  std::shared_ptr<Kept> const out_ = std::make_shared<Kept>();
  LogRepeats repeats_{out_};
};

TEST_F(LogRepeatsTest, AreCountedAfterTheFifthAndToldOnce) {
  for (int each = 0; each < 200; ++each) say("no room\nsecond line", each);
  EXPECT_THAT(out_->texts, SizeIs(5));
  say("another", 9'999);
  EXPECT_THAT(out_->texts, SizeIs(6));
  say("another", 10'000);
  EXPECT_THAT(out_->texts, SizeIs(8));
  EXPECT_EQ(out_->texts[6], "no room ... repeated 195 times");
  for (int each = 0; each < 5; ++each) say("no room\nsecond line", 10'001);
  EXPECT_THAT(out_->texts, SizeIs(13)) << "a new while";
}

TEST_F(LogRepeatsTest, AreFoundBetweenOthers) {
  for (int each = 0; each < 10; ++each) {
    say("first", each);
    say("second", each);
  }
  EXPECT_THAT(out_->texts, SizeIs(10));
}

TEST_F(LogRepeatsTest, FailuresThatDifferInNumbersAreOne) {
  for (int each = 0; each < 20; ++each) say("open of test-" + std::to_string(each) + ".img failed");
  EXPECT_THAT(out_->texts, SizeIs(5));
  for (int each = 0; each < 20; ++each) say("built in " + std::to_string(each), 0, spdlog::level::info);
  EXPECT_THAT(out_->texts, SizeIs(25));
  repeats_.redirect(nullptr);
  EXPECT_EQ(out_->texts.back(), "open of test-19.img failed ... repeated 15 times");
}

TEST_F(LogRepeatsTest, AreToldWithoutAnotherRecordWhenTheWhileIsOver) {
  for (int each = 0; each < 7; ++each) say("no room", -10'000);
  repeats_.flush();
  repeats_.flush();
  EXPECT_THAT(out_->texts, SizeIs(6));
  EXPECT_EQ(out_->texts.back(), "no room ... repeated 2 times");
}

TEST_F(LogRepeatsTest, AreBoundedInWhatTheyRemember) {
  for (int each = 0; each < 6; ++each) say("first");
  for (std::size_t each = 0; each < 2 * LogRepeats::kMost; ++each)
    say(std::to_string(each), 1, spdlog::level::info);
  EXPECT_THAT(out_->texts, SizeIs(5 + 1 + 2 * LogRepeats::kMost));
  EXPECT_THAT(out_->texts, ::testing::Contains("first ... repeated 1 times"));
}

class JournalSinkTest : public test::LeakCheck {
 protected:
  static void say(JournalSink& sink, spdlog::level::level_enum level, std::string const& text) {
    sink.log(spdlog::details::log_msg("", level, text));
  }
  test::TempDir const dir_;
};

TEST_F(JournalSinkTest, SendsOneDatagramARecord) {
  test::DatagramSocket const journal(dir_ / "socket");
  JournalSink sink(dir_ / "socket", {{"TEMPLATEFS_MOUNT", "/mnt"}});
  say(sink, spdlog::level::info, "mounted");
  EXPECT_EQ(journal.receive(),
            "MESSAGE=mounted\nPRIORITY=6\nSYSLOG_IDENTIFIER=templatefs\nTEMPLATEFS_MOUNT=/mnt\n");
  say(sink, spdlog::level::err, "one\ntwo");
  EXPECT_EQ(journal.receive(), std::string("MESSAGE\n\7\0\0\0\0\0\0\0one\ntwo\n", 24) +
                                   "PRIORITY=3\nSYSLOG_IDENTIFIER=templatefs\nTEMPLATEFS_MOUNT=/mnt\n");
  say(sink, spdlog::level::warn, std::string(1 << 20, 'x'));
  EXPECT_THAT(journal.receive(), AllOf(HasSubstr("PRIORITY=4\n"), EndsWith("TEMPLATEFS_MOUNT=/mnt\n")));
}

TEST_F(JournalSinkTest, SaysWhereThereIsNoJournal) {
  try {
    JournalSink const sink(dir_ / "socket");
    FAIL() << "there is one";
  } catch (Error const& error) {
    EXPECT_EQ(error.err(), ENOENT);
    EXPECT_THAT(error.sentence(), AllOf(HasSubstr(dir_ / "socket"), HasSubstr("log to a file")));
  }
}

TEST_F(JournalSinkTest, FindsAJournalThatWasStartedAnewAndWaitsForNone) {
  auto journal = std::make_unique<test::DatagramSocket>(dir_ / "socket");
  JournalSink sink(dir_ / "socket");
  journal.reset();
  say(sink, spdlog::level::info, "lost");
  journal = std::make_unique<test::DatagramSocket>(dir_ / "socket");
  for (int each = 0; each < 10'000; ++each) say(sink, spdlog::level::info, "found");
  EXPECT_THAT(journal->receive(), HasSubstr("found"));
}

}  // namespace
}  // namespace templatefs
