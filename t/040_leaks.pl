# Nothing leaks: neither descriptors nor memory, whatever becomes of the queries.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT holdings is_flat);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $simulator = ForecastSimulator->start;
my $node      = new_cluster(conf => "jit = off\n");
create_server($node, 'forecast', $simulator->url,
	read_timeout => '100ms', max_response_size => '64kB');
create_server($node, 'refused', 'http://127.0.0.1:' . unused_port());
my $session = open_session($node);
my $nightly = job_arn('nightly');
my $query   = "SELECT status FROM forecast.jobs WHERE arn = '$nightly'";

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
my $before = holdings($session);
round() for 1 .. 100;
is(attempt($session, $query)->{rows}, 'ACTIVE', '... and after 2,000 more');
is_flat($before, holdings($session), '2,000 successes, errors and cancels');

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
$before = holdings($session);
change_options(300);
is_flat($before, holdings($session), '300 times ALTER SERVER');

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
is_flat($before, holdings($session), 'a cursor over ALTER SERVER');

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
$before = holdings($session);
rescan(100_000);
is_flat($before, holdings($session), '100,000 rescans');

$session->quit;
done_testing();
