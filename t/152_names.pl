# A name that leads elsewhere after a while: new connections are made to the address
# that it has by then.
#
# Nothing here can change what the machine resolves, so PostgreSQL is started with a
# library that resolves one name, by what a file says.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $folder = PostgreSQL::Test::Utils::tempdir();

append_to_file("$folder/resolver.c", <<"EOC");
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");
	char address[64] = "";
	FILE *file;

	if (node == NULL || strcmp(node, "moving.test") != 0)
		return real(node, service, hints, result);
	file = fopen("$folder/asked", "a");
	fputs("x", file);
	fclose(file);
	file = fopen("$folder/address", "r");
	fscanf(file, "%63s", address);
	fclose(file);
	return real(address, service, hints, result);
}
EOC

plan skip_all => 'the resolver could not be compiled (Debian: gcc)'
  if system("cc -shared -fPIC -o $folder/resolver.so $folder/resolver.c -ldl >$folder/log 2>&1") != 0;
plan skip_all => 'openssl is missing, and names are for https'
  if system("cd $folder && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
	  . '-subj /CN=moving -addext subjectAltName=DNS:moving.test -keyout key -out crt >log 2>&1') != 0;

sub move_to
{
	my ($address) = @_;
	unlink "$folder/address";
	append_to_file("$folder/address", "$address\n");
	return;
}

# How often the name was resolved since the last time.
sub lookups
{
	my $count = -s "$folder/asked" || 0;
	unlink "$folder/asked";
	return $count;
}

# Two services on one port; which of them answers, the connections tell.
my @tls    = ("$folder/crt", "$folder/key");
my $here   = ForecastSimulator->start(tls => \@tls);
my $there  = ForecastSimulator->start(tls => \@tls, host => '127.0.0.2', port => $here->port);
my $port   = $here->port;
my $lookup = 'SELECT status FROM moving.jobs WHERE arn = ' . "'" . job_arn('nightly') . "'";
my $many   = "SELECT count(status) FROM moving.jobs WHERE arn = ANY (ARRAY(SELECT '"
  . job_arn('job_') . "' || i FROM generate_series(1, 500) i))";

move_to('127.0.0.1');
my $node;
{
	local $ENV{LD_PRELOAD} = "$folder/resolver.so";
	$node = new_cluster();
}
create_server($node, 'moving', "https://moving.test:$port", ca_bundle => "$folder/crt", max_attempts => 4);
my $session = open_session($node);

sub peers
{
	return $session->query_safe('SELECT DISTINCT remote_address FROM forecast_fdw_connections ORDER BY 1');
}

is(attempt($session, $lookup)->{rows}, 'ACTIVE', 'a service by its name');
is(peers(),   "127.0.0.1:$port", '... at the address that the name has');
is(lookups(), 1,                 '... which is looked up once');
is(attempt($session, $many)->{rows}, 500, 'many keys');
cmp_ok(lookups(), '<', 10, '... look it up no more often than there are new connections');
is(attempt($session, $many)->{rows}, 500, 'many more');
is(lookups(), 0, '... need no new connections, and no name');

# The service moves.  Connections last as long as the old place answers.
move_to('127.0.0.2');
is(attempt($session, $lookup)->{rows}, 'ACTIVE', 'the name leads elsewhere');
is(peers(), "127.0.0.1:$port", '... and connections that are open stay so');

# The old place closes: the same session finds the new one.
$here->stop;
my $result;
my $failures = 0;
await(sub {
	$result = attempt($session, $lookup);
	$failures++ if $result->{sqlstate};
	return !$result->{sqlstate};
});
is($result->{rows}, 'ACTIVE', 'the old place closes, and the new one answers');
cmp_ok($failures, '<=', 1, '... soon enough for the retries of one call or two');
is(peers(), "127.0.0.2:$port", '... at its address');
is(attempt($session, $many)->{rows}, 500, '... and so do many keys');
is(peers(), "127.0.0.2:$port", '... there');

done_testing();
