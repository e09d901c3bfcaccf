# Runs at the end of mmdebstrap, with the new root in "$1" and the root file system's UUID in ROOT_UUID.
# Given to mmdebstrap as text, because its user namespace may not be able to read the file.
set -eu
root=$1
# the overlay was copied with whatever owner the checkout has
for path in etc/cloud etc/systemd etc/repart.d etc/initramfs-tools etc/default etc/apt; do
  chown -R root:root "$root/$path"
done
echo "UUID=$ROOT_UUID / ext4 defaults,noatime,errors=remount-ro,x-systemd.growfs 0 1" >"$root/etc/fstab"
echo debian >"$root/etc/hostname"
printf '127.0.0.1 localhost\n127.0.1.1 debian\n::1 localhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"
printf 'deb http://deb.debian.org/debian bookworm main\ndeb http://deb.debian.org/debian bookworm-updates main\ndeb http://deb.debian.org/debian-security bookworm-security main\n' \
  >"$root/etc/apt/sources.list"
rm -f "$root"/etc/apt/sources.list.d/*

chroot "$root" passwd -q -l root
chroot "$root" systemctl -q enable systemd-networkd systemd-resolved ssh ssh-host-keys qemu-guest-agent || true
ln -sf /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
# nothing that downloads or scrubs in the background of a fresh VM; the owner can enable it again
chroot "$root" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service
chroot "$root" update-initramfs -u -k all

kernel=$(basename "$root"/boot/vmlinuz-*)
initrd=$(basename "$root"/boot/initrd.img-*)
mkdir -p "$root/boot/grub/i386-pc" "$root/boot/grub/x86_64-efi"
cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst "$root/boot/grub/i386-pc/"
cp "$root"/usr/lib/grub/x86_64-efi/*.mod "$root"/usr/lib/grub/x86_64-efi/*.lst "$root/boot/grub/x86_64-efi/"
# The first boot's menu. A kernel update runs update-grub, which writes the distribution's own in its place.
cat >"$root/boot/grub/grub.cfg" <<G
serial --unit=0 --speed=115200
terminal_input serial console
terminal_output serial console
set timeout=0
set default=0
search --no-floppy --fs-uuid --set=root $ROOT_UUID
menuentry Debian {
  linux /boot/$kernel root=UUID=$ROOT_UUID ro console=tty0 console=ttyS0,115200 quiet no_timer_check cryptomgr.notests panic=5
  initrd /boot/$initrd
}
G
cat >"$root/boot/grub/early.cfg" <<G
search --no-floppy --fs-uuid --set=root $ROOT_UUID
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
G
chroot "$root" grub-mkimage -O i386-pc -c /boot/grub/early.cfg -p /boot/grub -o /boot/grub/i386-pc/core.img \
  biosdisk part_gpt ext2 search search_fs_uuid configfile normal linux serial terminal echo

# every VM makes its own
rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
: >"$root/etc/machine-id"
rm -rf "$root"/var/log/*.log "$root"/var/log/apt/* "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
