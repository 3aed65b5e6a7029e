# Several servers at once: what an Append asks of one, it does not wait for before
# it asks the next.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	LATENCY => 100,     # ms, of every answer
	JOBS    => 20,      # of each server
	LIST    => 'ListPredictorBacktestExportJobs',
};

my @regions = ('eu-west-1', 'us-east-1', 'us-west-2', 'ap-south-1');

# --- four servers ------------------------------------------------------------

sub regional_arn
{
	my ($region, $number) = @_;
	return "arn:aws:forecast:$region:123456789012:predictor-backtest-export-job/job_$number";
}

# Half of the jobs of a region have failed.
sub regional_jobs
{
	my ($region) = @_;
	my @jobs = map {
		{
			PredictorBacktestExportJobArn  => regional_arn($region, $_),
			PredictorBacktestExportJobName => "job_$_",
			Status                         => $_ % 2 ? 'ACTIVE' : 'CREATE_FAILED',
			Format                         => 'CSV',
		}
	} 1 .. JOBS;
	return { PredictorBacktestExportJobs => \@jobs, Generate => {} };
}

my @simulators =
  map { ForecastSimulator->start(fixture => regional_jobs($_)) } @regions;
my $node = new_cluster(conf => "jit = off\n");

# One table for all regions: the ARN tells which one a job is of.  The partitions
# have names of their own for the fields.
my $session = open_session($node);
$session->query_safe("
	CREATE TABLE jobs (id text, name text, status text, format text)
	PARTITION BY LIST (split_part(id, ':', 4))");
foreach my $i (0 .. $#regions)
{
	create_server($node, "s$i", $simulators[$i]->url, async_capable => 'true');
	$session->query_safe("
		CREATE FOREIGN TABLE part_$i (
			id text OPTIONS (field 'PredictorBacktestExportJobArn'),
			name text OPTIONS (field 'PredictorBacktestExportJobName'),
			status text, format text)
		SERVER s$i OPTIONS (resource 'predictor_backtest_export_jobs');
		ALTER TABLE jobs ATTACH PARTITION part_$i FOR VALUES IN ('$regions[$i]')");
}

my $union = join ' UNION ALL ', map { "SELECT arn, status FROM s$_.jobs" } 0 .. $#regions;
my $ids   = join ', ', map { ("'" . regional_arn($_, 1) . "'", "'" . regional_arn($_, 2) . "'") } @regions;
my $count_all = 'SELECT count(status), count(DISTINCT id) FROM jobs';
my $everything = JOBS * @regions . '|' . JOBS * @regions;

# --- how it is told ----------------------------------------------------------

sub set_latency   { $_->latency($_[0]) for @simulators; return; }
sub clear_all     { for (@simulators) { $_->clear_log; $_->clear_faults } return; }
sub requests_each { return [ map { $_->counters->{requests} } @simulators ]; }
sub in_flight     { return map { $_->counters->{in_flight} } @simulators; }

# When the servers that were asked got their first requests.
sub first_requests
{
	my @firsts = map { ($_->log)[0] // () } @simulators;
	return sort { $a <=> $b } map { $_->{time} } @firsts;
}

# An answer is not there before LATENCY has passed, so what begins earlier than
# that after the first request overlaps with it.
sub overlap
{
	my ($query) = @_;

	set_latency(LATENCY);
	clear_all();
	my $result = attempt($session, $query);
	set_latency(0);
	is($result->{text}, '', 'no error');
	my @times = first_requests();
	return 'not all of them' if @times < @simulators;
	note(sprintf 'first requests after %s ms', join ', ', map { sprintf '%.1f', 1000 * ($_ - $times[0]) } @times);
	return $times[-1] - $times[0] < LATENCY / 1000 ? 'all at once' : 'one after the other';
}

sub async_scans
{
	my ($query) = @_;
	return scalar(() = $session->query_safe("EXPLAIN (COSTS OFF) $query") =~ /Async Foreign Scan/g);
}

# The next query of the session gets all there is.
sub goes_on
{
	my ($what) = @_;
	clear_all();
	my $result = attempt($session, $count_all);
	is($result->{rows} . $result->{text}, $everything, "$what: the next query succeeds");
	return;
}

# After a query is over, nobody waits for answers any more.
sub nothing_in_flight
{
	my ($what) = @_;
	ok(await(sub { !grep { $_ } in_flight() }), "$what: nothing is in flight");
	return;
}

# --- at once, or not ---------------------------------------------------------

# What asks all servers, and what it returns.
my @queries = (
	[ 'partitions', $count_all, $everything ],
	[ 'UNION ALL',  "SELECT count(status), count(DISTINCT arn) FROM ($union) u", $everything ],
	[ 'columns of Describe', 'SELECT count(format), count(DISTINCT id) FROM jobs', $everything ],
	[ 'a filter',   "SELECT count(name), count(DISTINCT status) FROM jobs WHERE status = 'ACTIVE'", JOBS / 2 * @regions . '|1' ],
	[ 'keys',       "SELECT count(*), count(DISTINCT id) FROM jobs WHERE id IN ($ids)", 2 * @regions . '|' . 2 * @regions ],
);
foreach my $case (@queries)
{
	my ($what, $query, $rows) = @$case;

	is(attempt($session, $query)->{rows}, $rows, "$what: result");
	is(async_scans($query), scalar @regions, "$what: plan");
	is(overlap($query), 'all at once', "$what: requests");

	$session->query_safe('SET enable_async_append = off');
	is(attempt($session, $query)->{rows}, $rows, "$what, enable_async_append off: result");
	is(async_scans($query), 0, "$what, enable_async_append off: plan");
	is(overlap($query), 'one after the other', "$what, enable_async_append off: requests");
	$session->query_safe('RESET enable_async_append');
}

# The option of the server; that of the table overrides it.  On each step: who is
# told what, and how many of the partitions are scanned in the old way then.
foreach my $step (
	[ 'SERVER s0',            "SET async_capable 'false'", 1 ],
	[ 'SERVER s1',            "SET async_capable 'false'", 2 ],
	[ 'FOREIGN TABLE part_0', "ADD async_capable 'true'",  1 ],
	[ 'FOREIGN TABLE part_2', "ADD async_capable 'false'", 2 ],
	[ 'FOREIGN TABLE part_3', "ADD async_capable 'false'", 3 ],
	[ 'FOREIGN TABLE part_0', "SET async_capable 'false'", 4 ],
  )
{
	my ($object, $option, $synchronous) = @$step;
	my $what = "$object OPTIONS ($option)";

	$session->query_safe("ALTER $object OPTIONS ($option)");
	is(async_scans($count_all), @regions - $synchronous, "$what: plan");
	is(attempt($session, $count_all)->{rows}, $everything, "$what: result");
}
is(overlap($count_all), 'one after the other', 'async_capable false: requests');

# As in postgres_fdw, it is off unless it is asked for.
$session->query_safe("ALTER $_ OPTIONS (DROP async_capable)")
  for 'SERVER s0', map { "FOREIGN TABLE part_$_" } 0, 2, 3;
is(async_scans($count_all), 2, 'async_capable is not the default');
$session->query_safe("ALTER SERVER s0 OPTIONS (ADD async_capable 'true')");
$session->query_safe("ALTER SERVER s1 OPTIONS (SET async_capable 'true')");
is(overlap($count_all), 'all at once', 'async_capable true: requests');

# What it costs is the same in both ways: one list of each server, described or not.
foreach my $async ('on', 'off')
{
	$session->query_safe("SET enable_async_append = $async");
	foreach my $case (
		[ $count_all, 1 ],
		[ 'SELECT count(format) FROM jobs', 1 + JOBS ],
		[ "SELECT count(*) FROM jobs WHERE id IN ($ids)", undef ])
	{
		my ($query, $requests) = @$case;

		clear_all();
		is(attempt($session, $query)->{text}, '', "$query, async $async: no error");
		is_deeply(requests_each(), [ ($requests) x @regions ], "$query, async $async: requests")
		  if defined $requests;
	}
}
$session->query_safe('RESET enable_async_append');

# --- two on one server -------------------------------------------------------

my $same_server = "SELECT name FROM s0.jobs WHERE status = 'ACTIVE'
	UNION ALL SELECT name FROM s0.jobs WHERE status = 'CREATE_FAILED'";
is(async_scans($same_server), 2, 'two scans of one server: plan');
is(attempt($session, "SELECT count(*), count(DISTINCT name) FROM ($same_server) u")->{rows},
	JOBS . '|' . JOBS, 'two scans of one server');

# A partition shows what its server has: a second one shows it once more.
$session->query_safe("
	CREATE FOREIGN TABLE part_again (id text OPTIONS (field 'PredictorBacktestExportJobArn'),
		name text OPTIONS (field 'PredictorBacktestExportJobName'), status text, format text)
	SERVER s0 OPTIONS (resource 'predictor_backtest_export_jobs');
	ALTER TABLE jobs ATTACH PARTITION part_again FOR VALUES IN ('again')");
foreach my $column ('status', 'format')
{
	is(async_scans("SELECT count($column) FROM jobs"), 5, "two partitions of one server, $column: plan");
	is(attempt($session, "SELECT count($column), count(DISTINCT id) FROM jobs")->{rows},
		JOBS * 5 . '|' . JOBS * 4, "two partitions of one server, $column");
}
$session->query_safe('DROP FOREIGN TABLE part_again');

# --- less than all -----------------------------------------------------------

my $few = 'SELECT count(*) FROM (SELECT name FROM jobs LIMIT 5) l';
clear_all();
is(attempt($session, $few)->{rows}, 5, 'LIMIT');
is(scalar(grep { $_ > 1 } @{ requests_each() }), 0, 'LIMIT: no server is asked twice');
nothing_in_flight('LIMIT');
goes_on('LIMIT');

clear_all();
is(attempt($session, 'SELECT count(*) FROM (SELECT format FROM jobs LIMIT 5) l')->{rows}, 5, 'LIMIT of columns of Describe');
nothing_in_flight('LIMIT of columns of Describe');
goes_on('LIMIT of columns of Describe');

# A cursor that is left alone while its requests are answered, and read on later.
$session->query_safe('BEGIN; DECLARE some_jobs CURSOR FOR SELECT id FROM jobs');
my @fetched = split /\n/, attempt($session, 'FETCH 3 FROM some_jobs')->{rows};
is(attempt($session, $count_all)->{rows}, $everything, 'another query while a cursor is open');
push @fetched, split /\n/, attempt($session, 'FETCH ALL FROM some_jobs')->{rows};
my %distinct = map { $_ => 1 } @fetched;
is(scalar @fetched . '|' . keys %distinct, $everything, 'a cursor is read on');
$session->query_safe('COMMIT');

$session->query_safe('BEGIN; DECLARE some_jobs CURSOR FOR SELECT id FROM jobs');
is(scalar(() = attempt($session, 'FETCH 3 FROM some_jobs')->{rows} =~ /^arn:/mg), 3, 'a cursor');
$session->query_safe('CLOSE some_jobs; COMMIT');
nothing_in_flight('a cursor that is closed');
goes_on('a cursor that is closed');

# Partitions that cannot have the row are not asked, whenever that is known.
$session->query_safe("
	SET plan_cache_mode = force_generic_plan;
	PREPARE of_region(text) AS SELECT count(name) FROM jobs WHERE split_part(id, ':', 4) = \$1");
foreach my $i (0 .. $#regions)
{
	my @expected = map { $_ == $i ? 1 : 0 } 0 .. $#regions;

	clear_all();
	is(attempt($session, "EXECUTE of_region('$regions[$i]')")->{rows}, JOBS, "jobs of $regions[$i]");
	is_deeply(requests_each(), \@expected, '... no other region is asked');
}
$session->query_safe('RESET plan_cache_mode');

# --- rescans -----------------------------------------------------------------

$session->query_safe('SET enable_material = off; SET enable_memoize = off');
foreach my $async ('on', 'off')
{
	$session->query_safe("SET enable_async_append = $async");
	foreach my $case (
		[ 'a rescan', "SELECT g, count(*) FROM generate_series(1, 3) g,
			LATERAL (SELECT name FROM jobs WHERE length(name) > g OFFSET 0) j GROUP BY g ORDER BY g",
			join "\n", map { "$_|" . JOBS * @regions } 1 .. 3 ],
		[ 'a rescan in the middle', "SELECT g, count(*) FROM generate_series(1, 3) g,
			LATERAL (SELECT name FROM jobs WHERE length(name) > g LIMIT 7) j GROUP BY g ORDER BY g",
			"1|7\n2|7\n3|7" ],
		[ 'a rescan in the middle, with Describe', "SELECT g, count(*) FROM generate_series(1, 3) g,
			LATERAL (SELECT format FROM jobs WHERE length(format) > g - 1 LIMIT 7) j GROUP BY g ORDER BY g",
			"1|7\n2|7\n3|7" ],
		[ 'a rescan with another filter', "SELECT s, count(*) FROM (VALUES ('ACTIVE'), ('CREATE_FAILED'), ('ACTIVE'), (NULL)) v (s),
			LATERAL (SELECT name FROM jobs WHERE status = s OFFSET 0) j GROUP BY s ORDER BY s",
			'ACTIVE|' . JOBS * @regions . "\nCREATE_FAILED|" . JOBS / 2 * @regions ],
		[ 'a rescan that prunes', "SELECT r, count(*) FROM (VALUES ('$regions[0]'), ('$regions[2]'), ('nowhere')) v (r),
			LATERAL (SELECT name FROM jobs WHERE split_part(id, ':', 4) = r OFFSET 0) j GROUP BY r ORDER BY r",
			"$regions[0]|" . JOBS . "\n$regions[2]|" . JOBS ],
	  )
	{
		my ($what, $query, $rows) = @$case;
		my $result = attempt($session, $query);
		is($result->{text}, '',    "$what, async $async: no error");
		is($result->{rows}, $rows, "$what, async $async: result");
		nothing_in_flight("$what, async $async");
	}
}
$session->query_safe('RESET enable_material; RESET enable_memoize; RESET enable_async_append');

# --- errors ------------------------------------------------------------------

# One server refuses, whichever it is: one error, and what the others were asked
# for is given up.
foreach my $i (0 .. $#regions)
{
	foreach my $case (
		[ 'a list', $count_all, LIST ],
		[ 'a description', 'SELECT count(format) FROM jobs', 'DescribePredictorBacktestExportJob' ])
	{
		my ($kind, $query, $operation) = @$case;
		my $what = "server $i refuses $kind";

		clear_all();
		$simulators[$_]->fault({ fault => 'delay', ms => LATENCY, times => 0 }) for grep { $_ != $i } 0 .. $#regions;
		$simulators[$i]->fault(
			{ fault => 'error', code => 'AccessDeniedException', message => 'not here', operation => $operation });
		my $result = attempt($session, $query);
		is($result->{sqlstate}, '42501', "$what: SQLSTATE");
		like($result->{message}, qr/AccessDeniedException: not here/, "$what: message");
		like($result->{text}, qr/part_$i/, "$what: says which table");
		is(scalar(() = $result->{text} =~ /ERROR:/g), 1, "$what: one error");
		nothing_in_flight($what);
		goes_on($what);
	}
}

# In a subtransaction: the transaction goes on, and so does its open cursor.
clear_all();
$session->query_safe('BEGIN; DECLARE some_jobs CURSOR FOR SELECT id FROM jobs');
is(scalar(() = attempt($session, 'FETCH 61 FROM some_jobs')->{rows} =~ /^arn:/mg), 61, 'a cursor before an error');
$session->query_safe('SAVEPOINT s');
$simulators[1]->fault({ fault => 'error', code => 'AccessDeniedException' });
is(attempt($session, $count_all)->{sqlstate}, '42501', 'an error in a subtransaction');
$session->query_safe('ROLLBACK TO s');
is(attempt($session, $count_all)->{rows}, $everything, '... after which the transaction goes on');
is(scalar(() = attempt($session, 'FETCH ALL FROM some_jobs')->{rows} =~ /^arn:/mg), JOBS * @regions - 61, '... and its cursor');
$session->query_safe('COMMIT');

# --- cancel ------------------------------------------------------------------

# Servers that say nothing are all asked before the first has answered; without
# async append only one is.
foreach my $case ([ 'on', scalar @regions ], [ 'off', 1 ])
{
	my ($async, $asked) = @$case;
	my $what = "cancel, async $async";

	$session->query_safe("SET enable_async_append = $async");
	clear_all();
	$_->fault({ fault => 'stall', times => 0 }) for @simulators;
	begin_query($session, $count_all);
	ok(await(sub { $asked == grep { $_ } in_flight() }), "$what: $asked of the servers are asked");
	sleep 0.2;
	is(scalar(grep { $_ } in_flight()), $asked, "$what: ... and no more");
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{backend})"), 't', "$what: sent");
	like(attempt($session, 'SELECT 1')->{text}, qr/57014/, "$what: SQLSTATE");
	nothing_in_flight($what);
	goes_on($what);

	$_->fault({ fault => 'stall', after_bytes => -50, times => 0 }) for @simulators;
	$session->query_safe("SET statement_timeout = '300ms'");
	is(attempt($session, $count_all)->{sqlstate}, '57014', "statement_timeout, async $async: SQLSTATE");
	$session->query_safe('RESET statement_timeout');
	nothing_in_flight("statement_timeout, async $async");
	goes_on("statement_timeout, async $async");
}

$session->quit;
done_testing();
