# retry_mode 'adaptive': clients find out how much the service lets through, and
# keep to it.  The simulator enforces a limit; its log tells how much came through,
# and how much was refused, once the clients have had ten seconds to learn.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT explained finish_query generated_jobs);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	JOBS      => 20_000,
	RATE      => 50,      # requests a second that are let through
	LEARNING  => 10,      # seconds
	MEASURING => 15,      # seconds
	TOLERANCE => 0.2,     # of RATE
	THROTTLED => 0.05,    # of the requests
};

my $simulator = ForecastSimulator->start(fixture => generated_jobs(JOBS, 50));
my $node      = new_cluster(conf => "jit = off\n");
create_server($node, 'forecast', $simulator->url, retry_mode => 'adaptive', max_attempts => 10);

# A query for so many jobs, after the first $offset of them.
sub jobs
{
	my ($count, $offset) = @_;
	my $arns = "SELECT '" . job_arn('job_') . "' || n FROM generate_series($offset + 1, $offset + $count) n";
	return "SELECT count(*), count(DISTINCT arn), count(status) FROM forecast.jobs WHERE arn = ANY (ARRAY($arns))";
}

sub begin_limit
{
	$simulator->clear_log;
	$simulator->rate(RATE, RATE);
	return;
}

# How many requests of the log were let through each second; for the reader.
sub note_course
{
	my ($what, $log) = @_;
	my (@passed, @refused);

	foreach my $request (@$log)
	{
		my $second = int($request->{time} - $log->[0]{time});
		($request->{error} ? $refused[$second] : $passed[$second])++;
	}
	note("$what, let through + throttled in each second: " . join ' ', map { ($passed[$_] // 0) . '+' . ($refused[$_] // 0) } 0 .. $#passed);
	return;
}

# So many backends, each with more to ask than there is time for.
sub keeps_to_the_limit
{
	my ($what, $count) = @_;
	my @sessions = map { open_session($node) } 1 .. $count;
	my $each     = JOBS / $count;

	begin_limit();
	begin_query($sessions[$_], jobs($each, $each * $_)) foreach 0 .. $#sessions;
	ok(await(sub { $simulator->counters->{requests} > 0 }), "$what: it has begun");
	sleep LEARNING + MEASURING + 1;
	my @log = $simulator->log;
	$node->safe_psql('postgres', "SELECT pg_cancel_backend($_->{backend})") foreach @sessions;
	is(join(' ', map { finish_query($_)->{sqlstate} // 'none' } @sessions), join(' ', ('57014') x $count), "$what: no errors but the cancellation");
	$simulator->rate(0);
	$_->quit foreach @sessions;

	my $start    = $log[0]{time} + LEARNING;
	my @measured = grep { $_->{time} >= $start && $_->{time} < $start + MEASURING } @log;
	my @refused  = grep { ($_->{error} // '') eq 'ThrottlingException' } @measured;
	my $rate     = (@measured - @refused) / MEASURING;
	my $share    = @refused / (@measured || 1);

	note_course($what, \@log);
	note(sprintf '%s: %.1f requests a second let through, %.1f %% throttled', $what, $rate, 100 * $share);
	cmp_ok($rate,  '>=', RATE * (1 - TOLERANCE), "$what: not much less than is allowed");
	cmp_ok($rate,  '<=', RATE * (1 + TOLERANCE), "$what: not more than is allowed");
	cmp_ok($share, '<',  THROTTLED,              "$what: little is throttled");
	is(scalar(grep { ($_->{error} // 'ThrottlingException') ne 'ThrottlingException' } @log), 0, "$what: nothing else is wrong");
	return;
}

keeps_to_the_limit('one backend',    1);
keeps_to_the_limit('eight backends', 8);

# A query that meets the limit is right, and says that it was throttled.
my $session = open_session($node);
begin_limit();
my $limited = attempt($session, jobs(200, 0));
is($limited->{rows} . $limited->{text}, '200|200|200', 'under the limit: every row');
$simulator->clear_log;
my $explained = explained($session, jobs(200, 200));
my $throttled = $simulator->counters->{errors}{ThrottlingException} // 0;
is($explained->{text}, '', 'under the limit: EXPLAIN: no error');
is($explained->{calls}, 200, 'under the limit: EXPLAIN: calls');
is($explained->{throttles}, $throttled, 'under the limit: EXPLAIN: throttles');
is($explained->{retries},   $throttled, 'under the limit: EXPLAIN: retries');

# Whoever has never been throttled is not held back.
$simulator->rate(0);
my $free = open_session($node);
$simulator->clear_log;
is(attempt($free, jobs(1000, 0))->{rows}, '1000|1000|1000', 'no limit: every row');
my @log = $simulator->log;
cmp_ok($log[-1]{time} - $log[0]{time}, '<', 1000 / RATE, 'no limit: faster than the limit was');
is(scalar @log, 1000, 'no limit: requests');

$_->quit foreach $session, $free;
done_testing();
