# What systemd does for OpenFile=PATH:journal, which Debian 12's does not know yet: connects a datagram socket to the
# path, and starts the program with it.
use strict;
use warnings;
use POSIX;
use Socket;

# Nothing is closed when the program starts.
$^F = 255;
my ($path, @command) = @ARGV;
socket(my $journal, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
connect($journal, pack_sockaddr_un($path)) or die "$path: $!";
POSIX::dup2(fileno($journal), 3) or die "dup2: $!";
@ENV{qw(LISTEN_FDS LISTEN_FDNAMES LISTEN_PID)} = (1, 'journal', $$);
exec(@command) or die "$command[0]: $!";
