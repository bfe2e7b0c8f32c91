// SPDX-License-Identifier: Apache-2.0
#include "cli/top_screen.h"

#include <gmock/gmock.h>

namespace templatefs::cli {

namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TopMount mount_with(std::string mount_point, int images) {
  TopMount mount;
  mount.now.mount_point = std::move(mount_point);
  mount.now.status = {
      {"images", {{"existing", images}, {"open", 3}}},
      {"waiting_requests", 200},
      {"store", {{"size_bytes", std::int64_t{20} << 30}, {"free_bytes", std::int64_t{12} << 30}}}};
  mount.opens_per_second = 12.25;
  return mount;
}

TopView view_of(int mounts, int builds, int failures) {
  TopView view;
  view.time = "2026-11-21T21:04:44Z";
  for (int at = 0; at < mounts; ++at)
    view.mounts.push_back(
        mount_with("/a/rather/long/path/to/a/mount/point/that/goes/on/" + std::to_string(at), at));
  for (int at = 0; at < builds; ++at)
    view.builds.push_back(
        {"/mnt/templates", "btrfs/" + std::to_string(at + 109) + "M", "format", 1234ms, 200, 3});
  for (int at = 0; at < failures; ++at)
    view.failures.push_back("2026-11-21T21:04:4" + std::to_string(at % 10) +
                            "Z xfs/256M/a.img: EINVAL: xfs cannot be made");
  return view;
}

void expect_fits(TopView const& view, TerminalSize size) {
  auto const lines = top_screen(view, size);
  EXPECT_LE(lines.size(), size.rows);
  for (auto const& line : lines) EXPECT_LE(line.size(), size.columns) << line;
}

TEST(TopScreen, FitsEachTerminalWhateverThereIsToShow) {
  for (TerminalSize const size : {TerminalSize{80, 24}, TerminalSize{200, 60}, TerminalSize{40, 10},
                                  TerminalSize{10, 3}, TerminalSize{1, 1}})
    for (int const count : {0, 1, 10, 100}) expect_fits(view_of(count, count, count), size);
}

TEST(TopScreen, ShowsAllThatMattersOn80Columns) {
  auto const lines = top_screen(view_of(1, 2, 5), {80, 24});
  EXPECT_THAT(lines[0], HasSubstr("1 mount, 2 builds"));
  EXPECT_THAT(lines, Contains(testing::AllOf(HasSubstr("/goes/on/0"), HasSubstr("12.2"), HasSubstr("200"),
                                             HasSubstr("8G of 20"))));
  EXPECT_THAT(lines, Contains(testing::AllOf(HasSubstr("/mnt/templates/btrfs/109M"), HasSubstr("format"),
                                             HasSubstr("1.2 s"), HasSubstr("3"))));
  EXPECT_THAT(lines, Contains(HasSubstr("EINVAL")));
}

TEST(TopScreen, SaysHowMuchItLeavesOut) {
  auto const lines = top_screen(view_of(30, 30, 0), {80, 24});
  EXPECT_THAT(lines, SizeIs(24));
  EXPECT_THAT(lines, Contains(HasSubstr("more")).Times(2));
  EXPECT_THAT(top_screen(view_of(1, 0, 0), {80, 24}), Contains("No template is being built."));
}

TEST(TopScreen, AMountThatDoesNotAnswerIsSaidToDoSo) {
  TopView view = view_of(1, 0, 0);
  view.mounts[0].now.status = nullptr;
  EXPECT_THAT(top_screen(view, {80, 24}), Contains(HasSubstr("does not answer")));
}

TEST(ReportText, BreaksBetweenWordsAndKeepsLongOnesWhole) {
  EXPECT_EQ(labelled("store", "one two"), "  store        one two\n");
  std::string const path(90, 'p');
  EXPECT_EQ(labelled("store", "in " + path + " it is"),
            "  store        in\n               " + path + "\n               it is\n");
  EXPECT_EQ(elapsed_text(1234ms), "1.2 s");
  EXPECT_EQ(elapsed_text(125s), "2 min 5 s");
  EXPECT_EQ(elapsed_text(3h + 12min), "3 h 12 min");
  EXPECT_EQ(elapsed_text(24h * 41 + 3h), "41 d 3 h");
  EXPECT_EQ(cut_to("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to("abcdef", 5), "abcd>");
  EXPECT_EQ(cut_to("äöüäöü", 5), "äöüä>");
  EXPECT_EQ(cut_front_to("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_front_to("abcdef", 5), "<cdef");
  EXPECT_EQ(cut_front_to("abcdef", 1), "<");
  EXPECT_EQ(cut_front_to("abcdef", 0), "");
  EXPECT_EQ(cut_front_to("äöüäöü", 5), "<üäöü");
}

}  // namespace

}  // namespace templatefs::cli
