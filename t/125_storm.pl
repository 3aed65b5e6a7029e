# Ten thousand lookups in a storm: a fifth of all requests fail in one of many ways,
# and the query gives every row, once.  Then a service that is down, one that hangs,
# and one that comes back: errors within bounds, and sessions that go on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT explanation finish_query generated_jobs);
use List::Util qw(sum);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	JOBS     => 10_000,
	SHARE    => 0.2,
	BACKENDS => 8,
	PATIENCE => $PostgreSQL::Test::Utils::timeout_default,
};

my $simulator = ForecastSimulator->start(fixture => generated_jobs(JOBS, 50));
my $node      = new_cluster(conf => "jit = off\n");
my @timeouts  = (read_timeout => '1s', connect_timeout => '1s');

foreach my $server ('forecast', 'second')
{
	create_server($node, $server, $simulator->url, @timeouts, max_attempts => 10,
		max_pool_connections => $server eq 'forecast' ? 32 : 8, batch_size => 1000, async_capable => 'true');
}
create_server($node, 'usual', $simulator->url, @timeouts, max_attempts => undef);

my $session = open_session($node);
$session->query_safe("SET my.part = 0");
$session->query_safe('
	CREATE TABLE wanted (n integer, arn text);
	INSERT INTO wanted SELECT n, ' . "'" . job_arn('job_') . "' || n FROM generate_series(1, " . JOBS . ') n;
	CREATE TABLE got (arn text, name text, status text, predictor_arn text);
	ANALYZE wanted');

# The storm is for many backends: each has its part of the lookups.
my @backends = map { open_session($node, timeout => 3 * PATIENCE) } 1 .. BACKENDS;
foreach my $i (0 .. $#backends)
{
	$backends[$i]->query_safe("SET my.part = $i");
}

# No other way of joining than by lookups.
foreach my $each ($session, @backends)
{
	$each->query_safe('SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off');
}

# --- the storm ---------------------------------------------------------------

# Rows that are missing, or there more than once, or not what the fixture says.
sub wrong_rows
{
	return $session->query_safe(q{
		SELECT count(*) FILTER (WHERE g.arn IS NULL) AS missing,
		  count(*) FILTER (WHERE g.copies > 1) AS more_than_once,
		  count(*) FILTER (WHERE g.name <> 'job_' || w.n
			OR g.status <> CASE WHEN (w.n - 1) / 50 % 2 = 0 THEN 'ACTIVE' ELSE 'CREATE_FAILED' END
			OR g.predictor_arn NOT LIKE '%:predictor/predictor_' || ((w.n - 1) % 50 + 1)) AS wrong
		FROM wanted w LEFT JOIN (
		  SELECT arn, count(*) AS copies, min(name) AS name, min(status) AS status,
			min(predictor_arn) AS predictor_arn
		  FROM got GROUP BY arn) g USING (arn)});
}

# libcurl itself sends a request again whose connection, an old one, ends before
# anything of the answer has come: the same attempt of the same call arrives twice.
sub sent_again_by_libcurl
{
	my %seen;
	return scalar grep { $seen{"$_->{invocation_id} $_->{sdk_request}"}++ } $simulator->log;
}

# Runs a query that fills "got", each backend for its part of what is wanted, by a
# pool of so many connections.  %options are of the storm.
sub weather
{
	my ($what, $query, $plan, $pool, %options) = @_;

	$session->query_safe('TRUNCATE got');
	like($session->query_safe("EXPLAIN (COSTS OFF) $query"), $plan, "$what: plan");
	$simulator->clear_log;
	$simulator->storm(SHARE, %options);
	my $began   = time;
	my @results = explained_by_all("INSERT INTO got $query");
	my $seconds = time - $began;
	$simulator->storm(0);

	is(join('', map { $_->{text} } @results), '', "$what: no error");
	is(wrong_rows(), '0|0|0', "$what: every row is right, and there once");
	return if grep { $_->{text} ne '' } @results;

	my %sum;
	foreach my $count (qw(calls retries throttles))
	{
		$sum{$count} = sum(map { $_->{$count} } @results);
	}
	my $counters = $simulator->counters;
	my $faults   = $simulator->faults_met;
	my $again    = sent_again_by_libcurl();
	note(sprintf '%s: %.1f s, %d requests, faults: %s; %d retries, %d sent again by libcurl', $what,
		$seconds, $counters->{requests}, join(', ', map { "$_ $counters->{faults}{$_}" } sort keys %{ $counters->{faults} }),
		$sum{retries}, $again);
	cmp_ok($faults, '>', JOBS * SHARE / 2, "$what: it was a storm");
	is($counters->{requests}, JOBS + $faults, "$what: one more request for each fault");
	is($sum{calls}, JOBS, "$what: calls");
	is($sum{retries} + $again, $faults, "$what: one more attempt for each fault");
	is($sum{throttles}, scalar(grep { ($_->{error} // '') eq 'ThrottlingException' || $_->{status} == 429 } $simulator->log),
		"$what: throttles");
	cmp_ok($counters->{max_in_flight}, '<=', $pool * BACKENDS, "$what: no more at once than max_pool_connections");
	return;
}

# What EXPLAIN ANALYZE of the query says in each backend, all at once.
sub explained_by_all
{
	my ($query) = @_;

	begin_query($_, "EXPLAIN (ANALYZE, FORMAT JSON) $query") foreach @backends;
	return map { explanation(finish_query($_)) } @backends;
}

my $fields = 'j.arn, j.name, j.status, j.predictor_arn';
my $mine   = "SELECT arn FROM wanted WHERE n % @{[BACKENDS]} = current_setting('my.part')::integer";
my $join   = "SELECT $fields FROM ($mine OFFSET 0) w JOIN forecast.jobs j ON j.arn = w.arn";
my $array  = "SELECT $fields FROM forecast.jobs j WHERE arn = ANY (ARRAY($mine))";

# Two thirds of them at one server, the rest at another beside it.
my $append = join ' UNION ALL ', map {
	my ($server, $part) = @$_;
	"SELECT $fields FROM $server.jobs j WHERE arn = ANY (ARRAY($mine AND n % 3 $part 0))"
} ['forecast', '>'], ['second', '='];

weather('a storm, join',        $join,   qr/LookupJoin/,                                32,     seed => 1);
weather('a storm, = ANY',       $array,  qr/Foreign Scan/,                              32,     seed => 2);
weather('a storm, two servers', $append, qr/Async Foreign Scan.*Async Foreign Scan/s, 32 + 8, seed => 3);
$_->quit foreach @backends;

# --- down --------------------------------------------------------------------

sub status_from
{
	my ($server) = @_;
	return "SELECT status FROM $server.jobs WHERE arn = '" . job_arn('job_1') . "'";
}

sub goes_on
{
	my ($what) = @_;
	my $result = attempt($session, status_from('usual'));
	is($result->{rows} . $result->{text}, 'ACTIVE', "$what: the session goes on");
	$result = attempt($session, "SELECT count(name), count(DISTINCT name) FROM ($array LIMIT 100) j");
	is($result->{rows} . $result->{text}, '100|100', "$what: ... with many calls");
	return;
}

# An error, and not after many times what three attempts may take.
sub fails
{
	my ($what, $query, $sqlstate, $message) = @_;
	my $result = attempt($session, $query);

	is($result->{sqlstate}, $sqlstate, "$what: SQLSTATE") or diag($result->{text});
	like($result->{message}, $message, "$what: message");
	cmp_ok($result->{seconds}, '<', PATIENCE, "$what: in time");
	note(sprintf '%s: %.1f s', $what, $result->{seconds});
	return;
}

my $unreachable = qr/^could not connect to /;
my $silent      = qr/within the read timeout/;
my $usual_array = "SELECT count(*) FROM usual.jobs WHERE arn = ANY (ARRAY(SELECT arn FROM wanted LIMIT 200))";
my $usual_join  = 'SELECT count(j.name) FROM (SELECT * FROM wanted LIMIT 200) w JOIN usual.jobs j ON j.arn = w.arn';

$simulator->stop;
fails('down',              status_from('usual'), '08001', $unreachable);
fails('down, = ANY',       $usual_array,         '08001', $unreachable);
fails('down, lookup join', $usual_join,          '08001', $unreachable);
fails('down, a list',      'SELECT count(name) FROM usual.jobs', '08001', $unreachable);
$simulator->launch($simulator->port);
goes_on('up again');
is($simulator->counters->{errors}{ThrottlingException}, undef, 'up again: no throttles');

# It goes down in the middle of a query, with all connections.
$simulator->latency(50);
begin_query($session, "SELECT count(*) FROM usual.jobs WHERE arn = ANY (ARRAY(SELECT arn FROM wanted))");
ok(await(sub { $simulator->counters->{requests} > 100 }), 'down in the middle: it has begun');
$simulator->stop;
like(finish_query($session)->{text}, qr/ERROR:  080(?:01|06): /, 'down in the middle: an error');
$simulator->launch($simulator->port);
goes_on('down in the middle');

# It is restarted in the middle of a query, which does not notice.
$simulator->latency(20);
begin_query($session, "SELECT count(*), count(DISTINCT arn) FROM forecast.jobs WHERE arn = ANY (ARRAY(SELECT arn FROM wanted))");
ok(await(sub { $simulator->counters->{requests} > 1000 }), 'restarted in the middle: it has begun');
$simulator->restart;
my $restarted = finish_query($session);
is($restarted->{rows} . $restarted->{text}, JOBS . '|' . JOBS, 'restarted in the middle: every row');
goes_on('restarted in the middle');

# --- hung --------------------------------------------------------------------

# It takes requests and never answers.
$simulator->fault({ fault => 'stall', times => 'forever' });
fails('hung',              status_from('usual'), '08006', $silent);
fails('hung, = ANY',       $usual_array,         '08006', $silent);
fails('hung, lookup join', $usual_join,          '08006', $silent);
ok(await(sub { $simulator->counters->{in_flight} == 0 }), 'hung: nobody waits any more');
$simulator->clear_faults;
goes_on('hung');

# It takes connections and never reads.
my $deaf = serve(sub { sleep 600 });
create_server($node, 'deaf', "http://127.0.0.1:$deaf", @timeouts, max_attempts => undef);
fails('deaf', status_from('deaf'), '08006', $silent);
goes_on('deaf');

$session->quit;
done_testing();
