# What happens meanwhile: while calls are under way a cursor idles, options change,
# and other sessions change rows.

use strict;
use warnings;

use FindBin;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT generated_jobs predictor_arn);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $running; # a file that is there once the server's own identity is looked for
my $simulator = ForecastSimulator->start(fixture => generated_jobs(1000, 500));
my $node      = slow_identity_cluster();
my $session   = open_session($node);

# A cluster whose own identity takes two seconds to get.
sub slow_identity_cluster
{
	my $folder  = PostgreSQL::Test::Utils::tempdir();
	my $printed = encode_json({ Version => 1, AccessKeyId => ACCESS_KEY_ID, SecretAccessKey => SECRET_ACCESS_KEY });

	append_to_file("$folder/credentials.sh", "touch $folder/running\nsleep 2\necho '$printed'\n");
	append_to_file("$folder/config", "[default]\ncredential_process = sh $folder/credentials.sh\n");
	local $ENV{AWS_CONFIG_FILE}             = "$folder/config";
	local $ENV{AWS_SHARED_CREDENTIALS_FILE} = '/nonexistent';
	$running = "$folder/running";
	return new_cluster();
}

# --- time that nobody waits does not count ----------------------------------

# A page and describe calls are under way while the cursor idles.
sub idles
{
	my ($server, $what) = @_;

	$session->query_safe("BEGIN; DECLARE c CURSOR FOR SELECT name, format FROM $server.jobs");
	is(attempt($session, 'FETCH 1 FROM c')->{text}, '', "$what: a first row");
	sleep 0.8;
	my $result = attempt($session, 'MOVE ALL IN c; FETCH PRIOR FROM c');
	unlike($result->{text}, qr/08\d\d\d/, "$what: no time-out after a pause");
	$session->query_safe('ROLLBACK');
	return;
}

create_server($node, 'hasty', $simulator->url,
	connect_timeout => '500ms', read_timeout => '500ms', fetch_size => 20);
idles('hasty', 'http');

SKIP:
{
	my $folder = PostgreSQL::Test::Utils::tempdir();

	skip 'openssl is missing: TLS is not tested', 3
	  if system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
		  . "-subj /CN=localhost -addext 'subjectAltName = IP:127.0.0.1' "
		  . "-keyout $folder/key -out $folder/crt >$folder/log 2>&1") != 0;
	my $secure = ForecastSimulator->start(
		tls     => [ "$folder/crt", "$folder/key" ],
		fixture => generated_jobs(1000, 500));
	create_server($node, 'secure', $secure->url, ca_bundle => "$folder/crt",
		connect_timeout => '500ms', read_timeout => '500ms', fetch_size => 20);
	idles('secure', 'https');

	# Neither does the time that is taken over the rows of one branch of an Append make
	# another one late, whose connection is being made step by step: TLS 1.2 takes two.
	append_to_file("$folder/openssl.cnf", "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.2\n");
	local $ENV{OPENSSL_CONF} = "$folder/openssl.cnf";
	my $old = ForecastSimulator->start(tls => [ "$folder/crt", "$folder/key" ]);
	create_server($node, 'distant', 'https://127.0.0.1:' . slow_relay($old->port),
		ca_bundle => "$folder/crt", async_capable => 'true', connect_timeout => '1s');
	create_server($node, 'near', $simulator->url, async_capable => 'true');
	my $loop = attempt($session, "DO \$\$
		DECLARE
		  seen integer := 0;
		  job  record;
		BEGIN
		  FOR job IN SELECT name FROM distant.jobs WHERE arn = '" . job_arn('job_1') . "'
			UNION ALL SELECT name FROM near.jobs WHERE arn = ANY (ARRAY(SELECT '" . job_arn('job_') . "' || i FROM generate_series(1, 100) i))
		  LOOP
			PERFORM pg_sleep(2) WHERE seen = 0;
			seen := seen + 1;
		  END LOOP;
		  RAISE NOTICE 'rows: %', seen;
		END \$\$");
	like($loop->{text}, qr/NOTICE: .*rows: 101$/m, 'an Append: a pause over the rows of one branch');
}

# Passes bytes on to the port, and takes its time to pass any back.
sub slow_relay
{
	my ($port) = @_;
	return serve(sub {
		my ($client) = @_;
		my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
		my $both   = IO::Select->new($client, $server);

		while (my @ready = $both->can_read)
		{
			foreach my $from (@ready)
			{
				sysread($from, my $data, 65536) or return;
				sleep 0.3 if $from == $server;
				syswrite($from == $client ? $server : $client, $data) or return;
			}
		}
	});
}

# The time-outs are still there when somebody waits, with pauses in between or not.
$simulator->fault({ fault => 'stall', times => 0 });
is(attempt($session, 'SELECT name FROM hasty.jobs')->{sqlstate}, '08006', 'who waits is told');
$simulator->clear_faults;

# ... and so they are where an Append waits for a server that is busy, and for one that
# has gone silent.
my $busy = ForecastSimulator->start(fixture => generated_jobs(1000, 500));
create_server($node, 'busy', $busy->url, async_capable => 'true', fetch_size => 10);
create_server($node, 'silent', $simulator->url, async_capable => 'true', read_timeout => '1s');
$busy->latency(200);
$simulator->fault({ fault => 'stall', times => 0 });
my $append = 'SELECT name FROM busy.jobs UNION ALL SELECT name FROM silent.jobs';
like($session->query_safe("EXPLAIN $append"), qr/Async Foreign Scan.*Async Foreign Scan/s, 'an Append: plan');
my $failed = attempt($session, "SELECT count(*) FROM ($append) x");
is($failed->{sqlstate}, '08006', 'an Append: one branch is silent, the other busy');
cmp_ok($failed->{seconds}, '<', 10, '... for 20 seconds: not so long');
$simulator->clear_faults;

# --- options that change ----------------------------------------------------

my $other = ForecastSimulator->start(fixture => generated_jobs(1000, 500));
create_server($node, 'forecast', $simulator->url, cache_ttl => '1h', async_capable => 'true');
my $arns = join ', ', map { "'" . job_arn("job_$_") . "'" } 1 .. 30;

# What was asked before is not kept when everything is forgotten before it is read:
# job_10 is among the first ten, which are asked about at once.
foreach my $case (
	[ 'forecast_fdw_cache_flush', 'SELECT forecast_fdw_cache_flush()', $simulator ],
	[ 'ALTER SERVER', "ALTER SERVER forecast OPTIONS (SET endpoint_url '" . $other->url . "')", $other ])
{
	my ($what, $forget, $asked) = @$case;
	my $session = open_session($node);

	$session->query_safe("
		BEGIN; DECLARE c CURSOR FOR SELECT name FROM forecast.jobs WHERE arn IN ($arns)");
	$session->query_safe('FETCH 1 FROM c');
	$session->query_safe($forget);
	is(attempt($session, 'MOVE ALL IN c')->{text}, '', "$what: the cursor goes on");
	$session->query_safe('COMMIT');
	$asked->clear_log;
	is(attempt($session, "SELECT count(*) FROM forecast.jobs WHERE arn = '" . job_arn('job_10') . "'")->{rows},
		1, "$what: the next statement");
	is($asked->counters->{requests}, 1, "$what: ... asks");
	$session->quit;
}

# Calls of an old client do not keep those awake who wait for a new one.
$simulator->latency(300);
$other->latency(300);
$session->query_safe("
	BEGIN;
	DECLARE a CURSOR FOR SELECT name FROM forecast.jobs UNION ALL SELECT status FROM forecast.jobs;
	DECLARE b CURSOR FOR SELECT name FROM forecast.jobs");
$session->query_safe('FETCH 1 FROM a; FETCH 1 FROM b');
$session->query_safe("ALTER SERVER forecast OPTIONS (ADD read_timeout '59s')");
my $cpu = cpu_seconds();
is(attempt($session, 'MOVE 1500 IN a')->{text}, '', 'an Append over ALTER SERVER goes on');
cmp_ok(cpu_seconds() - $cpu, '<', 1, '... and sleeps while it waits');
is(attempt($session, 'MOVE ALL IN b')->{text}, '', '... and so does another scan');
$session->query_safe('COMMIT');
$simulator->latency(0);

sub cpu_seconds
{
	my @stat = split / /, (slurp_file("/proc/$session->{backend}/stat") =~ s/^.*\) //sr);
	return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# Options change while credentials are fetched.  In an encoding other than UTF-8 the
# call is converted first, which looks catalogs up, which tells of the change.
$node->safe_psql('postgres', "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'");
$node->safe_psql('latin', "
	CREATE EXTENSION forecast_fdw;
	CREATE SERVER forecast FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1', endpoint_url '" . $simulator->url . "');
	CREATE USER MAPPING FOR CURRENT_USER SERVER forecast;
	CREATE FOREIGN TABLE jobs (arn text OPTIONS (field 'PredictorBacktestExportJobArn'), status text)
	  SERVER forecast OPTIONS (resource 'predictor_backtest_export_jobs')");
foreach my $function ("status FROM jobs WHERE arn = '" . job_arn('job_1') . "'", "provider FROM forecast_fdw_whoami('forecast')")
{
	my $latin = $node->background_psql('latin', on_error_stop => 0);
	unlink $running;
	$latin->query_safe("SET client_encoding = 'LATIN1'");
	begin_query($latin, "SELECT $function");
	ok(await(sub { -e $running }), 'credentials are fetched');
	$node->safe_psql('latin', 'ALTER SERVER forecast OPTIONS (' . ($function =~ /^status/ ? 'ADD' : 'SET') . " read_timeout '59s')");
	like(attempt($latin, '')->{rows}, qr/^(?:ACTIVE|custom-process)$/, 'ALTER SERVER meanwhile: the answer comes');
	$latin->quit;
}

# --- rows that change -------------------------------------------------------

# A row of the outer table is changed by somebody else while the query waits for it:
# the joined row is checked again with the inner row that it had.
$session->query_safe("
	CREATE TABLE reports (id int, predictor text, version int);
	INSERT INTO reports VALUES (1, '" . predictor_arn(1) . "', 0);
	ANALYZE reports");
my $join = "SELECT r.version, j.name FROM reports r JOIN forecast.jobs j ON j.predictor_arn = r.predictor
	ORDER BY j.name FOR UPDATE OF r";
foreach my $lookup_join ('on', 'off')
{
	my $writer = open_session($node);

	$session->query_safe("UPDATE reports SET version = 0; SET forecast_fdw.enable_lookup_join = $lookup_join");
	is($session->query_safe("EXPLAIN (COSTS OFF) $join") =~ /LookupJoin/ ? 'on' : 'off',
		$lookup_join, "lookup join $lookup_join: plan");
	$writer->query_safe('BEGIN; UPDATE reports SET version = 1');
	begin_query($session, $join);
	ok( await(sub { $writer->query_safe("SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{backend} AND wait_event_type = 'Lock'") eq '1' }),
		"lookup join $lookup_join: the query waits for the row");
	$simulator->clear_log;
	$writer->query_safe('COMMIT');
	my $rows = attempt($session, '')->{rows};
	is($rows, "1|job_1\n1|job_501", "lookup join $lookup_join: both jobs, and the new version");
	is($simulator->counters->{requests}, 0, "lookup join $lookup_join: the recheck asks nothing");
	$writer->quit;
}

$session->quit;
done_testing();
