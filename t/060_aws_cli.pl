# A row agrees, member by member, with what the AWS CLI describes: the real one,
# asking the same simulator.

use strict;
use warnings;

use Encode qw(encode_utf8);
use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;
plan skip_all => 'the AWS CLI is missing: SKIPPED'
  if system('aws --version >/dev/null 2>&1') != 0;

my $demo = decode_json(slurp_file("$FindBin::RealBin/../test/simulator/fixtures/demo.json"));
my $simulator = ForecastSimulator->start(fixture => $demo, job_seconds => 0);
my $node      = new_cluster();
create_server($node, 'forecast', $simulator->url);

# The columns, in the service's order, and the member each shows.
my @columns = (
	[ 'arn',                        'PredictorBacktestExportJobArn' ],
	[ 'name',                       'PredictorBacktestExportJobName' ],
	[ 'predictor_arn',              'PredictorArn' ],
	[ 'destination_s3_path',        'Destination', 'S3Config', 'Path' ],
	[ 'destination_s3_role_arn',    'Destination', 'S3Config', 'RoleArn' ],
	[ 'destination_s3_kms_key_arn', 'Destination', 'S3Config', 'KMSKeyArn' ],
	[ 'message',                    'Message' ],
	[ 'status',                     'Status' ],
	[ 'creation_time',              'CreationTime' ],
	[ 'last_modification_time',     'LastModificationTime' ],
	[ 'format',                     'Format' ],
);

# --- the AWS CLI --------------------------------------------------------------

my $home = PostgreSQL::Test::Utils::tempdir();
append_to_file("$home/config", "[default]\noutput = json\ncli_timestamp_format = iso8601\n");

sub aws
{
	my (@arguments) = @_;
	local %ENV = (
		%ENV,
		AWS_ACCESS_KEY_ID           => ACCESS_KEY_ID,
		AWS_SECRET_ACCESS_KEY       => SECRET_ACCESS_KEY,
		AWS_CONFIG_FILE             => "$home/config",
		AWS_SHARED_CREDENTIALS_FILE => '/dev/null',
		AWS_EC2_METADATA_DISABLED   => 'true',
		AWS_PAGER                   => '',
		HOME                        => $home,
		LC_ALL                      => 'C.UTF-8',
		TZ                          => 'UTC');
	delete @ENV{qw(AWS_PROFILE AWS_SESSION_TOKEN)};
	my ($out, $err) = run_command([
		'aws', '--region', 'eu-west-1', '--endpoint-url', $simulator->url, 'forecast', @arguments ]);
	die "aws @arguments: $err" if $out eq '';
	return decode_json($out);
}

sub create_job
{
	my ($name, $format, %s3) = @_;
	my %config = (
		Path    => "s3://forecast-exports/$name",
		RoleArn => 'arn:aws:iam::123456789012:role/ForecastExport',
		%s3);
	my $answer = aws('create-predictor-backtest-export-job',
		'--predictor-backtest-export-job-name', $name,
		'--predictor-arn', 'arn:aws:forecast:eu-west-1:123456789012:predictor/retail_demand',
		'--destination', encode_json({ S3Config => \%config }),
		'--format', $format);
	return $answer->{PredictorBacktestExportJobArn};
}

# --- the comparison -----------------------------------------------------------

sub member
{
	my ($item, @path) = @_;
	foreach my $name (@path)
	{
		$item = ref $item ? $item->{$name} : undef;
	}
	return $item;
}

# The members there are, as paths: "Destination.S3Config.Path".
sub members
{
	my ($item, @path) = @_;
	return join('.', @path) unless ref $item eq 'HASH';
	return map { members($item->{$_}, @path, $_) } sort keys %$item;
}

# Compares in SQL, so that times are compared as instants.
sub agrees
{
	my ($arn, $what) = @_;
	my $job = aws('describe-predictor-backtest-export-job', '--predictor-backtest-export-job-arn', $arn);
	my @equal;

	foreach my $column (@columns)
	{
		my ($name, @path) = @$column;
		my $value   = member($job, @path);
		my $literal = defined $value ? '$v$' . $value . '$v$' : 'NULL';
		push @equal, "$name IS NOT DISTINCT FROM $literal AS $name";
	}
	my $row = decode_json($node->safe_psql('postgres', encode_utf8(
			'SELECT row_to_json(r) FROM (SELECT ' . join(', ', @equal)
			  . " FROM forecast.jobs WHERE arn = '$arn') r")));
	foreach my $column (@columns)
	{
		my ($name, @path) = @$column;
		ok($row->{$name}, encode_utf8("$what: $name is " . (member($job, @path) // 'NULL')));
	}
	is(scalar keys %$row, 11, "$what: eleven columns");
	my %shown = map { my (undef, @path) = @$_; join('.', @path) => 1 } @columns;
	is_deeply([ grep { !$shown{$_} } members($job) ], [], "$what: no member without a column");
	return $job;
}

my %seen;
foreach my $job (@{ $demo->{PredictorBacktestExportJobs} })
{
	my $name = $job->{PredictorBacktestExportJobName};
	my $cli  = agrees($job->{PredictorBacktestExportJobArn}, $name);

	$seen{'a message'}++    if defined $cli->{Message};
	$seen{'no message'}++   if !defined $cli->{Message};
	$seen{'a KMS key'}++    if defined $cli->{Destination}{S3Config}{KMSKeyArn};
	$seen{'no KMS key'}++   if !defined $cli->{Destination}{S3Config}{KMSKeyArn};
	$seen{'no format'}++    if !defined $cli->{Format};
}
ok($seen{$_}, "among them is a job with $_")
  foreach 'a message', 'no message', 'a KMS key', 'no KMS key', 'no format';

agrees(create_job('created_with_key', 'CSV', KMSKeyArn => 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'),
	'created with a KMS key');
agrees(create_job('created_without_key', 'PARQUET'), 'created without a KMS key');

# Forecast sends milliseconds.  Should it send more, neither side may lose them:
# one answer for the CLI, one for us.  Perl would write 15 digits of a number, so
# these are strings until they are JSON.
my %fine = (
	%{ $demo->{PredictorBacktestExportJobs}[0] },
	CreationTime         => '1730599205.417003',
	LastModificationTime => '1730600500.999999');
$simulator->fault({
	fault => 'respond',
	times => 2,
	body  => encode_json(\%fine) =~ s/"(\d+\.\d+)"/$1/gr });
my $fine = agrees(job_arn('nightly'), 'microseconds');
like($fine->{CreationTime}, qr/\.417003/, 'the CLI shows microseconds');

done_testing();
