# What can go wrong between a query and its row.  Whatever the other side does,
# the query gets the right row or one clear error, which says what was asked,
# and the next query of the session succeeds.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $simulator = ForecastSimulator->start;
my $node      = new_cluster();
create_server($node, 'forecast', $simulator->url,
	read_timeout => '1s', max_response_size => '64kB');

my $session = open_session($node);
my $nightly = job_arn('nightly');
my $query   = "SELECT status FROM forecast.jobs WHERE arn = '$nightly'";

# Every error says what was asked for, somewhere.
sub is_clear
{
	my ($result, $sqlstate, $message, $what) = @_;
	my @errors = $result->{text} =~ /(?:ERROR|FATAL|PANIC|WARNING):  /g;

	is(scalar @errors, 1, "$what: one error");
	is($result->{sqlstate}, $sqlstate, "$what: SQLSTATE")
	  or diag($result->{text});
	like($result->{message}, $message, "$what: message");
	like("$result->{message} $result->{detail} $result->{context}",
		qr/\Q$nightly\E/, "$what: names the ARN");
	like("$result->{message} $result->{detail} $result->{context}",
		qr/DescribePredictorBacktestExportJob|PredictorBacktestExportJobArn/,
		"$what: names the operation or the key");
	is($result->{rows}, '', "$what: no row");
	return;
}

sub goes_on
{
	my ($what) = @_;
	my $result = attempt($session, $query);
	is($result->{rows} . $result->{text},
		'ACTIVE', "$what: the next query succeeds");
	return;
}

# --- the simulator misbehaves ----------------------------------------------
#
# What happens, the fault, and what is expected: SQLSTATE and message of the
# error, or the row.  A fault that breaks the connection comes twice, because a
# request on a connection that turns out to be dead is sent once more.

# For a case that expects a row.
use constant ROW => 'row';

my @html = (
	headers => { 'Content-Type' => 'text/html' },
	body    => '<html><h1>Bad Gateway</h1></html>');
my @denied =
  (fault => 'error', code => 'AccessDeniedException', message => 'not you');
my $refusal =
  qr/^Amazon Forecast answered DescribePredictorBacktestExportJob with AccessDeniedException/;

my @misbehaviour = (
	# AWS's own errors, in the forms they come in
	[ 'error', {@denied}, '42501', qr/$refusal: not you$/ ],
	[ 'error with a namespace', { @denied, form => 'prefixed' }, '42501', qr/$refusal: not you$/ ],
	[ 'error with a namespace and a URL', { @denied, form => 'suffixed' }, '42501', qr/$refusal: not you$/ ],
	[ 'error in the header', { @denied, form => 'header' }, '42501', qr/$refusal: not you$/ ],
	[ 'error in member code', { @denied, form => 'code' }, '42501', qr/$refusal: not you$/ ],
	[ 'error with member Message', { @denied, message_key => 'Message' }, '42501', qr/$refusal: not you$/ ],
	[ 'error without a message', { @denied, message => undef }, '42501', qr/$refusal$/ ],
	[ 'error in the header only',
		{ fault => 'respond', status => 400, headers => { 'X-Amzn-Errortype' => 'AccessDeniedException:http://internal.amazonaws.com/' } },
		'42501', qr/$refusal$/ ],
	[ 'error nobody knows', { @denied, code => 'BrandNewException' }, 'HV000', qr/BrandNewException: not you$/ ],
	[ 'internal error', { fault => 'error', status => 500, code => 'InternalFailure' }, '58000', qr/InternalFailure/ ],
	[ 'unavailable', { fault => 'error', status => 503, code => 'ServiceUnavailable' }, '58000', qr/ServiceUnavailable/ ],
	[ 'throttled', { fault => 'throttle' }, '53000', qr/ThrottlingException: Rate exceeded$/ ],

	# errors that mean there is no such job
	[ 'not found', { fault => 'error', code => 'ResourceNotFoundException' }, ROW, '' ],
	[ 'not found, in the header', { fault => 'error', code => 'ResourceNotFoundException', form => 'header' }, ROW, '' ],
	[ 'no ARN of this kind', { fault => 'error', code => 'InvalidInputException' }, ROW, '' ],

	# somebody else answers
	[ 'HTML and status 502', { fault => 'respond', status => 502, @html }, '58000', qr/answered with HTTP status 502$/ ],
	[ 'empty body and status 503', { fault => 'respond', status => 503 }, '58000', qr/answered with HTTP status 503$/ ],
	[ 'status 429', { fault => 'respond', status => 429 }, '58000', qr/answered with HTTP status 429$/ ],
	[ 'redirect', { fault => 'respond', status => 301, headers => { Location => 'https://elsewhere.example.com/' } },
		'08P01', qr/answered with HTTP status 301$/ ],
	[ 'redirect to itself', { fault => 'respond', status => 307, headers => { Location => '/' } }, '08P01', qr/answered with HTTP status 307$/ ],
	[ 'HTML and status 200', { fault => 'respond', @html }, '08P01', qr/is not a JSON object$/ ],
	[ 'empty body and status 200', { fault => 'respond' }, '08P01', qr/is not a JSON object$/ ],
	[ 'no content', { fault => 'respond', status => 204 }, '08P01', qr/is not a JSON object$/ ],
	[ 'JSON array', { fault => 'respond', body => '[1]' }, '08P01', qr/is not a JSON object$/ ],
	[ 'JSON null', { fault => 'respond', body => 'null' }, '08P01', qr/is not a JSON object$/ ],
	[ 'JSON and more', { fault => 'respond', body => '{} {}' }, '08P01', qr/is not a JSON object$/ ],
	[ 'NUL byte', { fault => 'respond', body => "{\"Status\": \"A\0B\"}" }, '08P01', qr/is not a JSON object$/ ],
	[ 'JSON that never ends', { fault => 'respond', body => '[' x 60_000 }, '08P01', qr/is not a JSON object$/ ],
	[ 'deeply nested member', { fault => 'respond', body => '{"A":' . '[' x 20_000 . ']' x 20_000 . '}' }, '08P01', qr/is not a JSON object$/ ],
	[ 'half the JSON', { fault => 'malformed' }, '08P01', qr/is not a JSON object$/ ],
	[ 'another content type',
		{ fault => 'respond', headers => { 'Content-Type' => 'text/plain' }, body => encode_json({ PredictorBacktestExportJobArn => $nightly, Status => 'ODD' }) },
		ROW, 'ODD' ],
	[ 'no length, connection closed at the end',
		{ fault => 'respond', headers => { 'Content-Length' => undef }, body => encode_json({ PredictorBacktestExportJobArn => $nightly, Status => 'ODD' }) },
		ROW, 'ODD' ],

	# the connection ends
	[ 'cut at once', { fault => 'cut', times => 2 }, '08006', qr/ended before the answer was complete$/ ],
	[ 'cut in the head', { fault => 'cut', after_bytes => 20 }, '08006', qr/ended before the answer was complete$/ ],
	[ 'cut after the head', { fault => 'cut', after_bytes => 'head' }, '08006', qr/ended before the answer was complete$/ ],
	[ 'cut in the body', { fault => 'cut', after_bytes => -50 }, '08006', qr/ended before the answer was complete$/ ],
	[ 'reset at once', { fault => 'cut', rst => JSON::PP::true, times => 2 }, '08006', qr/ended before the answer was complete$/ ],
	[ 'reset in the body', { fault => 'cut', after_bytes => -50, rst => JSON::PP::true }, '08006', qr/ended before the answer was complete$/ ],
	[ 'truncated', { fault => 'truncate' }, '08006', qr/ended before the answer was complete$/ ],

	# the answer comes slowly, or not
	[ 'silence', { fault => 'stall' }, '08006', qr/within the read timeout$/ ],
	[ 'silence after the head', { fault => 'stall', after_bytes => 'head' }, '08006', qr/within the read timeout$/ ],
	[ 'silence in the body', { fault => 'stall', after_bytes => -200 }, '08006', qr/within the read timeout$/ ],
	[ 'late', { fault => 'delay', ms => 200 }, ROW, 'ACTIVE' ],
	[ 'drop by drop', { fault => 'drip', chunk_bytes => 9, interval_ms => 10 }, ROW, 'ACTIVE' ],

	# the answer is too much
	[ 'large', { fault => 'oversize', bytes => 50_000 }, ROW, 'ACTIVE' ],
	[ 'large, in chunks', { fault => 'oversize', bytes => 50_000, chunked => JSON::PP::true }, ROW, 'ACTIVE' ],
	[ 'oversized', { fault => 'oversize', bytes => 100_000_000 }, '54000', qr/is larger than allowed$/ ],
	[ 'oversized, in chunks', { fault => 'oversize', bytes => 100_000_000, chunked => JSON::PP::true }, '54000', qr/is larger than allowed$/ ],
	[ 'oversized head', { fault => 'respond', headers => { 'X-Padding' => 'x' x 70_000 } }, '54000', qr/is larger than allowed$/ ],
	[ 'oversized error', { fault => 'respond', status => 500, body => 'x' x 70_000 }, '54000', qr/is larger than allowed$/ ],

	# the answer is about something else
	[ 'no ARN', { fault => 'patch', remove => ['PredictorBacktestExportJobArn'] }, '08P01', qr/is not about the ARN that was asked for$/ ],
	[ 'empty answer', { fault => 'respond', body => '{}' }, '08P01', qr/is not about the ARN that was asked for$/ ],
	[ 'another ARN', { fault => 'patch', patch => { PredictorBacktestExportJobArn => job_arn('job_1') } }, '08P01', qr/is not about the ARN that was asked for$/ ],
	[ 'a number for the ARN', { fault => 'patch', patch => { PredictorBacktestExportJobArn => 7 } }, '08P01', qr/is not about the ARN that was asked for$/ ],
);

foreach my $case (@misbehaviour)
{
	my ($what, $fault, $expected, $detail) = @$case;

	$simulator->clear_faults;
	$simulator->clear_log;
	$simulator->fault($fault);
	my $result = attempt($session, $query);
	is(scalar(grep { $_->{fault} } $simulator->log),
		$fault->{times} || 1, "$what: happened");
	if ($expected eq ROW)
	{
		is($result->{rows} . $result->{text}, $detail, "$what: the right row");
	}
	else
	{
		is_clear($result, $expected, $detail, $what);
	}
	goes_on($what);
}

# The same as a client sees it that catches the error.
$session->query_safe(<<'EOSQL');
CREATE FUNCTION failure(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  state text;
BEGIN
  EXECUTE query;
  RETURN 'none';
EXCEPTION WHEN others THEN
  GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE;
  RETURN state;
END $$
EOSQL
foreach my $fault ({ fault => 'malformed' }, { fault => 'truncate' }, {@denied},
	{ fault => 'stall', after_bytes => 10 })
{
	$simulator->fault($fault);
	$session->query_safe('BEGIN');
	like(attempt($session, "SELECT failure(\$\$ $query \$\$)")->{rows},
		qr/^(?:08P01|08006|42501)$/, "$fault->{fault}: caught");
	goes_on("$fault->{fault}, in the same transaction");
	$session->query_safe('COMMIT');
}

# Nobody is asked a second time by a redirect.
my $redirect = ForecastSimulator->start;
$simulator->fault({ fault => 'respond', status => 308, headers => { Location => $redirect->url . '/' } });
is(attempt($session, $query)->{sqlstate}, '08P01', 'redirect to another server: refused');
is($redirect->counters->{requests}, 0, 'redirect to another server: not followed');
$redirect->stop;

# --- odd values ------------------------------------------------------------
#
# What is odd, what the answer's members are replaced by, the column to read,
# and what is expected: a value, or SQLSTATE and message of an error.

my $destination = qr/field "Destination.S3Config.Path" of the answer/;

my @values = (
	# text
	[ 'a number for text', { Status => 5 }, 'status', 'HV004', qr/^field "Status" of the answer is a number, expected a string$/ ],
	[ 'a boolean for text', { Status => JSON::PP::true }, 'status', 'HV004', qr/^field "Status" of the answer is a boolean, expected a string$/ ],
	[ 'an array for text', { Status => ['ACTIVE'] }, 'status', 'HV004', qr/^field "Status" of the answer is an array, expected a string$/ ],
	[ 'an object for text', { Status => { A => 1 } }, 'status', 'HV004', qr/^field "Status" of the answer is an object, expected a string$/ ],
	[ 'null for text', { Status => undef }, 'status', undef ],
	[ 'empty text', { Status => '' }, 'status', '' ],
	[ 'NUL in text', { Message => "a\0b" }, 'message', "a\xef\xbf\xbdb" ],
	[ 'an escaped backslash before u0000', { Message => 'a\\u0000' }, 'message', 'a\\u0000' ],
	[ 'wide characters', { Message => "\x{fc}\x{20ac}\x{1f600}" }, 'message', "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" ],
	[ 'long text', { Message => 'x' x 50_000 }, 'length(message)', 50_000 ],

	# objects
	[ 'a string for Destination', { Destination => 's3://x' }, 'destination_s3_path', 'HV004', qr/^$destination is inside of a string, expected an object$/ ],
	[ 'an array for Destination', { Destination => [] }, 'destination_s3_path', 'HV004', qr/^$destination is inside of an array, expected an object$/ ],
	[ 'a number for S3Config', { Destination => { S3Config => 1 } }, 'destination_s3_path', 'HV004', qr/^$destination is inside of a number, expected an object$/ ],
	[ 'null for Destination', { Destination => undef }, 'destination_s3_path', undef ],
	[ 'null for S3Config', { Destination => { S3Config => undef } }, 'destination_s3_path', undef ],
	[ 'an object for the path', { Destination => { S3Config => { Path => {} } } }, 'destination_s3_path', 'HV004', qr/^$destination is an object, expected a string$/ ],

	# timestamps
	[ 'a string for a timestamp', { CreationTime => '2024-11-03' }, 'creation_time', 'HV004', qr/^field "CreationTime" of the answer is a string, expected a number$/ ],
	[ 'a boolean for a timestamp', { CreationTime => JSON::PP::false }, 'creation_time', 'HV004', qr/^field "CreationTime" of the answer is a boolean, expected a number$/ ],
	[ 'null for a timestamp', { CreationTime => undef }, 'creation_time', undef ],
	[ 'whole seconds', { CreationTime => 1730599205 }, 'creation_time', '2024-11-03 02:00:05+00' ],
	[ 'the epoch', { CreationTime => 0 }, 'creation_time', '1970-01-01 00:00:00+00' ],
	[ 'before the epoch', { CreationTime => -1.5 }, 'creation_time', '1969-12-31 23:59:58.5+00' ],
	[ 'before the common era', { CreationTime => -100_000_000_000 }, 'creation_time', '1200-02-15 14:13:20+00 BC' ],
	[ 'a far future', { CreationTime => 9_000_000_000_000 }, "extract(year FROM creation_time)", 287168 ],

	# members
	[ 'an unknown member', { Brand => { New => [ 1, 2 ] } }, 'status', 'ACTIVE' ],
	[ 'a wrong type in a column that is not asked for', { CreationTime => 'x' }, 'status', 'ACTIVE' ],
	[ 'a name in other case', { status => 'WRONG' }, 'status', 'ACTIVE' ],
);

$session->query_safe("SET timezone = 'UTC'");

# The value of a column for a fault, or an error.
sub value_is
{
	my ($what, $fault, $column, @expected) = @_;

	$simulator->fault($fault);
	my $result = attempt($session,
		"SELECT coalesce(($column)::text, 'NULL') FROM forecast.jobs WHERE arn = '$nightly'");
	if (@expected > 1)
	{
		is_clear($result, @expected, $what);
	}
	else
	{
		is($result->{rows} . $result->{text}, $expected[0] // 'NULL', $what);
	}
	goes_on($what);
	return;
}

foreach my $case (@values)
{
	my ($what, $patch, @rest) = @$case;
	value_is($what, { fault => 'patch', patch => $patch }, @rest);
}

# What a JSON library would not write.
sub raw
{
	my ($members) = @_;
	return {
		fault       => 'respond',
		body_base64 =>
		  encode_base64("{\"PredictorBacktestExportJobArn\": \"$nightly\", $members}", '')
	};
}

my @raw = (
	[ 'microseconds', '"CreationTime": 1730599205.123456', 'creation_time', '2024-11-03 02:00:05.123456+00' ],
	[ 'one microsecond', '"CreationTime": 1e-6', 'creation_time', '1970-01-01 00:00:00.000001+00' ],
	[ 'less than a microsecond', '"CreationTime": 1e-7', 'creation_time', '1970-01-01 00:00:00+00' ],
	[ 'a time out of range', '"CreationTime": 1e18', 'creation_time', '22008', qr/timestamp/ ],
	[ 'a negative time out of range', '"CreationTime": -1e18', 'creation_time', '22008', qr/timestamp/ ],
	[ 'a number beyond a double', '"CreationTime": 1e999', 'creation_time', '22008', qr/^field "CreationTime" of the answer is out of range for a timestamp$/ ],
	[ 'a negative number beyond a double', '"CreationTime": -1e999', 'creation_time', '22008', qr/^field "CreationTime" of the answer is out of range for a timestamp$/ ],
	[ 'an exponent', '"CreationTime": 1.730599205417E9', 'creation_time', '2024-11-03 02:00:05.417+00' ],
	[ 'many digits', '"CreationTime": 1730599205.41700000000000000000000000000000', 'creation_time', '2024-11-03 02:00:05.417+00' ],
	[ 'not a number', '"CreationTime": NaN', 'creation_time', '08P01', qr/is not a JSON object$/ ],
	[ 'invalid UTF-8', "\"Message\": \"a\xff\"", 'message', '22021', qr/invalid byte sequence/ ],
	[ 'an overlong NUL', "\"Message\": \"a\xc0\x80\"", 'message', '22021', qr/invalid byte sequence/ ],
	[ 'half a character', "\"Message\": \"a\xc3\"", 'message', '22021', qr/invalid byte sequence/ ],
	[ 'a lone surrogate', '"Message": "a\\ud800"', 'message', '08P01', qr/is not a JSON object$/ ],
	[ 'a pair of surrogates', '"Message": "\\ud83d\\ude00"', 'message', "\xf0\x9f\x98\x80" ],
	[ 'escaped NULs in many places', '"\\u0000": 1, "Message": "\\u0000\\\\\\u0000\\u00001"', 'message', "\xef\xbf\xbd\\\xef\xbf\xbd\xef\xbf\xbd1" ],
	[ 'invalid UTF-8 where nobody looks', "\"Odd\": \"\xff\"", "coalesce(message, 'none')", 'none' ],
);

foreach my $case (@raw)
{
	my ($what, $members, @rest) = @$case;
	value_is($what, raw($members), @rest);
}

# Missing members are NULL, but for the ARN.
$simulator->fault(raw('"Odd": 1'));
is( attempt($session,
		"SELECT num_nulls(j.*), num_nonnulls(j.*) FROM
		 (SELECT * FROM forecast.jobs WHERE arn = '$nightly') j")->{text},
	'', 'a whole row of missing members: no error');
$simulator->fault(raw('"Odd": 1'));
is( attempt($session,
		"SELECT num_nulls(name, predictor_arn, destination_s3_path, destination_s3_role_arn,
		 destination_s3_kms_key_arn, message, status, creation_time, last_modification_time, format)
		 FROM forecast.jobs WHERE arn = '$nightly'")->{rows},
	10, 'missing members are NULL');

# Odd bytes in an error must not hide it.
$simulator->fault({ fault => 'respond', status => 400, body_base64 => encode_base64("{\"__type\": \"OddException\", \"message\": \"a\xff\\u0000\\nb\"}", '') });
is_clear(attempt($session, $query), 'HV000', qr/OddException: a.+b$/s, 'odd bytes in an error');
$simulator->fault({ fault => 'respond', status => 500, body_base64 => encode_base64("\xff\xfe\0\0gzip", '') });
is_clear(attempt($session, $query), '58000', qr/status 500/, 'odd bytes instead of an error');
goes_on('odd bytes');

# --- the other side is not there, or not what it should be -----------------

sub create_broken_server
{
	my ($name, $url, %options) = @_;
	create_server($node, $name, $url, connect_timeout => '1s', read_timeout => '2s',
		max_response_size => '64kB', %options);
	return "SELECT status FROM $name.jobs WHERE arn = '$nightly'";
}

# Reads a request's head, at least.
sub read_head
{
	my ($connection) = @_;
	while (defined(my $line = <$connection>))
	{
		last if $line =~ /^\r?\n$/;
	}
	return;
}

my $ssh = serve(sub {
	my ($connection) = @_;
	print $connection "SSH-2.0-OpenSSH_9.2\r\n";
	read_head($connection);
});
my $header_flood = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	print $connection "HTTP/1.1 200 OK\r\n";
	my $line = 'X-Flood: ' . 'x' x 1000 . "\r\n";
	while (print $connection $line) { }
});
my $interim_flood = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	while (print $connection "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n") { }
});
my $chunk_flood = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	print $connection "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	while (print $connection "1\r\nx\r\n") { }
});
my $liar = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	print $connection "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}";
});
my $not_chunked = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	print $connection "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n{}\r\n";
});
my $trailers = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	my $body = encode_json({ PredictorBacktestExportJobArn => $nightly, Status => 'ODD' });
	print $connection "HTTP/1.1 100 Continue\r\n\r\n";
	printf $connection "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\nX-Trailer: yes\r\n\r\n", length $body, $body;
});
my $gzip = serve(sub {
	my ($connection) = @_;
	read_head($connection);
	print $connection "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00";
});

my $unreachable = qr/^could not connect to /;
my @others = (
	[ 'connection refused', 'refused', 'http://127.0.0.1:' . unused_port(), '08001', $unreachable ],
	[ 'unresolvable host', 'unresolvable', 'https://forecast.invalid', '08001', $unreachable ],
	[ 'a peer that is not HTTP', 'ssh', "http://127.0.0.1:$ssh", '08P01', qr/ is not HTTP$/ ],
	[ 'a peer that is not TLS', 'no_tls', "https://127.0.0.1:" . $simulator->port, '08001', $unreachable ],
	[ 'headers without end', 'header_flood', "http://127.0.0.1:$header_flood", '54000', qr/ is larger than allowed$/ ],
	[ 'interim answers without end', 'interim_flood', "http://127.0.0.1:$interim_flood", '54000', qr/ is larger than allowed$/ ],
	[ 'chunks without end', 'chunk_flood', "http://127.0.0.1:$chunk_flood", '54000', qr/ is larger than allowed$/ ],
	[ 'a negative length', 'liar', "http://127.0.0.1:$liar", '08P01', qr/ is not HTTP$/ ],
	[ 'chunks that are none', 'not_chunked', "http://127.0.0.1:$not_chunked", '08006', qr/ ended before the answer was complete$/ ],
	[ 'a compressed answer', 'gzip', "http://127.0.0.1:$gzip", '08P01', qr/ is not a JSON object$/ ],
);

foreach my $case (@others)
{
	my ($what, $name, $url, @expected) = @$case;
	my $question = create_broken_server($name, $url);

	is_clear(attempt($session, $question), @expected, $what);
	is_clear(attempt($session, $question), @expected, "$what, again");
	goes_on($what);
}

# Odd, but right: an interim answer first, trailers last.
is(attempt($session, create_broken_server('trailers', "http://127.0.0.1:$trailers"))->{rows},
	'ODD', 'an interim answer, and trailers: the right row');

# --- TLS -------------------------------------------------------------------

SKIP:
{
	my $folder = PostgreSQL::Test::Utils::tempdir();

	skip 'openssl is missing: nothing of TLS is tested', 1
	  if system('openssl version >/dev/null 2>&1') != 0;

	my $openssl = sub {
		system("cd '$folder' && openssl $_[0] >openssl.log 2>&1") == 0
		  or die "openssl $_[0]: " . slurp_file("$folder/openssl.log");
	};
	append_to_file("$folder/san", 'subjectAltName=IP:127.0.0.1');
	$openssl->('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt');
	$openssl->('req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout other.key -out other.crt');
	$openssl->('req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=forecast -keyout key -out csr');
	$openssl->('x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile san -out good.crt');
	# What makes a certificate that has expired depends on the version of openssl.
	my $sign = 'x509 -req -in csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile san -out expired.crt';
	eval { $openssl->("$sign -days -1"); 1 }
	  or $openssl->("$sign -not_before 20200101000000Z -not_after 20200102000000Z");

	my $good    = ForecastSimulator->start(tls => [ "$folder/good.crt",    "$folder/key" ]);
	my $expired = ForecastSimulator->start(tls => [ "$folder/expired.crt", "$folder/key" ]);
	my @right   = (ca_bundle => "$folder/ca.crt");

	my $question = create_broken_server('tls', $good->url, @right);
	is(attempt($session, $question)->{rows}, 'ACTIVE', 'TLS: the right CA');
	is(attempt($session, $question)->{rows}, 'ACTIVE', 'TLS: the right CA, once more');

	my @refused = (
		[ 'TLS: the system does not know the CA', 'no_ca', $good->url ],
		[ 'TLS: another CA of the same name', 'other_ca', $good->url, ca_bundle => "$folder/other.crt" ],
		[ 'TLS: another name', 'other_name', 'https://localhost:' . $good->port, @right ],
		[ 'TLS: expired', 'expired', $expired->url, @right ],
		[ 'TLS: no file', 'no_file', $good->url, ca_bundle => "$folder/none.crt" ],
		[ 'TLS: a file without certificates', 'no_certificate', $good->url, ca_bundle => "$folder/san" ],
	);
	foreach my $case (@refused)
	{
		my ($what, $name, $url, %options) = @$case;
		my $refused = create_broken_server($name, $url, %options);
		my $result  = attempt($session, $refused);

		is_clear($result, '08001', $unreachable, $what);
		note($result->{detail});
		is(attempt($session, $question)->{rows}, 'ACTIVE', "$what: the right one goes on");
	}
	goes_on('TLS');
}

$session->quit;
done_testing();
