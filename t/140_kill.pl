# A backend, or the server around it, ends while requests are in flight: by command,
# by kill -9, because another one crashed.  It goes away by itself and takes all that
# it has along, the server comes back, and the next session finds everything in order.
#
# The servers it talks to never answer and the time-outs are long, so whatever ends
# here does so because it is told to.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT generated_jobs);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant POOL => 32;

my $simulator = ForecastSimulator->start(fixture => generated_jobs(1000, 10));
my $node = new_cluster(conf => "restart_after_crash = on\njit = off\n");
my @options = (max_pool_connections => POOL, connect_timeout => '3600s', read_timeout => '3600s');
create_server($node, 'forecast', $simulator->url, @options);
create_server($node, $_, $simulator->url, @options, async_capable => 'true', max_pool_connections => POOL / 2)
  for 'east', 'west';

my $check = "SELECT status FROM forecast.jobs WHERE arn = '" . job_arn('job_1') . "'";

# --- what is going on --------------------------------------------------------

my $keys = 'ARRAY[' . join(', ', map { "'" . job_arn("job_$_") . "'" } 1 .. 100) . ']';
my $by_keys = "SELECT arn, status FROM %s.jobs WHERE arn = ANY ($keys)";

# A name, the query, what its plan has, and the requests that it has in flight.
my @activities = (
	[ 'many keys', sprintf($by_keys, 'forecast'), qr/^Foreign Scan/, POOL ],
	[ 'a lookup join', "SELECT k, j.status FROM unnest($keys) k LEFT JOIN forecast.jobs j ON j.arn = k",
		qr/LookupJoin/, POOL ],
	[ 'an async append', join(' UNION ALL ', map { sprintf $by_keys, $_ } 'east', 'west'),
		qr/Async Foreign Scan.*Async Foreign Scan/s, POOL ],
	[ 'a list', 'SELECT name FROM forecast.jobs', qr/^Foreign Scan/, 1 ],
);

{
	my $session = open_session($node);
	foreach my $activity (@activities)
	{
		my ($name, $query, $plan) = @$activity;
		like($session->query_safe("EXPLAIN (COSTS OFF) $query"), $plan, "$name: plan");
	}
	$session->quit;
}

# The processes of the cluster, each with its parent.
sub processes
{
	my %parent;

	foreach my $proc (glob '/proc/[0-9]*')
	{
		next unless (readlink("$proc/cwd") // '') eq $node->data_dir;
		my $status = eval { slurp_file("$proc/status") } // next;
		$parent{ basename($proc) } = $1 if $status =~ /^PPid:\s+(\d+)/m;
	}
	return \%parent;
}

sub basename { return $_[0] =~ s{.*/}{}r; }

# Connections to the simulator that a process still holds.
sub connections
{
	my $remote = sprintf '0100007F:%04X', $simulator->port;
	my @lines  = split /\n/, slurp_file('/proc/net/tcp');

	return scalar grep { /^\s*\d+: \S+ $remote 01 / } @lines;
}

sub in_flight { return $simulator->counters->{in_flight}; }

# A new session with a query under way that will not be answered.
sub begin_activity
{
	my ($activity, $what) = @_;
	my ($name, $query, undef, $requests) = @$activity;
	my $session = open_session($node);
	my $before  = in_flight();

	$simulator->fault({ fault => 'stall', times => 0 });
	begin_query($session, $query);
	ok(await(sub { in_flight() == $before + $requests }), "$what: $requests requests in flight")
	  or diag('in flight: ' . in_flight());
	return $session;
}

# What a client has been told by the time it ends, which it does when it has nothing
# more to ask.
sub last_words
{
	my ($session) = @_;

	eval { $session->{run}->finish };
	return $session->{stderr};
}

# Everything is as it was before there was a session.
sub in_order
{
	my ($session, $what) = @_;
	my $postmaster = $node->{_pid};

	ok(await(sub { !exists processes()->{ $session->{backend} } }), "$what: the backend is gone");
	ok(await(sub { in_flight() == 0 && connections() == 0 }), "$what: so are its connections")
	  or diag('in flight: ' . in_flight() . ', connections: ' . connections());
	$simulator->clear_faults;
	ok(await(sub { $node->psql('postgres', 'SELECT 1') == 0 }), "$what: the server is there");
	is($node->safe_psql('postgres', $check), 'ACTIVE', "$what: the next session works");

	my $processes = processes();
	my @orphans   = grep { $_ != $postmaster && $processes->{$_} != $postmaster } keys %$processes;
	is("@orphans", '', "$what: no orphans");
	return;
}

# How often the server had to start again because a process of it died.
sub crashes
{
	my $log = slurp_file($node->logfile);
	return scalar(() = $log =~ /all server processes terminated; reinitializing/g);
}

# --- how it ends -------------------------------------------------------------

sub terminate
{
	my ($session) = @_;
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($session->{backend}, 60000)"),
		't', 'pg_terminate_backend: done');
	return;
}

sub kill_backend
{
	my ($session) = @_;
	kill 'KILL', $session->{backend};
	return;
}

# It is another one, which does nothing, that crashes.
sub kill_another
{
	my $another = open_session($node);
	kill 'KILL', $another->{backend};
	last_words($another);
	return;
}

# It is another one, as busy as this.
sub kill_another_that_is_busy
{
	my $another = begin_activity($activities[0], 'another');
	kill 'KILL', $another->{backend};
	last_words($another);
	return;
}

sub restart
{
	my ($mode) = @_;
	$node->stop($mode);
	ok(await(sub { !%{ processes() } }), "$mode: all processes have ended");
	$node->start;
	return;
}

# A process counts as running until its parent has taken note of its end.  There are
# containers where nobody does: then its lock files go by hand.
sub forget_postmaster
{
	my ($postmaster) = @_;
	my $deadline = time + 5;

	sleep 0.01 while kill(0, $postmaster) && time < $deadline;
	unlink $node->data_dir . '/postmaster.pid', $node->host . '/.s.PGSQL.' . $node->port . '.lock'
	  if kill 0, $postmaster;
	return;
}

# Nobody is left who would tell the backend: it finds out.
sub kill_postmaster
{
	my $postmaster = $node->{_pid};

	$node->kill9;
	ok(await(sub { !%{ processes() } }), 'kill -9 of the postmaster: all processes have ended')
	  or diag('left: ' . join ' ', keys %{ processes() });

	forget_postmaster($postmaster);
	$node->start;
	return;
}

# A name; what is done; what the client is told; and how many crashes that makes.
my $lost = qr/server closed the connection unexpectedly/;
my @ends = (
	[ 'pg_terminate_backend', \&terminate, qr/FATAL:  57P01/, 0 ],
	[ 'kill -9', \&kill_backend, $lost, 1 ],
	[ 'kill -9 of another', \&kill_another, qr/WARNING:  57P02/, 1 ],
	[ 'kill -9 of another that is busy', \&kill_another_that_is_busy, qr/WARNING:  57P02/, 1 ],
	[ 'immediate shutdown', sub { restart('immediate') }, qr/WARNING:  57P0\d/, 0 ],
	[ 'fast shutdown', sub { restart('fast') }, qr/FATAL:  57P01/, 0 ],
	[ 'kill -9 of the postmaster', \&kill_postmaster, $lost, 0 ],
);

foreach my $end (@ends)
{
	my ($how, $do, $told, $expected) = @$end;

	foreach my $activity (@activities)
	{
		my $what    = "$how, $activity->[0]";
		my $before  = crashes();
		my $session = begin_activity($activity, $what);

		$do->($session);
		like(last_words($session), $told, "$what: the client is told");
		in_order($session, $what);
		is(crashes() - $before, $expected, "$what: crashes");
	}
}

# Nothing but what was killed here has died by a signal, and nothing has panicked.
my $log = slurp_file($node->logfile);
my %signals = map { $_ => 1 } $log =~ /was terminated by signal (\d+)/g;
is(join(' ', keys %signals), '9', 'no process has died by another signal');
unlike($log, qr/PANIC:|TRAP:/, 'no panic');

done_testing();
