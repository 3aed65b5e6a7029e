# The views forecast_fdw_stats and forecast_fdw_connections, and the function
# forecast_fdw_whoami: what they count, in a session and across sessions, and who is
# shown what.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT generated_jobs);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	DESCRIBE => 'DescribePredictorBacktestExportJob',
	LIST     => 'ListPredictorBacktestExportJobs',
	TOKEN    => 'FwoGZXIvYXdzEXAMPLEtokenOfASessionThatMustNotBeSeen',
};

delete @ENV{ grep { /_proxy$/i || /^AWS_/ } keys %ENV };

my $simulator = ForecastSimulator->start;
my $nightly   = job_arn('nightly');

# The environment is for superusers: see the end of this test.
my $node;
{
	local $ENV{AWS_REGION}        = 'eu-west-1';
	local $ENV{AWS_SDK_UA_APP_ID} = 'Nightly';
	$node = new_cluster(conf => "restart_after_crash = on\n");
}
my $owner = $node->safe_psql('postgres', 'SELECT current_user');

# --- what is asked -----------------------------------------------------------

sub describe
{
	my ($server) = @_;
	return "SELECT status FROM $server.jobs WHERE arn = '$nightly'";
}

# So many keys, from the first one on.
sub describe_many
{
	my ($server, $keys, $first) = @_;
	my $prefix = job_arn('job_');
	$first //= 1;
	return "SELECT count(status) FROM $server.jobs WHERE arn = ANY (ARRAY(
		SELECT '$prefix' || i FROM generate_series($first, $first + $keys - 1) i))";
}

sub answers
{
	my ($asker, $query, $rows, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $result = attempt($asker, $query);
	return is($result->{rows} . $result->{text}, $rows, $what);
}

# Columns of the statistics of a scope, a line for each server and operation.
sub stats
{
	my ($asker, $scope, $columns) = @_;
	$columns //= 'server_name, operation, calls, errors';
	return $asker->query_safe("SELECT $columns FROM forecast_fdw_stats WHERE scope = '$scope' ORDER BY server_name, operation");
}

sub requests { return $simulator->counters->{requests}; }

sub session_of
{
	my ($role) = @_;
	return open_session($node, extra_params => [ '-U', $role ]);
}

# --- the session's statistics --------------------------------------------------

create_server($node, 'one', $simulator->url);
create_server($node, 'two', $simulator->url);
$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
let_use($node, 'ann', 'one');

my $session = open_session($node);
is(stats($session, 'session'), '', 'nothing is asked: nothing is counted');
answers($session, describe('one'), 'ACTIVE', 'a describe call');
answers($session, describe_many('one', 30), 30, 'thirty');
answers($session, 'SELECT count(name) FROM one.jobs', 1001, 'a list');
answers($session, describe('two'), 'ACTIVE', 'another server');
answers($session, "SELECT count(*) FROM two.jobs WHERE arn = '" . job_arn('none') . "'", 0, 'no such job');
is(stats($session, 'session'),
	'one|' . DESCRIBE . "|31|0\none|" . LIST . "|11|0\ntwo|" . DESCRIBE . '|2|1',
	'calls and errors are counted by server and operation');
is($session->query_safe('SELECT sum(calls) FROM forecast_fdw_stats'), requests(), '... as many as the simulator has seen');
is($session->query_safe("SELECT error_codes FROM forecast_fdw_stats WHERE server_name = 'two'"),
	'{"ResourceNotFoundException": 1}', '... errors by code');
is(stats($session, 'all sessions'), '', 'without shared_preload_libraries no other session counts');
my $other = open_session($node);
is(stats($other, 'session'), '', 'another session has counted nothing');
$other->quit;

# A call that is tried again is one call.
$node->safe_psql('postgres', "ALTER SERVER two OPTIONS (SET max_attempts '3')");
$session->query_safe('SELECT forecast_fdw_stats_reset()');
is(stats($session, 'session'), '', 'a reset');
$simulator->clear_log;
$simulator->fault({ fault => 'throttle' }, { fault => 'error', status => 500, code => 'InternalFailure' });
answers($session, describe('two'), 'ACTIVE', 'a call of three attempts');
is(stats($session, 'session', 'calls, errors, retries, throttles, error_codes'), '1|0|2|1|{}', '... is one call without an error');
my @log = $simulator->log;
my $sent = length(encode_json({ PredictorBacktestExportJobArn => $nightly })) * @log;
my ($least, $most) = (0, 0);
foreach my $entry (@log) { $least += $entry->{bytes_out} - 8; $most += $entry->{bytes_out} + 8; }
my ($bytes_sent, $bytes_received) = split /\|/, stats($session, 'session', 'bytes_sent, bytes_received');
is($bytes_sent, $sent, '... that has sent its body three times');
cmp_ok($bytes_received, '>=', $least, '... and received all of the answers');
cmp_ok($bytes_received, '<=', $most, '... and nothing else');

# Latencies: half of the calls took no longer than p50.
$session->query_safe('SELECT forecast_fdw_stats_reset()');
$simulator->latency(50);
answers($session, describe_many('one', 40), 40, 'calls that take 50 ms');
$simulator->latency(0);
my ($p50, $p95, $p99, $total) =
  split /\|/, stats($session, 'session', 'p50_seconds, p95_seconds, p99_seconds, total_seconds');
note("latencies $p50 $p95 $p99, $total in all");
cmp_ok($p50, '>', 0.04, 'the median is no less');
cmp_ok($p50, '<', 0.2,  '... and not much more');
cmp_ok($p95, '>=', $p50, '95 % take longer');
cmp_ok($p99, '>=', $p95, '99 % take longer still');
cmp_ok($total, '>=', 40 * 0.04, 'all together they took their time');

# --- error codes -----------------------------------------------------------------

# More codes than are told apart.
$session->query_safe('SELECT forecast_fdw_stats_reset()');
foreach my $i (1 .. 40)
{
	$simulator->fault({ fault => 'error', code => "Odd${i}Exception" });
	attempt($session, describe('one'));
}
is( stats($session, 'session', "errors,
		(SELECT sum(value::int) FROM jsonb_each_text(error_codes)),
		(SELECT count(*) FROM jsonb_object_keys(error_codes)),
		error_codes->'Odd1Exception', error_codes->'(other)'"),
	'40|40|16|1|25', 'forty error codes: sixteen rows, of which one is for all others');

# What an error is called is somebody else's text.
my @codes = (
	[ 'quotes', 'Odd"Ex\\ception', '{"Odd\\"Ex\\\\ception": 1}' ],
	[ 'a long one', 'X' x 200, '{"' . 'X' x 63 . '": 1}' ],
	[ 'a control character', "Odd\x01", '{"Odd ": 1}' ],
	[ 'wide characters', "\x{20ac}" x 30, '{"' . "\xe2\x82\xac" x 21 . '": 1}' ],
);
foreach my $case (@codes)
{
	my ($what, $code, $expected) = @$case;
	$session->query_safe('SELECT forecast_fdw_stats_reset()');
	$simulator->fault({ fault => 'error', code => $code });
	attempt($session, describe('one'));
	is(stats($session, 'session', 'error_codes'), $expected, "an error code: $what");
}

# One that says nothing is still one of the errors, and so is one that is called as the
# sum of those that are not told apart.
$session->query_safe('SELECT forecast_fdw_stats_reset()');
$simulator->fault(map { { fault => 'respond', status => 400, body => encode_json({ __type => $_ }) } } '#', 'OneException', 'other', map { "C$_" } 1 .. 20);
attempt($session, describe('one')) for 1 .. 23;
is( stats($session, 'session', "errors,
		(SELECT sum(value::int) FROM jsonb_each_text(error_codes)), error_codes->'OneException'"),
	'23|23|1', 'empty codes, and a code "other"');

# A server that says its secrets back, as the code.
$simulator->add_fixture({ Credentials => [ { AccessKeyId => 'ASIAEXAMPLE', SecretAccessKey => SECRET_ACCESS_KEY, SessionToken => TOKEN } ] });
create_server($node, 'token', $simulator->url, key_id => 'ASIAEXAMPLE', token => TOKEN);
$session->query_safe('SELECT forecast_fdw_stats_reset()');
answers($session, describe('token'), 'ACTIVE', 'a call with a session token');
foreach my $code (TOKEN, 'x' . TOKEN, uc TOKEN, substr(TOKEN, 5, 30), SECRET_ACCESS_KEY, 'The token is ' . TOKEN)
{
	$simulator->fault({ fault => 'error', code => $code });
	attempt($session, describe('token'));
}
my $told = stats($session, 'session', 'errors, error_codes');
note($told);
like($told, qr/^6\|/, 'six errors that are called by a secret');
my ($shown) = $told =~ /\|(.*)/s;
my $pieces = join '|', map { my $secret = $_; map { quotemeta substr $secret, $_, 8 } 0 .. length($secret) - 8 } TOKEN, SECRET_ACCESS_KEY;
unlike($shown, qr/$pieces/i, '... show no piece of it');
$node->safe_psql('postgres', 'DROP SCHEMA token CASCADE; DROP SERVER token CASCADE');
is(stats($session, 'session'), '', 'a server that is dropped is not shown any longer');

# Unless it is not dropped after all.
answers($session, describe('one'), 'ACTIVE', 'a call to a server');
is( $session->query_safe('BEGIN; SET LOCAL client_min_messages = warning; DROP SERVER one CASCADE;
		SELECT count(*) FROM forecast_fdw_stats; ROLLBACK'),
	'0', '... which is dropped, but not for good, is not shown');
is(stats($session, 'session'), 'one|' . DESCRIBE . '|1|0', '... and is shown again afterwards');

# --- connections -----------------------------------------------------------------

my $connections = "SELECT server_name, user_name, endpoint_url, remote_address, state, count(*), bool_and(opened <= now())
	FROM forecast_fdw_connections GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 5";
my ($url, $address) = ($simulator->url . '/', $simulator->url =~ s{http://}{}r);

$session->quit;
$node->safe_psql('postgres', "ALTER SERVER one OPTIONS (ADD max_pool_connections '3')");
$session = open_session($node);
answers($session, $connections, '', 'no connection before the first call');
$simulator->latency(20);
answers($session, describe_many('one', 20), 20, 'twenty keys by three connections');
$simulator->latency(0);
answers($session, $connections, "one|$owner|$url|$address|idle|3|t", '... which are idle afterwards');
answers($session, describe('two'), 'ACTIVE', 'another server');
answers($session, $connections, "one|$owner|$url|$address|idle|3|t\ntwo|$owner|$url|$address|idle|1|t", '... has its own');

# A cursor reads a page while the next one is under way.
$simulator->fault({ fault => 'delay', ms => 600_000, operation => LIST, match => 'NextToken' });
$session->query_safe("BEGIN; DECLARE c CURSOR FOR SELECT name FROM one.jobs");
answers($session, 'FETCH 1 FROM c', 'nightly', 'a cursor has its first row');
is($simulator->counters->{in_flight}, 1, '... while a call is under way');
answers($session, "SELECT state, count(*) FROM forecast_fdw_connections WHERE server_name = 'one' GROUP BY 1 ORDER BY 1",
	"active|1\nidle|2", '... which is seen');
$session->query_safe('CLOSE c; COMMIT');
answers($session, "SELECT state, count(*) FROM forecast_fdw_connections WHERE server_name = 'one' GROUP BY 1",
	'idle|2', 'a cursor that is closed gives its call up, with the connection');
$simulator->clear_faults;

# ... and changed options close what was made by the old ones.
$node->safe_psql('postgres', "ALTER SERVER one OPTIONS (SET max_pool_connections '5')");
answers($session, "SELECT DISTINCT server_name FROM forecast_fdw_connections", 'two', 'ALTER SERVER: its connections are gone');
answers($session, describe('one'), 'ACTIVE', '... and the next call makes another');
$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER two OPTIONS (SET aws_secret_access_key '" . SECRET_ACCESS_KEY . "')");
answers($session, "SELECT server_name FROM forecast_fdw_connections", 'one', 'ALTER USER MAPPING: its connections are gone');

# Calls under way when options change are finished by what they were begun with.
$simulator->latency(200);
begin_query($session, describe_many('one', 20));
await(sub { $simulator->counters->{in_flight} > 0 });
$node->safe_psql('postgres', "ALTER SERVER one OPTIONS (SET max_pool_connections '10')");
answers($session, 'SELECT 1', "20\n1", 'ALTER SERVER while calls are under way: the right answer');
$simulator->latency(0);
answers($session, 'SELECT count(*) FROM forecast_fdw_connections', 0, '... and then no connection is left');

# What could not be made is none.
create_server($node, 'nobody', 'http://127.0.0.1:' . unused_port());
is(attempt($session, describe_many('nobody', 20))->{sqlstate}, '08001', 'connections that fail');
answers($session, 'SELECT count(*) FROM forecast_fdw_connections', 0, '... are not shown');

# Everybody may look, at what is his own.
$other = session_of('bob');
answers($other, 'SELECT count(*) FROM forecast_fdw_connections', 0, 'other sessions have none');
$other->quit;
$session->quit;

# --- all sessions ------------------------------------------------------------------

use constant BACKENDS => 8;

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'forecast_fdw'\n");
{
	local $ENV{AWS_REGION}        = 'eu-west-1';
	local $ENV{AWS_SDK_UA_APP_ID} = 'Nightly';
	$node->restart;
}
$simulator->clear_log;
my @backends = map { open_session($node) } 1 .. BACKENDS;
foreach my $i (0 .. $#backends)
{
	begin_query($backends[$i], describe_many('one', 100, 100 * $i + 1) . ' UNION ALL SELECT count(name) FROM one.jobs');
}
foreach my $i (0 .. $#backends)
{
	answers($backends[$i], 'SELECT 1', "100\n1001\n1", "backend $i");
}
is(stats($backends[0], 'session'), 'one|' . DESCRIBE . "|100|0\none|" . LIST . '|11|0', 'a session has its own calls');
is(stats($backends[0], 'all sessions'), 'one|' . DESCRIBE . "|800|0\none|" . LIST . '|88|0', 'all sessions: the calls of all');
is(requests(), 888, '... as many as the simulator has seen');

# Errors, too: of no call is it told twice, or by whom.
$simulator->fault({ fault => 'error', code => 'AccessDeniedException', times => BACKENDS });
attempt($_, describe('two')) for @backends;
is(stats($backends[1], 'all sessions', 'server_name, errors, error_codes'),
	"one|0|{}\none|0|{}\ntwo|" . BACKENDS . '|{"AccessDeniedException": ' . BACKENDS . '}', 'all sessions: the errors of all');
$_->quit for @backends;
$session = open_session($node);
is(stats($session, 'session'), '', 'a new session has none');
like(stats($session, 'all sessions'), qr/^one\|Desc\w+\|800\|0\n/, '... but those of all sessions, of which some have ended');

# --- who is shown what ---------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher; CREATE ROLE granter LOGIN');
my %views = (
	ann     => 'one',             # has USAGE on it
	bob     => '',                # on none
	watcher => "one\ntwo",
	$owner  => "one\ntwo",
);
foreach my $role (sort keys %views)
{
	my $asker = session_of($role);
	answers($asker, 'SELECT DISTINCT server_name FROM forecast_fdw_stats ORDER BY 1', $views{$role}, "all sessions: $role");
	$asker->quit;
}
my $ann = session_of('ann');
answers($ann, describe('one'), 'ACTIVE', 'a role without privileges asks');
like(stats($ann, 'session'), qr/^one\|Desc\w+\|1\|0$/, '... and sees what it asked');
is(attempt($ann, 'SELECT forecast_fdw_stats_reset()')->{sqlstate}, '42501', '... but resets nothing');
is(attempt($ann, "SELECT * FROM forecast_fdw_whoami('two')")->{sqlstate}, '42501', 'whoami needs USAGE');
answers($ann, "SELECT server_name, user_name, provider, access_key_id, region, problem FROM forecast_fdw_whoami('one')",
	'one|ann|user-mapping|****************MPLE|eu-west-1|', '... and with it tells who one is');
$node->safe_psql('postgres', 'REVOKE USAGE ON FOREIGN SERVER one FROM ann');
is(stats($ann, 'session') . stats($ann, 'all sessions'), '', 'who may not use the server any longer sees nothing of it');
is(attempt($ann, "SELECT * FROM forecast_fdw_whoami('one')")->{sqlstate}, '42501', '... and whoami is refused');
$node->safe_psql('postgres', 'GRANT USAGE ON FOREIGN SERVER one TO ann');
$node->safe_psql('postgres', 'GRANT EXECUTE ON FUNCTION forecast_fdw_stats_reset() TO ann');
is(attempt($ann, 'SELECT forecast_fdw_stats_reset()')->{text}, '', 'who may reset, may be anybody');
is(stats($session, 'all sessions'), '', '... and does so for all');
$ann->quit;

# --- databases -----------------------------------------------------------------------

answers($session, describe('one'), 'ACTIVE', 'a call in this database');
$node->safe_psql('postgres', 'CREATE DATABASE another');
$node->safe_psql('another', "
	CREATE EXTENSION forecast_fdw;
	CREATE SERVER one FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1', endpoint_url '" . $simulator->url . "');
	CREATE USER MAPPING FOR CURRENT_USER SERVER one
	  OPTIONS (aws_access_key_id '" . ACCESS_KEY_ID . "', aws_secret_access_key '" . SECRET_ACCESS_KEY . "');
	CREATE SCHEMA one; IMPORT FOREIGN SCHEMA forecast FROM SERVER one INTO one");
my $count = "SELECT sum(calls) FROM forecast_fdw_stats WHERE scope = 'all sessions'";
is($node->safe_psql('another', $count), '', 'another database: nothing is shown of this one');
$node->safe_psql('another', 'SELECT count(*) FROM one.predictor_backtest_export_jobs LIMIT 1');
is($node->safe_psql('another', $count), 11, '... only its own');
answers($session, $count, 1, '... which this one does not show');
$node->safe_psql('another', 'SELECT forecast_fdw_stats_reset()');
answers($session, $count, 1, 'a reset there is none here');
$node->safe_psql('postgres', 'DROP DATABASE another');

# --- a crash ---------------------------------------------------------------------------

my $victim = open_session($node);
answers($victim, describe('one'), 'ACTIVE', 'before a crash');
kill 'KILL', $victim->{backend};
eval { $victim->quit };
eval { $session->quit };
ok(await(sub {
		my ($status, $out) = $node->psql('postgres', 'SELECT count(*) FROM forecast_fdw_stats');
		return $status == 0 && $out eq '0';
	}), 'after a crash the statistics begin anew');
$session = open_session($node);
answers($session, describe('one'), 'ACTIVE', '... and calls are made');
is(stats($session, 'all sessions'), 'one|' . DESCRIBE . '|1|0', '... and counted');

# --- very many servers -------------------------------------------------------------------
#
# More than shared memory has room for.  Sessions have their own limit, of descriptors.

use constant { SERVERS => 300, IN_ONE_SESSION => 50 };

$node->safe_psql('postgres', "
	SELECT forecast_fdw_stats_reset();
	DO \$\$
	BEGIN
		FOR i IN 1 .. " . SERVERS . " LOOP
			EXECUTE format('CREATE SERVER many_%s FOREIGN DATA WRAPPER forecast_fdw
				OPTIONS (region ''eu-west-1'', endpoint_url %L, max_pool_connections ''1'')', i, '" . $simulator->url . "');
			EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER many_%s
				OPTIONS (aws_access_key_id %L, aws_secret_access_key %L)', i, '" . ACCESS_KEY_ID . "', '" . SECRET_ACCESS_KEY . "');
			EXECUTE format('CREATE FOREIGN TABLE many_%s (arn text OPTIONS (field ''PredictorBacktestExportJobArn''), status text)
				SERVER many_%s OPTIONS (resource ''predictor_backtest_export_jobs'')', i, i);
		END LOOP;
	END \$\$;
	CREATE FUNCTION ask(first int, last int) RETURNS int LANGUAGE plpgsql AS \$\$
	DECLARE
		found int := 0;
		n int;
	BEGIN
		FOR i IN first .. last LOOP
			EXECUTE format('SELECT count(status) FROM many_%s WHERE arn = %L', i, '$nightly') INTO n;
			found := found + n;
		END LOOP;
		RETURN found;
	END \$\$");
for (my $first = 1; $first <= SERVERS; $first += IN_ONE_SESSION)
{
	my $last  = $first + IN_ONE_SESSION - 1;
	my $asker = open_session($node);
	answers($asker, "SELECT ask($first, $last)", IN_ONE_SESSION, "servers $first to $last: asked");
	is( $asker->query_safe("SELECT count(*), sum(calls) FROM forecast_fdw_stats WHERE scope = 'session'"),
		IN_ONE_SESSION . '|' . IN_ONE_SESSION, '... and counted in the session');
	is( $asker->query_safe('SELECT count(*) FROM forecast_fdw_connections'), IN_ONE_SESSION, '... which has a connection to each');
	$asker->quit;
}
my ($rows, $calls) = split /\|/, $session->query_safe("SELECT count(*), sum(calls) FROM forecast_fdw_stats WHERE scope = 'all sessions'");
note("all sessions: $rows of " . SERVERS . ' servers');
cmp_ok($rows, '>=', 256, 'all sessions: as many rows as there is room for');
cmp_ok($rows, '<=', 256, '... and no more');
is($calls, $rows, '... each with the one call that was made');

# What is dropped is not shown, and a reset makes room.
$node->safe_psql('postgres', '
	SET client_min_messages = warning;
	DO $$ BEGIN FOR i IN 1 .. ' . SERVERS . " LOOP EXECUTE format('DROP SERVER many_%s CASCADE', i); END LOOP; END \$\$");
is(stats($session, 'all sessions'), '', 'dropped servers are not shown');
$session->query_safe('SELECT forecast_fdw_stats_reset()');
$simulator->clear_log;
answers($session, describe('one'), 'ACTIVE', 'a call after a reset');
is(stats($session, 'all sessions'), 'one|' . DESCRIBE . '|1|0', '... is counted');

# --- a superuser who is one no longer -----------------------------------------------------
#
# The environment was his, in mid-session it is not: neither the region that it names, nor
# the name of the application.

$node->safe_psql('postgres', "
	CREATE ROLE boss LOGIN SUPERUSER;
	CREATE SERVER nameless FOREIGN DATA WRAPPER forecast_fdw OPTIONS (endpoint_url '" . $simulator->url . "')");
let_use($node, 'boss', 'one');
answers($session, describe('two'), 'ACTIVE', 'somebody asks another server');
$node->safe_psql('postgres', "
	GRANT USAGE ON FOREIGN SERVER nameless TO boss;
	CREATE USER MAPPING FOR boss SERVER nameless
	  OPTIONS (aws_access_key_id '" . ACCESS_KEY_ID . "', aws_secret_access_key '" . SECRET_ACCESS_KEY . "')");
my $boss = session_of('boss');
my $region = "SELECT region, problem IS NULL FROM forecast_fdw_whoami('nameless')";
answers($boss, describe('one'), 'ACTIVE', 'a superuser');
like(($simulator->log)[-1]{user_agent}, qr{ app/Nightly\b}, '... has what the environment says');
answers($boss, $region, 'eu-west-1|t', '... and the region');
$node->safe_psql('postgres', 'ALTER ROLE boss NOSUPERUSER');
answers($boss, describe('one'), 'ACTIVE', 'one no longer');
unlike(($simulator->log)[-1]{user_agent}, qr{ app/}, '... has it no longer');
my $result = attempt($boss, $region);
note("$result->{rows}$result->{text}");
unlike($result->{rows}, qr/eu-west-1/, '... nor the region');
like("$result->{rows}$result->{text}", qr/HV002|has no region|\|f/, '... and is told');
is(stats($boss, 'all sessions'), 'one|' . DESCRIBE . '|3|0', '... and sees the servers that he may use');
is(attempt($boss, 'SELECT forecast_fdw_stats_reset()')->{sqlstate}, '42501', '... and resets nothing');
$node->safe_psql('postgres', 'ALTER ROLE boss SUPERUSER');
answers($boss, $region, 'eu-west-1|t', 'one again');

$_->quit for $boss, $session;
done_testing();
