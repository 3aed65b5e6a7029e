# Random queries over export jobs and local tables, and the data they are about.
#
#   my $generator = QueryGenerator->new($seed);
#   my $query     = $generator->query($number);
#
# The same seed and number make the same query, whatever was made before.  Names
# in a query are not qualified: the search_path decides which "jobs" are meant.
#
# Every query has one right answer.  Where rows are cut off, they stand in a total
# order or are only counted; where a row is chosen among several, all are equal.
#
# Strings here are UTF-8 bytes, as psql takes and gives them.
package QueryGenerator;

use strict;
use warnings;

use Digest::MD5 qw(md5);

# --- data ------------------------------------------------------------------

my @JOB_COLUMNS = qw(
  arn name predictor_arn destination_s3_path destination_s3_role_arn
  destination_s3_kms_key_arn message status creation_time
  last_modification_time format
);
my @TEXT_COLUMNS = grep { !/_time$/ } @JOB_COLUMNS;

my $ACCOUNT  = 'eu-west-1:123456789012';
my $JOB      = "arn:aws:forecast:$ACCOUNT:predictor-backtest-export-job/";
my $KEY      = "arn:aws:kms:$ACCOUNT:key/";
my @STATUSES = qw(ACTIVE CREATE_FAILED CREATE_IN_PROGRESS CREATE_STOPPED);
my @FORMATS  = qw(CSV PARQUET);

my @PREDICTORS =
  map { "arn:aws:forecast:$ACCOUNT:predictor/predictor_$_" } 1 .. 5;

# A role tells the server, so that the partitions of "all_jobs" can be told apart.
my @ROLES = map {
	[ map { "arn:aws:iam::123456789012:role/$_" } @$_ ]
} [ qw(First Second) ], [ qw(Third Fourth) ];

my @MESSAGES = (
	'Überlauf: 100 % der Zeilen – „zu groß“',
	'データが見つかりません', '', "It's \"quoted\", \\ and (all)",
	"two\nlines",  '😀',
	'The role cannot write to s3://exports.',
	'The role cannot write to s3://exports.');

# Names of jobs that no program would choose.
my %ODD_NAMES = (
	11 => "o'brien",
	22 => 'nächtlich',
	33 => '100%_sure',
	44 => 'Nightly_4',
	55 => 'with space',);

# The jobs of a server, 1 or 2, as hashes of columns: undef is NULL.  Three ARNs
# exist on both servers.
sub jobs
{
	my ($server) = @_;
	my @numbers = $server == 1 ? (1 .. 60) : (101 .. 117, 10, 20, 30);

	return map { job($server, $_) } @numbers;
}

sub job
{
	my ($server, $i) = @_;
	my $name = $ODD_NAMES{$i} // "nightly_$i";

	# 19 is coprime to the other cycles; timestamps have many ties, and the
	# milliseconds that the service tells.
	my $day     = $i % 19 + 1;
	my $created = sprintf '2024-11-%02dT0%d:00:05%s+00:00',
	  $day, $i % 3, ('', '.417', '.062')[ $i % 3 ];
	my $modified = sprintf '2024-11-%02dT0%d:21:40.5+00:00', $day, $i % 3 + $i % 2;

	return {
		arn                     => $JOB . $name,
		name                    => $i % 7 == 0 ? 'weekly' : $name,
		predictor_arn           => $PREDICTORS[ ($i + $server) % 5 ],
		destination_s3_path     => 's3://exports/' . $i % 10,
		destination_s3_role_arn =>
		  ($server == 1 && $i % 9 == 0 ? undef : $ROLES[ $server - 1 ][ $i % 2 ]),
		destination_s3_kms_key_arn => ($i % 4 == 0           ? $KEY . $i % 3               : undef),
		message                    => ($i % 3 == $server - 1 ? $MESSAGES[ $i % @MESSAGES ] : undef),
		status                 => $STATUSES[ $i % 13 < 6 ? 0 : $i % 13 < 9 ? 1 : $i % 13 < 11 ? 2 : 3 ],
		creation_time          => ($i == 59              ? undef : $created),
		last_modification_time => ($i % 29 == 0          ? undef : $modified),
		format                 => ($i % 6 == 0           ? undef : $FORMATS[ $i % 5 % 2 ]), };
}

# A job as a fixture of the simulator has it.
sub as_fixture
{
	my ($job) = @_;
	my %member = (
		PredictorBacktestExportJobArn  => $job->{arn},
		PredictorBacktestExportJobName => $job->{name},
		PredictorArn                   => $job->{predictor_arn},
		Message                        => $job->{message},
		Status                         => $job->{status},
		CreationTime                   => $job->{creation_time},
		LastModificationTime           => $job->{last_modification_time},
		Format                         => $job->{format},);
	my %destination = (
		Path      => $job->{destination_s3_path},
		RoleArn   => $job->{destination_s3_role_arn},
		KMSKeyArn => $job->{destination_s3_kms_key_arn},);

	return {
		Destination => { S3Config => as_members(%destination) },
		%{ as_members(%member) } };
}

# What has a value, in characters, for JSON.
sub as_members
{
	my (%value) = @_;
	my %member;

	foreach my $name (grep { defined $value{$_} } keys %value)
	{
		my $text = $value{$name};
		utf8::decode($text);
		$member{$name} = $text;
	}
	return \%member;
}

my @ARNS         = map { $_->{arn} } jobs(1), jobs(2);
my @NO_SUCH_ARNS = (
	$JOB . 'missing',
	uc $ARNS[ 0 ],
	"$ARNS[1] ", "arn:aws:forecast:$ACCOUNT:predictor/predictor_1",
	'arn:', 'nothing', '');

# The roles of both servers, as lists of literals.
sub roles
{
	return map { list_of(@$_) } @ROLES;
}

# Rows of "reports": id, owner, job_arn, predictor, status, n.
sub reports
{
	return map {
		my $i = $_;
		my $arn =
			$i % 10 == 0 ? undef
		  : $i % 10 == 1 ? $NO_SUCH_ARNS[ ($i / 10) % @NO_SUCH_ARNS ]
		  :                $ARNS[ ($i * 7) % @ARNS ];
		[
			$i,
			($i % 12 ? (qw(ana bob), 'Čeněk', 'dora', '')[ $i % 5 ] : undef),
			$arn,
			($i % 8  ? (@PREDICTORS, "$PREDICTORS[0]0", 'nothing')[ $i % 7 ] : undef),
			($i % 14 ? (@STATUSES, 'DELETED')[ $i % 5 ]                      : undef),
			($i % 9  ? $i % 11                                               : undef) ]
	} 1 .. 200;
}

# Rows of "owners": job_arn, team.
sub owners
{
	return
	  map { [ ($_ % 9 ? $ARNS[ ($_ * 3 - $_ % 4) % 70 ] : undef), ('blue', 'red', undef)[ $_ % 3 ] ] }
	  1 .. 45;
}

# The commands that create and fill the local tables of these jobs.
sub load_jobs
{
	my ($table, @jobs) = @_;
	my @rows = map {
		my $job = $_;
		[ map { $job->{$_} } @JOB_COLUMNS ]
	} @jobs;

	return "INSERT INTO $table (" . join(', ', @JOB_COLUMNS) . ') VALUES ' . values_of(@rows) . ';';
}

sub values_of
{
	my (@rows) = @_;
	return join ",\n", map { '(' . list_of(@$_) . ')' } @rows;
}

# --- chance ----------------------------------------------------------------

sub chance { return rand() < $_[ 0 ]; }
sub pick   { return $_[ int rand @_ ]; }
sub number { my ($from, $to) = @_; return $from + int rand($to - $from + 1); }

# So many of a list, in any order.
sub some
{
	my ($count, @list) = @_;
	my @chosen;

	push @chosen, splice(@list, int rand @list, 1) while @list && @chosen < $count;
	return @chosen;
}

# --- literals --------------------------------------------------------------

sub literal
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

sub list_of
{
	return join ', ', map { literal($_) } @_;
}
sub array_of { return 'ARRAY[' . list_of(@_) . ']::text[]'; }

sub an_arn { return chance(0.85) ? pick(@ARNS) : pick(@NO_SUCH_ARNS); }

# Several ARNs: of jobs, equal ones, of nothing, NULLs.
sub arns
{
	my @list = some(pick(1, 2, 3, 5, 20, 60), @ARNS);

	push @list, $list[ 0 ]          if chance(0.3);
	push @list, pick(@NO_SUCH_ARNS) if chance(0.3);
	push @list, undef               if chance(0.2);
	return @list;
}

sub statuses   { return some(number(1, 3), @STATUSES,   pick('DELETED', undef)); }
sub predictors { return some(number(1, 3), @PREDICTORS, 'nothing'); }
sub a_time     { return literal(pick(jobs(1))->{creation_time} // '2024-11-10'); }

# --- conditions ------------------------------------------------------------

# Of a job, with its key in it.
sub key_condition
{
	my ($j) = @_;
	my ($a, $b, $c) = map { literal(an_arn()) } 1 .. 3;
	my $id = number(1, 200);
	my $n  = number(0, 10);

	return pick(
		("$j.arn = $a") x 3,
		"$a = $j.arn",
		"$j.arn = $a\::varchar",
		"$j.arn = $a COLLATE \"POSIX\"",
		"$j.arn = coalesce(NULL, $a)",
		"$j.arn = '$JOB' || 'nightly_$n'",
		"$j.arn || '' = $a",
		"$j.arn = NULL",
		"$j.arn = 'nothing'",
		"$j.arn IS NULL",
		"$j.arn IS NOT NULL",
		"$j.arn IS DISTINCT FROM $a",
		"$j.arn IS NOT DISTINCT FROM $a",
		"$j.arn <> $a",
		"NOT ($j.arn = $a)",
		"($j.arn = $a) IS TRUE",
		"($j.arn = $a) IS NOT TRUE",
		"$j.arn < $a",
		"$j.arn BETWEEN least($a, $b) AND greatest($a, $b)",
		"$j.arn LIKE '%$n'",
		"$j.arn LIKE '$JOB%$n'",
		"$j.arn ^@ '${JOB}nightly_$n'",
		"$j.arn ~ '[13]\$'",
		("$j.arn IN (" . list_of(arns()) . ')') x 4,
		("$j.arn = ANY (" . array_of(arns()) . ')') x 4,
		"$j.arn = SOME (ARRAY[[$a, $b], [$c, NULL]])",
		"$j.arn = ANY ('{}')",
		"$j.arn = ANY (NULL::text[])",
		"$j.arn = ANY (string_to_array($a || '|' || $b, '|'))",
		"$j.arn <> ALL (" . array_of(arns()) . ')',
		"$j.arn NOT IN (" . list_of(grep { defined } arns()) . ')',
		"$j.arn = ANY (" . array_of(arns()) . ") AND $j.arn = ANY (" . array_of(arns()) . ')',
		"$j.arn IN (" . list_of(arns()) . ") AND $j.arn <> $a",
		"($j.arn, $j.status) IN (($a, 'ACTIVE'), ($b, 'CREATE_FAILED'), ($c, NULL))",
		"$j.arn = $a AND $j.arn = $b",
		("$j.arn = $a OR $j.arn = $b") x 2,
		"$j.arn = $a OR $b = $j.arn OR $j.arn = NULL OR $j.arn = $c\::varchar",
		"$j.arn = $a OR $j.arn = (SELECT job_arn FROM reports WHERE id = $id)",
		"$j.arn = $a OR $j.arn <> $b",
		"$j.arn = $a OR $j.name = 'weekly'",
		"$j.arn = $a OR $j.arn IN (" . list_of(arns()) . ')',
		"($j.arn = $a AND $j.status = 'ACTIVE' OR $j.arn = $b AND $j.format = 'CSV')",
		"$j.arn = (SELECT job_arn FROM reports WHERE id = $id)",
		"$j.arn = (SELECT max(job_arn) FROM reports WHERE n < $n)",
		("$j.arn = ANY (ARRAY(SELECT job_arn FROM reports WHERE id <= $id))") x 2,
		"$j.arn = ANY (ARRAY(SELECT job_arn FROM no_reports))",
		"$j.arn IN (SELECT job_arn FROM reports WHERE n = $n)",
		"$j.arn NOT IN (SELECT job_arn FROM reports WHERE n = $n AND job_arn IS NOT NULL)",
		"EXISTS (SELECT FROM reports WHERE job_arn = $j.arn AND n < $n)");
}

# Of a job, with anything else.
sub column_condition
{
	my ($j) = @_;
	my ($s, $t) = map { literal($_) } some(2, @STATUSES);
	my ($p, $q) = map { literal($_) } some(2, @PREDICTORS);
	my ($from, $to) = sort(a_time(), a_time());
	my $text = pick(@TEXT_COLUMNS);
	my $n    = number(0, 10);

	return pick(
		("$j.status = $s") x 3,
		("$j.status <> $s") x 2,
		"$s = $j.status",
		"$j.status IN (" . list_of(statuses()) . ')',
		"$j.status NOT IN (" . list_of(grep { defined } 'DELETED', statuses()) . ')',
		"$j.status NOT IN ($s, NULL)",
		"$j.status = ANY (" . array_of(statuses()) . ')',
		"$j.status <> ALL (" . array_of(statuses()) . ')',
		"$j.status <> ALL ('{}')",
		"$j.status = $s AND $j.status = $t",
		"$j.status <> $s AND $j.status <> $t",
		"$j.status IS DISTINCT FROM $s",
		"$j.status IS NOT DISTINCT FROM $s",
		"$j.status LIKE 'CREATE%'",
		"$j.status NOT LIKE 'CREATE\\_F%'",
		"$j.status ILIKE 'active'",
		"$j.status >= $s",
		"lower($j.status) = 'active'",
		"$j.status = 'active'",
		"$j.status = ''",
		"$j.status <> ''",
		"$j.status = repeat('A', 300)",
		"$j.status <> repeat('A', 300)",
		"$j.status <> 'größer als'",
		"($j.status = $s) = ($j.format = 'CSV')",
		("$j.predictor_arn = $p") x 2,
		"$j.predictor_arn = $p AND $j.status = $s",
		"$j.predictor_arn = $p AND $j.status <> $s",
		"$j.predictor_arn <> $p AND $j.predictor_arn <> $q",
		"$j.predictor_arn IN (" . list_of(predictors()) . ')',
		"$j.predictor_arn = ANY (" . array_of(predictors()) . ')',
		"$j.predictor_arn = $p OR $j.predictor_arn = $q",
		"$j.status = $s OR $j.status = $t",
		"$j.predictor_arn = 'nothing'",
		"$j.predictor_arn <> 'nothing'",
		"($j.predictor_arn = $p OR $j.status = $s)",
		"($j.predictor_arn, $j.status) IN (($p, $s), ($q, $t))",
		"($j.status, $j.predictor_arn) < ($s, $p)",
		"$j.predictor_arn = (SELECT predictor FROM reports WHERE id = $n + 1)",
		"$j.predictor_arn = ANY (ARRAY(SELECT predictor FROM reports WHERE n = $n))",
		"$j.status = (SELECT max(status) FROM reports WHERE n < $n)",
		"$j.status IN (SELECT status FROM reports WHERE n = $n)",
		"$j.format = 'CSV'",
		"$j.format <> 'CSV'",
		"$j.format IS NULL",
		"coalesce($j.format, 'none') <> 'PARQUET'",
		"$j.message IS NULL",
		"$j.message IS NOT NULL",
		"$j.message = ''",
		"$j.message LIKE '%größ%' OR $j.message LIKE '%見%'",
		"$j.message LIKE E'%\\n%'",
		"length($j.message) < 12",
		"$j.name = 'weekly'",
		"$j.name <> substr($j.arn, " . (length($JOB) + 1) . ')',
		"$j.$text IS NOT NULL",
		"$j.$text > " . literal(pick(jobs(1))->{$text}),
		"$j.$text = " . literal(pick(jobs(1))->{$text}),
		"$j.destination_s3_path LIKE '%/$n'",
		"$j.destination_s3_role_arn = " . literal(pick(map { @$_ } @ROLES)),
		"$j.destination_s3_role_arn <> " . literal(pick(map { @$_ } @ROLES)),
		"$j.creation_time > $from",
		"$j.creation_time <= $to",
		"$j.creation_time BETWEEN $from AND $to",
		"$j.creation_time IN ($from, $to)",
		"$j.creation_time::date > '2024-11-08'",
		"$j.creation_time IS NULL OR $j.last_modification_time IS NULL",
		"$j.last_modification_time - $j.creation_time < interval '1 hour'",
		"extract(microsecond FROM $j.creation_time) <> 5000000",
		"CASE $j.status WHEN $s THEN $j.format = 'CSV' ELSE $j.message IS NULL END",
		"$j IS NOT NULL",
		"NOT ($j IS NULL)");
}

# One or more of them.
sub condition
{
	my ($j) = @_;
	my ($key, @column) = (key_condition($j), map { '(' . column_condition($j) . ')' } 1 .. 2);

	return pick(
		($key) x 4,
		($column[ 0 ]) x 6,
		("($key) AND $column[0]") x 2,
		("$column[0] AND $column[1]") x 2,
		"($key) OR $column[0]",
		"$column[0] OR $column[1]",
		"NOT $column[0]",
		"$column[0] IS NOT FALSE",
		"(($key) OR $column[0]) AND $column[1]");
}

sub report_condition
{
	my ($r) = @_;
	my $n = number(1, 10);

	return pick(
		"$r.n < $n",
		"$r.n IS NOT NULL",
		"$r.owner = 'ana'",
		"$r.owner IN ('bob', 'Čeněk')",
		"$r.owner IS NULL",
		"$r.id % 3 = 0",
		"$r.id <= ${n}0",
		"$r.job_arn LIKE 'arn:%'",
		"$r.job_arn IS NOT NULL",
		"$r.status <> 'DELETED'",
		"$r.job_arn IN (" . list_of(arns()) . ')');
}

# --- what a FROM clause is made of -----------------------------------------

# A table under an alias: its text in FROM, and columns that order it totally.
sub item
{
	my ($kind, $table, $alias, $total, $from) = @_;
	return {
		kind  => $kind,
		table => $table,
		alias => $alias,
		total => $total,
		from  => ($from // $table) . " $alias" };
}

sub jobs_of
{
	my ($table, $alias) = @_;
	my $total = $table =~ /^jobs/ ? "$alias.arn" : "$alias.arn, $alias.destination_s3_role_arn";

	return item('job', $table, $alias, $total);
}

# Mostly "jobs".
sub any_jobs
{
	my ($alias) = @_;
	return jobs_of(pick(('jobs') x 12, 'jobs2', ('all_jobs') x 3, ('every_job') x 2), $alias);
}

# Where an ARN has at most one row.
sub unique_jobs
{
	my ($alias) = @_;
	return jobs_of(pick(('jobs') x 4, 'jobs2'), $alias);
}

sub reports_as
{
	my ($alias) = @_;
	my $table = chance(0.04) ? 'no_reports' : 'reports';

	return item('report', $table, $alias, "$alias.id");
}

# Few of them, for joins where each finds many.
sub few_reports
{
	my ($alias) = @_;
	my ($from, $to) = (number(1, 150), number(10, 25));

	$to += $from;
	return item('report', '', $alias, "$alias.id",
		"(SELECT * FROM reports WHERE id BETWEEN $from AND $to)");
}

sub owners_as
{
	my ($alias) = @_;
	return item('owner', 'owners', $alias, "$alias.job_arn, $alias.team");
}

# What is read of an item.
sub columns
{
	my ($item) = @_;
	my $a = $item->{alias};
	my @names =
		$item->{kind} eq 'job'   ? @JOB_COLUMNS
	  : $item->{kind} eq 'owner' ? qw(job_arn team)
	  :                            qw(id owner job_arn predictor status n);
	my $subset = join ', ', map { "$a.$_" } some(number(1, 4), @names);
	my @others = ("$a.*", $a, "to_jsonb($a)");

	push @others, "$a.tableoid IS NOT NULL", "$a.arn, $a.tableoid::regclass::text"
	  if $item->{table} =~ /^(?:jobs2?|all_jobs)$/;
	push @others, "$a.status || ': ' || coalesce($a.message, '-')", "length($a.arn), upper($a.name)"
	  if $item->{kind} eq 'job';
	return chance(0.6) ? $subset : pick(@others);
}

sub columns_of
{
	return join ', ', map { columns($_) } @_;
}

sub total_of
{
	return join ', ', map { $_->{total} } @_;
}

# --- joins -----------------------------------------------------------------

# Conditions by which a report or an owner has few jobs.
sub close_condition
{
	my ($j, $r, $hashable) = @_;
	my $arn   = literal(an_arn());
	my $equal = "$j.arn = $r.job_arn";

	return pick(
		($equal) x 4,
		"$r.job_arn = $j.arn",
		"$equal AND $j.status = 'ACTIVE'",
		"$equal AND (" . column_condition($j) . ')',
		"$equal AND $j.creation_time > " . a_time(),
		"$j.arn = coalesce($r.job_arn, $arn)",
		"$j.arn = $r.job_arn || ''",
		(
			$hashable
			? ()
			: (
				"$j.arn IN ($r.job_arn, $arn)",
				"$j.arn = ANY (ARRAY[$r.job_arn, $arn, NULL])",
				"($j.arn = $r.job_arn OR $j.arn = $arn)",
				"$j.arn IS NOT DISTINCT FROM $r.job_arn",
				"($equal OR $j.arn = $arn)",
				"$equal AND $j.name <> $r.job_arn",)
		));
}

# The same for reports, which have more columns.
sub report_join
{
	my ($j, $r, $hashable) = @_;

	return pick(
		(close_condition($j, $r, $hashable)) x 4,
		"$j.arn = $r.job_arn AND $j.status = $r.status",
		"$j.arn = $r.job_arn AND $j.predictor_arn = $r.predictor",
		"$j.arn = $r.job_arn AND $r.n < " . number(2, 9),
		"$j.arn = $r.job_arn AND $j.status <> $r.status",
		"$j.arn = $r.job_arn AND ($j.status = $r.status OR $r.n < 5)");
}

# Conditions by which one report has many jobs.
sub wide_condition
{
	my ($j, $r, $hashable) = @_;

	return pick(
		("$j.predictor_arn = $r.predictor") x 2,
		("$j.status = $r.status") x 2,
		"$j.predictor_arn = $r.predictor AND $j.status = $r.status",
		"$j.predictor_arn = $r.predictor AND $j.status <> $r.status",
		"$j.status = $r.status AND $r.n < 7",
		"$j.predictor_arn = $r.predictor AND $j.creation_time > " . a_time(),
		"$j.predictor_arn = coalesce($r.predictor, " . literal(pick(@PREDICTORS)) . ')',
		(
			$hashable
			? ()
			: (
				"$j.predictor_arn IN ($r.predictor, " . literal(pick(@PREDICTORS)) . ')',
				"($j.arn = $r.job_arn OR $j.predictor_arn = $r.predictor)",
				"$j.predictor_arn = $r.predictor AND $j.arn <> $r.job_arn",)
		));
}

# Reports and a condition that joins them to jobs.
sub joined_reports
{
	my ($j, $r, $hashable) = @_;

	return chance(0.65)
	  ? (reports_as($r), report_join($j, $r, $hashable))
	  : (few_reports($r), wide_condition($j, $r, $hashable));
}

# --- whole queries ---------------------------------------------------------

# How the answer to a SELECT is asked for.  Without a total order no row is cut off.
sub asked
{
	my ($select, $total) = @_;
	my $cut =
	  pick("LIMIT " . number(1, 12), "LIMIT 5 OFFSET " . number(1, 5), "OFFSET " . number(1, 9), '');

	return { ordered => 1, plan => $select . " ORDER BY $total $cut" }
	  if $total && chance(0.25);
	return {
		plan => pick(
			"SELECT q::text FROM ($select) q ORDER BY 1",
			"SELECT count(*) FROM ($select LIMIT " . number(1, 20) . ') q'
		) }
	  if chance(0.25);
	return { plan => $select };
}

sub selected
{
	my ($from, $where, @items) = @_;
	my $select = 'SELECT ' . columns_of(@items) . " FROM $from" . ($where ? " WHERE $where" : '');

	return asked($select, total_of(@items));
}

# A SELECT with a total order of its rows, of one kind or another.
sub ordered_select
{
	my $j = any_jobs('j');
	my ($r, $on) = joined_reports('j', 'r', 1);

	return pick(
		'SELECT ' . columns($j) . " FROM $j->{from} ORDER BY $j->{total}",
		'SELECT ' . columns($j) . " FROM $j->{from} WHERE " . condition('j') . " ORDER BY $j->{total}",
		(
				'SELECT '
			  . columns_of($r, $j)
			  . " FROM $r->{from} JOIN $j->{from} ON $on ORDER BY "
			  . total_of($r, $j)
		) x 2,
		(
				'SELECT '
			  . columns_of($r, $j)
			  . " FROM $r->{from} LEFT JOIN $j->{from} ON $on ORDER BY "
			  . total_of($r, $j)
		) x 2);
}

my @KINDS = (
	[
		'one table' => sub {
			my $j = any_jobs('j');
			return selected($j->{from}, condition('j'), $j);
		}
	],
	[
		'all rows' => sub {
			my $j = any_jobs('j');
			return selected($j->{from}, '', $j);
		}
	],
	[
		'keys' => sub {
			my $j = any_jobs('j');
			return selected($j->{from}, key_condition('j'), $j);
		}
	],
	[
		'filters' => sub {
			my $j = any_jobs('j');
			return selected($j->{from}, column_condition('j'), $j);
		}
	],
	[
		'count' => sub {
			my $j    = any_jobs('j');
			my $what = pick(
				'count(*)',
				'count(j)',
				'count(j.message), min(j.creation_time)',
				'1',
				'count(DISTINCT j.status), string_agg(j.name, \',\' ORDER BY j.name)',
				'count(*) FILTER (WHERE j.format = \'CSV\')',
				'max(j.arn), min(j.last_modification_time)');
			return { plan => "SELECT $what FROM $j->{from}"
				  . (chance(0.7) ? ' WHERE ' . condition('j') : '') };
		}
	],
	[
		'groups' => sub {
			my $j  = any_jobs('j');
			my $by = pick(
				'status', 'predictor_arn',
				'format', 'status, format',
				'date_trunc(\'day\', creation_time)');
			my $grouping = pick($by, $by, "ROLLUP ($by)", 'GROUPING SETS ((status), (format), ())');
			my $key      = $grouping =~ /SETS/ ? 'status, format' : $by;
			my $having   = pick(
				'',
				' HAVING count(*) > 2',
				' HAVING min(message) IS NOT NULL',
				' HAVING count(format) < 9');
			my $where = chance(0.5) ? ' WHERE ' . condition('j') : '';
			return { plan =>
				  "SELECT $key, count(*), max(name), count(DISTINCT predictor_arn) FROM $j->{from}$where GROUP BY $grouping$having"
			};
		}
	],
	[
		'grouped join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $join = pick('JOIN', 'LEFT JOIN');
			return { plan =>
				  "SELECT r.owner, count(*), count(j.arn), sum(r.n), max(j.status) FROM $r->{from} $join $j->{from} ON $on GROUP BY r.owner"
				  . pick('', ' HAVING count(*) > 3', ' HAVING max(j.status) = \'CREATE_FAILED\'') };
		}
	],
	[
		'distinct' => sub {
			my $j     = any_jobs('j');
			my $where = chance(0.5) ? ' WHERE ' . condition('j') : '';
			return {
				plan => "SELECT DISTINCT "
				  . pick(
					'status',                 'status, format',
					'name',                   'j',
					'predictor_arn, message', 'creation_time'
				  )
				  . " FROM $j->{from}$where" }
			  if chance(0.6);
			return {
				ordered => 1,
				plan    =>
				  "SELECT DISTINCT ON (j.status) j.status, j.arn, j.creation_time FROM $j->{from}$where ORDER BY j.status, j.creation_time DESC, $j->{total}"
			};
		}
	],
	[
		'inner join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $where = pick('', '', condition('j'), report_condition('r'),
				'(' . condition('j') . ') AND ' . report_condition('r'));
			my $from = pick("$r->{from} JOIN $j->{from} ON $on", "$j->{from} JOIN $r->{from} ON $on");
			return selected($from, $where, $r, $j);
		}
	],
	[
		'comma join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			return selected(
				"$j->{from}, $r->{from}",
				$on . pick('', ' AND ' . report_condition('r'), " AND r.n = " . number(1, 9)),
				$j, $r);
		}
	],
	[
		'left join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $more  = pick('', '', ' AND ' . report_condition('r'), ' AND (' . condition('j') . ')');
			my $where = pick(
				'',
				'',
				report_condition('r'),
				'j.arn IS NULL',
				'j.arn IS NOT NULL',
				'j IS NULL',
				"j.status = 'ACTIVE'",
				"j.status IS DISTINCT FROM 'ACTIVE'",
				'j.message IS NULL',
				"coalesce(j.status, 'none') <> 'ACTIVE'");
			return selected("$r->{from} LEFT JOIN $j->{from} ON $on$more", $where, $r, $j);
		}
	],
	[
		'right join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $where = pick('', condition('j'), 'r.id IS NULL', 'r.n IS NULL', report_condition('r'));
			my $from  = pick(
				"$r->{from} RIGHT JOIN $j->{from} ON $on",
				"$j->{from} LEFT JOIN $r->{from} ON $on",
				"$j->{from} RIGHT JOIN $r->{from} ON $on");
			return selected($from, $where, $r, $j);
		}
	],
	[
		'full join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $where = pick(
				'', '', 'r.id IS NULL',
				'j.arn IS NULL',
				'j.arn IS NULL OR r.id IS NULL',
				"j.status = 'ACTIVE' OR r.n < 3");
			return selected("$r->{from} FULL JOIN $j->{from} ON $on", $where, $r, $j);
		}
	],
	[
		'semi join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $more = pick('', " AND j.status = 'ACTIVE'", ' AND (' . condition('j') . ')');
			return pick(
				selected($r->{from}, "EXISTS (SELECT FROM $j->{from} WHERE $on$more)", $r),
				selected(
					$r->{from},
					"r.job_arn IN (SELECT arn FROM $j->{from} WHERE " . condition('j') . ')', $r
				),
				selected(
					$r->{from}, "r.status IN (SELECT status FROM $j->{from} WHERE r.job_arn = j.arn)",
					$r
				),
				selected($r->{from}, "EXISTS (SELECT FROM $j->{from} WHERE $on$more) OR r.n = 3", $r),
				selected($j->{from}, "EXISTS (SELECT FROM $r->{from} WHERE $on)",                 $j),
				selected(
					$j->{from},
					'j.arn IN (SELECT job_arn FROM reports r WHERE ' . report_condition('r') . ')', $j
				));
		}
	],
	[
		'anti join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $more = pick('', " AND j.status = 'ACTIVE'", ' AND (' . condition('j') . ')');
			return pick(
				selected($r->{from}, "NOT EXISTS (SELECT FROM $j->{from} WHERE $on$more)", $r),
				selected(
					$r->{from},
					"r.job_arn NOT IN (SELECT arn FROM $j->{from} WHERE " . condition('j') . ')', $r
				),
				selected($r->{from}, 'r.job_arn <> ALL (SELECT arn FROM jobs)',       $r),
				selected($j->{from}, "NOT EXISTS (SELECT FROM $r->{from} WHERE $on)", $j),
				selected(
					$j->{from},
					'j.arn NOT IN (SELECT job_arn FROM reports r WHERE job_arn IS NOT NULL AND '
					  . report_condition('r') . ')',
					$j
				),
				selected(
					$j->{from},
					'j.message NOT IN (SELECT owner FROM reports r WHERE '
					  . report_condition('r') . ')',
					$j
				),
				selected("$r->{from} LEFT JOIN $j->{from} ON $on", 'j.arn IS NULL', $r));
		}
	],
	[
		'lateral' => sub {
			my $j = any_jobs('x');
			my ($r, $on) = joined_reports('x', 'r');
			my $cut = pick(
				'', '', ' OFFSET 0',
				" ORDER BY $j->{total} LIMIT " . number(1, 3),
				" ORDER BY x.creation_time DESC, $j->{total} LIMIT 1");
			my $join = pick(
				[ "$r->{from} CROSS JOIN LATERAL", '' ],
				[ "$r->{from} LEFT JOIN LATERAL",  ' ON true' ],
				[ "$r->{from}, LATERAL",           '' ],
				[ "$r->{from} LEFT JOIN LATERAL",  ' ON r.n > 2' ]);
			return selected(
				"$join->[0] (SELECT * FROM $j->{from} WHERE $on$cut) j$join->[1]",
				pick('', '', report_condition('r')),
				$r,
				{ %$j, alias => 'j', table => '', total => $j->{total} =~ s/\bx\./j./gr }
			) if chance(0.6);
			return asked(
				"SELECT r.id, j.* FROM $join->[0] (SELECT count(*), max(x.status), min(x.name || r.owner) FROM $j->{from} WHERE $on) j$join->[1]",
				'r.id');
		}
	],
	[
		'three tables' => sub {
			my $j = any_jobs('j');
			my $r = reports_as('r');
			my $o = owners_as('o');
			my ($join, $other) = map { pick('JOIN', 'JOIN', 'LEFT JOIN') } 1 .. 2;
			my $from = pick(
				"$r->{from} $join $j->{from} ON "
				  . report_join('j', 'r')
				  . " $other $o->{from} ON o.job_arn = j.arn",
				"$r->{from} $join $o->{from} ON o.job_arn = r.job_arn $other $j->{from} ON "
				  . report_join('j', 'r'),
				"$r->{from} $join $o->{from} ON o.job_arn = r.job_arn $other $j->{from} ON "
				  . close_condition('j', 'o'),
				"$o->{from} $join ($r->{from} $other $j->{from} ON "
				  . report_join('j', 'r')
				  . ') ON o.job_arn = r.job_arn',
				"$o->{from} FULL JOIN $r->{from} ON o.job_arn = r.job_arn LEFT JOIN $j->{from} ON j.arn = coalesce(r.job_arn, o.job_arn)"
			);
			return selected($from,
				pick('', '', report_condition('r'), 'o.team = \'red\'', 'j.status <> r.status'),
				$r, $o, $j);
		}
	],
	[
		'four tables' => sub {
			my $j    = any_jobs('j');
			my $k    = any_jobs('k');
			my $r    = reports_as('r');
			my $o    = owners_as('o');
			my @join = map { pick('JOIN', 'JOIN', 'LEFT JOIN') } 1 .. 3;
			my $from = pick(
				"$r->{from} $join[0] $j->{from} ON "
				  . report_join('j', 'r')
				  . " $join[1] $o->{from} ON o.job_arn = r.job_arn $join[2] $k->{from} ON k.arn = o.job_arn",
				"$r->{from} $join[0] $j->{from} ON j.arn = r.job_arn $join[1] $k->{from} ON k.arn = j.arn $join[2] $o->{from} ON o.job_arn = k.arn",
				"$o->{from} $join[0] $k->{from} ON k.arn = o.job_arn $join[1] ($r->{from} $join[2] $j->{from} ON "
				  . report_join('j', 'r')
				  . ') ON r.job_arn = k.arn');
			return selected(
				$from,
				pick('', report_condition('r'), "j.status = k.status", "r.n < 6 AND j.format = 'CSV'"),
				$r,
				$j,
				$o,
				$k);
		}
	],
	[
		'self join' => sub {
			my ($j, $k) = (any_jobs('j'), any_jobs('k'));
			my $on = pick(
				('j.arn = k.arn') x 3,
				'j.predictor_arn = k.predictor_arn AND j.status = k.status',
				'j.creation_time = k.creation_time AND j.arn < k.arn',
				'j.name = k.name',
				'j.arn = k.arn AND j.status = k.status',
				'j = k',
				'j.message = k.message AND j.arn <> k.arn',
				'j.predictor_arn = k.predictor_arn AND k.arn = ' . literal(an_arn()));
			my $join = $on =~ /^j = k/ ? 'JOIN' : pick('JOIN', 'JOIN', 'LEFT JOIN', 'RIGHT JOIN');
			return selected(
				"$j->{from} $join $k->{from} ON $on",
				pick('', condition('j'), condition('k')),
				$j, $k);
		}
	],
	[
		'expression join' => sub {
			my $j  = any_jobs('j');
			my $r  = few_reports('r');
			my $on = pick(
				"j.arn = coalesce(r.job_arn, 'x')",
				"j.arn = coalesce(r.job_arn, " . literal(an_arn()) . ')',
				"j.arn = r.job_arn || ''",
				"j.arn = '$JOB' || 'nightly_' || r.id",
				"j.arn = '$JOB' || 'nightly_' || r.n",
				"j.arn = CASE WHEN r.n < 5 THEN r.job_arn END",
				"j.arn = ANY (ARRAY[r.job_arn, '$JOB' || 'nightly_' || r.n])",
				"j.arn = trim(r.job_arn) AND j.status = upper(r.status)",
				"j.arn = (SELECT max(o.job_arn) FROM owners o WHERE o.job_arn <= r.job_arn)",
				"j.predictor_arn = r.predictor || '' AND j.status = coalesce(r.status, 'ACTIVE')",
				"j.arn || '' = r.job_arn",
				"j.arn = nullif(r.job_arn, 'nothing')");
			return selected("$r->{from} " . pick('JOIN', 'LEFT JOIN') . " $j->{from} ON $on", '', $r,
				$j);
		}
	],
	[
		'select list' => sub {
			my $j = unique_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $value = pick(
				"(SELECT j.status FROM $j->{from} WHERE j.arn = r.job_arn)",
				"(SELECT j.status FROM $j->{from} WHERE j.arn = r.job_arn AND j.status = r.status)",
				"(SELECT j FROM $j->{from} WHERE j.arn = coalesce(r.job_arn, "
				  . literal(an_arn()) . '))',
				"(SELECT count(*) FROM $j->{from} WHERE $on)",
				"(SELECT max(j.creation_time) FROM all_jobs j WHERE $on)",
				"EXISTS (SELECT FROM $j->{from} WHERE $on)",
				"r.job_arn IN (SELECT j.arn FROM $j->{from} WHERE " . condition('j') . ')',
				"ARRAY(SELECT j.name FROM $j->{from} WHERE $on ORDER BY j.arn)",
				"(SELECT j.name FROM $j->{from} WHERE $on ORDER BY j.creation_time, j.arn LIMIT 1)");
			return asked(
				"SELECT r.id, $value FROM $r->{from}" . pick('', ' WHERE ' . report_condition('r')),
				'r.id');
		}
	],
	[
		'window' => sub {
			my $j = any_jobs('j');
			my $w = pick(
				"row_number() OVER (ORDER BY $j->{total})",
				'rank() OVER (PARTITION BY j.status ORDER BY j.creation_time)',
				"lag(j.name) OVER (PARTITION BY j.predictor_arn ORDER BY $j->{total})",
				'count(*) OVER (PARTITION BY j.status)',
				'max(j.creation_time) OVER (PARTITION BY j.predictor_arn, j.format)',
				'count(*) OVER (ORDER BY j.creation_time)');
			return asked(
				"SELECT j.arn, j.status, $w FROM $j->{from}" . pick('', ' WHERE ' . condition('j')),
				$j->{total})
			  if chance(0.6);
			my ($r, $on) = joined_reports('j', 'r', 1);
			return asked(
				"SELECT r.id, j.arn, sum(r.n) OVER (PARTITION BY j.status ORDER BY r.id) FROM $r->{from} LEFT JOIN $j->{from} ON $on",
				total_of($r, $j));
		}
	],
	[
		'set operation' => sub {
			my ($j, $k) = (any_jobs('j'), any_jobs('k'));
			my $list =
			  pick('arn', 'arn, status', 'name', 'status, format', 'predictor_arn, creation_time');
			my ($left, $right) = map {
				my $a = $_->{alias};
				"SELECT "
				  . join(', ', map { "$a.$_" } split /, /, $list)
				  . " FROM $_->{from}"
				  . (chance(0.6) ? ' WHERE ' . condition($a) : '')
			} $j, $k;
			$right = "SELECT " . pick('job_arn', 'predictor') . ' FROM reports'
			  if $list eq 'arn' && chance(0.4);
			my $operator = pick(
				'UNION',
				'UNION ALL',
				'UNION ALL',
				'EXCEPT',
				'EXCEPT ALL',
				'INTERSECT',
				'INTERSECT ALL');
			return {
				plan => pick(
					"$left $operator $right",
					"$left $operator $right",
					"SELECT count(*) FROM ($left $operator $right) u"
				) };
		}
	],
	[
		'append' => sub {
			my $both =
			  '(SELECT * FROM jobs UNION ALL SELECT * FROM jobs2 WHERE ' . condition('jobs2') . ')';
			my $j = pick(
				jobs_of('all_jobs',  'j'),
				jobs_of('every_job', 'j'),
				item('job', '', 'j', 'j.arn, j.destination_s3_role_arn', $both));
			return selected($j->{from}, chance(0.7) ? condition('j') : '', $j);
		}
	],
	[
		'append of keys' => sub {
			my @arm = map {
					"SELECT "
				  . pick('arn, status', 'name, format')
				  . " FROM "
				  . pick('jobs', 'jobs2')
				  . ' x WHERE '
				  . key_condition('x')
			} 1 .. number(2, 4);
			return { plan => join(' UNION ALL ', @arm) };
		}
	],
	[
		'append join' => sub {
			my $j = jobs_of(pick('all_jobs', 'all_jobs', 'every_job'), 'j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			return selected(
				pick(
					"$r->{from} JOIN $j->{from} ON $on",
					"$r->{from} LEFT JOIN $j->{from} ON $on",
					"$j->{from} LEFT JOIN $r->{from} ON $on"
				),
				pick('', '', report_condition('r'), condition('j')),
				$r, $j
			) if chance(0.7);
			my $k = jobs_of('all_jobs', 'k');
			return selected(
				"$j->{from} "
				  . pick('JOIN', 'LEFT JOIN')
				  . " $k->{from} ON j.destination_s3_role_arn = k.destination_s3_role_arn AND j.arn = k.arn",
				pick('', condition('k')), $j, $k);
		}
	],
	[
		'pruning' => sub {
			my $role = literal(pick(map { @$_ } @ROLES));
			return {
				before => [
					'SET plan_cache_mode = ' . pick('force_generic_plan', 'force_custom_plan'),
					'PREPARE by_role(text) AS SELECT arn, status FROM all_jobs j WHERE destination_s3_role_arn = $1'
					  . pick('', ' AND (' . condition('j') . ')')
				],
				plan       => "EXECUTE by_role($role)",
				statements =>
				  [ "EXECUTE by_role($role)", 'EXECUTE by_role(NULL)', 'EXECUTE by_role(\'nobody\')' ],
				after => [ 'DEALLOCATE by_role' ] };
		}
	],
	[
		'with' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $how  = pick('', 'MATERIALIZED ', 'NOT MATERIALIZED ');
			my $with = "WITH j AS $how(SELECT * FROM $j->{table} j WHERE " . condition('j') . ')';
			return pick(
				{ plan => "$with SELECT arn, status FROM j" },
				{
					plan =>
					  "$with SELECT a.arn, b.name FROM j a JOIN j b ON a.arn = b.arn WHERE a.status = 'ACTIVE'"
				},
				{
						plan => "$with SELECT r.id, j.* FROM $r->{from} "
					  . pick('JOIN', 'LEFT JOIN', 'FULL JOIN')
					  . " j ON $on"
				},
				{
					plan =>
					  "$with SELECT (SELECT count(*) FROM j), (SELECT max(arn) FROM j WHERE format = 'CSV')"
				},
				{
					plan =>
					  "WITH r AS $how(SELECT * FROM $r->{from}) SELECT r.id, j.status FROM r JOIN $j->{from} ON $on"
				});
		}
	],
	[
		'recursion' => sub {
			my $j = unique_jobs('j');
			my ($from, $to) = (number(1, 150), number(10, 30));
			$to += $from;
			return {
				plan =>
				  "WITH RECURSIVE walk AS (SELECT id, job_arn, 'start'::text AS status FROM reports WHERE id = $from"
				  . " UNION ALL SELECT r.id, r.job_arn, j.status FROM walk JOIN reports r ON r.id = walk.id + 1 LEFT JOIN $j->{from} ON "
				  . pick(
					'j.arn = r.job_arn',
					'j.arn = walk.job_arn',
					'j.arn = walk.job_arn AND j.status <> walk.status'
				  )
				  . " WHERE r.id <= $to) SELECT * FROM walk" };
		}
	],
	[
		'offset 0' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			return pick(
				{
						plan => "SELECT "
					  . columns({ %$j, table => '' })
					  . " FROM (SELECT * FROM $j->{from} OFFSET 0) j WHERE "
					  . condition('j')
				},
				{
					plan =>
					  "SELECT r.id, j.name FROM (SELECT * FROM $r->{from} OFFSET 0) r JOIN $j->{from} ON $on"
				},
				{
					plan =>
					  "SELECT r.id, j.name FROM $r->{from} JOIN (SELECT * FROM $j->{from} OFFSET 0) j ON $on"
				},
				{
					plan =>
					  "SELECT r.id, j.status FROM $r->{from} LEFT JOIN (SELECT *, 'found' AS found FROM $j->{from} WHERE "
					  . condition('j')
					  . " OFFSET 0) j ON $on WHERE found IS NULL OR r.n < 4"
				});
		}
	],
	[
		'order and limit' => sub {
			my $j     = any_jobs('j');
			my $limit = pick(
				'LIMIT ' . number(1, 15),
				'OFFSET ' . number(1, 9) . ' LIMIT 4',
				'LIMIT NULL',
				'LIMIT ALL',
				'LIMIT (SELECT count(*) / 20 FROM reports)');
			my $where = chance(0.5) ? ' WHERE ' . condition('j') : '';
			my $order = pick(
				'creation_time',
				'creation_time DESC NULLS LAST',
				'status, format DESC',
				'predictor_arn NULLS FIRST',
				'length(message)',
				'name DESC');
			return {
				plan => "SELECT status, name FROM $j->{from}$where ORDER BY status, name FETCH FIRST "
				  . number(1, 9)
				  . ' ROWS WITH TIES' }
			  if chance(0.2);
			return {
				ordered => 1,
				plan    => 'SELECT '
				  . columns($j)
				  . " FROM $j->{from}$where ORDER BY $order, $j->{total} $limit" };
		}
	],
	[
		'prepared by key' => sub {
			my $j     = any_jobs('j');
			my $where = pick(
				'j.arn = $1',
				'j.arn = $1 AND j.status <> \'ACTIVE\'',
				'j.arn IN ($1, ' . literal(an_arn()) . ')',
				'j.arn = coalesce($1, ' . literal(an_arn()) . ')',
				'j.arn = $1 OR j.predictor_arn = $1',
				'j.arn <> $1 AND j.format = \'CSV\'',
				'j.arn = ANY (ARRAY[$1, NULL])',
				'$1 IS NULL OR j.arn = $1');
			my @run = map { 'EXECUTE by_key(' . literal($_) . ')' } (map { an_arn() } 1 .. pick(2, 7)),
			  undef;
			return {
				before => [
					'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan'),
					'PREPARE by_key(text) AS SELECT ' . columns($j) . " FROM $j->{from} WHERE $where"
				],
				plan       => $run[ 0 ],
				statements => \@run,
				after      => [ 'DEALLOCATE by_key' ] };
		}
	],
	[
		'prepared by keys' => sub {
			my $j   = any_jobs('j');
			my @run = map { "EXECUTE by_keys($_)" } array_of(arns()), array_of(arns()), "'{}'", 'NULL',
			  array_of(undef);
			return {
				before => [
					'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan'),
					'PREPARE by_keys(text[]) AS SELECT '
					  . columns($j)
					  . " FROM $j->{from} WHERE "
					  . pick(
						'j.arn = ANY ($1)',
						'j.arn = ANY ($1) AND j.format = \'CSV\'',
						'j.arn <> ALL ($1)',
						'j.arn = ANY ($1 || $1)',
						'j.arn IN (SELECT unnest($1))'
					  )
				],
				plan       => $run[ 0 ],
				statements => \@run,
				after      => [ 'DEALLOCATE by_keys' ] };
		}
	],
	[
		'prepared filters' => sub {
			my $j = any_jobs('j');
			my @run =
			  map { 'EXECUTE filtered(' . list_of(@$_) . ')' } [ pick(@STATUSES), pick(@PREDICTORS) ],
			  [ pick(@STATUSES), pick(@PREDICTORS) ], [ undef, pick(@PREDICTORS) ],
			  [ 'ACTIVE', undef ], [ '', '' ];
			return {
				before => [
					'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan'),
					'PREPARE filtered(text, text) AS SELECT '
					  . columns($j)
					  . " FROM $j->{from} WHERE "
					  . pick(
						'j.status = $1 AND j.predictor_arn = $2',
						'j.status <> $1 AND j.predictor_arn = $2',
						'j.status = $1 OR j.predictor_arn = $2',
						'j.status = coalesce($1, \'ACTIVE\') AND $2 IS NOT NULL',
						'j.status IS DISTINCT FROM $1 AND j.predictor_arn <> $2'
					  )
				],
				plan       => $run[ 0 ],
				statements => \@run,
				after      => [ 'DEALLOCATE filtered' ] };
		}
	],
	[
		'prepared join' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my @run = map { "EXECUTE joined($_)" } "3, 'ACTIVE'", "8, 'CREATE_FAILED'",
			  "NULL, 'ACTIVE'", '5, NULL';
			return {
				before => [
					'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan'),
					'PREPARE joined(int, text) AS SELECT '
					  . columns_of($r, $j)
					  . " FROM $r->{from} "
					  . pick('JOIN', 'LEFT JOIN')
					  . " $j->{from} ON $on AND "
					  . pick(
						'r.n < $1 AND j.status = $2',
						'j.status = $2 AND r.n >= $1',
						'r.n <> $1 AND $2 <> r.status'
					  )
				],
				plan       => $run[ 0 ],
				statements => \@run,
				after      => [ 'DEALLOCATE joined' ] };
		}
	],
	[
		'cursor' => sub {
			my $select = ordered_select();
			my @fetch  = map {
				pick('FETCH ' . number(1, 5) . ' FROM c',
					'FETCH c', 'MOVE 2 IN c', 'SAVEPOINT s; FETCH 2 FROM c; ROLLBACK TO s')
			} 1 .. number(2, 5);
			return {
				ordered    => 1,
				plan       => $select,
				before     => [ 'BEGIN', 'DECLARE c ' . pick('', 'NO SCROLL ') . "CURSOR FOR $select" ],
				statements => [ @fetch,  pick('FETCH ALL FROM c', 'CLOSE c', 'FETCH 1 FROM c') ],
				after      => [ 'COMMIT' ] };
		}
	],
	[
		'scroll cursor' => sub {
			my $select = ordered_select();
			my @fetch  = map {
				pick(
					'FETCH ' . number(1, 5) . ' FROM c',
					'FETCH BACKWARD 2 FROM c',
					'FETCH PRIOR FROM c',
					'FETCH FIRST FROM c',
					'FETCH ABSOLUTE ' . number(1, 9) . ' FROM c',
					'FETCH RELATIVE -2 FROM c',
					'FETCH LAST FROM c',
					'MOVE BACKWARD ALL IN c')
			} 1 .. number(4, 8);
			return {
				ordered    => 1,
				plan       => $select,
				before     => [ 'BEGIN',          "DECLARE c SCROLL CURSOR FOR $select" ],
				statements => [ 'FETCH 4 FROM c', @fetch ],
				after      => [ 'COMMIT' ] };
		}
	],
	[
		'held cursor' => sub {
			my $select = ordered_select();
			return {
				ordered => 1,
				plan    => $select,
				before  =>
				  [ 'BEGIN', 'DECLARE c ' . pick('', 'SCROLL ') . "CURSOR WITH HOLD FOR $select" ],
				statements => [
					pick('FETCH 3 FROM c', 'MOVE 1 IN c', 'MOVE 0 IN c'),
					'COMMIT',
					'FETCH 3 FROM c',
					'FETCH ALL FROM c'
				],
				after => [ 'CLOSE c' ] };
		}
	],
	[
		'loop' => sub {
			my ($j, $k)  = (unique_jobs('j'), unique_jobs('k'));
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $outer = pick(
				"SELECT r.id, j.arn, j.status FROM $r->{from} LEFT JOIN $j->{from} ON $on ORDER BY r.id, j.arn",
				"SELECT 0 AS id, j.arn, j.status FROM $j->{from} WHERE "
				  . condition('j')
				  . ' ORDER BY j.arn',
				"SELECT r.id, r.job_arn AS arn, r.status FROM reports r WHERE "
				  . report_condition('r')
				  . ' ORDER BY r.id');
			my $inner = pick(
				"SELECT count(*), max(k.name) FROM $k->{from} WHERE k.status = one.status AND k.format = 'CSV'",
				"SELECT k.name, k.format FROM $k->{from} WHERE k.arn = one.arn",
				"SELECT count(*), min(k.arn) FROM $k->{from} WHERE k.arn = ANY (ARRAY[one.arn, previous])"
			);
			return {
				plan    => $outer,
				ordered => 1,
				before  => [
					'SET plan_cache_mode = ' . pick('auto', 'force_generic_plan', 'force_custom_plan'),
					<<"EOSQL" ],
CREATE FUNCTION pg_temp.looped() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
DECLARE one record; two record; previous text;
BEGIN
  FOR one IN $outer LOOP
    BEGIN
      $inner INTO two;
      PERFORM 1 / (one.id % 4);
    EXCEPTION WHEN division_by_zero THEN
      RETURN NEXT 'caught';
    END;
    RETURN NEXT one::text || coalesce(two::text, '-');
    previous := one.arn;
    EXIT WHEN one.id > 190;
  END LOOP;
END \$\$
EOSQL
				statements => [ 'SELECT * FROM pg_temp.looped()' ],
				after      => [ 'DROP FUNCTION pg_temp.looped' ] };
		}
	],
	[
		'function' => sub {
			my $j    = unique_jobs('j');
			my $body = pick(
				'SELECT j.status FROM J WHERE j.arn = $1',
				'SELECT max(j.name) FROM J WHERE j.predictor_arn = $1 OR j.arn = $1',
				'SELECT j.format FROM J WHERE j.arn = ANY (ARRAY[$1])',
				'SELECT string_agg(j.name, \',\' ORDER BY j.name) FROM J WHERE j.status = $1 OR j.arn = $1'
			) =~ s/J/$j->{from}/r;
			my $create = pick(
				"LANGUAGE sql STABLE AS '" . $body   =~ s/'/''/gr . "'",
				"LANGUAGE sql VOLATILE AS '" . $body =~ s/'/''/gr . "'",
				"LANGUAGE plpgsql STABLE AS \$\$ BEGIN RETURN ($body); END \$\$");
			my $select =
			  'SELECT r.id, pg_temp.told(r.job_arn), pg_temp.told(r.status) FROM reports r WHERE '
			  . report_condition('r');
			return {
				before => [ "CREATE FUNCTION pg_temp.told(text) RETURNS text $create" ],
				plan   => $select,
				after  => [ 'DROP FUNCTION pg_temp.told' ] };
		}
	],
	[
		'view' => sub {
			my $j = any_jobs('x');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $barrier = pick('', 'WITH (security_barrier) ');
			my $select  = pick(
				'SELECT j FROM guarded j',
				'SELECT j.arn, j.message FROM guarded j WHERE ' . condition('j'),
				"SELECT r.id, j.status FROM $r->{from} "
				  . pick('JOIN', 'LEFT JOIN')
				  . " guarded j ON $on");
			return {
				before => [
					"CREATE TEMP VIEW guarded ${barrier}AS SELECT * FROM $j->{from} WHERE "
					  . column_condition('x')
				],
				plan  => $select,
				after => [ 'DROP VIEW pg_temp.guarded' ] };
		}
	],
	[
		'rescan' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r');
			my $case = pick(
				selected("$r->{from} JOIN $j->{from} ON $on",      '', $r, $j),
				selected("$r->{from} LEFT JOIN $j->{from} ON $on", '', $r, $j),
				asked(
					'SELECT i, '
					  . columns($j)
					  . " FROM generate_series(1, 3) i CROSS JOIN $j->{from} WHERE ("
					  . condition('j')
					  . ') AND i > 1',
					"i, $j->{total}"
				),
				{
					plan =>
					  "SELECT i, (SELECT count(*) FROM $j->{from} WHERE j.destination_s3_path LIKE '%' || i OR j.arn LIKE '%' || i) FROM generate_series(0, 12) i"
				},
				{
					plan =>
					  "SELECT i, j.arn FROM generate_series(1, 70) i LEFT JOIN LATERAL (SELECT arn, status FROM $j->{from} WHERE j.arn = '$JOB' || 'nightly_' || i OFFSET 0) j ON true"
				});
			$case->{settings} = [
				map { "SET $_ = off" } qw(enable_hashjoin enable_mergejoin enable_memoize),
				chance(0.5) ? 'enable_material' : () ];
			return $case;
		}
	],
	[
		'update' => sub {
			my $j    = unique_jobs('j');
			my $more = pick('', ' AND ' . report_condition('r'), ' AND (' . condition('j') . ')');
			return changed(pick(
				"UPDATE reports r SET status = j.status, n = coalesce(r.n, 0) + 1 FROM $j->{from} WHERE j.arn = r.job_arn$more RETURNING r.*, j.name",
				"UPDATE reports r SET owner = j.name FROM $j->{from}, owners o WHERE j.arn = r.job_arn AND o.job_arn = j.arn$more RETURNING r.id, r.owner",
				"UPDATE reports r SET status = (SELECT j.status FROM $j->{from} WHERE j.arn = r.job_arn) WHERE "
				  . report_condition('r')
				  . ' RETURNING *'));
		}
	],
	[
		'delete' => sub {
			my $j = unique_jobs('j');
			return changed(pick(
				"DELETE FROM reports r USING $j->{from} WHERE j.arn = r.job_arn AND ("
				  . condition('j')
				  . ') RETURNING r.*, j.status',
				"DELETE FROM reports r USING $j->{from} WHERE j.predictor_arn = r.predictor AND j.status = r.status RETURNING r.id",
				"DELETE FROM reports r WHERE NOT EXISTS (SELECT FROM $j->{from} WHERE j.arn = r.job_arn) RETURNING r.id, r.job_arn",
				"DELETE FROM reports r WHERE r.job_arn IN (SELECT arn FROM $j->{from} WHERE "
				  . condition('j')
				  . ') RETURNING r'));
		}
	],
	[
		'insert' => sub {
			my $j = unique_jobs('j');
			return changed(pick(
				"INSERT INTO reports SELECT 1000, name, arn, predictor_arn, status, 1 FROM $j->{from} WHERE "
				  . condition('j')
				  . ' RETURNING owner, job_arn, status',
				"MERGE INTO reports r USING $j->{from} ON j.arn = r.job_arn WHEN MATCHED AND j.status = 'ACTIVE' THEN UPDATE SET status = j.status, n = 77"
				  . " WHEN MATCHED AND r.n < 4 THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (2000, j.name, j.arn, j.predictor_arn, j.status, 77)",
				"WITH gone AS (DELETE FROM reports r USING $j->{from} WHERE j.arn = r.job_arn AND r.n < 6 RETURNING r.*, j.format) SELECT g.id, g.format, k.status FROM gone g LEFT JOIN jobs k ON k.arn = g.job_arn"
			));
		}
	],
	[
		'locked rows' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			return {
				plan => 'SELECT '
				  . columns_of($r, $j)
				  . " FROM $r->{from} "
				  . pick('JOIN', 'LEFT JOIN')
				  . " $j->{from} ON $on"
				  . pick('', ' WHERE ' . report_condition('r'))
				  . ' FOR UPDATE OF r',
				before => [ 'BEGIN' ],
				after  => [ 'ROLLBACK' ] };
		}
	],
	[
		'table of the answer' => sub {
			my $j = any_jobs('j');
			my ($r, $on) = joined_reports('j', 'r', 1);
			my $select =
				'SELECT q::text AS row FROM (SELECT '
			  . columns_of($r, $j)
			  . " FROM $r->{from} LEFT JOIN $j->{from} ON $on"
			  . pick('', ' WHERE ' . report_condition('r')) . ') q';
			return {
				plan       => $select,
				statements => [ "CREATE TEMP TABLE answer AS $select", 'SELECT * FROM answer' ],
				after      => [ 'DROP TABLE pg_temp.answer' ] };
		}
	],);

# A command that changes "reports", what it returned and what it left, undone.
sub changed
{
	my ($command) = @_;
	return {
		plan       => $command,
		before     => [ 'BEGIN' ],
		statements => [ $command, 'SELECT r::text FROM reports r WHERE id % 4 = 1 OR id >= 1000' ],
		after      => [ 'ROLLBACK' ] };
}

# --- the generator ---------------------------------------------------------

sub new
{
	my ($class, $seed) = @_;
	return bless { seed => $seed }, $class;
}

# How the foreign side is run, besides with the lookup join on and off.
sub settings
{
	my @planner = pick(
		[],
		[ map { "SET $_ = off" } qw(enable_hashjoin enable_mergejoin) ],
		[ 'SET enable_nestloop = off' ]);
	my @others = (
		[ 'SET enable_memoize = off' ],
		[ 'SET enable_material = off' ],
		[ 'SET enable_partitionwise_join = on', 'SET enable_partitionwise_aggregate = on' ],
		[ 'SET enable_hashagg = off' ],
		[ 'SET work_mem = \'64kB\'' ],
		[ 'SET constraint_exclusion = on' ],
		[ 'SET join_collapse_limit = 1', 'SET from_collapse_limit = 1' ],
		[ 'SET geqo_threshold = 2' ],
		[ 'SET cpu_tuple_cost = 10' ],
		[
			map { "SET $_ = 0" }
			  qw(parallel_setup_cost parallel_tuple_cost min_parallel_table_scan_size)
		]);

	return [ map { @$_ } @planner, chance(0.4) ? some(2, @others) : () ];
}

# Query number $number: a hash of
#   kind        what it tries
#   settings    commands for the foreign side, that the answer must not depend on
#   async       whether enable_async_append is on
#   before      commands before it
#   statements  what is compared: the output of these
#   ordered     whether the order of the rows is compared too
#   plan        what can be explained
#   after       commands after it, even if it failed
sub query
{
	my ($self, $number) = @_;

	srand(unpack 'L', md5("$self->{seed} $number"));
	my ($kind, $make) = @{ $KINDS[ $number % @KINDS ] };
	my $query    = $make->();
	my $settings = settings();

	return {
		before     => [],
		statements => [ $query->{plan} ],
		ordered    => 0,
		after      => [],
		%$query,
		kind     => $kind,
		async    => chance(0.5),
		settings => [ @$settings, @{ $query->{settings} || [] } ], };
}

1;
