# Nothing leaks: neither descriptors nor memory, whatever becomes of the queries.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

# What may come and go between two looks, in kB: malloc's and PostgreSQL's caches.
use constant SLACK => 1024;

my $simulator = ForecastSimulator->start;
my $node      = new_cluster(conf => "jit = off\n");
create_server($node, 'forecast', $simulator->url,
	read_timeout => '100ms', max_response_size => '64kB');
create_server($node, 'refused', 'http://127.0.0.1:' . unused_port());
my $session = open_session($node);
my $nightly = job_arn('nightly');
my $query   = "SELECT status FROM forecast.jobs WHERE arn = '$nightly'";

# What the backend holds now.
sub holdings
{
	my %held;
	my $proc = "/proc/$session->{backend}";

	# Not the files of PostgreSQL's own: those it keeps open as it likes.
	$held{descriptors} = grep { (readlink($_) // '') =~ /^(?:socket|anon_inode|pipe):/ } glob "$proc/fd/*";
	($held{resident}) = slurp_file("$proc/status") =~ /^VmRSS:\s+(\d+) kB/m;

	# The caches of catalogs are not ours, and grow as they are used.
	($held{contexts}, $held{ours}, $held{ours_kB}) = split /\|/,
	  $session->query_safe(q{
		SELECT sum(total_bytes) / 1024,
		  count(*) FILTER (WHERE name LIKE 'forecast_fdw%'),
		  coalesce(sum(total_bytes) FILTER (WHERE name LIKE 'forecast_fdw%'), 0) / 1024
		FROM pg_backend_memory_contexts
		WHERE name NOT LIKE '%Cache%' AND name <> 'index info'});
	return \%held;
}

sub is_flat
{
	my ($before, $after, $what) = @_;

	note("$what: " . join ', ', map { "$_ $before->{$_} -> $after->{$_}" } sort keys %$after);
	is($after->{descriptors}, $before->{descriptors}, "$what: descriptors");
	is($after->{ours},        $before->{ours},        "$what: our memory contexts");
	cmp_ok($after->{ours_kB}, '<=', $before->{ours_kB} + 8, "$what: their size");
	cmp_ok($after->{contexts}, '<=', $before->{contexts} + SLACK, "$what: all contexts");
	cmp_ok($after->{resident}, '<=', $before->{resident} + SLACK, "$what: resident memory");
	return;
}

# --- successes, errors, cancels ---------------------------------------------

my @faults = (
	{ fault => 'throttle' },
	{ fault => 'error', code => 'AccessDeniedException', message => 'no' },
	{ fault => 'error', code => 'ResourceNotFoundException' },
	{ fault => 'respond', status => 502, body => '<html>' },
	{ fault => 'malformed' },
	{ fault => 'truncate' },
	{ fault => 'cut', times => 2 },
	{ fault => 'cut', after_bytes => 300, rst => JSON::PP::true },
	{ fault => 'oversize', bytes => 1_000_000 },
	{ fault => 'patch', patch => { Status => [1] } },
	{ fault => 'stall', after_bytes => 10 },
);

# One round is twenty queries, in every kind of transaction.
sub round
{
	$simulator->fault(@faults);
	foreach my $i (1 .. @faults)
	{
		my @around = $i % 2 ? ('', '') : ('BEGIN; SAVEPOINT s;', 'ROLLBACK TO s; COMMIT;');
		attempt($session, "$around[0] $query; $around[1]");
		attempt($session, 'ROLLBACK') if $i % 2 == 0;
	}
	$simulator->clear_faults;
	attempt($session, $query) for 1 .. 3;
	attempt($session, "SELECT status FROM forecast.jobs WHERE arn = 'arn:missing'");
	attempt($session, "SELECT status FROM refused.jobs WHERE arn = '$nightly'");

	# A cancel, and an error that PL/pgSQL catches.
	$simulator->fault({ fault => 'stall' });
	$session->query_safe("SET statement_timeout = '15ms'");
	attempt($session, $query);
	$session->query_safe('RESET statement_timeout');
	$simulator->clear_faults;
	$simulator->fault({ fault => 'malformed' }, { fault => 'truncate' });
	attempt($session, "SELECT caught(\$\$ $query \$\$), caught(\$\$ $query \$\$), caught(\$\$ $query \$\$)");
	$simulator->clear_faults;
	return;
}

$session->query_safe(<<'EOSQL');
CREATE FUNCTION caught(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE query; RETURN 'fine'; EXCEPTION WHEN others THEN RETURN SQLSTATE; END $$;
EOSQL

round() for 1 .. 20;
is(attempt($session, $query)->{rows}, 'ACTIVE', 'a query succeeds after 400 others');
my $before = holdings();
round() for 1 .. 100;
is(attempt($session, $query)->{rows}, 'ACTIVE', '... and after 2,000 more');
is_flat($before, holdings(), '2,000 successes, errors and cancels');

# --- options that change ----------------------------------------------------

sub change_options
{
	my ($times) = @_;

	foreach my $i (1 .. $times)
	{
		$session->query_safe("ALTER SERVER forecast OPTIONS (SET read_timeout '" . ($i + 1000) . "ms')");
		is(attempt($session, $query)->{rows}, 'ACTIVE', 'answered') if $i % 100 == 0;
		$session->query_safe($query);
	}
	return;
}

change_options(50);
$before = holdings();
change_options(300);
is_flat($before, holdings(), '300 times ALTER SERVER');

# A cursor that is open over it goes on.
$session->query_safe("
	BEGIN;
	DECLARE jobs CURSOR FOR SELECT j.name FROM generate_series(1, 4) i
	  LEFT JOIN forecast.jobs j ON j.arn = '" . job_arn('job_') . "' || i");
is(attempt($session, 'FETCH 2 FROM jobs')->{rows}, "job_1\njob_2", 'a cursor');
$session->query_safe("ALTER SERVER forecast OPTIONS (SET read_timeout '10s')");
is(attempt($session, 'FETCH 2 FROM jobs')->{rows}, "job_3\njob_4", '... over ALTER SERVER');
$session->query_safe('COMMIT');
$session->query_safe($query);
is_flat($before, holdings(), 'a cursor over ALTER SERVER');

# --- many rows --------------------------------------------------------------

# Rescans of the same few keys keep nothing but one answer for each.
sub rescan
{
	my ($rows) = @_;
	is( attempt($session, "
			SELECT count(j.status), (SELECT sum(total_bytes) < 400000 FROM pg_backend_memory_contexts
			  WHERE name LIKE 'forecast_fdw%')
			FROM generate_series(1, $rows) i LEFT JOIN LATERAL (SELECT status FROM forecast.jobs
			  WHERE arn = '" . job_arn('job_') . "' || i % 100 + 1 OFFSET 0) j ON true")->{rows},
		"$rows|t", "$rows rescans of 100 keys");
	return;
}

$session->query_safe('SET enable_memoize = off');
rescan(1000);
$before = holdings();
rescan(100_000);
is_flat($before, holdings(), '100,000 rescans');

$session->quit;
done_testing();
