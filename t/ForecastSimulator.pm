# The simulator of Amazon Forecast, and all else that the TAP tests share.
#
#   my $simulator = ForecastSimulator->start;
#   my $node = new_cluster();
#   create_server($node, 'forecast', $simulator->url);
#   my $session = open_session($node);
#   my $result = attempt($session, "SELECT status FROM forecast.jobs WHERE ...");
#
# Everything started here is stopped when the test ends.  See docs/simulator.md
# for the faults and the control plane.
package ForecastSimulator;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use List::Util qw(sum0);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  ACCESS_KEY_ID SECRET_ACCESS_KEY
  attempt await begin_query create_server job_arn let_use new_cluster open_session
  serve unused_port
);
our @EXPORT_OK = qw(
  explained explanation finish_query generated_jobs holdings is_flat predictor_arn
  reset_peak peak_kB
);

# The keys that the simulator accepts, of the examples in AWS's documentation.
use constant ACCESS_KEY_ID     => 'AKIAIOSFODNN7EXAMPLE';
use constant SECRET_ACCESS_KEY => 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

# "Soon", in seconds, for things that take milliseconds on an idle machine.
my $patience = $PostgreSQL::Test::Utils::timeout_default;

my $program =
  dirname(abs_path(__FILE__)) . '/../test/simulator/forecast-simulator';

# Processes to stop at the end, by the process that started them.
my %running;

# The pipes from simulators.  To close one is to wait for its process, so they
# stay open until that has been stopped.
my @outputs;

sub start_process
{
	my ($pid) = @_;
	$running{$pid} = $$;
	return $pid;
}

sub stop_process
{
	my ($pid, $signal) = @_;
	return unless delete $running{$pid};
	kill $signal || 'TERM', $pid;
	waitpid($pid, 0);
	return;
}

END
{
	my $status = $?;
	for my $pid (grep { $running{$_} == $$ } keys %running)
	{
		stop_process($pid);
	}
	$? = $status;
}

# --- the simulator ---------------------------------------------------------

# ARNs of the simulator's jobs: "nightly", and "job_1" to "job_1000".
sub job_arn
{
	my ($name) = @_;
	return 'arn:aws:forecast:eu-west-1:123456789012:predictor-backtest-export-job/'
	  . $name;
}

# ARNs of the predictors of generated jobs: "predictor_1" and so on.
sub predictor_arn
{
	my ($number) = @_;
	return "arn:aws:forecast:eu-west-1:123456789012:predictor/predictor_$number";
}

# A fixture of so many jobs, "job_1" and so on, and of nothing else.  They belong
# to the predictors in turn, and the statuses take turns within a predictor.
sub generated_jobs
{
	my ($count, $predictors) = @_;
	return {
		PredictorBacktestExportJobs => [],
		Generate                    => {
			PredictorBacktestExportJobs => {
				count      => $count,
				predictors => $predictors,
				statuses   => [ 'ACTIVE', 'CREATE_FAILED' ]
			}
		}
	};
}

# What a simulator holds unless it is told otherwise.
sub default_fixture
{
	return {
		PredictorBacktestExportJobs => [
			{
				PredictorBacktestExportJobArn  => job_arn('nightly'),
				PredictorBacktestExportJobName => 'nightly',
				PredictorArn                   =>
				  'arn:aws:forecast:eu-west-1:123456789012:predictor/retail_demand',
				Destination => {
					S3Config => {
						Path    => 's3://forecast-exports/nightly',
						RoleArn => 'arn:aws:iam::123456789012:role/ForecastExport'
					}
				},
				Status               => 'ACTIVE',
				CreationTime         => '2024-11-03T02:00:05.417Z',
				LastModificationTime => '2024-11-03T02:21:40.062Z',
				Format               => 'PARQUET',
			}
		],
		Generate => { PredictorBacktestExportJobs => { count => 1000 } },
	};
}

# Starts a simulator and waits until it is ready.  Options: host, port, tls
# ([certificate, key]), job_seconds, fixture (a hash; added to the default one).
#
# The methods below that talk to it are for plain http: core Perl has no TLS.
sub start
{
	my ($class, %options) = @_;
	my $fixture = { %{ default_fixture() }, %{ $options{fixture} || {} } };
	my $file    = PostgreSQL::Test::Utils::tempdir() . '/fixture.json';

	append_to_file($file, encode_json($fixture));
	my $self = bless {
		fixture     => $file,
		tls         => $options{tls},
		host        => $options{host},
		job_seconds => $options{job_seconds} // 2,
		http        => HTTP::Tiny->new(keep_alive => 0, timeout => $patience),
	}, $class;
	$self->launch($options{port} || 0);
	return $self;
}

# The program and its arguments, but for the port.
sub command
{
	my ($self) = @_;
	my @tls  = $self->{tls}  ? ('--tls',  @{ $self->{tls} }) : ();
	my @host = $self->{host} ? ('--host', $self->{host})     : ();
	return ($program, '--fixture', $self->{fixture}, '--job-seconds', $self->{job_seconds}, @tls, @host);
}

sub launch
{
	my ($self, $port) = @_;
	my @command = ($self->command, '--port', $port);
	my $pid = open(my $output, '-|', @command)
	  or die "could not start $command[0]: $!";
	$self->{pid} = start_process($pid);
	push @outputs, $output;

	my $ready = <$output> // '';
	$ready =~ m{listening on (\S+:(\d+))}
	  or die "the simulator did not start: $ready";
	$self->{url}  = $1;
	$self->{port} = $2;
	return;
}

sub stop
{
	my ($self) = @_;
	stop_process($self->{pid});
	return;
}

# Stops it and starts it again on the same port: all connections are lost.
sub restart
{
	my ($self) = @_;
	$self->stop;
	$self->launch($self->{port});
	return;
}

sub url  { return $_[0]->{url}; }
sub port { return $_[0]->{port}; }

# Talks to the control plane and returns what it answers.
sub control
{
	my ($self, $method, $path, $body) = @_;
	my %request = defined $body ? (content => encode_json($body)) : ();
	my $answer =
	  $self->{http}->request($method, "$self->{url}/_simulator/$path", \%request);

	die "$method $path: $answer->{status} $answer->{content}"
	  unless $answer->{success};
	return decode_json($answer->{content});
}

# The log of API requests: a list of hashes, the oldest first.
sub log
{
	my ($self) = @_;
	return @{ $self->control('GET', 'log') };
}

sub clear_log    { return $_[0]->control('DELETE', 'log'); }
sub counters     { return $_[0]->control('GET',    'counters'); }
sub reset        { return $_[0]->control('POST',   'reset', {}); }
sub clear_faults { return $_[0]->control('DELETE', 'faults'); }

# Adds faults, each a hash, to the queue.
sub fault
{
	my ($self, @faults) = @_;
	return $self->control('POST', 'faults', \@faults);
}

# Holds every answer back for so many milliseconds from now on.
sub latency
{
	my ($self, $milliseconds) = @_;
	return $self->control('POST', 'latency', { ms => $milliseconds });
}

# Throttles what is more than so many requests a second; 0 for no limit.
sub rate
{
	my ($self, $per_second, $burst) = @_;
	return $self->control('POST', 'rate',
		{ per_second => $per_second, burst => $burst // $per_second || undef });
}

# Hits a share of all requests by a fault of the kinds; see the documentation.
sub storm
{
	my ($self, $share, %options) = @_;
	return $self->control('POST', 'storm', { share => $share, %options });
}

# How many requests have met faults.
sub faults_met
{
	my ($self) = @_;
	return sum0(values %{ $self->counters->{faults} });
}

# Puts its clock fast by so many seconds.
sub clock
{
	my ($self, $offset) = @_;
	return $self->control('POST', 'clock', { offset_seconds => $offset });
}

sub add_fixture
{
	my ($self, $fixture) = @_;
	return $self->control('POST', 'fixture', $fixture);
}

# --- other servers ---------------------------------------------------------

# Starts a server that calls $handler with each connection, one after the other,
# and closes it afterwards.  Returns the port.
sub serve
{
	my ($handler) = @_;
	my $listener =
	  IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 16, ReuseAddr => 1)
	  or die "could not listen: $@";
	my $pid = fork // die "could not fork: $!";

	if ($pid == 0)
	{
		$SIG{PIPE} = 'IGNORE';
		$SIG{TERM} = 'DEFAULT';
		while (my $connection = $listener->accept)
		{
			$connection->autoflush(1);
			eval { $handler->($connection); };
			close $connection;
		}
		POSIX::_exit(0);
	}
	start_process($pid);
	return $listener->sockport;
}

# A port where nobody listens.
sub unused_port
{
	my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
	  or die "could not listen: $@";
	return $socket->sockport;
}

# --- PostgreSQL ------------------------------------------------------------

# A running cluster with the extension in its database "postgres".
sub new_cluster
{
	my (%options) = @_;
	my $node = PostgreSQL::Test::Cluster->new('main');

	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', $options{conf} || '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION forecast_fdw');
	return $node;
}

# A server of that name with a mapping for the superuser, and the foreign table
# "jobs" in a schema of the same name: imported, with shorter names.  Options:
# any of the server, and key_id, secret and token for the mapping.  Calls are tried
# once, so that each fault shows, unless max_attempts says otherwise (undef: the
# default).
sub create_server
{
	my ($node, $name, $url, %options) = @_;
	%options = (max_attempts => 1, %options);
	my $key_id = delete $options{key_id} // ACCESS_KEY_ID;
	my $secret = delete $options{secret} // SECRET_ACCESS_KEY;
	my $token  = delete $options{token};
	my $extra  = join '', map { ", $_ '$options{$_}'" } grep { defined $options{$_} } sort keys %options;
	my $session_token = $token ? ", aws_session_token '$token'" : '';

	$node->safe_psql('postgres', <<"EOSQL");
CREATE SERVER $name FOREIGN DATA WRAPPER forecast_fdw
  OPTIONS (region 'eu-west-1', endpoint_url '$url'$extra);
CREATE USER MAPPING FOR CURRENT_USER SERVER $name
  OPTIONS (aws_access_key_id '$key_id', aws_secret_access_key '$secret'$session_token);
CREATE SCHEMA $name;
IMPORT FOREIGN SCHEMA forecast FROM SERVER $name INTO $name;
ALTER FOREIGN TABLE $name.predictor_backtest_export_jobs RENAME TO jobs;
ALTER FOREIGN TABLE $name.jobs RENAME COLUMN predictor_backtest_export_job_arn TO arn;
ALTER FOREIGN TABLE $name.jobs RENAME COLUMN predictor_backtest_export_job_name TO name;
EOSQL
	return;
}

# Lets a role use a server of create_server(), by keys of its own.
sub let_use
{
	my ($node, $role, $server) = @_;
	my ($key_id, $secret) = (ACCESS_KEY_ID, SECRET_ACCESS_KEY);
	$node->safe_psql('postgres', <<"EOSQL");
GRANT USAGE ON FOREIGN SERVER $server TO $role;
GRANT USAGE ON SCHEMA $server TO $role;
GRANT SELECT ON $server.jobs TO $role;
CREATE USER MAPPING FOR $role SERVER $server
  OPTIONS (aws_access_key_id '$key_id', aws_secret_access_key '$secret');
EOSQL
	return;
}

# A session that goes on after errors and reports all there is to know of them.  The
# test's patience is for each of its queries.
sub open_session
{
	my ($node, %options) = @_;
	my $session =
	  $node->background_psql('postgres', on_error_stop => 0, %options);

	$session->set_query_timer_restart;
	$session->query_safe('\set VERBOSITY verbose');
	$session->{backend} = $session->query_safe('SELECT pg_backend_pid()');
	return $session;
}

# Runs a query.  Returns a hash: rows; seconds; and of the first error, if there
# was one: sqlstate, message, detail, hint, context, and the whole text.
sub attempt
{
	my ($session, $sql) = @_;
	my $start = time;

	$session->{stderr} = '';
	my ($rows) = $session->query($sql);
	my $result = parse_error($session->{stderr});

	$session->{stderr} = '';
	$result->{rows}    = $rows;
	$result->{seconds} = time - $start;
	return $result;
}

# Runs a query under EXPLAIN ANALYZE.  The result is that of attempt(), and the sums
# over the plan's nodes of what was asked: calls, retries and throttles.
sub explained
{
	my ($session, $sql) = @_;
	return explanation(attempt($session, "EXPLAIN (ANALYZE, FORMAT JSON) $sql"));
}

# The same, given what EXPLAIN said.
sub explanation
{
	my ($result) = @_;

	return $result if $result->{text} ne '';
	my @nodes = (decode_json($result->{rows})->[0]{Plan});
	foreach my $count (qw(calls retries throttles))
	{
		$result->{$count} = 0;
	}
	while (my $node = shift @nodes)
	{
		push @nodes, @{ $node->{Plans} || [] };
		$result->{calls}     += $node->{'Remote Calls'}     // 0;
		$result->{retries}   += $node->{'Remote Retries'}   // 0;
		$result->{throttles} += $node->{'Remote Throttles'} // 0;
	}
	return $result;
}

sub parse_error
{
	my ($text) = @_;
	my %error = (text => $text);
	my $next  = qr/^(?:DETAIL|HINT|CONTEXT|LOCATION|QUERY|STATEMENT):  |^psql:|\z/m;

	foreach my $part (qw(message detail hint context))
	{
		$error{$part} = '';
	}
	@error{qw(sqlstate message)} = ($1, $2)
	  if $text =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}): (.*?)\n?(?=$next)/s;
	foreach my $part (qw(detail hint context))
	{
		my $label = uc $part;
		$error{$part} = $1 if $text =~ /^$label:  (.*?)\n?(?=$next)/ms;
	}
	return \%error;
}

# Begins a query and returns without waiting for it.
sub begin_query
{
	my ($session, $sql) = @_;
	$session->{stderr} = '';
	$session->query_until(qr/begun/, "\\echo begun\n$sql\n;\n");
	return;
}

# Waits for a query that was begun.  The result is that of attempt(), without the time.
sub finish_query
{
	my ($session) = @_;
	my ($rows) = $session->query('\echo over');
	my $result = parse_error($session->{stderr});

	$session->{stderr} = '';
	$result->{rows} = $rows =~ s/\n?over\z//r;
	return $result;
}

# --- what a backend holds ---------------------------------------------------

# What may come and go between two looks, in kB: malloc's and PostgreSQL's caches.
use constant SLACK_KB => 1024;

# What the session's backend holds now: descriptors, memory contexts, memory.
sub holdings
{
	my ($session) = @_;
	my $proc = "/proc/$session->{backend}";
	my %held;

	# Not the files of PostgreSQL's own: those it keeps open as it likes.
	$held{descriptors} =
	  grep { (readlink($_) // '') =~ /^(?:socket|anon_inode|pipe):/ } glob "$proc/fd/*";
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

# Tests that a backend holds no more $after than $before.
sub is_flat
{
	my ($before, $after, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	note("$what: " . join ', ', map { "$_ $before->{$_} -> $after->{$_}" } sort keys %$after);
	# Fewer, where connections that were idle for a minute have been closed.
	cmp_ok($after->{descriptors}, '<=', $before->{descriptors}, "$what: descriptors");
	is($after->{ours},        $before->{ours},        "$what: our memory contexts");
	cmp_ok($after->{ours_kB}, '<=', $before->{ours_kB} + 8, "$what: their size");
	cmp_ok($after->{contexts}, '<=', $before->{contexts} + SLACK_KB, "$what: all contexts");
	cmp_ok($after->{resident}, '<=', $before->{resident} + SLACK_KB, "$what: resident memory");
	return;
}

# The peak of the backend's resident memory counts from now on.
sub reset_peak
{
	my ($session) = @_;
	append_to_file("/proc/$session->{backend}/clear_refs", "5\n");
	return;
}

# That peak, in kB.
sub peak_kB
{
	my ($session) = @_;
	my ($peak) =
	  slurp_file("/proc/$session->{backend}/status") =~ /^VmHWM:\s+(\d+) kB/m;
	return $peak;
}

# --- waiting -----------------------------------------------------------------

# Waits until $condition is true; false if it does not become so.
sub await
{
	my ($condition) = @_;
	my $deadline = time + $patience;

	while (time < $deadline)
	{
		my $value = $condition->();
		return $value if $value;
		sleep 0.01;
	}
	return;
}

1;
