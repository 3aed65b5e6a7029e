# The places a backend can find itself in: databases of other encodings, a
# library loaded by the postmaster, single-user mode, dump and restore.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

# A job whose ARN and message are not ASCII: u umlaut is in LATIN1, the euro not.
my $umlaut = "\xc3\xbc";
my $latin  = job_arn("\x{fc}ber");
my $job    = ForecastSimulator::default_fixture()->{PredictorBacktestExportJobs}[0];
my $simulator = ForecastSimulator->start(
	fixture => {
		PredictorBacktestExportJobs => [
			$job,
			{ %$job, PredictorBacktestExportJobArn => $latin, Message => "\x{fc}ber" },
			{ %$job, PredictorBacktestExportJobArn => job_arn('euro'), Message => "5 \x{20ac}" },
		]
	});
my $node = new_cluster(conf => "shared_preload_libraries = 'forecast_fdw'\n");
create_server($node, 'forecast', $simulator->url);
my $nightly = job_arn('nightly');

sub status_is
{
	my ($database, $what) = @_;
	is( $node->safe_psql($database, "SELECT status FROM forecast.jobs WHERE arn = '$nightly'"),
		'ACTIVE', $what);
	return;
}

status_is('postgres', 'loaded by the postmaster, used by a backend');
status_is('postgres', '... and by another');

# --- parallel query ---------------------------------------------------------

# The setting has another name since PostgreSQL 16.
is( $node->safe_psql('postgres', "
		DO \$\$ BEGIN PERFORM set_config(name, 'on', false) FROM pg_settings
		  WHERE name IN ('force_parallel_mode', 'debug_parallel_query'); END \$\$;
		SELECT status FROM forecast.jobs WHERE arn = '$nightly'"),
	'ACTIVE', 'where a parallel plan is wanted');

# --- dump and restore -------------------------------------------------------

my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('restored'), '-f', $dump ],
	'restore');
status_is('restored', 'a restored table works');
$node->safe_psql('restored', 'DROP EXTENSION forecast_fdw CASCADE; CREATE EXTENSION forecast_fdw');

# --- encodings --------------------------------------------------------------

sub ask
{
	my ($database, $column, $arn) = @_;
	my ($out, $err);

	$node->psql($database,
		"SET client_encoding = 'UTF8'; SELECT $column FROM forecast.jobs WHERE arn = '$arn'",
		stdout => \$out, stderr => \$err, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $err =~ /ERROR:  (\w+)/ ? $1 : $out;
}

foreach my $encoding ('LATIN1', 'SQL_ASCII')
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $encoding ENCODING '$encoding' LOCALE 'C' TEMPLATE template0");
	$node->command_ok([ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr(lc $encoding), '-f', $dump ],
		"$encoding: restore");
	status_is(lc $encoding, "$encoding: ASCII");
	is(ask(lc $encoding, 'message', job_arn("${umlaut}ber")),
		"${umlaut}ber", "$encoding: an umlaut, in key and answer");
}
is(ask('latin1', 'octet_length(message)', job_arn("${umlaut}ber")), '4', 'LATIN1: converted');
is(ask('latin1',    'message', job_arn('euro')), '22P05', 'LATIN1 has no euro: an error');
is(ask('latin1',    'status',  job_arn('euro')), 'ACTIVE', '... where it is asked for');
is(ask('sql_ascii', 'message', job_arn('euro')), "5 \xe2\x82\xac", 'SQL_ASCII takes the bytes');
is(ask('sql_ascii', 'status', job_arn("\xff")), '22021', 'a key that is not UTF-8: an error');

# An error whose text has no place in the encoding is reported all the same.
$simulator->fault({ fault => 'error', code => 'AccessDeniedException', message => "5 \x{20ac}" });
is(ask('latin1', 'status', $nightly), '42501', 'LATIN1: an error that speaks of euros');

# --- single-user mode -------------------------------------------------------

my $bindir = $node->config_data('--bindir');
my $data   = $node->data_dir;
$node->stop;
my ($out, $err) = ('', '');
IPC::Run::run([ "$bindir/postgres", '--single', '-D', $data, 'postgres' ],
	'<', \"SELECT status FROM forecast.jobs WHERE arn = '$nightly'\n", '>', \$out, '2>', \$err);
like($out, qr/status = "ACTIVE"/, 'single-user mode');

done_testing();
