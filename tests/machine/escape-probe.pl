#!/usr/bin/perl
# Tries to get out of wherever it runs. Started in QEMU's place by the escape drill, and once without a jail, to prove
# that each attempt can succeed. The drill puts a hash of targets before this text. x86-64 system call numbers.
use strict;
use warnings;
use Socket;

our (%target, $results);
open(my $out, '>', $results) or die "$results: $!";
select((select($out), $| = 1)[0]);

sub attempt {
  my ($name, $try) = @_;
  $! = 0;
  my $got = eval {
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 8;
    my $answer = $try->();
    alarm 0;
    $answer;
  };
  my $why = $@ || "$!";
  alarm 0;
  chomp $why;
  print $out join("\t", $name, $got ? 'got out' : 'held', $got ? '' : $why), "\n";
}

sub readable { my $file = shift; return sub { open(my $in, '<', $file) or return 0; return defined(read($in, my $text, 1)); } }
sub writable { my $file = shift; return sub { return open(my $file_handle, '>>', $file) ? 1 : 0; } }
sub listable { my ($folder, @own) = @_; return sub { opendir(my $in, $folder) or return 0; return scalar(grep { my $name = $_; $name !~ /^\.\.?$/ && !grep { $name eq $_ } @own } readdir $in); } }
sub unix_socket { my $path = shift; return sub { socket(my $s, PF_UNIX, SOCK_STREAM, 0) or return 0; return connect($s, pack_sockaddr_un($path)); } }
sub tcp { my ($host, $port) = @_; return sub { socket(my $s, PF_INET, SOCK_STREAM, 0) or return 0; return connect($s, pack_sockaddr_in($port, inet_aton($host))); } }
sub kernel { my @call = @_; return sub { return syscall($call[0], @call[1 .. $#call]) != -1; } }
sub said { my $command = shift; return sub { my $text = `$command 2>/dev/null`; return $text; } }

my $victim = $target{victim_pid};

# files
attempt("read another VM's disk", readable($target{other_disk}));
attempt("find other VMs", listable($target{vms}, $target{vm}));
attempt("find other volumes", listable($target{volumes}, $target{vm}));
attempt("find other images", listable($target{images}, 'own'));
attempt("read an image of others", readable($target{other_image}));
attempt("write the image it may read", writable($target{own_image}));
attempt("read its own VM's records, which are the daemon's", readable($target{own_record}));
attempt("read the store", readable($target{store}));
attempt("read the spool", listable($target{spool}));
attempt("read /etc/shadow", readable('/etc/shadow'));
attempt("read /etc/passwd", readable('/etc/passwd'));
attempt("list /root", listable('/root'));
attempt("list /home, /var, /sys", sub { return -d '/home' || -d '/var/lib' || -d '/sys/kernel'; });
attempt("write a file of the system", writable('/usr/lib/os-release'));
attempt("make a file in /", writable('/drill'));
attempt("make a file in /dev", writable('/dev/drill'));
attempt("open a disk of the host", sub { for my $disk (glob('/dev/[vs]d[a-z] /dev/nvme*n1')) { return 1 if open(my $in, '<', $disk); } return 0; });
attempt("read the kernel's log", readable('/dev/kmsg'));
attempt("open /dev/kvm, which it was not given", sub { return -e '/dev/kvm'; });
attempt("leave by a link in its own folder", sub { symlink('/etc/shadow', 'link'); my $got = open(my $in, '<', 'link'); unlink 'link'; return $got; });

# sockets and networks
attempt("connect to another VM's monitor", unix_socket($target{other_socket}));
attempt("connect to the host's socket", unix_socket($target{host_socket}));
attempt("connect to the API's socket", unix_socket($target{api_socket}));
attempt("connect to an abstract socket of the host", unix_socket("\0$target{abstract}"));
attempt("connect to the host's loopback", tcp('127.0.0.1', $target{port}));
attempt("connect to the host's address", tcp($target{host_address}, $target{port}));
attempt("see a network interface", sub { open(my $in, '<', '/proc/net/dev') or return 0; return scalar(grep { /:/ && !/^\s*lo:/ } <$in>); });
attempt("open a packet socket", kernel(41, 17, 3, 768));

# processes
attempt("see another VM's process", sub { for my $file (glob('/proc/[0-9]*/cmdline')) { open(my $in, '<', $file) or next; local $/; my $text = <$in>; return 1 if defined $text && $text =~ /\Q$target{victim_mark}\E/; } return 0; });
attempt("signal another VM's process", sub { return kill(0, $victim); });
attempt("read another VM's memory", sub { return open(my $in, '<', "/proc/$victim/mem"); });
attempt("trace another VM's process", sub { syscall(101, 16, $victim, 0, 0) == -1 and return 0; waitpid($victim, 0x40000000); syscall(101, 17, $victim, 0, 0); return 1; });
attempt("read another VM's environment", sub { open(my $in, '<', "/proc/$victim/environ") or return 0; local $/; return (<$in> // '') =~ /\Q$target{victim_secret}\E/; });
attempt("enter the host's namespaces", sub { open(my $in, '<', "/proc/$victim/ns/mnt") or return 0; return syscall(308, fileno($in), 0) != -1; });

# rights
attempt("become root", sub { return syscall(105, 0) != -1; });
attempt("run a setuid program", sub { return `$target{setuid_program} -u 2>/dev/null` =~ /^0$/m; });
attempt("give a file to root", sub { open(my $new, '>', 'mine'); return chown(0, 0, 'mine'); });
attempt("make a device", sub { return syscall(133, "$target{writable}/device", 0020666, 0x103) != -1; });
attempt("mount a file system", sub { my ($type, $at) = ('tmpfs', $target{writable}); return syscall(165, $type, $at, $type, 0, 0) != -1 && syscall(166, $at, 2) != -1; });
attempt("remount /usr for writing", sub { my ($none, $usr) = ('', '/usr'); return syscall(165, $usr, $usr, $none, 0x1000, 0) != -1 && syscall(165, $none, $usr, $none, 0x1020, 0) != -1; });
attempt("unmount /proc", sub { my $proc = '/proc'; return syscall(166, $proc, 2) != -1; }) if $target{is_jailed};
attempt("change the root", sub { my $pid = fork(); if (!$pid) { exit(syscall(161, my $at = $target{writable}) == -1 ? 1 : 0); } waitpid($pid, 0); return $? == 0; });
attempt("set the host name", sub { my $name = 'drill'; return syscall(170, $name, 5) != -1; });
attempt("make a user namespace", sub { my $pid = fork(); if (!$pid) { exit(syscall(272, 0x10000000) == -1 ? 1 : 0); } waitpid($pid, 0); return $? == 0; });
attempt("make a network namespace", sub { my $pid = fork(); if (!$pid) { exit(syscall(272, 0x40000000) == -1 ? 1 : 0); } waitpid($pid, 0); return $? == 0; });
attempt("set the machine's core pattern", writable('/proc/sys/kernel/core_pattern'));
attempt("use the magic keys", writable('/proc/sysrq-trigger'));
attempt("find a capability", sub { open(my $in, '<', '/proc/self/status') or return 0; return scalar(grep { /^Cap(Inh|Prm|Eff|Bnd|Amb):\s*0*[1-9a-f]/ } <$in>); });
attempt("find a group", sub { open(my $in, '<', '/proc/self/status') or return 0; return scalar(grep { /^Groups:\s*\d/ } <$in>); }) if $target{is_jailed};
attempt("find new privileges possible", sub { open(my $in, '<', '/proc/self/status') or return 0; return scalar(grep { /^NoNewPrivs:\s*0/ } <$in>); });

# leaks
attempt("find an open file of the daemon's", sub { for my $fd (glob('/proc/self/fd/*')) { my $file = readlink($fd) // next; return 1 if $file =~ /^(socket|pipe)|\Q$target{daemon_mark}\E/; } return 0; });
attempt("find the daemon's environment", sub { for my $file ('/proc/self/environ', '/proc/1/environ', "/proc/$$/environ") { open(my $in, '<', $file) or next; local $/; return 1 if (<$in> // '') =~ /\Q$target{secret}\E/; } return 0; });
attempt("use a terminal", readable('/dev/tty')) if $target{is_jailed};

# limits
attempt("dump core", sub { my $limits = `/usr/bin/busybox cat /proc/self/limits`; return $limits !~ /^Max core file size\s+0\s+0/m; });
attempt("start 600 processes", sub { my @pids; for (1 .. 600) { my $pid = fork(); last unless defined $pid; if (!$pid) { sleep 20; exit; } push @pids, $pid; } kill(9, @pids); waitpid($_, 0) for @pids; return @pids == 600; });
attempt("use 512 MiB of memory", sub { my $pid = fork(); if (!$pid) { my $size = 512 * 1048576; my $all = 'x' x $size; exit 0; } waitpid($pid, 0); return $? == 0; });
attempt("fill /tmp with 64 MiB", sub { open(my $new, '>', '/tmp/drill-fill') or return 0; my $block = 'x' x 1048576; my $all = 1; for (1 .. 64) { (syswrite($new, $block) // 0) == 1048576 or $all = 0, last; } close $new; unlink '/tmp/drill-fill'; return $all; });
attempt("take priority", sub { return syscall(141, 0, 0, -5) != -1; });

# Whoever can, stays when this ends.
if ($target{is_jailed} && !fork()) { syscall(112); exec('/usr/bin/busybox', 'sleep', '987.654'); }
print $out "end\n";
