# What is asked again, when, and how often.  What should happen is what boto3 does
# in its standard mode, but for what AWS's documentation says better; the
# simulator's log tells what did happen.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT explained finish_query);
use IO::Select;
use IO::Socket::INET;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	DESCRIBE => 'DescribePredictorBacktestExportJob',
	LIST     => 'ListPredictorBacktestExportJobs',
};

my $simulator = ForecastSimulator->start;
my $node      = new_cluster(conf => "jit = off\n");
# Attempts as they are for whoever doesn't say how many.
my @usual     = (max_attempts => undef, read_timeout => '1s', connect_timeout => '5s', max_response_size => '64kB');

create_server($node, 'forecast', $simulator->url, @usual, max_pool_connections => 64);
create_server($node, 'once', $simulator->url, @usual, max_attempts => 1);
create_server($node, 'five', $simulator->url, @usual, max_attempts => 5);
create_server($node, 'many', $simulator->url, @usual, max_attempts => 10);
create_server($node, 'few',  $simulator->url, @usual, max_pool_connections => 8);

my $session = open_session($node);

# Told to come back in an hour.  A session waits for it while the rest is tested.
my $busy    = ForecastSimulator->start;
my $patient = open_session($node);
create_server($node, 'busy', $busy->url, @usual);
$busy->fault({ fault => 'throttle', headers => { 'Retry-After' => '3600' } });
begin_query($patient, status_from('busy'));

sub status_from
{
	my ($server, $name) = @_;
	my $arn = job_arn($name // 'nightly');
	return "SELECT status FROM $server.jobs WHERE arn = '$arn'";
}

# A query for the generated jobs of these numbers, at once.
sub jobs_from
{
	my ($server, @numbers) = @_;
	my $arns = join ', ', map { "'" . job_arn("job_$_") . "'" } @numbers;
	return "SELECT count(*), count(DISTINCT arn), count(status) FROM $server.jobs WHERE arn = ANY (ARRAY[$arns])";
}

# Only requests for this job meet the fault.
sub about
{
	my ($name, %fault) = @_;
	return { %fault, match => job_arn($name) . '"' };
}

sub prepare
{
	my (@faults) = @_;
	$simulator->clear_faults;
	$simulator->clear_log;
	$simulator->fault(@faults) if @faults;
	return;
}

# The log's requests for a job, the oldest first.
sub asked
{
	my ($name) = @_;
	my $arn = job_arn($name // 'nightly');
	return grep { ref $_->{input} && ($_->{input}{PredictorBacktestExportJobArn} // '') eq $arn } $simulator->log;
}

sub goes_on
{
	my ($what) = @_;
	prepare();
	my $result = attempt($session, status_from('forecast'));
	is($result->{rows} . $result->{text}, 'ACTIVE', "$what: the next query succeeds");
	is(scalar asked(), 1, "$what: ... by one request");
	return;
}

sub error { my ($status, $code) = @_; return (fault => 'error', status => $status, code => $code); }

# --- what is asked again -----------------------------------------------------
#
# All in one query, each fault for a job of its own.

my @retried = (
	[ 'status 500',             error(500, 'InternalFailure') ],
	[ 'status 502 and HTML',    fault => 'respond', status => 502, body => '<html>Bad Gateway</html>' ],
	[ 'status 503',             error(503, 'ServiceUnavailable') ],
	[ 'status 503, no body',    fault => 'respond', status => 503 ],
	[ 'status 504, no body',    fault => 'respond', status => 504 ],
	[ 'cut after the head',     fault => 'cut', after_bytes => 'head' ],
	[ 'cut in the head',        fault => 'cut', after_bytes => 20 ],
	[ 'reset in the body',      fault => 'cut', after_bytes => -50, rst => JSON::PP::true ],
	[ 'truncated',              fault => 'truncate' ],
	[ 'silence',                fault => 'stall' ],
	[ 'silence in the body',    fault => 'stall', after_bytes => -50 ],
	map { [ "code $_", error(400, $_) ] } qw(RequestTimeout RequestTimeoutException PriorRequestNotComplete),
);
my @throttles = (
	[ 'throttled',              fault => 'throttle' ],
	[ 'status 429, no body',    fault => 'respond', status => 429 ],
	[ 'throttled, in the header', error(400, 'ThrottlingException'), form => 'header' ],
	[ 'throttled, with a namespace', error(400, 'ThrottlingException'), form => 'suffixed' ],
	map { [ "code $_", error(400, $_) ] } qw(
	  Throttling ThrottlingException ThrottledException RequestThrottledException
	  TooManyRequestsException ProvisionedThroughputExceededException
	  TransactionInProgressException RequestLimitExceeded BandwidthLimitExceeded
	  RequestThrottled SlowDown EC2ThrottledException)
);

sub all_are_asked_again
{
	my ($kind, $cases) = @_;
	my $count   = @$cases;
	my @numbers = 1 .. $count;

	my @faults = map { my (undef, %fault) = @{ $cases->[ $_ - 1 ] }; about("job_$_", %fault) } @numbers;
	prepare(@faults);
	my $result = attempt($session, jobs_from('forecast', @numbers));
	is($result->{rows} . $result->{text}, "$count|$count|$count", "$kind: every row");
	foreach my $number (@numbers)
	{
		my $what  = "$kind: $cases->[$number - 1][0]";
		my @asked = asked("job_$number");

		is(scalar @asked, 2, "$what: asked twice");
		is(join(' ', map { $_->{fault} ? 'fault' : 'answer' } @asked), 'fault answer', "$what: the second time is answered");
	}

	# The same again, to see what EXPLAIN says of it.
	prepare(@faults);
	$result = explained($session, jobs_from('forecast', @numbers));
	is($result->{text}, '', "$kind: EXPLAIN: no error");
	is($result->{retries}, $count, "$kind: EXPLAIN: retries");
	goes_on($kind);
	return $result;
}

is(all_are_asked_again('transient', \@retried)->{throttles}, 0, 'transient: EXPLAIN: throttles');
is(all_are_asked_again('throttled', \@throttles)->{throttles}, scalar @throttles, 'throttled: EXPLAIN: throttles');

# A connection that ends before the head: libcurl itself asks again where the
# connection was an old one, so the fault is met by all that come, up to a limit.
foreach my $case ([ 'cut at once', fault => 'cut' ], [ 'reset at once', fault => 'cut', rst => JSON::PP::true ])
{
	my ($what, %fault) = @$case;

	prepare({ %fault, times => 2 });
	my $result = attempt($session, status_from('forecast'));
	is($result->{rows} . $result->{text}, 'ACTIVE', "$what: the row");
	is(scalar asked(), 3, "$what: asked until it is answered");
	goes_on($what);
}

# Pages of a list are asked for again, and nothing is there twice.
prepare(
	{ fault => 'throttle', operation => LIST },
	{ fault => 'truncate', operation => LIST, match => 'NextToken' },
	{ error(503, 'ServiceUnavailable'), operation => LIST, match => 'NextToken' });
my $listed = attempt($session, 'SELECT count(name), count(DISTINCT name) FROM forecast.jobs');
is($listed->{rows} . $listed->{text}, '1001|1001', 'a list: every row once');
is(scalar(grep { $_->{fault} } $simulator->log), 3, 'a list: three faults');
goes_on('a list');

# --- what is not -------------------------------------------------------------

my @html = (headers => { 'Content-Type' => 'text/html' }, body => '<html>Sign in</html>');
my @final = (
	[ 'a quota of resources', { error(400, 'LimitExceededException') }, qr/LimitExceededException/ ],
	[ 'access denied',        { error(400, 'AccessDeniedException') }, qr/AccessDeniedException/ ],
	[ 'a wrong key',          { error(400, 'UnrecognizedClientException') }, qr/UnrecognizedClientException/ ],
	[ 'an expired token',     { error(400, 'ExpiredTokenException') }, qr/ExpiredTokenException/ ],
	[ 'a wrong signature',    { error(400, 'InvalidSignatureException') }, qr/InvalidSignatureException/ ],
	[ 'an unknown error',     { error(400, 'BrandNewException') }, qr/BrandNewException/ ],
	[ 'status 400, no body',  { fault => 'respond', status => 400 }, qr/status 400/ ],
	[ 'status 403, no body',  { fault => 'respond', status => 403 }, qr/status 403/ ],
	[ 'status 501',           { fault => 'respond', status => 501 }, qr/status 501/ ],
	[ 'a redirect',           { fault => 'respond', status => 302, headers => { Location => '/' } }, qr/status 302/ ],
	[ 'HTML and status 200',  { fault => 'respond', @html }, qr/not a JSON object/ ],
	[ 'half the JSON',        { fault => 'malformed' }, qr/not a JSON object/ ],
	[ 'no content',           { fault => 'respond', status => 204 }, qr/not a JSON object/ ],
	[ 'too much',             { fault => 'oversize', bytes => 1_000_000 }, qr/larger than allowed/ ],
	[ 'another ARN',          { fault => 'patch', patch => { PredictorBacktestExportJobArn => job_arn('x') } }, qr/not about the ARN/ ],
	[ 'no such job',          { error(400, 'ResourceNotFoundException') }, undef ],
	[ 'no ARN of this kind',  { error(400, 'InvalidInputException') }, undef ],
	[ 'no valid ARN',         { error(400, 'ValidationException') }, undef ],
);
foreach my $case (@final)
{
	my ($what, $fault, $message) = @$case;

	prepare($fault);
	my $result = attempt($session, status_from('forecast'));
	is($result->{rows}, '', "$what: no row");
	if ($message) { like("$result->{message} $result->{detail}", $message, "$what: error"); }
	else          { is($result->{text}, '', "$what: no error"); }
	is(scalar asked(), 1, "$what: asked once");
}
prepare({ error(400, 'ValidationException') });
like(attempt($session, 'SELECT name FROM forecast.jobs')->{message}, qr/ValidationException/, 'validation of a list: error');
is($simulator->counters->{requests}, 1, 'validation of a list: asked once');
goes_on('what is final');

# --- how often ---------------------------------------------------------------

my @limits = ([ 'once', 1 ], [ 'forecast', 3 ], [ 'five', 5 ]);
my @lasting = (
	[ 'throttled',   { fault => 'throttle' }, '53000', qr/ThrottlingException: Rate exceeded/ ],
	[ 'unavailable', { error(503, 'ServiceUnavailable') }, '58000', qr/ServiceUnavailable/ ],
	[ 'cut',         { fault => 'cut', after_bytes => 'head' }, '08006', qr/ended before the answer was complete/ ],
);
foreach my $limit (@limits)
{
	my ($server, $attempts) = @$limit;
	foreach my $case (@lasting)
	{
		my ($kind, $fault, $sqlstate, $message) = @$case;
		my $what = "$kind, $attempts attempts";

		# Five attempts take a while, and say nothing new for each kind.
		next if $attempts == 5 && $kind ne 'throttled';
		prepare({ %$fault, times => 'forever' });
		my $result = attempt($session, status_from($server));
		is($result->{sqlstate}, $sqlstate, "$what: SQLSTATE") or diag($result->{text});
		like($result->{message}, $message, "$what: message");
		is(scalar asked(), $attempts, "$what: requests");

		prepare({ %$fault, times => $attempts - 1 }) if $attempts > 1;
		prepare() if $attempts == 1;
		$result = attempt($session, status_from($server));
		is($result->{rows} . $result->{text}, 'ACTIVE', "$what: the last one may succeed");
		is(scalar asked(), $attempts, "$what: ... requests");
	}
}
prepare({ fault => 'stall', times => 'forever' });
my $timed_out = attempt($session, status_from('forecast'));
is($timed_out->{sqlstate}, '08006', 'silence, 3 attempts: SQLSTATE');
like($timed_out->{message}, qr/within the read timeout/, 'silence, 3 attempts: message');
is(scalar asked(), 3, 'silence, 3 attempts: requests');
goes_on('silence');

# The options.
foreach my $case (
	[ retry_mode => 'standard', 1 ], [ retry_mode => 'adaptive', 1 ], [ retry_mode => 'legacy', 0 ], [ retry_mode => '', 0 ],
	[ max_attempts => 1, 1 ], [ max_attempts => 10, 1 ], [ max_attempts => 0, 0 ], [ max_attempts => -1, 0 ], [ max_attempts => 'x', 0 ])
{
	my ($option, $value, $accepted) = @$case;
	my $result = attempt($session, "CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS ($option '$value'); DROP SERVER IF EXISTS s");

	is($result->{text} eq '' ? 'accepted' : 'refused', $accepted ? 'accepted' : 'refused', "$option '$value'") or diag($result->{text});
	like($result->{text}, qr/$option/, "... names the option") unless $accepted;
}

# --- nobody is there ---------------------------------------------------------

# Whoever comes back while a query waits gets to answer it.
$simulator->stop;
begin_query($session, status_from('many'));
sleep 1;
$simulator->launch($simulator->port);
my $late = finish_query($session);
is($late->{rows} . $late->{text}, 'ACTIVE', 'a service that comes back: the row');
is(scalar asked(), 1, 'a service that comes back: one request');
goes_on('a service that comes back');

my $refused = explained($session, status_from('forecast'));
is($refused->{retries}, 0, 'EXPLAIN: no retries where none are needed');

# --- what each attempt says --------------------------------------------------

prepare({ fault => 'throttle', headers => { 'Retry-After' => '2' } }, { error(503, 'ServiceUnavailable'), headers => { 'x-amz-retry-after' => '1500' } });
is(attempt($session, status_from('forecast'))->{rows}, 'ACTIVE', 'Retry-After: the row');
my @attempts = asked();
is(scalar @attempts, 3, 'Retry-After: requests');
cmp_ok($attempts[1]{time} - $attempts[0]{time}, '>=', 2, 'Retry-After: not before');
cmp_ok($attempts[2]{time} - $attempts[1]{time}, '>=', 1.5, 'x-amz-retry-after: not before');
like($attempts[0]{sdk_request}, qr/^attempt=1(?:; max=3)?$/, 'amz-sdk-request of the first');
is($attempts[1]{sdk_request}, 'attempt=2; max=3', 'amz-sdk-request of the second');
is($attempts[2]{sdk_request}, 'attempt=3; max=3', 'amz-sdk-request of the third');
like($attempts[0]{invocation_id}, qr/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/, 'amz-sdk-invocation-id');
is($attempts[$_]{invocation_id}, $attempts[0]{invocation_id}, '... the same for all attempts') for 1, 2;
cmp_ok($attempts[$_]{amz_date}, 'gt', $attempts[ $_ - 1 ]{amz_date}, 'each is signed at its own time') for 1, 2;
isnt(scalar(map { $_->{user_agent} || () } @attempts), 0, 'User-Agent is sent');

prepare();
attempt($session, jobs_from('forecast', 1 .. 20));
my %ids = map { $_->{invocation_id} => 1 } $simulator->log;
is(scalar keys %ids, 20, 'another call has another amz-sdk-invocation-id');

# A service may not make anybody wait for long, nor write what it likes.
prepare({ fault => 'throttle', headers => { 'x-amz-retry-after' => '3600000' } });
is(attempt($session, status_from('forecast'))->{rows}, 'ACTIVE', 'x-amz-retry-after of an hour: the row');
@attempts = asked();
cmp_ok($attempts[1]{time} - $attempts[0]{time}, '<', 60, 'x-amz-retry-after of an hour: no hour');
foreach my $case (
	[ 'x-amz-retry-after', 'soon' ], [ 'x-amz-retry-after', '-5000' ], [ 'x-amz-retry-after', '' ],
	[ 'x-amz-retry-after', '9' x 40 ], [ 'Retry-After', 'soon' ], [ 'Retry-After', '-5' ], [ 'Retry-After', '' ])
{
	my ($header, $value) = @$case;

	prepare({ fault => 'throttle', headers => { $header => $value } });
	is(attempt($session, status_from('forecast'))->{rows}, 'ACTIVE', "$header: '$value': the row");
	is(scalar asked(), 2, "$header: '$value': requests");
}

# --- a call that waits can be cancelled --------------------------------------

prepare({ fault => 'throttle', headers => { 'Retry-After' => '20' }, times => 'forever' });
$session->query_safe("SET statement_timeout = '300ms'");
my $cancelled = attempt($session, status_from('forecast'));
$session->query_safe('RESET statement_timeout');
is($cancelled->{sqlstate}, '57014', 'statement_timeout while a call waits: cancelled') or diag($cancelled->{text});
cmp_ok($cancelled->{seconds}, '<', 15, '... long before it is asked again');
note("cancelled after $cancelled->{seconds} s");
is(scalar asked(), 1, '... which it is not');
prepare();
is(attempt($session, status_from('forecast'))->{rows}, 'ACTIVE', '... and the next query succeeds');

# --- one throttle stops all --------------------------------------------------

# How many requests came within so many seconds after this one.
sub requests_after
{
	my ($request, $seconds) = @_;
	return scalar grep { $_->{n} > $request->{n} && $_->{time} < $request->{time} + $seconds } $simulator->log;
}

# While the answer is on its way each of the eight connections may begin one more
# request, or two on a slow machine; without the pause it would be dozens.
use constant UNDER_WAY => 24;
$simulator->latency(20);
prepare(about('job_50', fault => 'throttle', headers => { 'Retry-After' => '2' }));
my $paused = attempt($session, jobs_from('few', 1 .. 400));
is($paused->{rows} . $paused->{text}, '400|400|400', 'a throttle among many calls: every row');
my ($throttled, $retry) = asked('job_50');
cmp_ok($retry->{time} - $throttled->{time}, '>=', 2, '... Retry-After');
cmp_ok(requests_after($throttled, 1.9), '<=', UNDER_WAY, '... nobody else begins meanwhile');
is(scalar(my @all = $simulator->log), 401, '... requests');

prepare(about('job_50', fault => 'throttle'));
$paused = attempt($session, jobs_from('few', 1 .. 400));
is($paused->{rows} . $paused->{text}, '400|400|400', 'a throttle that does not say when: every row');
($throttled, $retry) = asked('job_50');
cmp_ok($retry->{n} - $throttled->{n}, '<=', UNDER_WAY + 1, '... nobody else begins meanwhile');

# A failure of another kind says nothing of the others.
prepare(about('job_50', error(503, 'ServiceUnavailable'), headers => { 'x-amz-retry-after' => '2000' }));
$paused = attempt($session, jobs_from('few', 1 .. 400));
is($paused->{rows} . $paused->{text}, '400|400|400', 'a failure among many calls: every row');
my ($failed) = asked('job_50');
cmp_ok(requests_after($failed, 1.9), '>', UNDER_WAY, '... others go on meanwhile');
$simulator->latency(0);

# --- the quota of retries ----------------------------------------------------

# Whoever has failed 100 times gets no more retries: 500 tokens, 5 for each.
# A session of its own has a quota of its own.
my $failing = open_session($node);
my $sent = 0;
my $exhausted;
foreach my $round (1 .. 40)
{
	prepare({ error(500, 'InternalFailure'), times => 'forever' });
	my $result = attempt($failing, jobs_from('forecast', 1 .. 60));
	is($result->{sqlstate}, '58000', "quota, round $round: SQLSTATE");
	my $retries = grep { $_->{sdk_request} =~ /attempt=[23]/ } $simulator->log;
	$sent += $retries;
	$exhausted = $retries == 0;
	last if $exhausted;
}
ok($exhausted, 'quota: used up');
cmp_ok($sent, '<=', 100, 'quota: no more retries than it allows');
cmp_ok($sent, '>=', 40,  'quota: not much fewer');

prepare({ error(500, 'InternalFailure') });
is(attempt($failing, status_from('forecast'))->{sqlstate}, '58000', 'quota used up: an error');
is(scalar asked(), 1, '... at once');
goes_on('the quota of another session');

# Success earns some of it back.
prepare();
is(attempt($failing, jobs_from('forecast', 1 .. 50))->{rows}, '50|50|50', 'quota used up: what needs no retry succeeds');
prepare({ error(500, 'InternalFailure') });
is(attempt($failing, status_from('forecast'))->{rows}, 'ACTIVE', 'fifty successes: a retry again');
is(scalar asked(), 2, '... requests');
$failing->quit;

# Timeouts cost twice as much.
$failing = open_session($node);
$node->safe_psql('postgres', "ALTER SERVER forecast OPTIONS (SET read_timeout '200ms')");
$sent = 0;
foreach my $round (1 .. 40)
{
	prepare({ fault => 'stall', times => 'forever' });
	attempt($failing, jobs_from('forecast', 1 .. 60));
	my $retries = grep { $_->{sdk_request} =~ /attempt=[23]/ } $simulator->log;
	$sent += $retries;
	last if $retries == 0;
}
cmp_ok($sent, '<=', 50, 'quota: half as many retries after timeouts');
cmp_ok($sent, '>=', 20, 'quota: not much fewer');
$node->safe_psql('postgres', "ALTER SERVER forecast OPTIONS (SET read_timeout '1s')");
$failing->quit;
prepare();

# --- clocks that disagree ----------------------------------------------------

# The service's clock is off; the first call finds out, the others know.
foreach my $offset (3600, -3600, 0)
{
	my $what = "the service's clock is off by $offset s";

	$simulator->clock($offset);
	prepare();
	my $result = attempt($session, status_from('forecast'));
	is($result->{rows} . $result->{text}, 'ACTIVE', "$what: the row");
	is(scalar asked(), 2, "$what: asked twice");
	prepare();
	$result = attempt($session, jobs_from('forecast', 1 .. 20));
	is($result->{rows} . $result->{text}, '20|20|20', "$what: more rows");
	is(scalar(@all = $simulator->log), 20, "$what: asked once each");
}

# Many that find out at once.
my $many = open_session($node);
$simulator->clock(7200);
prepare();
is(attempt($many, jobs_from('forecast', 1 .. 40))->{rows}, '40|40|40', 'many calls find out: every row');
cmp_ok(scalar(@all = $simulator->log), '<=', 80, '... by one more attempt each');
$many->quit;
$simulator->clock(0);
goes_on_after_clock();

sub goes_on_after_clock
{
	prepare();
	is(attempt($session, status_from('forecast'))->{rows}, 'ACTIVE', 'the clocks agree again');
	return;
}

# An answer's date, so many seconds from now.
sub dated { return strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + $_[0])); }

# A signature that is wrong for another reason is wrong for good.
foreach my $case (
	[ 'the clocks agree',     { Date => dated(0) },   1 ],
	[ 'three minutes off',    { Date => dated(180) }, 1 ],
	[ 'no date',              { Date => undef },      1 ],
	[ 'an unreadable date',   { Date => 'yesterday' }, 1 ],
	[ 'an hour off',          { Date => dated(3600) }, 2 ])
{
	my ($what, $headers, $requests) = @$case;
	my $fresh = open_session($node);

	prepare({ error(400, 'InvalidSignatureException'), headers => $headers, times => 'forever' });
	my $result = attempt($fresh, status_from('forecast'));
	like($result->{message}, qr/InvalidSignatureException/, "a wrong signature, $what: error");
	is(scalar asked(), $requests, "a wrong signature, $what: requests");
	$fresh->quit;
}
goes_on('clocks');

# --- TLS ---------------------------------------------------------------------

# Passes bytes on to the port and back; notes each connection in the file.
sub relay
{
	my ($port, $file) = @_;
	return serve(sub {
		my ($client) = @_;
		append_to_file($file, '.');
		my $server = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port) or return;
		my $both   = IO::Select->new($client, $server);

		while (my @ready = $both->can_read)
		{
			foreach my $from (@ready)
			{
				sysread($from, my $data, 65536) or return;
				syswrite($from == $client ? $server : $client, $data) or return;
			}
		}
	});
}

# A certificate that isn't to be trusted isn't to be trusted a second time.
SKIP:
{
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $count  = "$folder/connections";

	skip 'openssl is missing: nothing of TLS is tested', 3
	  if system("cd '$folder' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x -addext subjectAltName=IP:127.0.0.1 -keyout key -out crt >openssl.log 2>&1") != 0;
	my $secure = ForecastSimulator->start(tls => [ "$folder/crt", "$folder/key" ]);

	append_to_file($count, '');
	create_server($node, 'trusted',   'https://127.0.0.1:' . relay($secure->port, $count), @usual, ca_bundle => "$folder/crt");
	create_server($node, 'untrusted', 'https://127.0.0.1:' . relay($secure->port, $count), @usual);
	is(attempt($session, status_from('trusted'))->{rows}, 'ACTIVE', 'TLS: trusted');
	is(slurp_file($count), '.', 'TLS: one connection');
	is(attempt($session, status_from('untrusted'))->{sqlstate}, '08001', 'TLS: not trusted');
	is(slurp_file($count), '..', 'TLS: ... tried once');
	goes_on('TLS');
}

# --- an hour later -----------------------------------------------------------

my $hour = finish_query($patient);
is($hour->{rows} . $hour->{text}, 'ACTIVE', 'Retry-After of an hour: the row');
my @visits = $busy->log;
is(scalar @visits, 2, 'Retry-After of an hour: requests');
cmp_ok($visits[1]{time} - $visits[0]{time}, '>=', 20, 'Retry-After of an hour: twenty seconds');
cmp_ok($visits[1]{time} - $visits[0]{time}, '<',  90, 'Retry-After of an hour: no hour');

$_->quit foreach $session, $patient;
done_testing();
