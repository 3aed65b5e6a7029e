# The simulator of where credentials come from: STS, instance metadata, containers.
#
#   my $forecast = ForecastSimulator->start;
#   my $identity = IdentitySimulator->start($forecast);
#   $identity->lifetime(300);
#   ... $identity->count('AssumeRole') ...
#
# What it issues, the simulator of Forecast accepts.  It is controlled by the
# methods of ForecastSimulator: log, clear_log, counters, reset, fault,
# clear_faults, latency, add_fixture.  See docs/simulator.md.
package IdentitySimulator;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename;
use ForecastSimulator;
use HTTP::Tiny;
use IO::Handle;
use IPC::Open2;
use JSON::PP;
use PostgreSQL::Test::Utils;

our @ISA    = qw(ForecastSimulator Exporter);
our @EXPORT = qw(POD_TOKEN WEB_IDENTITY_TOKEN ask_botocore role_arn start_botocore);

# What the identity provider wrote into a pod's file, for STS.
use constant WEB_IDENTITY_TOKEN => 'eyJhbGciOiJSUzI1NiIsImtpZCI6ImZvcmVjYXN0In0.'
  . 'eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZS5jb20iLCJzdWIiOiJyZXBvcnRzIn0.'
  . 'VGhpc0lzTm9TaWduYXR1cmVCdXROb2JvZHlMb29rcw';

# What a pod has to send as Authorization to the agent of its node.
use constant POD_TOKEN => 'ThePodsOwnToken.NobodyMaySeeIt.0123456789';

my $tests   = dirname(abs_path(__FILE__)) . '/../test';
my $program = "$tests/simulator/identity-simulator";

# ARNs of the account's roles: analyst, partner, second, overnight, web; and
# instance, task and pod.
sub role_arn
{
	my ($name) = @_;
	return "arn:aws:iam::123456789012:role/$name";
}

# Starts one and waits until it is ready.  $forecast accepts what it issues.
sub start
{
	my ($class, $forecast) = @_;
	my $self = bless {
		forecast => $forecast,
		http     => HTTP::Tiny->new(
			keep_alive => 0,
			timeout    => $PostgreSQL::Test::Utils::timeout_default),
	}, $class;
	$self->launch(0);
	return $self;
}

# As launch() wants it.
sub command
{
	my ($self) = @_;
	return ($program, '--forecast', $self->{forecast}->url);
}

# --- botocore ------------------------------------------------------------------

# Starts botocore, which is asked with ask_botocore().
sub start_botocore
{
	my $pid = open2(my $answers, my $questions, '/usr/bin/python3', '-B', "$tests/botocore_credentials.py");
	ForecastSimulator::start_process($pid);
	$questions->autoflush(1);
	return { questions => $questions, answers => $answers };
}

# What botocore makes of a question: both are hashes, see botocore_credentials.py.
sub ask_botocore
{
	my ($botocore, $question) = @_;
	my $json = JSON::PP->new->canonical->utf8;

	print { $botocore->{questions} } $json->encode($question), "\n";
	my $line = readline($botocore->{answers}) // die 'botocore has ended';
	return $json->decode($line);
}

# --- the control plane ---------------------------------------------------------

# What is issued from now on lasts so many seconds; undef: as long as usual.
sub lifetime
{
	my ($self, $seconds) = @_;
	return $self->control('POST', 'lifetime', { seconds => $seconds });
}

# How many requests of an operation there were since the log was cleared.
sub count
{
	my ($self, $operation) = @_;
	return $self->counters->{operations}{$operation} // 0;
}

1;
