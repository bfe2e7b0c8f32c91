// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "fusefs/libfuse.h"

#include <cstddef>
#include <cstdint>

namespace templatefs::fusefs {

/// The table for fuse_session_new; userdata is a Filesystem. Operations that are missing in it are missing on
/// purpose: getlk, setlk and flock (the kernel then keeps all locks itself, which is what QEMU's image
/// locking needs), access (default_permissions), flush (nothing to do at a close), statx.
extern fuse_lowlevel_ops const kOperations;

// One file each, op_<name>.cpp.
void op_init(void* userdata, fuse_conn_info* info);
void op_lookup(fuse_req_t req, fuse_ino_t parent, char const* name);
void op_forget(fuse_req_t req, fuse_ino_t number, std::uint64_t count);
void op_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets);
void op_getattr(fuse_req_t req, fuse_ino_t number, fuse_file_info* info);
void op_setattr(fuse_req_t req, fuse_ino_t number, struct stat* wanted, int which, fuse_file_info* info);
void op_readlink(fuse_req_t req, fuse_ino_t number);
void op_unlink(fuse_req_t req, fuse_ino_t parent, char const* name);
void op_rename(fuse_req_t req, fuse_ino_t parent, char const* name, fuse_ino_t new_parent,
               char const* new_name, unsigned flags);
void op_open(fuse_req_t req, fuse_ino_t number, fuse_file_info* info);
void op_create(fuse_req_t req, fuse_ino_t parent, char const* name, mode_t mode, fuse_file_info* info);
void op_release(fuse_req_t req, fuse_ino_t number, fuse_file_info* info);
void op_read(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info);
void op_write_buf(fuse_req_t req, fuse_ino_t number, fuse_bufvec* source, off_t offset, fuse_file_info* info);
void op_fsync(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* info);
void op_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length,
                  fuse_file_info* info);
void op_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence, fuse_file_info* info);
void op_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_offset, fuse_file_info* from_info,
                        fuse_ino_t to, off_t to_offset, fuse_file_info* to_info, std::size_t length,
                        int flags);
void op_readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info);
void op_readdirplus(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset, fuse_file_info* info);
void op_statfs(fuse_req_t req, fuse_ino_t number);
void op_getxattr(fuse_req_t req, fuse_ino_t number, char const* name, std::size_t size);
void op_listxattr(fuse_req_t req, fuse_ino_t number, std::size_t size);
void op_setxattr(fuse_req_t req, fuse_ino_t number, char const* name, char const* value, std::size_t size,
                 int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t number, char const* name);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, char const* name, mode_t mode);
void op_mknod(fuse_req_t req, fuse_ino_t parent, char const* name, mode_t mode, dev_t device);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, char const* name);
void op_symlink(fuse_req_t req, char const* target, fuse_ino_t parent, char const* name);
void op_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t new_parent, char const* new_name);

}  // namespace templatefs::fusefs
