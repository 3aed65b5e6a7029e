# Foreign tables answer every query as local ones with the same rows do, whatever
# the plan.  QueryGenerator.pm makes the queries.
#
#   DIFFERENTIAL_SEED     another seed makes other queries
#   DIFFERENTIAL_QUERIES  how many
#   DIFFERENTIAL_ONLY     only the query of this number

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use QueryGenerator;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant DEFAULT_SEED    => 20241103;
use constant DEFAULT_QUERIES => 705;

my $seed    = $ENV{DIFFERENTIAL_SEED}    // DEFAULT_SEED;
my $queries = $ENV{DIFFERENTIAL_QUERIES} // DEFAULT_QUERIES;
my $only    = $ENV{DIFFERENTIAL_ONLY};

# Nothing but the queries changes what is planned, and no query waits for long.
my $node = new_cluster(conf => <<'EOCONF');
autovacuum = off
jit = off
statement_timeout = '30s'
EOCONF

# --- the same rows twice ---------------------------------------------------

# Servers of the given number of jobs: "f.jobs" and "f.jobs2".
sub create_foreign_tables
{
	foreach my $server (1, 2)
	{
		my $simulator = ForecastSimulator->start(
			fixture => {
				PredictorBacktestExportJobs =>
				  [ map { QueryGenerator::as_fixture($_) } QueryGenerator::jobs($server) ],
				Generate => {},
			});
		create_server($node, $server == 1 ? 'f' : 'f2', $simulator->url);
	}
	$node->safe_psql('postgres',
		'ALTER FOREIGN TABLE f2.jobs RENAME TO jobs2; ALTER FOREIGN TABLE f2.jobs2 SET SCHEMA f');
	return;
}

sub create_local_tables
{
	my $first   = QueryGenerator::load_jobs('l.jobs',  QueryGenerator::jobs(1));
	my $second  = QueryGenerator::load_jobs('l.jobs2', QueryGenerator::jobs(2));
	my $reports = QueryGenerator::values_of(QueryGenerator::reports());
	my $owners  = QueryGenerator::values_of(QueryGenerator::owners());

	$node->safe_psql('postgres', <<"EOSQL");
CREATE SCHEMA l;
CREATE TABLE l.jobs (LIKE f.jobs);
CREATE TABLE l.jobs2 (LIKE f.jobs);
$first
$second
CREATE TABLE reports (id int, owner text, job_arn text, predictor text, status text, n int);
CREATE TABLE no_reports (LIKE reports);
CREATE TABLE owners (job_arn text, team text);
INSERT INTO reports VALUES $reports;
INSERT INTO owners VALUES $owners;
EOSQL
	return;
}

# All jobs of both servers, as partitions and as a view.
sub create_unions
{
	my ($schema) = @_;
	my ($first, $second) = QueryGenerator::roles();

	$node->safe_psql('postgres', <<"EOSQL");
CREATE TABLE $schema.all_jobs (LIKE f.jobs) PARTITION BY LIST (destination_s3_role_arn);
ALTER TABLE $schema.all_jobs ATTACH PARTITION $schema.jobs FOR VALUES IN (NULL, $first);
ALTER TABLE $schema.all_jobs ATTACH PARTITION $schema.jobs2 FOR VALUES IN ($second);
CREATE VIEW $schema.every_job AS SELECT * FROM $schema.jobs UNION ALL SELECT * FROM $schema.jobs2;
EOSQL
	return;
}

create_foreign_tables();
create_local_tables();
create_unions($_) foreach qw(l f);
$node->safe_psql('postgres', 'ANALYZE l.all_jobs; ANALYZE l.jobs; ANALYZE l.jobs2; ANALYZE reports; ANALYZE owners');

my %session = map { $_ => open_session($node) } qw(l f);
$_->query_safe('\pset null NULL') foreach values %session;

foreach my $server (qw(f f2))
{
	my $result = attempt($session{f}, "ALTER SERVER $server OPTIONS (ADD async_capable 'true')");
	note("server $server cannot be asynchronous: $result->{message}") if $result->{text} ne '';
}

# --- one query -------------------------------------------------------------

# Runs a query with its names looked up in $schema.  Returns a hash: parts, the
# rows of each of its statements; errors; plan.
sub outcome
{
	my ($schema, $query, @settings) = @_;
	my $session = $session{$schema};
	my $before  = attempt(
		$session,
		join(";\n",
			'RESET ALL', "SET search_path = $schema, public",
			@settings, @{ $query->{before} }));
	my $plan = attempt($session, "EXPLAIN (COSTS off) $query->{plan}");

	# Every statement is followed by a line of its own: a row may be empty.
	my $answer =
	  attempt($session, join '', map { "$_\n;\n\\echo === end\n" } @{ $query->{statements} });
	my $after = attempt($session, join(";\n", @{ $query->{after} }));
	my @parts = map { [ split /\n/, $_, -1 ] } split /^=== end(?:\n|\z)/m, $answer->{rows};

	pop @$_ foreach @parts;
	@parts = map { [ sort @$_ ] } @parts unless $query->{ordered};
	return {
		parts  => \@parts,
		plan   => $plan->{rows},
		errors => join('', map { $_->{text} } $before, $plan, $answer, $after),
	};
}

# The lines of an answer, the parts one after the other.
sub lines_of
{
	my ($outcome) = @_;
	return map { (@$_, '=== end') } @{ $outcome->{parts} };
}

# What is in one answer and not in the other; the first lines of it.
sub difference
{
	my ($local, $foreign) = @_;
	my (%balance, @lines);

	$balance{$_}++ foreach lines_of($local);
	$balance{$_}-- foreach lines_of($foreign);
	foreach my $line (sort keys %balance)
	{
		push @lines, "  local only ($balance{$line}x): $line" if $balance{$line} > 0;
		push @lines, '  foreign only (' . -$balance{$line} . "x): $line" if $balance{$line} < 0;
	}
	return splice(@lines, 0, 20) if @lines;

	# The same rows in another order.
	my ($expected, $got) = ([ lines_of($local) ], [ lines_of($foreign) ]);
	my ($first) = grep { $expected->[$_] ne $got->[$_] } 0 .. $#$expected;
	return ("  from line $first:",
		map { ("  local:   $expected->[$_]", "  foreign: $got->[$_]") }
		  grep { defined $expected->[$_] } $first .. $first + 9);
}

# All that is needed to see a mismatch again.
sub explain_mismatch
{
	my ($number, $query, $settings, $local, $foreign) = @_;

	diag(join "\n",
		"query $number of seed $seed ($query->{kind}); again: DIFFERENTIAL_SEED=$seed DIFFERENTIAL_QUERIES=$queries DIFFERENTIAL_ONLY=$number",
		"--- settings",
		map({ "$_;" } 'SET search_path = f, public', @$settings),
		"--- query",
		map({ "$_;" } @{ $query->{before} }, @{ $query->{statements} }, @{ $query->{after} }),
		"--- plan",
		$foreign->{plan},
		"--- errors",
		"$local->{errors}$foreign->{errors}",
		"--- difference",
		$local->{errors} || $foreign->{errors} ? () : difference($local, $foreign));
	return;
}

# --- all queries -----------------------------------------------------------

# What is counted: plans with a node, by the setting that is about it; queries.
my %NODES = (
	'ForecastLookupJoin' => 'lookup join',
	'Async Foreign Scan' => 'async append',
	'Hash Join'          => undef,
	'Merge Join'         => undef,
	'Nested Loop'        => undef,
	'Memoize'            => undef,
);
my %plans = (all => 0);
my %kinds;
my ($with_rows, $rows, $lost) = (0, 0, 0);

sub count_nodes
{
	my ($plan, %on) = @_;

	$plans{all}++;
	foreach my $node (keys %NODES)
	{
		next unless $plan =~ /\Q$node\E/;
		my $setting = $NODES{$node};
		my $state = !defined $setting ? 'any' : $on{$setting} ? 'on' : 'off';
		$plans{$node}{$state}++;
	}
	return;
}

sub compare
{
	my ($number, $query) = @_;
	my $local = outcome('l', $query);
	my $same  = 1;
	my $found = grep { $_ ne '=== end' } lines_of($local);

	$rows += $found;
	$with_rows++ if $found;
	$kinds{ $query->{kind} }[ $found ? 1 : 0 ]++;
	if ($local->{errors} ne '')
	{
		explain_mismatch($number, $query, [], $local, { errors => '', plan => '' });
		return fail("query $number, $query->{kind}: is no valid query");
	}

	foreach my $lookup ('on', 'off')
	{
		my $async    = $query->{async} ? 'on' : 'off';
		my @settings = (
			"SET forecast_fdw.enable_lookup_join = $lookup",
			"SET enable_async_append = $async",
			@{ $query->{settings} });
		my $foreign = eval { outcome('f', $query, @settings) };

		# Without the backend there is no cluster and no further query.
		$lost = $@ ne '';
		$foreign //= { parts => [], plan => '', errors => $@ };
		count_nodes($foreign->{plan}, 'lookup join' => $lookup eq 'on', 'async append' => $query->{async});
		next if $foreign->{errors} eq '' && join("\n", lines_of($local)) eq join("\n", lines_of($foreign));
		explain_mismatch($number, $query, \@settings, $local, $foreign);
		$same = 0;
		last if $lost;
	}
	ok($same, "query $number, $query->{kind}");
	return;
}

# The optional ways were taken where they were allowed, and nowhere else.
sub optional_nodes_are_used
{
	foreach my $node ('ForecastLookupJoin', 'Async Foreign Scan')
	{
		cmp_ok($plans{$node}{on} // 0, '>', 0, "plans with $node where it is on");
	}
	is(join(' ', grep { $plans{$_}{off} } sort keys %NODES),
		'', 'no such plan where it is off');
	return;
}

# Gives the planner statistics, where the extension can.
sub analyze
{
	my $result =
	  attempt($session{f}, 'RESET ALL; ANALYZE f.jobs; ANALYZE f.jobs2; ANALYZE f.all_jobs');

	note("foreign tables are not analyzed: $result->{text}") if $result->{text} ne '';
	return;
}

note("seed $seed, $queries queries");
my $generator = QueryGenerator->new($seed);
my $start     = time;
my $analyzed  = 0;

foreach my $number (defined $only ? $only : 1 .. $queries)
{
	# The second half is planned with statistics.
	analyze() if $number > $queries / 2 && !$analyzed++;
	compare($number, $generator->query($number));
	last if $lost;
}

my $answered = ($plans{all} || 1) / 2;
note(sprintf '%d queries in %.1f s; %d had rows (%d%%), %d rows in all',
	$answered, time - $start, $with_rows, 100 * $with_rows / $answered, $rows);
note('without rows: ' . join ', ',
	map { "$_ $kinds{$_}[0]" } grep { $kinds{$_}[0] } sort keys %kinds);
foreach my $node (sort keys %NODES)
{
	my $count = $plans{$node} || {};
	note("of $plans{all} plans, with $node: " . (join(', ', map { "$count->{$_} $_" } sort keys %$count) || 'none'));
}
optional_nodes_are_used() if $seed == DEFAULT_SEED && $queries == DEFAULT_QUERIES && !defined $only;

eval { $_->quit } foreach values %session;
done_testing();
