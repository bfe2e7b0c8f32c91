# SPDX-License-Identifier: Apache-2.0
# `cpack -G DEB` in a build directory whose prefix is /usr (the preset `package`).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME templatefs)
set(CPACK_PACKAGE_VENDOR templatefs)
set(TEMPLATEFS_MAINTAINER "The templatefs developers <templatefs@example.org>" CACHE STRING "Whom a package names")
set(CPACK_PACKAGE_CONTACT ${TEMPLATEFS_MAINTAINER})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "filesystem of freshly formatted, private disk images")
set(CPACK_PACKAGE_DESCRIPTION
"Open /mnt/templates/btrfs/256M/<any-id>.img and a freshly formatted,
private disk image is there, for a test of a kernel, a filesystem or a
virtual machine. Templates are built once, in a guest, and cloned by
reflink; reads and writes go by FUSE passthrough.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "fuse3, kmod")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS
    "qemu-system-x86, linux-image-cloud-amd64 | linux-image-amd64, btrfs-progs, e2fsprogs, xfsprogs")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "qemu-utils, dosfstools, exfatprogs, f2fs-tools, ntfs-3g")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(scripts ${CMAKE_CURRENT_SOURCE_DIR}/scripts/deb)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${scripts}/postinst ${scripts}/prerm ${scripts}/postrm)

# What Debian's policy wants and others do not: compressed manuals, and two changelogs.
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/cmake/compress_documents.cmake)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/doc/changelog.Debian
     "templatefs (${PROJECT_VERSION}-${CPACK_DEBIAN_PACKAGE_RELEASE}) unstable; urgency=medium\n\n"
     "  * Release, see changelog.gz.\n\n -- ${TEMPLATEFS_MAINTAINER}  ${date}\n")
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/doc/changelog.Debian scripts/deb/copyright
        DESTINATION share/doc/templatefs COMPONENT debian EXCLUDE_FROM_ALL)
install(FILES CHANGES.md DESTINATION share/doc/templatefs RENAME changelog COMPONENT debian EXCLUDE_FROM_ALL)
set(CPACK_COMPONENTS_ALL Unspecified debian)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
include(CPack)
