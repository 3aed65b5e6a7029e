# Nothing secret is ever printed: neither the secret key, nor the session token,
# nor a signature, at any log level, even where a server sends them back.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my @credentials = (
	key_id => 'ASIATEMPORARYEXAMPLE',
	secret => 'ThisIsTheSecretKeyNobodyMaySee/+Example0',
	token  => 'ThisIsTheSessionToken/' . 'ThatNobodyMaySee+' x 20 . '==');
my %credentials = @credentials;

# --- a server that tells whoever asks what was sent ---------------------------

my $folder = PostgreSQL::Test::Utils::tempdir();
my $seen   = "$folder/seen";

sub read_request
{
	my ($connection) = @_;
	my ($request, $length) = ('', 0);

	while (defined(my $line = <$connection>))
	{
		$request .= $line;
		$length = $1 if $line =~ /^Content-Length: (\d+)/i;
		last if $line =~ /^\r?\n$/;
	}
	read($connection, my $body, $length);
	append_to_file($seen, $request . $body);
	return $request . $body;
}

# An answer that has the request in it, in one of several places.
my %echoes = (
	html    => sub { "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<pre>$_[0]</pre>" },
	success => sub { "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n$_[0]" },
	message => sub {
		"HTTP/1.1 400 Bad Request\r\n\r\n" . encode_json({ __type => 'OddException', message => $_[0] });
	},
	code => sub { "HTTP/1.1 400 Bad Request\r\n\r\n" . encode_json({ __type => header($_[0], 'Authorization') =~ s/.*=//r }) },
	code_token => sub { "HTTP/1.1 400 Bad Request\r\n\r\n" . encode_json({ __type => header($_[0], 'X-Amz-Security-Token') }) },
	type       => sub { "HTTP/1.1 500 Oops\r\nContent-Type: " . header($_[0], 'X-Amz-Security-Token') . "\r\n\r\nx" },
	location   => sub { "HTTP/1.1 302 Found\r\nLocation: http://x/?" . header($_[0], 'Authorization') . "\r\n\r\n" },
	request_id => sub {
		"HTTP/1.1 400 Bad Request\r\nx-amzn-RequestId: " . header($_[0], 'X-Amz-Security-Token')
		  . "\r\n\r\n{\"__type\": \"OddException\"}";
	},
	not_http => sub { $_[0] },

	# Others quote a token as their language escapes it, or not all of it.
	slashes   => sub { forbidden('{"token":"' . (token($_[0]) =~ s{/}{\\/}gr) . '"}') },
	unicode   => sub { forbidden('{"token":"' . escaped('\\u%04x', token($_[0])) . '"}') },
	entities  => sub { forbidden('<pre>' . escaped('&#x%02X;', token($_[0])) . '</pre>') },
	percents  => sub { "HTTP/1.1 302 Found\r\nLocation: http://x/?" . escaped('%%%02X', token($_[0])) . "\r\n\r\n" },
	shortened => sub { forbidden(substr(token($_[0]), 0, 60) . '...') },
	upper     => sub { forbidden(uc(header($_[0], 'Authorization') =~ s/.*Signature=//r)) },
);

sub forbidden
{
	my ($body) = @_;
	return "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\n\r\n$body";
}

sub token
{
	my ($request) = @_;
	return header($request, 'X-Amz-Security-Token');
}

# What is neither letter nor digit becomes what the format says.
sub escaped
{
	my ($format, $text) = @_;
	return $text =~ s/([^A-Za-z0-9])/sprintf $format, ord $1/ger;
}

sub header
{
	my ($request, $name) = @_;
	return $request =~ /^$name: ([^\r]*)/m ? $1 : die "no $name";
}

# --- the cluster --------------------------------------------------------------

my $simulator = ForecastSimulator->start(
	fixture => {
		Credentials => [
			{
				AccessKeyId     => $credentials{key_id},
				SecretAccessKey => $credentials{secret},
				SessionToken    => $credentials{token}
			}
		]
	});
my $node = new_cluster(
	conf => "log_min_messages = debug5\nlog_min_error_statement = debug5\nlog_statement = none\n");
my @options = (@credentials, read_timeout => '200ms', max_response_size => '64kB');

create_server($node, 'forecast', $simulator->url, @options);
create_server($node, 'refused', 'http://127.0.0.1:' . unused_port(), @options);
create_server($node, 'wrong', $simulator->url, @options,
	secret => 'ThisIsTheWrongKeyNobodyMaySee/+Example00');
foreach my $name (sort keys %echoes)
{
	my $answer = $echoes{$name};
	my $port   = serve(sub { my ($connection) = @_; print $connection $answer->(read_request($connection)) });
	create_server($node, "echo_$name", "http://127.0.0.1:$port", @options);
}

# One that sends the token back as a member of the right answer.
my $member = serve(
	sub {
		my ($connection) = @_;
		my $body = encode_json({
			PredictorBacktestExportJobArn => job_arn('nightly'),
			Status                        => 'no date: ' . token(read_request($connection))
		});
		print $connection "HTTP/1.1 200 OK\r\n\r\n$body";
	});
create_server($node, 'echo_member', "http://127.0.0.1:$member", @options);
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE echo_member.jobs ALTER status TYPE date');

# From here on: what was set up stands in the log with its secrets, as the
# statements that named them.
my $log_start = -s $node->logfile;
my $session   = open_session($node);
attempt($session, 'SET client_min_messages = debug5');
my $nightly = job_arn('nightly');
my $printed = '';

# Runs a query; keeps all that the client gets to see.
sub see
{
	my ($sql) = @_;
	my $result = attempt($session, $sql);
	$printed .= "$result->{text}\n$result->{rows}\n";
	return $result;
}

sub status_from
{
	my ($server) = @_;
	return "SELECT status FROM $server.jobs WHERE arn = '$nightly'";
}

# --- all that can be seen -----------------------------------------------------

is(see(status_from('forecast'))->{rows}, 'ACTIVE', 'temporary credentials work');
like(see('EXPLAIN (VERBOSE, ANALYZE) ' . status_from('forecast'))->{rows}, qr/Foreign Scan/, 'EXPLAIN');
is(see(status_from('wrong'))->{sqlstate},   '28000', 'a wrong secret');
is(see(status_from('refused'))->{sqlstate}, '08001', 'connection refused');

foreach my $fault (
	{ fault => 'error', code => 'AccessDeniedException', message => 'no' },
	{ fault => 'throttle' },
	{ fault => 'respond', status => 502, body => '<html>' },
	{ fault => 'malformed' },
	{ fault => 'truncate' },
	{ fault => 'stall' },
	{ fault => 'oversize', bytes => 1_000_000 },
	{ fault => 'patch', patch => { Status => 1 } })
{
	$simulator->fault($fault);
	ok(see(status_from('forecast'))->{sqlstate}, "an error: $fault->{fault}");
}

foreach my $name (sort keys %echoes)
{
	my $result = see(status_from("echo_$name"));
	ok($result->{sqlstate}, "an echo: $name: an error");
}
# A value that its column's type refuses is quoted.
my $quoted = see(status_from('echo_member'));
is($quoted->{sqlstate}, '22007', 'an echo in a value: an error of its type');
like($quoted->{message}, qr/no date: \*{50}/, '... without the token');

my $sent = slurp_file($seen);
my ($signature) = $sent =~ /Signature=([0-9a-f]{64})/;
like($sent, qr/\Q$credentials{token}\E/, 'the echo had the session token');
ok($signature, '... and a signature');
like($printed, qr/\*{64}/,         'a report shows that a signature was there');
like($printed, qr/\*{100}/,        '... and that a token was');
like($printed, qr/AmazonForecast/, '... with what stood around them');

# What others see of a query that runs.
$node->safe_psql('postgres', "ALTER SERVER forecast OPTIONS (SET read_timeout '60s')");
$simulator->fault({ fault => 'stall' });
begin_query($session, status_from('forecast'));
ok( await(sub {
		my $activity = $node->safe_psql('postgres',
			"SELECT a FROM pg_stat_activity a WHERE pid = $session->{backend} AND wait_event_type = 'Extension'");
		$printed .= $activity . slurp_file("/proc/$session->{backend}/cmdline");
		return $activity ne '';
	}),
	'pg_stat_activity, and the list of processes');
$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{backend})");
attempt($session, 'SELECT 1');

# Bad values are not repeated; the statement itself is not ours to hide.
my $log_end = -s $node->logfile;
foreach my $option ('aws_access_key_id', 'aws_secret_access_key', 'aws_session_token')
{
	my $result = see("ALTER USER MAPPING FOR CURRENT_USER SERVER forecast OPTIONS (SET $option 'hush hush')");
	is($result->{sqlstate}, 'HV024', "a bad $option: refused");
	unlike("$result->{message} $result->{detail} $result->{hint}", qr/hush/, '... and not repeated');
}

# --- is anything secret in it? ------------------------------------------------

my $log = substr(slurp_file($node->logfile), $log_start, $log_end - $log_start);
cmp_ok(length $log, '>', 10_000, 'the log is a chatty one');

foreach my $place ([ 'the log', $log ], [ 'what the client saw', $printed ])
{
	my ($where, $text) = @$place;

	like($text, qr/\Q$nightly\E/, "$where: something to look at");
	unlike($text, qr/\Q$credentials{secret}\E/, "$where: no secret key");
	unlike($text, qr/NobodyMaySee/,             "$where: no part of it, nor of the token");
	unlike($text, qr/ThisIsTheSessionToken/,    "$where: no session token");
	unlike($text, qr/[0-9a-f]{64}/i,            "$where: no signature, nor anything of its form");
}

$session->quit;
done_testing();
