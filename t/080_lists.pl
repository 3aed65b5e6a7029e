# What listing, filters, many keys and lookup joins cost: which calls are made, and
# how many of each.  The simulator's request log is the witness.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator
  qw(:DEFAULT generated_jobs peak_kB predictor_arn reset_peak);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	DESCRIBE => 'DescribePredictorBacktestExportJob',
	LIST     => 'ListPredictorBacktestExportJobs',
};

# One that is large, for the counts that matter, and one that is cheap to list:
# 10 pages, 500 ACTIVE jobs, 100 jobs of each predictor.
my $large = ForecastSimulator->start(fixture => generated_jobs(100_000, 50));
my $small = ForecastSimulator->start(fixture => generated_jobs(1_000,   10));
my $node  = new_cluster(conf => "jit = off\n");
create_server($node, 'large',   $large->url);
create_server($node, 'batched', $large->url, batch_size           => '100');
create_server($node, 'small',   $small->url);
create_server($node, 'sized',   $small->url, fetch_size           => '10');
create_server($node, 'narrow',  $small->url, max_pool_connections => '4');

my $session = open_session($node);

# --- how it is told ----------------------------------------------------------

# A request in a few words: "Describe", or "List", how many, and the filters, as in
# "List 100, PredictorArn IS predictor_3, Status IS_NOT ACTIVE".
sub in_words
{
	my ($request) = @_;
	my $input = $request->{input};

	return 'Describe' if $request->{operation} eq DESCRIBE;
	return $request->{operation} if $request->{operation} ne LIST;
	my @filters =
	  map { "$_->{Key} $_->{Condition} $_->{Value}" } @{ $input->{Filters} || [] };
	s{arn:\S+/}{} for @filters;
	return join ', ', 'List ' . ($input->{MaxResults} // 'any'), sort @filters;
}

# How often each request was made.
sub requests
{
	my ($simulator) = @_;
	my %times;
	$times{ in_words($_) }++ for $simulator->log;
	return \%times;
}

# How often an operation was called, whatever it was called with.
sub calls
{
	my ($requests, $operation) = @_;
	my $sum = 0;
	$sum += $requests->{$_} for grep { /^$operation\b/ } keys %$requests;
	return $sum;
}

# Queries that were made, to be explained at the end.
my @explainable;

# Runs a query and tests what it returned and what it asked for.  What it may ask
# for is a hash as of requests(), a function that judges one, or undef: anything.
sub asks
{
	my ($simulator, $what, $sql, $rows, $expected) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	$simulator->clear_log;
	my $result = attempt($session, $sql);
	is($result->{text}, '',    "$what: no error");
	is($result->{rows}, $rows, "$what: result");
	push @explainable, $sql if $sql =~ /^SELECT/;
	return unless defined $expected;

	my $requests = requests($simulator);
	my $right =
	  ref $expected eq 'CODE' ?
	  ok($expected->($requests), "$what: requests") :
	  is_deeply($requests, $expected, "$what: requests");
	diag(explain $requests) unless $right;
	return;
}

# Cases are arguments of asks(), without the simulator.
sub run_cases
{
	my ($simulator, @cases) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;

	asks($simulator, @$_) for @cases;
	return;
}

sub names { return join "\n", map { "job_$_" } @_; }

my ($p3, $p4) = (predictor_arn(3), predictor_arn(4));
my %all  = ('List 100' => 10);
my $none = {};

# --- pages -------------------------------------------------------------------

run_cases($large,
	[ 'summary columns of 100,000 jobs',
		'SELECT count(status), count(creation_time) FROM large.jobs', '100000|100000', { 'List 100' => 1000 } ],
	[ 'the first ten of a status',
		"SELECT name FROM large.jobs WHERE status = 'ACTIVE' LIMIT 10", names(1 .. 10),
		{ 'List 10, Status IS ACTIVE' => 1 } ],
);

run_cases($small,
	[ 'all summary columns',
		'SELECT count(name), count(destination_s3_path), count(destination_s3_role_arn), count(destination_s3_kms_key_arn),
		  count(message), count(status), count(creation_time), count(last_modification_time) FROM small.jobs',
		'1000|1000|1000|334|500|1000|1000|1000', \%all ],
	[ 'no column at all', 'SELECT count(*) FROM small.jobs', 1000, \%all ],
	[ 'each row once', 'SELECT count(DISTINCT arn) FROM small.jobs', 1000, \%all ],

	[ 'LIMIT 250', 'SELECT count(*) FROM (SELECT name FROM small.jobs LIMIT 250) l', 250,
		{ 'List 100' => 2, 'List 50' => 1 } ],
	[ 'LIMIT 10 OFFSET 5', 'SELECT name FROM small.jobs LIMIT 10 OFFSET 5', names(6 .. 15), { 'List 15' => 1 } ],
	[ 'LIMIT 100', 'SELECT count(*) FROM (SELECT name FROM small.jobs LIMIT 100) l', 100, { 'List 100' => 1 } ],
	[ 'LIMIT 0', 'SELECT name FROM small.jobs LIMIT 0', '', $none ],
	[ 'a LIMIT of more than there is', 'SELECT count(*) FROM (SELECT name FROM small.jobs LIMIT 5000) l', 1000, \%all ],
	[ 'LIMIT and a filter of the service', "SELECT name FROM small.jobs WHERE predictor_arn = '$p3' LIMIT 2",
		names(3, 13), { 'List 2, PredictorArn IS predictor_3' => 1 } ],

	# What must see all rows before it knows which ones are first.
	[ 'LIMIT with ORDER BY', 'SELECT name FROM small.jobs ORDER BY creation_time DESC LIMIT 2', names(1000, 999), \%all ],
	[ 'LIMIT with DISTINCT', 'SELECT count(*) FROM (SELECT DISTINCT status FROM small.jobs LIMIT 2) l', 2,
		sub { !grep { /^List (?!100)/ } keys %{ $_[0] } } ],
	[ 'LIMIT with an aggregate', 'SELECT count(*) FROM small.jobs LIMIT 2', 1000, \%all ],
	[ 'LIMIT with a window', 'SELECT count(*) OVER () FROM small.jobs LIMIT 1', 1000, \%all ],
	[ 'LIMIT with a local filter', "SELECT status FROM small.jobs WHERE name = 'job_1000' LIMIT 2", 'CREATE_FAILED', \%all ],
	[ 'LIMIT with a join', "SELECT name FROM small.jobs JOIN (VALUES ('job_1000'), ('none')) v (name) USING (name) LIMIT 2",
		'job_1000', \%all ],
);

# The number of rows is known too late to be sent, but not too late to stop.
$session->query_safe('
	SET plan_cache_mode = force_generic_plan;
	PREPARE first_jobs(int) AS SELECT name FROM small.jobs LIMIT $1');
asks($small, 'LIMIT $1', 'EXECUTE first_jobs(3)', names(1 .. 3),
	sub { calls($_[0], 'List') <= 2 && calls($_[0], 'Describe') == 0 });

# --- fetch_size --------------------------------------------------------------

run_cases($small,
	[ 'fetch_size of the server', 'SELECT count(name) FROM sized.jobs', 1000, { 'List 10' => 100 } ],
	[ 'fetch_size and LIMIT', 'SELECT count(*) FROM (SELECT name FROM sized.jobs LIMIT 25) l', 25,
		{ 'List 10' => 2, 'List 5' => 1 } ],
);
$session->query_safe("ALTER FOREIGN TABLE sized.jobs OPTIONS (ADD fetch_size '50')");
asks($small, 'fetch_size of the table', 'SELECT count(name) FROM sized.jobs', 1000, { 'List 50' => 20 });

# --- cursors -----------------------------------------------------------------

# A cursor that takes so many rows and is closed: it lists no more than one page
# ahead.
foreach my $case ([ 5, 2 ], [ 100, 2 ], [ 150, 3 ])
{
	my ($rows, $pages) = @$case;

	$session->query_safe('BEGIN; DECLARE jobs CURSOR FOR SELECT name FROM small.jobs');
	$small->clear_log;
	is(attempt($session, "FETCH $rows FROM jobs")->{rows}, names(1 .. $rows), "cursor: $rows rows");
	$session->query_safe('CLOSE jobs');
	is(attempt($session, 'SELECT 1')->{rows}, 1, '... closed');
	cmp_ok($small->counters->{requests}, '<=', $pages, '... pages');
	$session->query_safe('COMMIT');
}

# Other statements between two fetches change nothing.
$session->query_safe('BEGIN; DECLARE jobs CURSOR FOR SELECT name FROM small.jobs');
my @fetched;
foreach my $piece (1 .. 11)
{
	push @fetched, split /\n/, attempt($session, 'FETCH 95 FROM jobs')->{rows};
	attempt($session, 'SELECT count(*) FROM (SELECT name FROM small.jobs LIMIT 1) l');
}
is(join("\n", @fetched), names(1 .. 1000), 'a cursor among other statements');
$session->query_safe('COMMIT');

# --- filters -----------------------------------------------------------------

my $of_p3 = 'PredictorArn IS predictor_3';
my $of_p4 = 'PredictorArn IS predictor_4';

run_cases($small,
	[ 'predictor_arn = x', "SELECT count(*), min(predictor_arn) FROM small.jobs WHERE predictor_arn = '$p3'",
		"100|$p3", { "List 100, $of_p3" => 1 } ],
	[ 'x = predictor_arn', "SELECT count(name) FROM small.jobs WHERE '$p3' = predictor_arn",
		100, { "List 100, $of_p3" => 1 } ],
	[ 'predictor_arn = x AND status <> y',
		"SELECT count(*), min(predictor_arn) FROM small.jobs WHERE predictor_arn = '$p3' AND status <> 'ACTIVE'",
		"50|$p3", { "List 100, $of_p3, Status IS_NOT ACTIVE" => 1 } ],
	[ 'predictor_arn <> x', "SELECT count(*) FROM small.jobs WHERE predictor_arn <> '$p3'",
		900, { 'List 100, PredictorArn IS_NOT predictor_3' => 9 } ],
	[ 'status NOT IN (a, b)', "SELECT count(*) FROM small.jobs WHERE status NOT IN ('ACTIVE', 'DELETED')",
		500, { 'List 100, Status IS_NOT ACTIVE, Status IS_NOT DELETED' => 5 } ],
	[ 'status IN (a, b)', "SELECT count(*) FROM small.jobs WHERE status IN ('ACTIVE', 'CREATE_FAILED')", 1000, \%all ],
	[ 'status IN (a, nothing)', "SELECT count(*) FROM small.jobs WHERE status IN ('ACTIVE', 'DELETED')", 500, undef ],
	[ 'predictor_arn IN (x, y)',
		"SELECT count(*), count(DISTINCT arn), count(DISTINCT predictor_arn) FROM small.jobs WHERE predictor_arn IN ('$p3', '$p4')",
		'200|200|2', { "List 100, $of_p3" => 1, "List 100, $of_p4" => 1 } ],
	[ 'predictor_arn IN (x, y, x, NULL)',
		"SELECT count(*), count(DISTINCT arn) FROM small.jobs WHERE predictor_arn IN ('$p3', '$p4', '$p3', NULL)",
		'200|200', { "List 100, $of_p3" => 1, "List 100, $of_p4" => 1 } ],
	[ 'predictor_arn IN (x, y) AND status = z',
		"SELECT count(*) FROM small.jobs WHERE predictor_arn IN ('$p3', '$p4') AND status = 'ACTIVE'",
		100, { "List 100, $of_p3, Status IS ACTIVE" => 1, "List 100, $of_p4, Status IS ACTIVE" => 1 } ],
	[ 'predictor_arn = x and a local filter',
		"SELECT name FROM small.jobs WHERE predictor_arn = '$p3' AND name LIKE '%\\_13'", 'job_13',
		{ "List 100, $of_p3" => 1 } ],
	[ 'predictor_arn of a sub-select', "SELECT count(*) FROM small.jobs WHERE predictor_arn = (SELECT '$p3'::text)",
		100, { "List 100, $of_p3" => 1 } ],
	[ 'a predictor without jobs', "SELECT count(*) FROM small.jobs WHERE predictor_arn = '" . predictor_arn(999) . "'",
		0, { 'List 100, PredictorArn IS predictor_999' => 1 } ],
	[ 'status = x AND status <> x', "SELECT count(*) FROM small.jobs WHERE status = 'ACTIVE' AND status <> 'ACTIVE'", 0, undef ],

	# What no filter of the service is like.
	[ 'OR', "SELECT count(*) FROM small.jobs WHERE predictor_arn = '$p3' OR status = 'ACTIVE'", 550, undef ],
	[ 'ILIKE', "SELECT count(*) FROM small.jobs WHERE status ILIKE 'active'", 500, \%all ],
	[ 'IS NULL', 'SELECT count(*) FROM small.jobs WHERE status IS NULL', 0, \%all ],
	[ 'IS DISTINCT FROM', "SELECT count(*) FROM small.jobs WHERE status IS DISTINCT FROM 'ACTIVE'", 500, undef ],

	# Values that the service would refuse, or has no jobs of.
	[ 'an empty status', "SELECT count(*) FROM small.jobs WHERE status = ''", 0, undef ],
	[ 'not an empty status', "SELECT count(*) FROM small.jobs WHERE status <> ''", 1000, undef ],
	[ 'a status of 257 characters', "SELECT count(*) FROM small.jobs WHERE status = repeat('x', 257)", 0, undef ],
	[ 'not that', "SELECT count(*) FROM small.jobs WHERE status <> repeat('x', 257)", 1000, undef ],
	[ 'a predictor that is no ARN', "SELECT count(*) FROM small.jobs WHERE predictor_arn = 'nothing'", 0, undef ],
	[ 'a predictor of 301 characters', "SELECT count(*) FROM small.jobs WHERE predictor_arn = 'arn:' || repeat('x', 297)", 0, undef ],
	[ 'a status in capitals and spaces', "SELECT count(*) FROM small.jobs WHERE status = 'ACTIVE '", 0, undef ],

	[ '= NULL', 'SELECT count(*) FROM small.jobs WHERE status = NULL', 0, $none ],
	[ '= a NULL that is computed', 'SELECT count(*) FROM small.jobs WHERE status = (SELECT NULL::text)', 0, $none ],
	[ '<> a NULL that is computed', 'SELECT count(*) FROM small.jobs WHERE status <> (SELECT NULL::text)', 0, $none ],
	[ 'ANY of nothing', "SELECT count(*) FROM small.jobs WHERE predictor_arn = ANY ('{}')", 0, $none ],
	[ 'ANY of NULL', "SELECT count(*) FROM small.jobs WHERE predictor_arn = ANY ('{NULL}')", 0, $none ],
	[ 'NOT IN with NULL', "SELECT count(*) FROM small.jobs WHERE status NOT IN ('DELETED', NULL)", 0, undef ],
	[ 'two predictors at once', "SELECT count(*) FROM small.jobs WHERE predictor_arn = '$p3' AND predictor_arn = '$p4'", 0, $none ],
);

# Parameters, in plans of both kinds.
$session->query_safe('
	PREPARE by_predictor(text) AS SELECT count(*), min(predictor_arn) FROM small.jobs WHERE predictor_arn = $1;
	PREPARE by_status(text) AS SELECT count(*) FROM small.jobs WHERE status = $1;
	PREPARE not_by_status(text) AS SELECT count(*) FROM small.jobs WHERE status <> $1;
	PREPARE by_predictors(text[]) AS SELECT count(*) FROM small.jobs WHERE predictor_arn = ANY ($1)');
foreach my $mode ('force_custom_plan', 'force_generic_plan')
{
	$session->query_safe("SET plan_cache_mode = $mode");
	run_cases($small,
		[ "predictor_arn = \$1, $mode", "EXECUTE by_predictor('$p3')", "100|$p3", { "List 100, $of_p3" => 1 } ],
		[ "predictor_arn = another \$1, $mode", "EXECUTE by_predictor('$p4')", "100|$p4", { "List 100, $of_p4" => 1 } ],
		[ "status = \$1, $mode", "EXECUTE by_status('ACTIVE')", 500, { 'List 100, Status IS ACTIVE' => 5 } ],
		[ "status <> \$1, $mode", "EXECUTE not_by_status('ACTIVE')", 500, { 'List 100, Status IS_NOT ACTIVE' => 5 } ],
		[ "predictor_arn = ANY (\$1), $mode", "EXECUTE by_predictors('{$p3,$p4,$p3,NULL}')", 200,
			{ "List 100, $of_p3" => 1, "List 100, $of_p4" => 1 } ],
		[ "status = NULL as a parameter, $mode", 'EXECUTE by_status(NULL)', 0, $none ],
		[ "status <> NULL as a parameter, $mode", 'EXECUTE not_by_status(NULL)', 0, $none ],
		[ "predictor_arn = NULL as a parameter, $mode", 'EXECUTE by_predictor(NULL)', '0|', $none ],
		[ "predictor_arn = ANY (NULL), $mode", 'EXECUTE by_predictors(NULL)', 0, $none ],
	);
}

# Columns of another table: one list for each distinct predictor.
$session->query_safe("
	CREATE TABLE owners AS SELECT * FROM (VALUES
		(1, '$p3'), (2, '$p4'), (3, '$p3'), (4, NULL), (5, '" . predictor_arn(999) . "')) o (id, predictor);
	ANALYZE owners");
my %of_owners = (
	"List 100, $of_p3"                         => 1,
	"List 100, $of_p4"                         => 1,
	'List 100, PredictorArn IS predictor_999' => 1);

run_cases($small,
	[ 'predictor_arn joined', 'SELECT o.id, count(j.name), min(j.predictor_arn) FROM owners o
		JOIN small.jobs j ON j.predictor_arn = o.predictor GROUP BY 1 ORDER BY 1',
		"1|100|$p3\n2|100|$p4\n3|100|$p3", \%of_owners ],
	[ 'predictor_arn left-joined', 'SELECT o.id, count(j.name) FROM owners o
		LEFT JOIN small.jobs j ON j.predictor_arn = o.predictor GROUP BY 1 ORDER BY 1',
		"1|100\n2|100\n3|100\n4|0\n5|0", \%of_owners ],
	[ 'predictor_arn joined, and a status', "SELECT o.id, count(j.name) FROM owners o
		JOIN small.jobs j ON o.predictor = j.predictor_arn AND j.status = 'ACTIVE' WHERE o.id < 4 GROUP BY 1 ORDER BY 1",
		"1|50\n2|50\n3|50", { "List 100, $of_p3, Status IS ACTIVE" => 1, "List 100, $of_p4, Status IS ACTIVE" => 1 } ],
	[ 'predictor_arn of EXISTS', 'SELECT count(*) FROM owners o
		WHERE EXISTS (SELECT FROM small.jobs j WHERE j.predictor_arn = o.predictor)',
		3, sub { calls($_[0], 'Describe') == 0 } ],
	[ 'predictor_arn of NOT EXISTS', 'SELECT count(*) FROM owners o
		WHERE NOT EXISTS (SELECT FROM small.jobs j WHERE j.predictor_arn = o.predictor)',
		2, sub { calls($_[0], 'Describe') == 0 } ],
);
run_cases($large,
	[ 'predictor_arn joined with many jobs', 'SELECT o.id, count(j.name) FROM owners o
		JOIN large.jobs j ON j.predictor_arn = o.predictor WHERE o.id < 3 GROUP BY 1 ORDER BY 1',
		"1|2000\n2|2000", { "List 100, $of_p3" => 20, "List 100, $of_p4" => 20 } ],
);

# --- columns that only Describe has ------------------------------------------

run_cases($small,
	[ 'format', 'SELECT count(format) FROM small.jobs', 1000, { %all, Describe => 1000 } ],
	[ 'format and predictor_arn', 'SELECT count(format), count(DISTINCT predictor_arn) FROM small.jobs', '1000|10',
		{ %all, Describe => 1000 } ],
	[ 'format of a status', "SELECT count(format) FROM small.jobs WHERE status = 'ACTIVE'", 500,
		{ 'List 100, Status IS ACTIVE' => 5, Describe => 500 } ],
	[ 'format of a predictor', "SELECT count(format), min(predictor_arn) FROM small.jobs WHERE predictor_arn = '$p3'",
		"100|$p3", { "List 100, $of_p3" => 1, Describe => 100 } ],
	[ 'format as a condition', "SELECT count(*) FROM small.jobs WHERE format = 'CSV'", 500, { %all, Describe => 1000 } ],
	[ 'format with LIMIT', 'SELECT name, format FROM (SELECT name, format FROM small.jobs LIMIT 3) l ORDER BY name',
		"job_1|CSV\njob_2|PARQUET\njob_3|CSV", { 'List 3' => 1, Describe => 3 } ],
	[ 'format of one name', "SELECT format FROM small.jobs WHERE name = 'job_500'", 'PARQUET', undef ],
);

# Between List and Describe: what becomes of job_7, and what that makes of a query.
# A LIMIT is filled from what is left.
my %on_job_7 = (operation => DESCRIBE, match => 'job_7"');
my $gone = { fault => 'error', code => 'ResourceNotFoundException', %on_job_7 };
my $failed = { fault => 'patch', patch => { Status => 'CREATE_FAILED' }, %on_job_7 };

foreach my $case (
	[ 'deleted', $gone, 'SELECT count(format), bool_or(name = \'job_7\') FROM small.jobs', '999|f' ],
	[ 'deleted, before LIMIT', $gone,
		"SELECT count(format), bool_or(name = 'job_7') FROM (SELECT name, format FROM small.jobs LIMIT 10) l", '10|f' ],
	[ 'failed', $failed, "SELECT count(format), bool_or(name = 'job_7') FROM small.jobs WHERE status = 'ACTIVE'", '499|f' ],
	[ 'failed, before LIMIT', $failed,
		"SELECT count(format), bool_or(name = 'job_7') FROM
		 (SELECT name, format FROM small.jobs WHERE status = 'ACTIVE' LIMIT 10) l", '10|f' ],
	[ 'failed, and shown', $failed, "SELECT status FROM small.jobs WHERE name = 'job_7' AND format = 'CSV'", 'CREATE_FAILED' ],
  )
{
	my ($what, $fault, $sql, $rows) = @$case;

	$what = "$what between List and Describe";
	$small->fault($fault);
	asks($small, $what, $sql, $rows, undef);
	is_deeply($small->control('GET', 'faults'), [], "$what: it was");
	$small->clear_faults;
}

# --- pages that are not as they should be ------------------------------------

# Two tokens that the service made itself, and takes.
attempt($session, 'SELECT count(name) FROM small.jobs');
$small->clear_log;
attempt($session, 'SELECT count(name) FROM small.jobs');
my ($first_token, $second_token) = map { $_->{input}{NextToken} } ($small->log)[ 1, 2 ];

sub next_token
{
	my ($token, %options) = @_;
	return { fault => 'patch', patch => { NextToken => $token }, operation => LIST, %options };
}

my $refused = {
	fault     => 'error',
	code      => 'InvalidNextTokenException',
	message   => 'The token is not valid.',
	operation => LIST,
	match     => 'NextToken'
};
my $empty =
  { fault => 'patch', patch => { PredictorBacktestExportJobs => [] }, operation => LIST };

# What happens, the faults, the query, and the rows or SQLSTATE and message.
foreach my $case (
	[ 'the same token for ever', [ next_token($first_token, times => 0) ],
		'SELECT count(name) FROM small.jobs', undef, '08P01', qr/token/i ],
	[ 'two tokens in turn',
		[ next_token($first_token), next_token($second_token, match => $first_token, times => 0),
			next_token($first_token, match => $second_token, times => 0) ],
		'SELECT count(name) FROM small.jobs', undef, '08P01', qr/token/i ],
	[ 'the same token and no rows',
		[ { fault => 'respond', body => '{"PredictorBacktestExportJobs":[],"NextToken":"again"}', operation => LIST, times => 0 } ],
		'SELECT count(name) FROM small.jobs', undef, '08P01', qr/token/i ],
	[ 'a token that is refused', [$refused],
		'SELECT count(name) FROM small.jobs', undef, 'HV000', qr/InvalidNextTokenException/ ],
	[ 'a token that is refused, with Describe', [$refused],
		'SELECT count(format) FROM small.jobs', undef, 'HV000', qr/InvalidNextTokenException/ ],
	[ 'a token that is a number', [ next_token(7) ],
		'SELECT count(name) FROM small.jobs', undef, undef, qr/NextToken/ ],
	[ 'a denied Describe', [ { fault => 'error', code => 'AccessDeniedException', %on_job_7 } ],
		'SELECT count(format) FROM small.jobs', undef, '42501', qr/AccessDeniedException/ ],
	[ 'an empty page', [$empty], 'SELECT count(name) FROM small.jobs', 900 ],
	[ 'three empty pages', [ { %$empty, times => 3 } ], 'SELECT count(name) FROM small.jobs', 700 ],
	[ 'an empty page and LIMIT', [$empty], 'SELECT name FROM small.jobs LIMIT 3', names(4 .. 6) ],
	[ 'an empty page and Describe', [$empty], 'SELECT count(format) FROM small.jobs', 900 ],
	[ 'an empty page in the middle', [ { %$empty, match => 'NextToken' } ], 'SELECT count(name) FROM small.jobs', 900 ],
  )
{
	my ($what, $faults, $sql, $rows, $sqlstate, $message) = @$case;

	# A loop is to end as a failed test.
	$session->query_safe("SET statement_timeout = '60s'");
	$small->fault(@$faults);
	my $result = attempt($session, $sql);
	$small->clear_faults;
	is($result->{rows}, $rows // '', "$what: result");
	is($result->{sqlstate}, $sqlstate, "$what: SQLSTATE") if defined $sqlstate || !$message;
	like($result->{text}, $message, "$what: message") if $message;
	is(attempt($session, 'SELECT count(name) FROM small.jobs')->{rows}, 1000, "$what: the next query succeeds");
	$session->query_safe('RESET statement_timeout');
}

# --- many keys ---------------------------------------------------------------

# 50 keys: 20 that are jobs and one that is none, twice each; NULL; no ARNs.
my @jobs = map { job_arn("job_$_") } 1 .. 20;
my @keys = (
	(@jobs, job_arn('missing')) x 2,
	(undef) x 4,
	'nothing', '', " $jobs[0]", 'arn:' . 'x' x 297);
my $keys = join ', ', map { defined $_ ? "'$_'" : 'NULL' } @keys;
is(scalar @keys, 50, '50 keys');

$session->query_safe("
	CREATE TABLE keys AS SELECT unnest(ARRAY[$keys]) AS arn; ANALYZE keys;
	PREPARE by_arns(text[]) AS SELECT count(*), count(DISTINCT arn), count(format) FROM small.jobs WHERE arn = ANY (\$1)");
my $select  = 'SELECT count(*), count(DISTINCT j.arn), count(format) FROM small.jobs j';
my %describe = (Describe => 21);

run_cases($small,
	[ 'keys: IN (…)', "$select WHERE arn IN ($keys)", '20|20|20', \%describe ],
	[ 'keys: ANY (ARRAY[…])', "$select WHERE arn = ANY (ARRAY[$keys])", '20|20|20', \%describe ],
	[ 'keys: ANY (ARRAY (SELECT …))', "$select WHERE arn = ANY (ARRAY (SELECT arn FROM keys))", '20|20|20', \%describe ],
	[ 'keys: ANY ((SELECT array_agg(…)))', "$select WHERE arn = ANY ((SELECT array_agg(arn) FROM keys)::text[])", '20|20|20', \%describe ],
	[ 'keys: IN (SELECT …)', "$select WHERE arn IN (SELECT arn FROM keys)", '20|20|20', \%describe ],
	[ 'keys: a join', "$select JOIN keys k ON k.arn = j.arn", '40|20|40', \%describe ],
	[ 'keys and a status', "$select WHERE arn IN ($keys) AND status = 'ACTIVE'", '10|10|10', \%describe ],
	[ 'keys in order', "SELECT name FROM small.jobs WHERE arn IN ('$jobs[2]', '$jobs[0]', '$jobs[1]') ORDER BY arn",
		names(1 .. 3), { Describe => 3 } ],
	[ 'keys: two lists of them', "$select WHERE arn IN ($keys) AND arn IN ('$jobs[0]', '$jobs[1]', 'nothing')", '2|2|2',
		sub { calls($_[0], 'List') == 0 && calls($_[0], 'Describe') <= 21 } ],
	[ 'a key and a status', "SELECT name FROM small.jobs WHERE arn = '$jobs[0]' AND status = 'CREATE_FAILED'", '', { Describe => 1 } ],
	[ 'a key and a predictor', "SELECT name FROM small.jobs WHERE arn = '$jobs[0]' AND predictor_arn = '" . predictor_arn(1) . "'",
		'job_1', { Describe => 1 } ],
	[ 'a contradiction', "SELECT name FROM small.jobs WHERE arn = '$jobs[0]' AND arn = '$jobs[1]'", '', $none ],
	[ 'keys: none', "SELECT name FROM small.jobs WHERE arn = ANY ('{}')", '', $none ],
	[ 'keys: NULL', "SELECT name FROM small.jobs WHERE arn = ANY ('{NULL,NULL}')", '', $none ],
	[ 'keys: no ARNs', "SELECT name FROM small.jobs WHERE arn IN ('nothing', '')", '', $none ],
	[ 'either key', "SELECT name FROM small.jobs WHERE arn = '$jobs[0]' OR arn = '$jobs[1]' ORDER BY 1", names(1, 2), undef ],
);
foreach my $mode ('force_custom_plan', 'force_generic_plan')
{
	$session->query_safe("SET plan_cache_mode = $mode");
	run_cases($small,
		[ "keys: ANY (\$1), $mode", "EXECUTE by_arns(ARRAY[$keys])", '20|20|20', \%describe ],
		[ "keys: ANY (NULL), $mode", 'EXECUTE by_arns(NULL)', '0|0|0', $none ],
	);
}
$session->query_safe('RESET plan_cache_mode');

# As many at once as the user permits, and no more.
$small->latency(30);
foreach my $case ([ 'small', 10 ], [ 'narrow', 4 ])
{
	my ($server, $most) = @$case;

	foreach my $query (
		[ 'keys',     "SELECT count(format) FROM $server.jobs WHERE arn IN ($keys)" ],
		[ 'a list',   "SELECT count(format) FROM $server.jobs WHERE predictor_arn = '$p3'" ],
		[ 'a lookup', "SELECT count(j.format) FROM keys k JOIN $server.jobs j ON j.arn = k.arn" ],
	  )
	{
		my ($what, $sql) = @$query;

		$small->clear_log;
		is(attempt($session, $sql)->{text}, '', "$most connections, $what: no error");
		my $counters = $small->counters;
		is($counters->{max_in_flight}, $most, "$most connections, $what: in flight");
		cmp_ok($counters->{connections}, '<=', $most, "$most connections, $what: connections");
	}
}
$small->latency(0);

# --- lookup joins ------------------------------------------------------------

# 10,000 rows with 2,000 keys; and 46 with 20 keys, one that is no job, and what
# costs nothing.
$session->query_safe("
	CREATE TABLE many AS SELECT i AS id, '" . job_arn('job_') . "' || i % 2000 + 1 AS arn
	FROM generate_series(0, 9999) i;
	CREATE TABLE few AS SELECT row_number() OVER () AS id, arn, timestamptz '2024-01-01 00:05Z' AS since
	FROM keys;
	ANALYZE many; ANALYZE few");

# What is cheaper depends on what the planner knows: 2,000 keys, or 1,000 pages.
sub keys_or_pages
{
	my ($requests) = @_;
	my ($describes, $lists) = map { calls($requests, $_) } qw(Describe List);
	note("$describes Describe, $lists List");
	return $describes == 2000 && $lists == 0 || $describes == 0 && $lists <= 1000;
}

my $many = 'FROM many r JOIN large.jobs j ON j.arn = r.arn';
asks($large, 'many rows, nothing known', "SELECT count(j.status) $many", 10_000, \&keys_or_pages);
asks($large, 'LIMIT over many rows',
	'SELECT count(status) FROM (SELECT j.status FROM many r JOIN batched.jobs j ON j.arn = r.arn LIMIT 5) l',
	5, sub { calls($_[0], 'List') + calls($_[0], 'Describe') <= 100 });

$session->query_safe('SET default_statistics_target = 10; ANALYZE large.jobs; RESET default_statistics_target');
foreach my $lookup_join ('on', 'off')
{
	# Without it, what is left for these keys is a nested loop.
	$session->query_safe("SET forecast_fdw.enable_lookup_join = $lookup_join;
		SET enable_hashjoin = $lookup_join; SET enable_mergejoin = $lookup_join");
	run_cases($large, map { [ "$_->[0], lookup join $lookup_join", @{$_}[ 1 .. $#$_ ] ] } (
		[ 'many rows', "SELECT count(j.status) $many", 10_000, \&keys_or_pages ],
		[ 'many rows and format', "SELECT count(j.format) $many", 10_000, { Describe => 2000 } ],
		[ 'INNER', 'SELECT count(j.format) FROM few r JOIN large.jobs j ON j.arn = r.arn', 40, \%describe ],
		[ 'the other way round', 'SELECT count(j.format) FROM large.jobs j JOIN few r ON r.arn = j.arn', 40, \%describe ],
		[ 'LEFT', 'SELECT count(*), count(j.format) FROM few r LEFT JOIN large.jobs j ON j.arn = r.arn', '50|40', \%describe ],
		[ 'RIGHT', 'SELECT count(*), count(j.format) FROM large.jobs j RIGHT JOIN few r USING (arn)', '50|40', \%describe ],
		[ 'SEMI', "SELECT count(*) FROM few r WHERE EXISTS (SELECT FROM large.jobs j WHERE j.arn = r.arn AND j.format = 'CSV')",
			20, \%describe ],
		[ 'ANTI', "SELECT count(*) FROM few r WHERE NOT EXISTS (SELECT FROM large.jobs j WHERE j.arn = r.arn AND j.format = 'CSV')",
			30, \%describe ],
		[ 'a further clause', 'SELECT count(*) FROM few r JOIN large.jobs j ON j.arn = r.arn AND j.creation_time < r.since',
			10, \%describe ],
		[ 'a further clause of LEFT',
			'SELECT count(*), count(j.name) FROM few r LEFT JOIN large.jobs j ON j.arn = r.arn AND j.creation_time < r.since',
			'50|10', \%describe ],
		[ 'a condition on the job', "SELECT count(*) FROM few r JOIN large.jobs j ON j.arn = r.arn WHERE j.format <> 'CSV'",
			20, \%describe ],
		[ 'two joins', 'SELECT count(a.format || b.status) FROM few r JOIN large.jobs a ON a.arn = r.arn JOIN large.jobs b ON b.arn = r.arn',
			40, \%describe ],
		[ 'a lateral sub-select',
			'SELECT count(j.format) FROM few r LEFT JOIN LATERAL (SELECT format FROM large.jobs WHERE arn = r.arn OFFSET 0) j ON true',
			40, \%describe ],
		[ 'a sub-select of each row', 'SELECT count((SELECT format FROM large.jobs j WHERE j.arn = r.arn)) FROM few r',
			40, \%describe ],
	));
}
$session->query_safe('RESET forecast_fdw.enable_lookup_join; RESET enable_hashjoin; RESET enable_mergejoin');

# --- what is shared, and how long --------------------------------------------

my $one = "SELECT format FROM small.jobs WHERE arn = '$jobs[0]'";
run_cases($small,
	[ 'self-join of one key', "SELECT a.format, b.status FROM small.jobs a JOIN small.jobs b USING (arn) WHERE a.arn = '$jobs[0]'",
		'CSV|ACTIVE', { Describe => 1 } ],
	[ 'self-join of many keys', "SELECT count(a.format || b.format) FROM small.jobs a JOIN small.jobs b USING (arn) WHERE a.arn IN ($keys)",
		20, \%describe ],
	[ 'a statement', $one, 'CSV', { Describe => 1 } ],
	[ 'the next statement', $one, 'CSV', { Describe => 1 } ],
);

# A job that is not done yet: what is known of it does not live longer than
# cache_ttl.
$small->add_fixture({
	PredictorBacktestExportJobs => [
		{
			PredictorBacktestExportJobArn => job_arn('busy'),
			Status                        => 'CREATE_IN_PROGRESS'
		}
	]
});

sub status_of
{
	my ($name) = @_;
	return "SELECT status FROM small.jobs WHERE arn = '" . job_arn($name) . "'";
}

foreach my $object ('SERVER small', 'FOREIGN TABLE small.jobs')
{
	$session->query_safe("ALTER $object OPTIONS (ADD cache_ttl '60s')");
	run_cases($small, map { [ "cache_ttl of $object: $_->[0]", @{$_}[ 1 .. 3 ] ] } (
		[ 'a statement', $one, 'CSV', { Describe => 1 } ],
		[ 'the next statement', $one, 'CSV', $none ],
		[ 'another column', status_of('job_1'), 'ACTIVE', $none ],
		[ 'a list', "SELECT count(name) FROM small.jobs WHERE predictor_arn = '" . predictor_arn(1) . "'", 100, undef ],
		[ 'the same after a list', $one, 'CSV', $none ],
		[ 'many keys', "SELECT count(format) FROM small.jobs WHERE arn IN ($keys)", 20, { Describe => 20 } ],
		[ 'no such job', status_of('missing'), '', { Describe => 1 } ],
		[ 'still no such job', status_of('missing'), '', { Describe => 1 } ],
		[ 'a job that runs', status_of('busy'), 'CREATE_IN_PROGRESS', { Describe => 1 } ],
		[ 'it still does', status_of('busy'), 'CREATE_IN_PROGRESS', $none ],
	));
	$session->query_safe('SELECT forecast_fdw_cache_flush()');
	asks($small, "cache_ttl of $object: flushed", $one, 'CSV', { Describe => 1 });
	$session->query_safe("ALTER SERVER small OPTIONS (ADD read_timeout '30s'); ALTER SERVER small OPTIONS (DROP read_timeout)");
	asks($small, "cache_ttl of $object: after ALTER SERVER", $one, 'CSV', { Describe => 1 });

	# An error is never kept.
	$session->query_safe('SELECT forecast_fdw_cache_flush()');
	$small->fault({ fault => 'error', code => 'AccessDeniedException' });
	is(attempt($session, $one)->{sqlstate}, '42501', "cache_ttl of $object: an error");
	asks($small, "cache_ttl of $object: after an error", $one, 'CSV', { Describe => 1 });

	# What one identity was told is not another's to know.
	$node->safe_psql('postgres', "
		CREATE ROLE stranger LOGIN; GRANT USAGE ON SCHEMA small TO stranger; GRANT SELECT ON small.jobs TO stranger;
		CREATE USER MAPPING FOR stranger SERVER small OPTIONS (aws_access_key_id 'AKIASTRANGER', aws_secret_access_key 'none')");
	asks($small, "cache_ttl of $object: kept", $one, 'CSV', undef);
	$session->query_safe('SET ROLE stranger');
	is(attempt($session, $one)->{sqlstate}, '28000', "cache_ttl of $object: not for a stranger");
	$session->query_safe('RESET ROLE');
	$node->safe_psql('postgres', 'DROP OWNED BY stranger; DROP ROLE stranger');

	$session->query_safe("ALTER $object OPTIONS (SET cache_ttl '50ms'); SELECT forecast_fdw_cache_flush()");
	asks($small, "cache_ttl of $object: short", status_of('busy'), 'CREATE_IN_PROGRESS', { Describe => 1 });
	sleep 0.2;
	asks($small, "cache_ttl of $object: over", status_of('busy'), 'CREATE_IN_PROGRESS', { Describe => 1 });

	$session->query_safe("ALTER $object OPTIONS (DROP cache_ttl)");
	asks($small, "cache_ttl of $object: dropped", $one, 'CSV', { Describe => 1 });
	asks($small, "cache_ttl of $object: still dropped", $one, 'CSV', { Describe => 1 });
}

# --- planning ----------------------------------------------------------------

$_->clear_log for $large, $small;
my @failed = grep { attempt($session, "EXPLAIN $_")->{text} ne '' } @explainable;
is_deeply(\@failed, [], 'EXPLAIN of all these queries');
is($_->counters->{requests}, 0, '... asks nothing') for $large, $small;

# --- memory ------------------------------------------------------------------

# The peak does not depend on the number of rows.
use constant MAY_GROW_KB => 2048;

# Listing so many rows in that session: the peak of its memory, in kB.
sub peak_of_listing
{
	my ($fresh, $rows) = @_;
	my $simulator = ForecastSimulator->start(fixture => generated_jobs($rows, 50));
	my $jobs      = "list_$rows.jobs";

	create_server($node, "list_$rows", $simulator->url);
	$fresh->query_safe("SELECT count(status) FROM (SELECT status FROM $jobs LIMIT 1000) l");
	reset_peak($fresh);
	is(attempt($fresh, "SELECT count(status) FROM $jobs")->{rows}, $rows, "$rows rows");
	my $peak = peak_kB($fresh);
	$simulator->stop;
	return $peak;
}

# A session of its own: what others have freed would hide what this one takes.
my $fresh = open_session($node);
my ($of_few, $of_many) = map { peak_of_listing($fresh, $_) } 10_000, 200_000;
note("peak of memory: $of_few kB for 10,000 rows, $of_many kB for 200,000");
cmp_ok($of_many - $of_few, '<', MAY_GROW_KB, 'memory does not grow with the rows');
$fresh->quit;

$session->quit;
done_testing();
