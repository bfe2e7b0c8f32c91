// SPDX-License-Identifier: Apache-2.0
#include "vm/disk_image.h"

#include "base/content_digest.h"
#include "base/copy_file.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/files.h"
#include "base/scope_exit.h"
#include "vm/decompress.h"
#include "vm/disk_format.h"
#include "vm/qemu_img.h"
#include "vm/sparsify.h"
#include "vm/tar_member.h"

#include <cerrno>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace templatefs::vm {

namespace {

/// The file's own bytes, as they are read; each piece says how far it is. Ends what goes on for too long.
class WatchedStream : public ByteStream {
 public:
  WatchedStream(ByteStream& from, Fd const& file, std::int64_t file_bytes, std::int64_t limit,
                std::string const& subject, Transfer const& transfer)
      : from_(from),
        file_(file),
        file_bytes_(file_bytes),
        limit_(limit),
        subject_(subject),
        transfer_(transfer) {}

  std::string_view next() override {
    transfer_.advance("read", ::lseek(file_.get(), 0, SEEK_CUR), file_bytes_, subject_);
    auto const piece = from_.next();
    passed_ += static_cast<std::int64_t>(piece.size());
    if (passed_ > limit_ + kAroundIt) refuse_as_too_large(subject_, limit_);
    return piece;
  }

 private:
  /// A tar has headers; the disk itself is counted exactly where it is written.
  static constexpr std::int64_t kAroundIt = 1 << 20;

  ByteStream& from_;
  Fd const& file_;
  std::int64_t file_bytes_, limit_, passed_ = 0;
  std::string const& subject_;
  Transfer const& transfer_;
};

class Reader {
 public:
  Reader(std::string const& file, std::string const& scratch_dir, std::int64_t max_bytes,
         Transfer const& transfer)
      : subject_(file),
        scratch_dir_(scratch_dir),
        max_bytes_(max_bytes),
        transfer_(transfer),
        file_(open_at(AT_FDCWD, file, O_RDONLY | O_NONBLOCK)) {
    check(::fstat(file_.get(), &before_), "stat", file);
    if (!S_ISREG(before_.st_mode)) throw Error(EINVAL, "import " + file + ": it is no regular file");
  }

  DiskImage read_into(Fd const& target) {
    image_.compression = compression_of(file_, subject_);
    auto const stream = open_decompressed(file_, subject_);
    WatchedStream watched(*stream, file_, before_.st_size, max_bytes_, subject_, transfer_);
    BlockStream contents(watched);
    auto const head = contents.head();
    if (is_tar(head))
      unpack_tar(contents, target);
    else if (image_.compression.empty())
      take_plain(head, target);
    else
      unpack(contents, subject_, target);
    require_unchanged();
    if (image_.bytes == 0) throw Error(EINVAL, "import " + subject_ + ": the disk in it is empty");
    image_.bytes = (image_.bytes + kDiskBlock - 1) / kDiskBlock * kDiskBlock;
    check(::ftruncate(target.get(), image_.bytes), "set the length of", "the imported disk");
    return image_;
  }

 private:
  void take_plain(std::string_view head, Fd const& target) {
    image_.format = disk_format_of(head, subject_);
    if (image_.format != "raw") return convert(file_, target);
    image_.bytes = before_.st_size;
    require_below_limit(image_.bytes);
    if (reflink(file_.get(), target.get()) == 0) return;
    copy_sparse(file_.get(), target.get(), image_.bytes,
                [&](std::int64_t done) { transfer_.advance("read", done, image_.bytes, subject_); });
  }

  void unpack_tar(BlockStream& archive, Fd const& target) {
    TarMember member(archive, subject_);
    image_.member = member.name();
    require_below_limit(member.bytes());
    BlockStream contents(member);
    unpack(contents, subject_ + " (" + image_.member + ")", target);
  }

  void unpack(BlockStream& contents, std::string const& what, Fd const& target) {
    image_.format = disk_format_of(contents.head(), what);
    if (image_.format == "raw") {
      image_.bytes = write_sparse(contents, target.get(), max_bytes_, subject_);
      return;
    }
    Fd const unpacked = make_unnamed_file(scratch_dir_);
    write_sparse(contents, unpacked.get(), max_bytes_, subject_);
    convert(unpacked, target);
  }

  void convert(Fd const& from, Fd const& target) {
    require_self_contained(from, image_.format, subject_);
    QemuImg const qemu_img(from, image_.format, subject_, transfer_);
    image_.bytes = qemu_img.virtual_bytes();
    require_below_limit(image_.bytes);
    qemu_img.check();
    require_whole(from, image_.format, subject_);
    qemu_img.convert(target, image_.bytes);
  }

  void require_below_limit(std::int64_t bytes) const {
    if (bytes > max_bytes_) refuse_as_too_large(subject_, max_bytes_);
  }

  /// Whoever may write to the file could otherwise have it name another one after it was looked at.
  void require_unchanged() const {
    struct stat now {};
    check(::fstat(file_.get(), &now), "stat", subject_);
    if (now.st_size != before_.st_size || now.st_ctim.tv_sec != before_.st_ctim.tv_sec ||
        now.st_ctim.tv_nsec != before_.st_ctim.tv_nsec)
      throw Error(EAGAIN, "import " + subject_ + ": it changed while it was read",
                  "Import it once nobody writes to it.");
  }

  std::string const& subject_;
  std::string const& scratch_dir_;
  std::int64_t max_bytes_;
  Transfer const& transfer_;
  Fd file_;
  struct stat before_ {};
  DiskImage image_;
};

}  // namespace

DiskImage read_disk_image(std::string const& file, std::string const& target, std::string const& scratch_dir,
                          std::int64_t max_bytes, Transfer const& transfer) {
  Reader reader(file, scratch_dir, max_bytes, transfer);
  Fd const made = open_at(AT_FDCWD, target, O_RDWR | O_CREAT | O_EXCL, 0600);
  ScopeExit undo([&] { ::unlink(target.c_str()); });
  auto image = reader.read_into(made);
  ContentDigest sum(image.bytes);
  punch_zeroes(target, [&](std::int64_t offset, std::string_view block) {
    transfer.advance("check", offset, image.bytes, file);
    sum.add(offset, block);
  });
  image.content_sha256 = sum.finish();
  undo.dismiss();
  return image;
}

}  // namespace templatefs::vm
