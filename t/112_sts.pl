# What strange servers answer in the place of STS, and what becomes of credentials that
# are not accepted.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Encode qw(encode);
use POSIX qw(strftime);

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

my $simulator = ForecastSimulator->start;
my $folder    = PostgreSQL::Test::Utils::tempdir();

# The server's own identity is a file.
sub write_keys
{
	my ($id, $secret) = @_;
	open(my $file, '>', "$folder/credentials") or die "could not write: $!";
	print $file "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret\n";
	close $file;
	return;
}

write_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY);
my $node;
{
	local $ENV{AWS_SHARED_CREDENTIALS_FILE} = "$folder/credentials";
	local $ENV{AWS_CONFIG_FILE}             = '/nonexistent';
	$node = new_cluster();
}

my $describe = "jobs WHERE arn = '" . job_arn('nightly') . "'";
my $session  = open_session($node);

# --- strange servers ---------------------------------------------------------

my $secret = 'NobodyMaySeeThis/SecretAccessKey+0123456';

sub credentials_xml
{
	my ($token) = @_;
	return "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
	  . "<SecretAccessKey>$secret</SecretAccessKey><SessionToken>$token</SessionToken>"
	  . '<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>';
}

sub response
{
	my ($status, $body, %headers) = @_;
	my $lines = join '', map { "$_: $headers{$_}\r\n" } sort keys %headers;
	return "HTTP/1.1 $status Odd\r\nContent-Length: " . length($body) . "\r\n$lines\r\n$body";
}

sub error_xml
{
	my ($code) = @_;
	return "<ErrorResponse><Error><Code>$code</Code><Message>no</Message></Error></ErrorResponse>";
}

# Name, answer, and what is expected: the SQLSTATE and the number of requests.
my $skewed = strftime('%a, %d %b %Y %H:%M:%S GMT', gmtime(time + 7200));
my @strangers = (
	[ 'UTF-16 that is longer in UTF-8', response(200, "\xff\xfe" . encode('UTF-16LE', credentials_xml("\x{20ac}" x 20_000))), '08P01', 1 ],
	[ 'no XML', response(200, 'hello'), '08P01', 1 ],
	[ 'credentials in an odd element', response(200, credentials_xml('x<b/>y') =~ s/AccessKeyId/Id/gr), '08P01', 1 ],
	[ 'a document type', response(200, '<!DOCTYPE a [<!ENTITY e "x">]>' . credentials_xml('&e;')), '08P01', 1 ],
	[ 'a wrong signature', response(403, error_xml('SignatureDoesNotMatch')), '28000', 1 ],
	[ 'a wrong signature, by the clock', response(403, error_xml('SignatureDoesNotMatch'), Date => $skewed), '28000', 2 ],
	[ 'a refusal', response(403, error_xml('AccessDenied')), '42501', 1 ],
	[ 'a token that is no good', response(400, error_xml('InvalidIdentityToken')), '28000', 1 ],
	[ 'a throttle', response(400, error_xml('Throttling')), '53000', 3 ],
	[ 'a redirect', response(302, credentials_xml('token'), Location => 'http://127.0.0.1:1/'), '08P01', 1 ],
	[ 'an error with credentials', response(500, credentials_xml('token')), '58000', 3 ]);

my $printed = '';
my $number  = 0;
foreach my $stranger (@strangers)
{
	my ($name, $answer, $sqlstate, $requests) = @$stranger;
	my $server = 'stranger_' . ++$number;
	my $count  = "$folder/requests_$number";
	my $port   = serve(
		sub {
			my ($connection) = @_;
			my $length = 0;
			while (defined(my $line = <$connection>))
			{
				$length = $1 if $line =~ /^Content-Length: (\d+)/i;
				last if $line =~ /^\r?\n$/;
			}
			read($connection, my $body, $length);
			append_to_file($count, 'x');
			print $connection $answer;
		});

	create_server($node, $server, $simulator->url, sts_endpoint_url => "http://127.0.0.1:$port", max_response_size => '1MB');
	$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER $server OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/r')");
	my $result = attempt($session, "SELECT status FROM $server.$describe");
	is($result->{sqlstate}, $sqlstate, "$name: SQLSTATE");
	like("$result->{message} $result->{detail}", qr/STS|AssumeRole/, "$name: says who was asked");
	is(-s $count, $requests, "$name: requests");
	$printed .= $result->{text};
}
unlike($printed, qr/NobodyMaySeeThis/, 'no secret key of an answer is printed');

# Any status of success will do.
my $port = serve(sub { my ($connection) = @_; sysread($connection, my $request, 10_000); print $connection response(201, credentials_xml('token')) });
create_server($node, 'created', $simulator->url, sts_endpoint_url => "http://127.0.0.1:$port");
$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER created OPTIONS (ADD role_arn 'arn:aws:iam::123456789012:role/r')");
is($session->query_safe("SELECT provider, access_key_id FROM forecast_fdw_whoami('created')"),
	'assume-role|****************MPLE', 'an answer with status 201');

# --- credentials that are not accepted any longer -------------------------------

create_server($node, 'forecast', $simulator->url);
$node->safe_psql('postgres', '
	DROP USER MAPPING FOR CURRENT_USER SERVER forecast;
	CREATE USER MAPPING FOR CURRENT_USER SERVER forecast');
is(attempt($session, "SELECT status FROM forecast.$describe")->{rows}, 'ACTIVE', "the file's keys");

# Somebody replaces them: what is good enough for AWS is not looked for anew.
write_keys('AKIAREPLACED', 'whatever');
is(attempt($session, "SELECT status FROM forecast.$describe")->{rows}, 'ACTIVE', '... are kept');

# Keys that are revoked are looked for with the next statement.
my $late = open_session($node);
my $refused = attempt($late, "SELECT status FROM forecast.$describe");
is($refused->{sqlstate}, '28000', 'wrong keys in the file');
like($refused->{hint}, qr/forecast_fdw_whoami/, '... the hint does not blame the user mapping');
write_keys(ACCESS_KEY_ID, SECRET_ACCESS_KEY);
is(attempt($late, "SELECT status FROM forecast.$describe")->{rows}, 'ACTIVE', '... and right ones, for the same session');

$_->quit for $session, $late;
done_testing();
