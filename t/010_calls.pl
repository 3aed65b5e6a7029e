# What a query costs: how many calls are made, over how many connections, and in
# whose name.  The simulator's request log is the witness.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $simulator = ForecastSimulator->start;
my $node      = new_cluster();
create_server($node, 'forecast', $simulator->url);

my $session = open_session($node);
my $nightly = job_arn('nightly');

# Runs a query; says how many requests it took, and checks what it returned.
sub cost_is
{
	my ($sql, $requests, $rows, $what) = @_;

	$simulator->clear_log;
	my $result = attempt($session, $sql);
	is($result->{text}, '', "$what: no error");
	is($result->{rows}, $rows, "$what: result");
	is($simulator->counters->{requests}, $requests, "$what: requests");
	return;
}

sub status_of
{
	my ($arn) = @_;
	return "SELECT status FROM forecast.jobs WHERE arn = '$arn'";
}

# --- one key ---------------------------------------------------------------

cost_is(status_of($nightly), 1, 'ACTIVE', 'one key');
is_deeply(
	[ map { [ @{$_}{qw(operation status input)} ] } $simulator->log ],
	[
		[
			'DescribePredictorBacktestExportJob', 200,
			{ PredictorBacktestExportJobArn => $nightly }
		]
	],
	'one key: what was asked');

cost_is(status_of(job_arn('missing')), 1, '', 'no such job');
$session->query_safe('
	SET plan_cache_mode = force_generic_plan;
	PREPARE by_arn(text) AS SELECT status FROM forecast.jobs WHERE arn = $1');
cost_is("EXECUTE by_arn('$nightly')", 1, 'ACTIVE', 'generic plan');

# --- none at all -----------------------------------------------------------

cost_is('SELECT status FROM forecast.jobs WHERE arn = NULL',       0, '', 'NULL');
cost_is('SELECT status FROM forecast.jobs WHERE arn = (SELECT NULL::text)',
	0, '', 'NULL that is computed');
cost_is('EXECUTE by_arn(NULL)',      0, '', 'NULL as a parameter');
cost_is(status_of(''),               0, '', 'empty string');
cost_is(status_of('nightly'),        0, '', 'no ARN');
cost_is(status_of(" $nightly"),      0, '', 'not starting with arn:');
cost_is(status_of('arn:' . 'x' x 297), 0, '', 'ARN of 301 characters');
cost_is(status_of('arn:' . 'x' x 296), 1, '', 'ARN of 300 characters');

# Two bytes for each of the 296: characters count.
cost_is(status_of('arn:' . "\xc3\xa9" x 297), 0, '', 'ARN of 301 wide characters');
cost_is(status_of('arn:' . "\xc3\xa9" x 296), 1, '', 'ARN of 300 wide characters');

cost_is("SELECT status FROM forecast.jobs WHERE arn = '$nightly' AND false",
	0, '', 'contradiction');
cost_is("SELECT status FROM forecast.jobs WHERE arn = '$nightly' LIMIT 0",
	0, '', 'LIMIT 0');

# --- EXPLAIN ---------------------------------------------------------------

sub explain_costs_nothing
{
	my ($who) = @_;

	foreach my $options ('', 'VERBOSE', 'VERBOSE, COSTS off, FORMAT json')
	{
		my $explain = $options ? "EXPLAIN ($options)" : 'EXPLAIN';

		$simulator->clear_log;
		foreach my $query (status_of($nightly), 'SELECT * FROM forecast.jobs')
		{
			my $result = attempt($session, "$explain $query");
			is($result->{text}, '', "$explain $who: no error");
			like($result->{rows}, qr/Foreign Scan/, "$explain $who: a plan");
		}
		is($simulator->counters->{requests}, 0, "$explain $who: requests");
	}
	return;
}

explain_costs_nothing('with a user mapping');

$session->query_safe('DROP USER MAPPING FOR CURRENT_USER SERVER forecast');
explain_costs_nothing('without a user mapping');
cost_is('SELECT status FROM forecast.jobs WHERE arn = NULL',
	0, '', 'NULL without a user mapping');
is(attempt($session, status_of($nightly))->{sqlstate},
	'42704', 'a call without a user mapping is an error');
$session->query_safe('
	CREATE USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (
		aws_access_key_id \'' . ACCESS_KEY_ID . '\',
		aws_secret_access_key \'' . SECRET_ACCESS_KEY . '\')');

# --- joins -----------------------------------------------------------------

# 40 rows, 20 keys, in an order that separates the equal ones; and what costs
# nothing: NULL and no ARN.
$session->query_safe("
	CREATE TABLE reports AS
	SELECT i AS id, '" . job_arn('job_') . "' || (i % 20 + 1) AS arn
	FROM generate_series(0, 39) i
	UNION ALL SELECT 40, NULL UNION ALL SELECT 41, 'nothing';
	ANALYZE reports");

my $join   = 'FROM reports r JOIN forecast.jobs j ON j.arn = r.arn';
my $active = 40;

foreach my $memoize ('on', 'off')
{
	$session->query_safe("SET enable_memoize = $memoize");
	cost_is("SELECT count(j.status) $join", 20, $active,
		"20 keys twice, memoize $memoize");
	cost_is("SELECT count(j.status) $join WHERE id < 20", 20, 20,
		"20 keys once, memoize $memoize");
	cost_is("SELECT count(*), count(j.status) FROM reports r LEFT JOIN forecast.jobs j USING (arn)",
		20, "42|$active", "left join, memoize $memoize");
	cost_is("SELECT count((SELECT status FROM forecast.jobs j WHERE j.arn = r.arn)) FROM reports r",
		20, $active, "correlated subquery, memoize $memoize");
	cost_is("SELECT count(a.status || b.format) $join
			 JOIN forecast.jobs a ON a.arn = r.arn JOIN forecast.jobs b ON b.arn = r.arn",
		20, $active, "three scans of the same jobs, memoize $memoize");
}
cost_is("SELECT count(*) FROM (" . status_of($nightly) . " UNION ALL " . status_of($nightly) . ") u",
	1, 2, 'the same job twice in one statement');
$simulator->clear_log;
$session->query_safe(status_of($nightly)) for 1 .. 2;
is($simulator->counters->{requests}, 2, 'two statements ask twice');

# A row that was waited for and has changed is checked again: by the same answer.
my $other = open_session($node);
$session->query_safe("CREATE TABLE contended AS SELECT 1 AS n, '$nightly' AS arn");
$session->query_safe('BEGIN; UPDATE contended SET n = n + 1');
$simulator->clear_log;
begin_query($other, "UPDATE contended SET n = n + 1
	WHERE (SELECT status FROM forecast.jobs j WHERE j.arn = contended.arn) = 'ACTIVE'");
ok( await(sub {
		$node->safe_psql('postgres',
			"SELECT count(*) FROM pg_stat_activity WHERE pid = $other->{backend} AND wait_event_type = 'Lock'") eq '1';
	}),
	'an update waits for another');
$session->query_safe('COMMIT');
is(attempt($other, 'SELECT n FROM contended')->{rows}, 3, '... and comes after it');
is($simulator->counters->{requests}, 1, '... asking once');
$other->quit;

# --- connections -----------------------------------------------------------

# Runs queries; says how many connections there are now that were not before.
sub connections_of
{
	my (@queries) = @_;

	$simulator->clear_log;
	foreach my $query (@queries)
	{
		my $result = attempt($session, $query);
		is($result->{text}, '', "no error from $query");
	}
	return $simulator->counters->{connections};
}

is( connections_of(
		status_of($nightly),          'BEGIN',
		status_of(job_arn('missing')),
		'ROLLBACK',                   'BEGIN',
		status_of($nightly),          'SAVEPOINT s',
		status_of(job_arn('job_1')),  'ROLLBACK TO s',
		status_of(job_arn('job_2')),  'COMMIT'),
	1, 'one connection for calls one after the other');
cmp_ok(connections_of("SELECT count(*) $join", "SELECT count(*) $join"),
	'<=', 10, 'no more connections than max_pool_connections');

# Are the connections of these two queries, with something in between, the same?
sub same_connection
{
	my ($between) = @_;

	$simulator->clear_log;
	$session->query_safe(status_of($nightly));
	$between->();
	my $result = attempt($session, status_of($nightly));
	is($result->{rows}, 'ACTIVE', 'answered after a change');
	return $simulator->counters->{connections} == 1;
}

my $alter_server =
  "ALTER SERVER forecast OPTIONS (ADD read_timeout '30s'); ALTER SERVER forecast OPTIONS (DROP read_timeout)";
my $alter_mapping =
  "ALTER USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (SET aws_access_key_id '"
  . ACCESS_KEY_ID . "')";

ok(same_connection(sub { }), 'kept when nothing happens');
ok(!same_connection(sub { $session->query_safe($alter_server) }),
	'dropped on ALTER SERVER');
ok(!same_connection(sub { $session->query_safe($alter_mapping) }),
	'dropped on ALTER USER MAPPING');
ok(!same_connection(sub { $node->safe_psql('postgres', $alter_server) }),
	'dropped on ALTER SERVER in another session');
ok(!same_connection(sub { $node->safe_psql('postgres', $alter_mapping) }),
	'dropped on ALTER USER MAPPING in another session');

# --- lost connections ------------------------------------------------------

$simulator->restart;
is(attempt($session, status_of($nightly))->{rows},
	'ACTIVE', 'replaced without an error when the server was restarted');
is($simulator->counters->{requests}, 1, '... by one request');
$simulator->clear_log;
$simulator->fault({ fault => 'cut', after_bytes => 1_000_000 });
is(attempt($session, status_of($nightly))->{rows},
	'ACTIVE', 'answered before the connection is closed');
is(attempt($session, status_of($nightly))->{rows},
	'ACTIVE', 'replaced without an error when the server closed it');
is($simulator->counters->{connections}, 2, 'by a second connection');
$simulator->fault({ fault => 'cut' });
is(attempt($session, status_of($nightly))->{rows},
	'ACTIVE', 'replaced when the server closes it as the request arrives');

# --- changed credentials ---------------------------------------------------

sub set_secret
{
	my ($secret) = @_;
	return "ALTER USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (SET aws_secret_access_key '$secret')";
}

foreach my $where ('the same', 'another')
{
	my $run =
	  $where eq 'another' ?
	  sub { $node->safe_psql('postgres', $_[0]) } :
	  sub { $session->query_safe($_[0]) };

	$run->(set_secret('wrong'));
	is(attempt($session, status_of($nightly))->{sqlstate},
		'28000', "a wrong secret counts at once, set in $where session");
	$run->(set_secret(SECRET_ACCESS_KEY));
	is(attempt($session, status_of($nightly))->{rows},
		'ACTIVE', "the right one too, set in $where session");
}

# What is rolled back does not count.
$session->query_safe('BEGIN; ' . set_secret('wrong'));
is(attempt($session, status_of($nightly))->{sqlstate},
	'28000', 'a wrong secret counts in its own transaction');
$session->query_safe('ROLLBACK');
is(attempt($session, status_of($nightly))->{rows},
	'ACTIVE', 'and not after it was rolled back');

# --- in whose name ---------------------------------------------------------

# The owner's key is right, the reader's is not: whoever succeeds is the owner.
$session->query_safe("
	CREATE ROLE owner; CREATE ROLE reader; CREATE ROLE guest;
	GRANT USAGE ON SCHEMA forecast TO owner, reader, guest;
	GRANT SELECT ON forecast.jobs TO owner, reader, guest;
	CREATE SCHEMA reports AUTHORIZATION owner;
	GRANT USAGE ON SCHEMA reports TO PUBLIC;
	CREATE USER MAPPING FOR owner SERVER forecast OPTIONS (
		aws_access_key_id '" . ACCESS_KEY_ID . "', aws_secret_access_key '" . SECRET_ACCESS_KEY . "');
	CREATE USER MAPPING FOR reader SERVER forecast OPTIONS (
		aws_access_key_id 'AKIAREADER', aws_secret_access_key 'none');
	SET ROLE owner;
	CREATE VIEW reports.jobs AS SELECT * FROM forecast.jobs;
	CREATE VIEW reports.own_jobs WITH (security_invoker = true) AS SELECT * FROM forecast.jobs;
	CREATE FUNCTION reports.status(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS
		'SELECT status FROM forecast.jobs WHERE arn = \$1';
	CREATE FUNCTION reports.status_plpgsql(text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
		'BEGIN RETURN (SELECT status FROM forecast.jobs WHERE arn = \$1); END';
	CREATE FUNCTION reports.own_status(text) RETURNS text LANGUAGE sql AS
		'SELECT status FROM forecast.jobs WHERE arn = \$1';
	GRANT SELECT ON ALL TABLES IN SCHEMA reports TO PUBLIC;
	RESET ROLE");

sub ask_as
{
	my ($role, $query) = @_;
	$session->query_safe("SET ROLE $role");
	my $result = attempt($session, $query);
	$session->query_safe('RESET ROLE');
	return $result->{sqlstate} // $result->{rows};
}

my $arn = "arn = '$nightly'";
is(ask_as('owner',  status_of($nightly)), 'ACTIVE', 'the owner');
is(ask_as('reader', status_of($nightly)), '28000',  'the reader');
is(ask_as('reader', "SELECT status FROM reports.jobs WHERE $arn"),
	'ACTIVE', "the owner's view asks as the owner");
is(ask_as('reader', "SELECT status FROM reports.own_jobs WHERE $arn"),
	'28000', 'a view of the invoker asks as the reader');
is(ask_as('owner', "SELECT status FROM reports.own_jobs WHERE $arn"),
	'ACTIVE', '... or as the owner');
is(ask_as('reader', "SELECT reports.status('$nightly')"),
	'ACTIVE', "the owner's security-definer function asks as the owner");
is(ask_as('reader', "SELECT reports.status_plpgsql('$nightly')"),
	'ACTIVE', '... in PL/pgSQL too');
is(ask_as('reader', "SELECT reports.own_status('$nightly')"),
	'28000', 'any other function asks as the reader');

# One statement in two names: the answers are not shared between them.
is( ask_as('reader',
		"SELECT v.status, j.status FROM reports.jobs v, forecast.jobs j
		 WHERE v.$arn AND j.$arn"),
	'28000', "the owner's answer is not the reader's");

is(ask_as('guest', status_of($nightly)), '42704', 'no mapping');
$session->query_safe("
	CREATE USER MAPPING FOR PUBLIC SERVER forecast OPTIONS (
		aws_access_key_id '" . ACCESS_KEY_ID . "', aws_secret_access_key '" . SECRET_ACCESS_KEY . "')");
is(ask_as('guest', status_of($nightly)),
	'ACTIVE', 'the mapping for PUBLIC serves those who have none');
is(ask_as('reader', status_of($nightly)),
	'28000', '... and not those who have one');
$session->query_safe('DROP USER MAPPING FOR reader SERVER forecast');
is(ask_as('reader', status_of($nightly)),
	'ACTIVE', '... until it is dropped');

# Two identities, one after the other in one session, have a connection each.
$simulator->clear_log;
is(ask_as($_, status_of($nightly)), 'ACTIVE', "as $_")
  for 'owner', 'guest', 'owner', 'guest';
is($simulator->counters->{connections}, 2, 'a connection for each mapping');

$session->quit;
done_testing();
