// SPDX-License-Identifier: Apache-2.0
// Usage: empty_fs MOUNT-POINT
// A filesystem in which every name is an empty file: what a request to a FUSE daemon takes that has nothing
// to do.
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void attributes_of(fuse_ino_t ino, struct stat* st) {
  memset(st, 0, sizeof *st);
  st->st_ino = ino;
  st->st_uid = getuid();
  st->st_mode = ino == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644;
  st->st_nlink = 1;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, char const* name) {
  struct fuse_entry_param entry = {.ino = 5381, .entry_timeout = 3600, .attr_timeout = 3600};
  if (parent != FUSE_ROOT_ID) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  for (; *name; ++name) entry.ino = entry.ino * 33 + (unsigned char)*name;
  attributes_of(entry.ino, &entry.attr);
  fuse_reply_entry(req, &entry);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* info) {
  struct stat st;
  (void)info;
  attributes_of(ino, &st);
  fuse_reply_attr(req, &st, 3600);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info* info) {
  (void)ino;
  info->noflush = 1;
  fuse_reply_open(req, info);
}

static struct fuse_lowlevel_ops const operations = {
    .lookup = op_lookup, .getattr = op_getattr, .open = op_open};

int main(int argc, char** argv) {
  char* words[] = {argv[0], NULL};
  struct fuse_args arguments = FUSE_ARGS_INIT(1, words);
  struct fuse_session* session =
      argc == 2 ? fuse_session_new(&arguments, &operations, sizeof operations, NULL) : NULL;
  if (!session || fuse_set_signal_handlers(session) != 0 || fuse_session_mount(session, argv[1]) != 0)
    return 1;
  struct fuse_loop_config* config = fuse_loop_cfg_create();
  int const ended = fuse_session_loop_mt(session, config);
  fuse_loop_cfg_destroy(config);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  return ended < 0;
}
