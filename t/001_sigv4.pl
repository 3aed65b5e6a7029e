# The signer against two sets of vectors, stage by stage: those published with
# aws-c-auth, and requests that botocore signs while the test runs.
#
# SIGV4_SUITE names the folder of the published ones; BOTOCORE_SEED repeats a
# run of the others.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(sha256_hex);
use FindBin;
use JSON::PP;
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $project = abs_path("$FindBin::RealBin/..");
my $module  = "$project/test/modules/sigv4";
my $suite   = $ENV{SIGV4_SUITE} || "$project/../shared/sigv4-suite";
my $seed    = $ENV{BOTOCORE_SEED} || time;

# The signer as SQL functions.  Everything is built (-B): what an earlier build left
# next to the sources is not what they say now.
my $folder  = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/sigv4_test.so";
my ($out, $err) = run_command([ 'make', '-s', '-B', '-C', $folder, '-f', "$module/Makefile", "VPATH=$module" ]);
ok(-e $library, 'the module builds') or BAIL_OUT("$out\n$err");

# The server's clock shows another time, and for hours another day, than UTC.
$ENV{TZ} = 'Asia/Kathmandu';

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', <<"EOSQL");
CREATE FUNCTION canonical_request(method text, path text, query text, headers text[], body bytea) RETURNS text
  AS '$library' LANGUAGE C STRICT;
CREATE FUNCTION string_to_sign(datetime text, region text, service text, canonical_request text) RETURNS text
  AS '$library' LANGUAGE C STRICT;
CREATE FUNCTION signature(datetime text, region text, service text, secret text, string_to_sign text) RETURNS text
  AS '$library' LANGUAGE C STRICT;
CREATE FUNCTION authorization_header(method text, path text, query text, headers text[], body bytea,
    datetime text, region text, service text, access_key_id text, secret text, earlier text) RETURNS text
  AS '$library' LANGUAGE C;
CREATE FUNCTION signing_datetime(epoch bigint) RETURNS text
  AS '$library' LANGUAGE C STRICT;

-- A vector is a request and what is expected of each stage.  The last
-- columns have the signer's key left over from another day, and from the same.
CREATE TABLE vectors (vector jsonb);
CREATE VIEW signed AS
SELECT v.*,
  canonical_request(method, path, query, headers, body) AS got_canonical_request,
  string_to_sign(datetime, region, service, canonical_request) AS got_string_to_sign,
  signature(datetime, region, service, secret, string_to_sign) AS got_signature,
  authorization_header(method, path, query, headers, body, datetime, region, service, access_key_id, secret, NULL)
    AS got_authorization_header,
  authorization_header(method, path, query, headers, body, datetime, region, service, access_key_id, secret,
    '20010203T040506Z') AS got_header_another_day,
  authorization_header(method, path, query, headers, body, datetime, region, service, access_key_id, secret,
    left(datetime, 8) || 'T000000Z') AS got_header_same_day
FROM (
  SELECT vector->>'name' AS name, vector->>'method' AS method, vector->>'path' AS path, vector->>'query' AS query,
    ARRAY(SELECT jsonb_array_elements_text(vector->'headers')) AS headers,
    decode(vector->>'body', 'base64') AS body, vector->>'datetime' AS datetime,
    vector->>'region' AS region, vector->>'service' AS service,
    vector->>'access_key_id' AS access_key_id, vector->>'secret' AS secret,
    vector->>'canonical_request' AS canonical_request, vector->>'string_to_sign' AS string_to_sign,
    vector->>'signature' AS signature, vector->>'authorization_header' AS authorization_header,
    (vector->>'epoch')::bigint AS epoch
  FROM vectors) v
EOSQL

my @stages = qw(canonical_request string_to_sign signature authorization_header);

sub load
{
	my (@vectors) = @_;
	my $json = JSON::PP->new->ascii->encode(\@vectors);

	$node->safe_psql('postgres', "TRUNCATE vectors;
		INSERT INTO vectors SELECT jsonb_array_elements(\$json\$$json\$json\$)");
	return;
}

# --- the published vectors --------------------------------------------------

sub parse_request
{
	my ($text) = @_;
	my ($head, $body) = split /\n\n/, $text, 2;
	my ($start, @lines) = split /\n/, $head;
	my ($method, $path) = split / /, $start;
	my @headers;

	foreach my $line (@lines)
	{
		if ($line =~ /^\s/)
		{
			$headers[-1] .= "\n$line";    # a folded value goes on
			next;
		}
		push @headers, split /:/, $line, 2;
	}
	return ($method, $path, $body // '', @headers);
}

sub read_vector
{
	my ($case)    = @_;
	my $context   = decode_json(slurp_file("$case/context.json"));
	my $timestamp = $context->{timestamp} =~ s/[-:]//gr;
	my $token     = $context->{credentials}{token};
	my ($method, $path, $body, @headers) = parse_request(slurp_file("$case/request.txt"));
	my ($authorization) =
	  slurp_file("$case/header-signed-request.txt") =~ /^Authorization:(.*)$/m;

	die "$case: path $path" if $path ne '/';    # that is canonical, without a query
	push @headers, 'X-Amz-Date', $timestamp;
	push @headers, 'X-Amz-Content-Sha256', sha256_hex($body) if $context->{sign_body};
	push @headers, 'X-Amz-Security-Token', $token
	  if $token && !$context->{omit_session_token};
	return {
		name              => $case =~ s{.*/}{}r,
		method            => $method,
		path              => $path,
		query             => '',
		headers           => \@headers,
		body              => encode_base64($body, ''),
		datetime          => $timestamp,
		region            => $context->{region},
		service           => $context->{service},
		access_key_id     => $context->{credentials}{access_key_id},
		secret            => $context->{credentials}{secret_access_key},
		canonical_request => slurp_file("$case/header-canonical-request.txt"),
		string_to_sign    => slurp_file("$case/header-string-to-sign.txt"),
		signature         => slurp_file("$case/header-signature.txt"),
		authorization_header => $authorization,
	};
}

SKIP:
{
	my @cases = grep { -d } glob "$suite/*";
	skip "the published vectors are not in $suite: skipped", 1 unless @cases;

	load(map { read_vector($_) } @cases);
	foreach my $stage (@stages)
	{
		my @rows = split /^\x1e/m, $node->safe_psql('postgres',
			"SELECT chr(30) || name || chr(31) || $stage || chr(31) || got_$stage FROM signed ORDER BY name");
		shift @rows;
		is(scalar @rows, scalar @cases, "$stage of each published vector");
		foreach my $row (@rows)
		{
			my ($name, $expected, $got) = map { s/\n\z//r } split /\x1f/, $row;
			is($got, $expected, "$name: $stage");
		}
	}
}

# --- vectors that botocore signs now ----------------------------------------

use constant COUNT => 300;

note("BOTOCORE_SEED=$seed");
($out, $err) = run_command([ '/usr/bin/python3', "$module/botocore_vectors.py", COUNT, $seed ]);
is($err, '', 'botocore signs');
load(@{ decode_json($out) });
foreach my $stage (@stages)
{
	is( $node->safe_psql('postgres', "
			SELECT count(*) FILTER (WHERE $stage = got_$stage), (array_agg(vector->>'headers')
			  FILTER (WHERE $stage IS DISTINCT FROM got_$stage))[1]
			FROM signed JOIN vectors ON vector->>'authorization_header' = authorization_header"),
		COUNT . '|', "$stage is botocore's (seed $seed)");
}

# The key is derived once a day: one left over from another day is not used.
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM signed WHERE authorization_header = got_header_another_day'),
	COUNT, "a key of another day is not used (seed $seed)");
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM signed WHERE authorization_header = got_header_same_day'),
	COUNT, "a key of the same day is as good as a new one (seed $seed)");
is( $node->safe_psql('postgres',
		'SELECT count(*) FROM signed WHERE signing_datetime(epoch) = datetime'),
	COUNT, "X-Amz-Date (seed $seed)");

done_testing();
