// SPDX-License-Identifier: Apache-2.0
// TEMPLATEFS_GUEST_INIT is the path of the linked guest init, from CMake.
    .section .rodata
    .balign 16
    .globl templatefs_guest_init_begin
    .globl templatefs_guest_init_end
    .type templatefs_guest_init_begin, @object
templatefs_guest_init_begin:
    .incbin TEMPLATEFS_GUEST_INIT
templatefs_guest_init_end:
    .byte 0
    .size templatefs_guest_init_begin, templatefs_guest_init_end - templatefs_guest_init_begin
    .section .note.GNU-stack, "", @progbits
