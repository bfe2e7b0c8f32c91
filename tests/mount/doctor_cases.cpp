// SPDX-License-Identifier: Apache-2.0
#include "tests/mount/doctor_cases.h"

namespace templatefs::test {

namespace {
std::vector<DoctorCase> cases_of_stores() {
  return {
      {"AMistakeInTheConfiguration", "configure '[recipe'", {{"config/invalid", "config.toml", ""}}},
      {"AStoreOfAnotherVersion",
       "make_store; echo 'templatefs store 9' >$store/FORMAT",
       {{"store/unusable", "templatefs store 9", "another --store"}}},
      {"AStoreOfAnotherUser",
       "as_user; make_store",
       {{"store/other-owner", "belongs to user 0, this is user 65534", "as root: chown -hR nobody /"}}},
      {"AStoreThatRootGaveBack",
       "as_user; make_store; mend store/other-owner 'chown -hR nobody '",
       {},
       {"store/other-owner", "store/unusable"}},
      {"AStoreInAPlaceOfRootsThatRootGaveBack",
       "as_user; store=$dir/store; make_store; mend store/other-owner ' --owner nobody'",
       {},
       {"store/other-owner", "store/unusable"}},
      {"AUserWhoMayNotWriteThere",
       "as_user; mkdir $dir/roots; store=$dir/roots/store",
       {{"store/no-place", "/roots", "this user may write to"}}},
      {"AStoreThatOnlyRootMounts",
       "as_user; truncate -s 1M $store.img",
       {{"store/not-mounted", "store.img is there", " && chown -hR nobody /"}}},
      {"AStoreThatRootMounted",
       "as_user; $program provision --store $store >&2; umount $store; mend store/not-mounted ' && chown -hR "
       "'",
       {},
       {"store/not-mounted", "store/other-owner", "reflink/none"}},
      {"AStoreInAPlaceOfRootsThatRootMounted",
       "as_user; store=$dir/store; $program provision --store $store >&2; umount $store; "
       "mend store/not-mounted ' --owner nobody'",
       {},
       {"store/not-mounted", "store/other-owner", "reflink/none"}},
      {"AStoreThatOthersMayChange",
       "make_store; chmod 0777 $store",
       {{"store/writable-by-others", "mode 0777", "chmod go-w "}}},
      {"AUserWithoutReflinks",
       "as_user",
       {{"reflink/none", "images are sparse copies", "btrfs or xfs"},
        {"passthrough/none", "CAP_SYS_ADMIN", "Linux 6.9 or newer"}}},
      {"AStoreThatBeganWithCopies",
       "make_store",
       {{"reflink/none", "images are sparse copies", "began with copies stays so: give another --store"}},
       {"or run as root"}},
      {"AStoreThatIsToHaveCopies", "options=\"$options --fanout copy\"", {}, {"reflink/none", "loop store"}},
      {"AStoreThatIsToReflink",
       "options=\"$options --fanout reflink\"",
       {{"reflink/none", "--fanout reflink is refused", "leave out --fanout"}},
       {"loop store"}},
      {"NoLoopControl",
       "bare_dev; rm /dev/loop-control",
       {{"reflink/none", "/dev/loop-control: No such file or directory; images are sparse", "modprobe loop"}},
       {"it gets a filesystem of its own", "loop/no-device"}},
      {"ALoopDeviceOfDoctorsOwn",
       "bare_dev; examine | grep 'makes a filesystem in' >&2; if ls /dev | grep '^loop[0-9]' >&2; then exit "
       "1; fi",
       {},
       {"loop/no-device"}},
      {"NoLoopDevices",
       "mount --bind /dev/null /dev/loop-control",
       {{"loop/no-device", "loop", "modprobe loop"}}},
      {"NoFormatterForAStore",
       "hide mkfs.xfs mkfs.btrfs",
       {{"loop/no-formatter", "neither mkfs.xfs nor mkfs.btrfs", "apt-get install xfsprogs"}}},
      {"NoRoomForAStore", "on tmpfs size=256M", {{"loop/no-room", "the least is 512M", "more room"}}},
      {"NoRoomForAStoreOfThatSize",
       "options=\"$options --store-size 60G\"",
       {{"loop/no-room", "it is to be 60G", "--store-size"}}},
      {"NoRoomWhereAStoreIsToBe",
       "on tmpfs size=1M; fill",
       {{"space/full", "No space left on device", "another --store"}},
       {"store/no-place"}},
      {"NoMoreFilesInAStore",
       "on tmpfs size=600M,nr_inodes=40; make_store; $program ls --store $store >&2; "
       "n=0; while touch $dir/fs/$n 2>/dev/null; do n=$((n + 1)); done",
       {{"space/full", "no more files", "templatefs clean"}, {"pins/unknown", "No space left", ""}},
       {"store/unusable", "mount/failed"}},
      {"AStoreThatIsNearlyFull",
       "on tmpfs size=600M; make_store",
       {{"space/low", "M free in ", "templatefs clean"}}},
      {"AStoreThatIsFull",
       "on tmpfs size=24M; make_store; head -c 12M /dev/zero >$dir/fs/other",
       {{"space/full", "M free in ", "templatefs clean"}}},
      {"AStoreWithNothingFree",
       "on tmpfs size=24M; make_store; fill",
       {{"space/full", "0B free in ", "templatefs clean"}, {"reflink/none", "no clone could be tried", ""}},
       {"store/unusable", "store/no-place", "mount/failed"}},
      {"AStoreWithoutAttributes",
       "on ramfs mode=755; make_store",
       {{"pins/no-attributes", "extended attributes", "btrfs, xfs or ext4"}}},
      {"ADamagedTemplate",
       "build ext4/16M; truncate -s 0 $store/templates/*/template.img; $program verify --store $store >&2 "
       "|| :",
       {{"quarantine/damaged", "1 damaged template", "templatefs clean --quarantine"}}},
      {"AMountThatWasKilled",
       "mkdir $dir/mnt; $program mount --builder host --fanout copy --store $store $dir/mnt >&2; "
       "pid=$(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p' $dir/mnt/.templatefs/status.json | head -n 1); "
       "kill -9 $pid; tail --pid=$pid -f /dev/null",
       {{"dead-mount/left", "/mnt was left by a daemon that is gone", "umount -l "},
        {"debris/dead-sessions", "1 dead session in ", "templatefs clean --debris"}}},
      {"ABudgetThatIsExceeded",
       "build ext4/16M; head -c 4M /dev/urandom | dd conv=notrunc status=none of=$(echo "
       "$store/templates/*/template.img); configure '[store]\\nmax_size = \"1M\"'",
       {{"budget/over", "templates take ", "templatefs gc"}}},
      {"ABudgetThatNothingCanMeet",
       "make_store; configure '[store]\\nmin_free = \"60T\"'",
       {{"budget/out-of-reach", "no template may be removed", "lower min_free"}}},
  };
}

std::vector<DoctorCase> cases_of_rights() {
  return {
      {"RootThatMayNotMount",
       "as='setpriv --bounding-set -sys_admin --inh-caps -sys_admin --'",
       {{"capabilities/no-sys-admin", "cannot be had here", "docker run --cap-add SYS_ADMIN"},
        {"mount/failed", "Operation not permitted", "--device /dev/fuse"}}},
      {"AUserWithoutNewPrivileges",
       "as_user; as=\"setpriv --no-new-privs ${as#setpriv }\"",
       {{"capabilities/no-new-privileges", "no_new_privs is set", "NoNewPrivileges=no"},
        {"mount/failed", "Operation not permitted", "`templatefs run`"}}},
      {"RootOfAUserNamespace",
       "as='unshare -Urm --'",
       {{"capabilities/user-namespace", "in a user namespace only", "the machine's root"},
        {"reflink/none", "a user namespace may not mount one; images are sparse", "btrfs or xfs"},
        {"passthrough/none", "initial user namespace", "in no user namespace"}},
       {"modprobe loop", "it gets a filesystem of its own"}},
      {"RootOfAUserNamespaceInNoMountNamespace",
       "as='unshare -Ur --'",
       {{"mount/failed", "Operation not permitted", "unshare -Urm"}},
       {"docker's AppArmor"}},
      {"RootThatMayNotGiveFilesAway",
       "as='setpriv --bounding-set -chown --inh-caps -chown --'",
       {{"capabilities/no-ownership", "without CAP_CHOWN", "Give it both"}}},
      {"NoFuseDevice",
       "mount -t tmpfs none /dev; mknod /dev/null c 1 3; mknod /dev/urandom c 1 9; mknod /dev/zero c 1 5",
       {{"fuse/no-device", "there is no /dev/fuse", "modprobe fuse"}}},
      {"AFuseDeviceOfRootsAlone",
       "as_user; mknod -m 0600 $dir/fuse c 10 229; mount --bind $dir/fuse /dev/fuse",
       {{"fuse/forbidden", "may not be opened by this user", "chmod 0666 /dev/fuse"}}},
      {"AUserWithoutFusermount",
       "as_user; hide fusermount3",
       {{"fusermount3/missing", "not on PATH", "apt-get install fuse3"}}},
      {"AFusermountThatIsNotSetUserId",
       "as_user; cp $(file_of fusermount3) $dir/copy; mount --bind $dir/copy $(file_of fusermount3)",
       {{"fusermount3/not-set-user-id", "not set-user-ID root", "chmod u+s "}}},
      {"AllowOtherThatIsCommentedOut",
       "as_user; printf 'mount_max = 9\\n # user_allow_other\\n' >$dir/conf; mount --bind $dir/conf "
       "/etc/fuse.conf",
       {{"allow-other/refused", "/etc/fuse.conf line 2 has", "sed -i '2s/"}}},
      {"AllowOtherThatNobodyThoughtOf",
       "as_user; : >$dir/conf; mount --bind $dir/conf /etc/fuse.conf",
       {{"allow-other/refused", "has no line user_allow_other", "echo user_allow_other >> /etc/fuse.conf"}}},
      {"FewDescriptors", "ulimit -n 64", {{"descriptors/few", "64 at most", "ulimit -n 4096"}}},
      {"NoUserNamespaces",
       "printf 'echo 0 >/proc/sys/user/max_user_namespaces\\nexec setpriv --inh-caps=-all "
       "--ambient-caps=-all "
       "-- \"$@\"\\n' >$dir/none; as=\"unshare --user --map-user=65534 --map-group=65534 --keep-caps sh "
       "$dir/none\"",
       {{"run/no-namespace", "make a user namespace", "As root: sysctl -w user.max_user_namespaces="}}},
      {"AMountHelperWhereNobodyLooks",
       "mkdir $dir/bin $dir/sbin; cp $program $dir/bin/templatefs; program=$dir/bin/templatefs; "
       "ln -s ../bin/templatefs $dir/sbin/mount.templatefs",
       {{"mount-helper/elsewhere", "/sbin/mount.templatefs is not where mount(8)", "ln -s "}}},
  };
}

std::vector<DoctorCase> cases_of_programs() {
  return {
      {"FormattersThatAreMissing",
       "hide mkfs.ext4 mkfs.f2fs",
       {{"formatter/missing", "mkfs.ext4 is not on PATH", "apt-get install e2fsprogs"},
        {"formatter/missing-rare", "mkfs.f2fs is not on PATH", "apt-get install f2fs-tools"}}},
      {"APathWithoutTheFormatters",
       "PATH=/usr/bin:/bin",
       {{"formatter/missing", "mkfs.btrfs is not on PATH", "add /usr/sbin to PATH"}}},
      {"FormattersThatSayNothing",
       "replace mkfs.btrfs 'exit 0'; replace mkfs.f2fs 'exit 1'",
       {{"formatter/broken", "mkfs.btrfs", "--reinstall btrfs-progs"},
        {"formatter/broken-rare", "mkfs.f2fs", "--reinstall f2fs-tools"}}},
      {"ProgramsThatAreMissing",
       "hide qemu-img tar",
       {{"qemu-img/missing", "cannot be imported", "apt-get install qemu-utils"},
        {"tar/unusable", "tar not found", "Install the tar package"}}},
      {"NoKernelForTheGuest",
       "mount -t tmpfs none /boot; options='--accel tcg'",
       {{"kernel/none", "there is no vmlinuz-* in /boot", "linux-image-cloud-amd64"}}},
      {"AGuestKernelWithoutVirtio",
       "kernel_with ext4",
       {{"kernel/no-virtio", "has no driver virtio", "linux-image-cloud-amd64"}}},
      {"AGuestKernelWithoutFilesystems",
       "kernel_with 'virtio*'",
       {{"drivers/missing", "btrfs", "apt-get install linux-image-amd64"}}},
      {"ARecipeWhoseKernelIsGone",
       R"(options='--accel tcg'; configure '[recipe.old]\nfilesystem = "ext4"\nkernel = "/boot/vmlinuz-1"')",
       {{"recipe-kernel/unusable", "/boot/vmlinuz-1", "recipe.old.kernel, in "}}},
      {"ARecipeWhoseKernelCannotMountIt",
       R"(kernel_with 'virtio*'; options='--accel tcg'; )"
       R"(configure "[recipe.own]\nfilesystem = \"xfs\"\nkernel = \"$dir/boot/vmlinuz-$version\"")",
       {{"recipe-kernel/no-driver", "no driver xfs", "recipe.own.kernel"}},
       {"recipe-kernel/unusable"}},
      {"NoQemu",
       "hide qemu-system-x86_64; options=",
       {{"qemu/missing", "qemu-system-x86_64 not found on PATH", "qemu-system-x86 package"}}},
      {"AQemuThatSaysNothing",
       "replace qemu-system-x86_64 'exit 0'; options=",
       {{"qemu/broken", "qemu-system-x86_64", "--reinstall qemu-system-x86"}}},
      {"FormattersThatNoGuestRuns",
       "replace mkfs.xfs 'echo mkfs.xfs version 6'; replace mkfs.f2fs 'echo mkfs.f2fs 1'; options='--accel "
       "tcg'",
       {{"guest/no-build", "mkfs.xfs", "--reinstall xfsprogs"},
        {"guest/no-build-rare", "mkfs.f2fs", "--reinstall f2fs-tools"}}},
      {"NoKvm",
       "[ ! -e /dev/kvm ] || mount --bind /dev/null /dev/kvm; options=",
       {{"accelerator/tcg", "tcg: ", "Builds take seconds longer"}}},
  };
}

}  // namespace

std::vector<DoctorCase> const& doctor_cases() {
  static std::vector<DoctorCase> const cases = [] {
    auto all = cases_of_stores();
    for (auto const& more : {cases_of_rights(), cases_of_programs()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return cases;
}

}  // namespace templatefs::test
