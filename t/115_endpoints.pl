# The address of the service is the one that botocore works out: in every region
# it knows and in made-up ones, with and without FIPS and dual-stack.  So is the
# address of the token service (STS), which roles are assumed at.

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

# Regions that don't exist, or not yet: in each partition, outside of all of
# them, and such as look like one partition's but are another's.
my @made_up = qw(
  eu-south-9 us-east-12 il-central-1 mx-central-1
  cn-south-3 us-gov-central-12 us-iso-south-9 us-isob-west-2
  eu-isoe-west-1 us-isof-south-1 eusc-de-east-1
  xx-moon-1 us-isox-east-1 us-iso-1 cn-1 cnn-north-1 us-gov-1
);

# --- what botocore says ---------------------------------------------------------

# The rules and the partitions are those of the botocore that is installed.  An
# old one does not know what has changed since: that is laid over its partitions,
# as botocore has it today, where the installed one has no dual-stack or no such
# partition.  Prints, by service: [region, fips, dualstack, URL or null].
my $oracle = <<'EOPY';
import itertools
import json
import sys

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

NEWER = {  # regular expression, suffix, dual-stack suffix
    "aws-eusc": (r"^eusc\-(de)\-\w+\-\d+$", "amazonaws.eu", "api.amazonwebservices.eu"),
    "aws-iso": (r"^us\-iso\-\w+\-\d+$", "c2s.ic.gov", "api.aws.ic.gov"),
    "aws-iso-b": (r"^us\-isob\-\w+\-\d+$", "sc2s.sgov.gov", "api.aws.scloud"),
    "aws-iso-e": (r"^eu\-isoe\-\w+\-\d+$", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    "aws-iso-f": (r"^us\-isof\-\w+\-\d+$", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
}


def newer(name):
    regex, suffix, dual_stack = NEWER[name]
    return {
        "id": name,
        "regionRegex": regex,
        "regions": {},
        "outputs": {
            "name": name,
            "dnsSuffix": suffix,
            "dualStackDnsSuffix": dual_stack,
            "supportsFIPS": True,
            "supportsDualStack": True,
        },
    }


def up_to_date(partitions):
    known = [
        p
        for p in partitions["partitions"]
        if p["id"] not in NEWER or p["outputs"]["supportsDualStack"]
    ]
    missing = set(NEWER) - {p["id"] for p in known}
    return {"partitions": known + [newer(name) for name in sorted(missing)]}


def resolve(provider, **parameters):
    try:
        return provider.resolve_endpoint(**parameters).url
    except EndpointProviderError:
        return None


session = botocore.session.get_session()
loader = session.get_component("data_loader")
partitions = up_to_date(loader.load_data("partitions"))
regions = set(sys.argv[1:])
for service, partition in itertools.product(
    ("forecast", "sts"), session.get_available_partitions()
):
    regions |= set(session.get_available_regions(service, partition))

answer = {}
for service in ("forecast", "sts"):
    provider = EndpointProvider(
        loader.load_service_model(service, "endpoint-rule-set-1"), partitions
    )
    extra = {"UseGlobalEndpoint": False} if service == "sts" else {}
    answer[service] = [
        [region, fips, dual_stack,
         resolve(provider, Region=region, UseFIPS=fips, UseDualStack=dual_stack, **extra)]
        for region in sorted(regions)
        for fips in (False, True)
        for dual_stack in (False, True)
    ]
print(json.dumps(answer))
EOPY

my ($printed, $problem) = run_command([ 'python3', '-c', $oracle, @made_up ]);
plan skip_all => "botocore with endpoint rules is missing: SKIPPED: $problem" if $printed eq '';
my $expected = decode_json($printed);
cmp_ok(scalar @{ $expected->{forecast} }, '>=', 4 * (10 + @made_up), 'botocore knows regions');

# --- what the extension says ----------------------------------------------------

# Of the environment, nothing counts here.
delete @ENV{ grep { /^AWS_|_proxy$/i } keys %ENV };
local $ENV{AWS_EC2_METADATA_DISABLED} = 'true';
my $node    = new_cluster();
my $session = open_session($node);
my $control = open_session($node);

# Makes a server and throws it away again; returns what whoami says of it, or the
# error.  Static keys: nobody needs to be asked.
attempt($session, <<'EOSQL');
CREATE FUNCTION address(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	EXECUTE 'CREATE SERVER asked FOREIGN DATA WRAPPER forecast_fdw OPTIONS (' || options || ')';
	CREATE USER MAPPING FOR CURRENT_USER SERVER asked
	  OPTIONS (aws_access_key_id 'AKIAIOSFODNN7EXAMPLE', aws_secret_access_key 'secret');
	SELECT CASE WHEN problem IS NULL THEN endpoint_url ELSE 'problem: ' || problem END
	  INTO answer FROM forecast_fdw_whoami('asked');
	DROP SERVER asked CASCADE;
	RETURN coalesce(answer, 'nothing');
EXCEPTION WHEN OTHERS THEN
	RETURN format('error: %s %s', SQLSTATE, SQLERRM);
END $$;
EOSQL
attempt($session, 'SET client_min_messages = warning');

sub server_options
{
	my ($region, $fips, $dual_stack) = @_;
	my $options = "region '$region'";
	$options .= ", use_fips_endpoint '" . ($fips       ? 'true' : 'false') . q(');
	$options .= ", use_dualstack_endpoint '" . ($dual_stack ? 'true' : 'false') . q(');
	return $options;
}

sub address
{
	my ($options) = @_;
	my $quoted = '$o$' . $options . '$o$';
	return attempt($session, "SELECT address($quoted)")->{rows};
}

sub combination
{
	my ($region, $fips, $dual_stack) = @_;
	return $region . ($fips ? ', FIPS' : '') . ($dual_stack ? ', dual-stack' : '');
}

# One test a combination, with its answer in the name of the failing ones only.
foreach my $row (@{ $expected->{forecast} })
{
	my ($region, $fips, $dual_stack, $url) = @$row;
	my $got  = address(server_options($region, $fips, $dual_stack));
	my $what = combination($region, $fips, $dual_stack);

	if (defined $url)
	{
		is($got =~ s{/$}{}r, $url, $what);
	}
	else
	{
		like($got, qr/^(?:problem|error): /, "$what: not supported");
	}
}

# Both are off unless they are asked for.
is(address("region 'eu-west-1'") =~ s{/$}{}r,
	'https://forecast.eu-west-1.amazonaws.com', 'neither option');

# --- an address of one's own ----------------------------------------------------

my $own = "region 'eu-west-1', endpoint_url 'https://forecast.example.com'";

is(address($own) =~ s{/$}{}r, 'https://forecast.example.com', 'endpoint_url');
is(address("$own, use_fips_endpoint 'false', use_dualstack_endpoint 'false'") =~ s{/$}{}r,
	'https://forecast.example.com', '... and no choice of another');
foreach my $option ('use_fips_endpoint', 'use_dualstack_endpoint')
{
	like(address("$own, $option 'true'"), qr/^error: HV0(?:24|00)/, "... and $option: refused");
	like(address("region 'eu-west-1', $option 'perhaps'"), qr/^error: HV024/, "$option: a boolean");
}

# --- whom it connects to --------------------------------------------------------

# A proxy that notes whom it is to connect to and declines.
my $asked = PostgreSQL::Test::Utils::tempdir() . '/asked';
my $port  = serve(sub {
	my ($connection) = @_;
	my $request = <$connection> // '';
	while (defined(my $line = <$connection>)) { last if $line =~ /^\r?\n$/; }
	append_to_file($asked, "$1\n") if $request =~ m{^CONNECT (\S+) HTTP};
	print $connection "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
});

# The hosts asked for since the last time.
my $read = 0;

sub hosts_asked
{
	my $all = -e $asked ? slurp_file($asked) : '';
	my $new = substr($all, $read);
	$read = length $all;
	return $new;
}

# The first host that a scan of a server with these options wants.  Then it is
# cancelled: STS would be tried again.
sub first_host
{
	my ($options, $role) = @_;
	my $mapping = $role ? ", role_arn 'arn:aws:iam::123456789012:role/Reader'" : '';
	my $hosts   = '';

	hosts_asked();
	attempt($session, <<"EOSQL");
BEGIN;
CREATE SERVER asked FOREIGN DATA WRAPPER forecast_fdw
  OPTIONS ($options, proxy 'http://127.0.0.1:$port', max_attempts '1');
CREATE USER MAPPING FOR CURRENT_USER SERVER asked
  OPTIONS (aws_access_key_id 'AKIAIOSFODNN7EXAMPLE', aws_secret_access_key 'secret'$mapping);
CREATE FOREIGN TABLE jobs (name text OPTIONS (field 'PredictorBacktestExportJobName'))
  SERVER asked OPTIONS (resource 'predictor_backtest_export_jobs');
EOSQL
	begin_query($session, 'SELECT * FROM jobs');
	await(sub { ($hosts = hosts_asked()) =~ /\n/ or has_failed() });
	attempt($control, "SELECT pg_cancel_backend($session->{backend})");
	attempt($session, 'ROLLBACK');
	return ($hosts || hosts_asked()) =~ /^(\S+)/ ? $1 : 'none';
}

# Is the query over, having asked nobody?
sub has_failed
{
	return attempt($control,
		"SELECT state FROM pg_stat_activity WHERE pid = $session->{backend}")->{rows} =~ /aborted/;
}

foreach my $row (grep { $_->[0] =~ /^(?:eu-west-1|cn-north-1|us-gov-west-1)$/ } @{ $expected->{forecast} })
{
	my ($region, $fips, $dual_stack, $url) = @$row;
	is(first_host(server_options($region, $fips, $dual_stack)), ($url =~ s{^https://}{}r) . ':443',
		'connects to: ' . combination($region, $fips, $dual_stack));
}
foreach my $row (grep { defined $_->[3] } @{ $expected->{sts} })
{
	my ($region, $fips, $dual_stack, $url) = @$row;
	is(first_host(server_options($region, $fips, $dual_stack), 'role'), ($url =~ s{^https://}{}r) . ':443',
		'STS: ' . combination($region, $fips, $dual_stack));
}

$_->quit foreach $session, $control;
done_testing();
