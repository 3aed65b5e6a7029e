# Something runs out: memory, descriptors, disk.  A query gets the right rows or one
# clear error, the backend lives on, the next query of the session succeeds, and
# nothing is left behind.
#
# Memory runs out in a library that the backend uses, at each of its allocations in
# turn; test/modules/failing_libc does that.  EXHAUSTION_SEED repeats a run of those
# that fail by chance.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator qw(:DEFAULT generated_jobs holdings is_flat predictor_arn);
use IdentitySimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant {
	JOBS => 60,
	POOL => 4,
	EVER => 2_000_000_000,
};

my $seed = $ENV{EXHAUSTION_SEED} || time % 1_000_000;
note("EXHAUSTION_SEED=$seed");

# --- the C library that fails ------------------------------------------------

my $folder  = PostgreSQL::Test::Utils::tempdir();
my $library = "$folder/failing_libc.so";
my $source  = "$FindBin::RealBin/../test/modules/failing_libc/failing_libc.c";
chomp(my $headers = `pg_config --includedir-server`);
my $fails = system("cc -shared -fPIC -O1 -I'$headers' -o '$library' '$source' -ldl") == 0;

my $simulator = ForecastSimulator->start(fixture => generated_jobs(JOBS, 3));
my $node;
{
	# What of the shared memory has been touched counts as the backend's: let it be little.
	local $ENV{LD_PRELOAD} = $library if $fails;
	$node = new_cluster(conf => "jit = off\nautovacuum = off\nshared_buffers = 2MB\nwal_buffers = 64kB\n");
}

# What comes late counts as an error here, and what is asked for again does not show
# what the first failure did.
create_server($node, $_, $simulator->url,
	max_pool_connections => POOL, fetch_size => 20, async_capable => 'true',
	max_attempts => 1, connect_timeout => '5s', read_timeout => '5s')
  for 'forecast', 'west';

# As a role, which is assumed anew by each client.
my $identity = IdentitySimulator->start($simulator);
create_server($node, 'assumed', $simulator->url,
	sts_endpoint_url => $identity->url, connect_timeout => '5s', read_timeout => '5s');
$node->safe_psql('postgres', "ALTER USER MAPPING FOR CURRENT_USER SERVER assumed
	OPTIONS (ADD role_arn '" . IdentitySimulator::role_arn('analyst') . "')");

# --- what is asked -----------------------------------------------------------

my $keys = 'ARRAY[' . join(', ', map { "'" . job_arn("job_$_") . "'" } 1 .. 2 * POOL) . ']';
my $every = JOBS . '|' . JOBS;
my $some  = JOBS / 3;

# Queries by their names, each with what it returns.
my %queries = (
	'a key' => [ "SELECT status FROM forecast.jobs WHERE arn = '" . job_arn('job_1') . "'", 'ACTIVE' ],
	'many keys' => [ "SELECT count(status), count(DISTINCT arn) FROM forecast.jobs WHERE arn = ANY ($keys)", '8|8' ],
	'a list' => [ 'SELECT count(name), count(DISTINCT arn) FROM forecast.jobs', $every ],
	'a list of a filter' => [ "SELECT count(predictor_arn), max(predictor_arn) FROM forecast.jobs WHERE predictor_arn = '" . predictor_arn(1) . "'",
		"$some|" . predictor_arn(1) ],
	'list and describe' => [ 'SELECT count(format), count(DISTINCT arn) FROM forecast.jobs', $every ],
	'a lookup join' => [ "SELECT count(j.status), count(DISTINCT k) FROM unnest($keys) k LEFT JOIN forecast.jobs j ON j.arn = k", '8|8' ],
	'an async append' => [ "SELECT count(*), count(DISTINCT arn) FROM (SELECT arn FROM forecast.jobs UNION ALL SELECT arn FROM west.jobs) u",
		2 * JOBS . '|' . JOBS ],
);

my $session = open_session($node);
like($session->query_safe("EXPLAIN $queries{'a lookup join'}[0]"), qr/LookupJoin/, 'a lookup join: plan');
like($session->query_safe("EXPLAIN $queries{'an async append'}[0]"), qr/Async Foreign Scan/, 'an async append: plan');

# The clients go away and with them their connections: what follows begins anew.
my $changes = 0;
sub drop_clients
{
	my $timeout = 5000 + ++$changes % 2;
	return join '', map { "ALTER SERVER $_ OPTIONS (SET read_timeout '${timeout}ms');\n" } 'forecast', 'west', 'assumed';
}

sub goes_on
{
	my ($what) = @_;
	foreach my $name (sort keys %queries)
	{
		my ($query, $rows) = @{ $queries{$name} };
		my $result = attempt($session, $query);
		is($result->{rows} . $result->{text}, $rows, "$what: $name succeeds again");
	}
	return;
}

# --- memory ------------------------------------------------------------------

# Sends many trials at once, which are a query that may fail and the same one after
# it.  Each is a hash: of the library whose allocations fail, of first, last, one_in
# and seed.  Returns a hash for each: failed, the number of allocations that have; rows
# and error of the query; and again, the rows of the next.
sub try_all
{
	my ($query, @trials) = @_;
	my $script = '';

	foreach my $i (0 .. $#trials)
	{
		my %trial = (one_in => 1, seed => 1, %{ $trials[$i] });
		$script .= "\\echo trial\n\\warn trial\n";
		$script .= drop_clients() unless $trial{warm};
		$script .= "SELECT fail_allocations('$trial{library}', $trial{first}, $trial{last}, $trial{one_in}, $trial{seed});\n";
		$script .= "$query;\n\\warn answered\n";
		# Twice, as the first may be what fails.
		$script .= "SELECT 'failed', allocations_failed();\n" x 2 . "$query;\n";
	}
	# By a file: so much does not go through the pipe to psql at once.
	my $file = "$folder/trials.sql";
	unlink $file;
	append_to_file($file, $script);
	my $result = eval { attempt($session, "\\i $file") };
	BAIL_OUT("the backend has crashed: $@") unless defined $result && defined $result->{rows};

	my (undef, @outputs) = split /^trial\n/m, "$result->{rows}\n";
	my (undef, @errors)  = split /^trial\n/m, $result->{text};
	return map { read_trial($outputs[$_] // '', $errors[$_] // '') } 0 .. $#trials;
}

sub read_trial
{
	my ($output, $error) = @_;
	my ($first, $later) = split /^answered\n/m, $error;
	my %result = %{ ForecastSimulator::parse_error($first // '') };

	$result{later} = $later // '';
	@result{qw(rows failed again)} = ($1, $2, $3)
	  if $output =~ /\A(?:t\n)?(.*?)\n?(?:^failed\|(\d+)\n){1,2}(.*)\n\z/ms;
	return \%result;
}

# What is wrong with the result of a trial, '' if nothing is.
sub blemish
{
	my ($result, $rows) = @_;
	my $errors = () = $result->{text} =~ /(?:ERROR|FATAL|PANIC|WARNING):  /g;

	return "was not tried: $result->{text}$result->{later}" unless defined $result->{failed};
	return "the next query returned $result->{again}: $result->{later}" if $result->{again} ne $rows;
	return $result->{rows} eq $rows ? '' : "returned $result->{rows}" if $errors == 0;
	return "$errors errors: $result->{text}" if $errors > 1;
	return "nothing has failed: $result->{text}" if $result->{failed} == 0;
	return $result->{text} if "$result->{message} $result->{detail}" =~ /time(?:d |-)?out/;
	return $result->{sqlstate} =~ /^(?:53200|08001|08006)$/ ? '' : $result->{text};
}

# Tests trials and tells how they ended.  Returns the number of those in which
# an allocation failed.
my %tally;
sub judge
{
	my ($what, $rows, $trials, @results) = @_;
	my %blemishes;

	foreach my $i (0 .. $#results)
	{
		my $how = join ', ', map { "$_ $trials->[$i]{$_}" } sort keys %{ $trials->[$i] };
		my $blemish = blemish($results[$i], $rows);

		push @{ $blemishes{ $results[$i]{message} } }, "$how: $blemish" if $blemish;
		$tally{ $results[$i]{sqlstate} // 'answered' }++ if $results[$i]{failed};
	}
	is(scalar keys %blemishes, 0, "$what: the rows, or one clear error, and it goes on")
	  or diag(join "\n", map { scalar(@$_) . " times, the first with $_->[0]" } values %blemishes);
	return scalar grep { $_->{failed} } @results;
}

# Allocations of a library fail in turn: each alone, and each with all after it.
# Where there are many, the later ones are picked by chance.
sub sweep
{
	my ($library, $name, %options) = @_;
	my ($query, $rows) = @{ $queries{$name} };
	my $what   = join ', ', $library, $name, $options{warm} ? 'warm' : ();
	my $first  = 1;
	my $failed = 0;
	my @results;

	%tally = ();
	do
	{
		my @trials;
		while (@trials < 20)
		{
			# The backend itself needs memory to be told that there is some again.
			push @trials, map { { library => $library, first => $first, last => $_, %options } }
			  $first, $library eq 'postgres' ? () : EVER;
			$first += 1 + int rand $first / 6;
		}
		@results = try_all($query, @trials);
		$failed += judge("$what, up to $first", $rows, \@trials, @results);
	} while ($results[-1]{failed});

	cmp_ok($failed, '>', 0, "$what: it was tried");
	show_tally($what);
	return;
}

# Allocations of a library fail by chance.
sub gamble
{
	my ($library, $name, $times) = @_;
	my ($query, $rows) = @{ $queries{$name} };
	my $what   = "$library, $name, by chance";
	my @trials = map {
		{ library => $library, first => 1, last => EVER, one_in => 2**(2 + int rand 8), seed => 1 + int rand EVER,
			warm => int rand 2 }
	} 1 .. $times;

	%tally = ();
	judge($what, $rows, \@trials, try_all($query, @trials));
	show_tally($what);
	return;
}

sub show_tally
{
	my ($what) = @_;
	note("$what: " . join ', ', map { "$_ $tally{$_}" } sort keys %tally);
	return;
}

if ($fails)
{
	$session->query_safe("
		CREATE FUNCTION fail_allocations(cstring, int, int, int, int) RETURNS bool AS '$library' LANGUAGE C;
		CREATE FUNCTION allocations_failed() RETURNS int AS '$library' LANGUAGE C;
		CREATE FUNCTION fill_disk(int) RETURNS void AS '$library' LANGUAGE C");
	srand $seed;
	goes_on('before');
	foreach my $who ('libcurl', 'libcjson', 'libcrypto', 'forecast_fdw', 'postgres')
	{
		# As much as this takes, malloc keeps for the next time.
		gamble($who, $_, 10) for $who eq 'postgres' ? () : sort keys %queries;
		goes_on("before $who");
		my $before = holdings($session);

		foreach my $name (sort keys %queries)
		{
			sweep($who, $name);
			sweep($who, $name, warm => 1) unless $name eq 'list and describe';
			gamble($who, $name, 25) unless $who eq 'postgres';
		}
		goes_on($who);
		is_flat($before, holdings($session), "$who has no memory");
	}

	# The answer about a role is XML, for which expat has its memory from us.
	$queries{'a role'} = [ "SELECT status FROM assumed.jobs WHERE arn = '" . job_arn('job_1') . "'", 'ACTIVE' ];
	goes_on('before a role');
	sweep($_, 'a role') foreach 'libcurl', 'libcrypto', 'forecast_fdw';
	goes_on('a role');

	# What is done once in a backend: it can be done again when it has failed.
	foreach my $n (1 .. 4)
	{
		my $fresh = open_session($node);
		my ($query, $rows) = @{ $queries{'a key'} };

		$fresh->query_safe("LOAD 'forecast_fdw'");
		$fresh->query_safe("SELECT fail_allocations('libcurl', 1, $n, 1, 1)");
		is(attempt($fresh, $query)->{sqlstate}, '53200', "the first query, without $n allocations of libcurl")
		  for 1 .. $n;
		is(attempt($fresh, $query)->{rows}, $rows, '... the next one that has memory succeeds');
		$fresh->quit;
	}
}
else
{
	diag('cc or the headers of the server are missing: what fails for want of memory is SKIPPED');
}

# --- descriptors -------------------------------------------------------------

# Lets the backend open so many more files, or again as many as before (undef).
sub allow_descriptors
{
	my ($n) = @_;
	my %used  = map { s{.*/}{}r => 1 } glob "/proc/$session->{backend}/fd/*";
	my $limit = 0;

	for (my $free = 0; defined $n && $free < $n; $limit++)
	{
		$free++ unless $used{$limit};
	}
	$limit = 1024 unless defined $n;
	return system('prlimit', '--pid', $session->{backend}, "--nofile=$limit:") == 0;
}

SKIP:
{
	skip 'prlimit is missing: what fails for want of descriptors is SKIPPED', 1
	  unless allow_descriptors(undef);

	goes_on('before descriptors');
	my $before = holdings($session);
	%tally = ();
	foreach my $n (0 .. 16)
	{
		foreach my $name ('a key', 'many keys', 'a lookup join', 'an async append')
		{
			my ($query, $rows) = @{ $queries{$name} };
			my $what = "$n descriptors, $name";

			$session->query_safe(drop_clients());
			allow_descriptors($n);
			my $result = attempt($session, $query);
			allow_descriptors(undef);

			my $how = $result->{sqlstate} // 'answered';
			if ($how eq 'answered')
			{
				is($result->{rows}, $rows, "$what: the rows");
			}
			else
			{
				# The last one is what PostgreSQL itself says.
				like("$how: $result->{message}",
					qr/^(?:53000|53200|08001): |^XX000: epoll_create1 failed: Too many open files/, "$what: an error")
				  or diag($result->{text});
			}
			note($result->{text}) if !$tally{$how}++;
			is(attempt($session, $query)->{rows}, $rows, "$what: the next query succeeds");
		}
	}
	show_tally('descriptors');
	cmp_ok($tally{answered} // 0, '>', 0, 'with some descriptors there are rows');
	cmp_ok(scalar keys %tally, '>', 1, '... and with fewer there are none');
	goes_on('descriptors');
	is_flat($before, holdings($session), 'no descriptors');
}

# --- disk --------------------------------------------------------------------

# A sort that goes to disk while calls are under way.
my $sort = 'SELECT count(*) FROM (SELECT format FROM forecast.jobs ORDER BY repeat(name, 2000) OFFSET 0) s';
$session->query_safe("SET work_mem = '64kB'");
is(attempt($session, $sort)->{rows}, JOBS, 'a sort on disk');

sub no_space
{
	my ($what, $sqlstate) = @_;
	my $result = attempt($session, $sort);

	is($result->{sqlstate}, $sqlstate, "$what: SQLSTATE") or diag($result->{text});
	is(scalar(() = $result->{text} =~ /ERROR:/g), 1, "$what: one error");
	ok(await(sub { $simulator->counters->{in_flight} == 0 }), "$what: nothing is in flight");
	is($session->query_safe('SELECT count(*) FROM pg_ls_tmpdir()'), 0, "$what: no file is left");
	return;
}

goes_on('before disk');
my $before = holdings($session);
foreach my $kB (0, 100, 300)
{
	$session->query_safe("SET temp_file_limit = '${kB}kB'");
	no_space("temp_file_limit ${kB}kB", '53400');
	$session->query_safe('RESET temp_file_limit');
	is(attempt($session, $sort)->{rows}, JOBS, "temp_file_limit ${kB}kB: the next query succeeds");
}
foreach my $writes ($fails ? (0, 1, 5, 30) : ())
{
	$session->query_safe("SELECT fill_disk($writes)");
	no_space("a disk that is full after $writes writes", '53100');
	$session->query_safe('SELECT fill_disk(-1)');
	is(attempt($session, $sort)->{rows}, JOBS, "a disk that is full after $writes writes: the next query succeeds");
}
goes_on('disk');
is_flat($before, holdings($session), 'no disk');
$session->quit;

# --- all that the settings allow ---------------------------------------------

# A third of the files that a backend may have open may be connections.
$node->append_conf('postgresql.conf', 'max_files_per_process = 64');
$node->restart;
$session = open_session($node);
my $wide = 'SELECT count(format) FROM forecast.jobs WHERE arn = ANY (ARRAY['
  . join(', ', map { "'" . job_arn("job_$_") . "'" } 1 .. 50) . '])';
$session->query_safe("ALTER SERVER forecast OPTIONS (SET max_pool_connections '50')");
my $result = attempt($session, $wide);
is($result->{sqlstate}, '53000', 'more connections than files: SQLSTATE') or diag($result->{text});
like($result->{hint}, qr/max_files_per_process/, 'more connections than files: hint');
is(attempt($session, $queries{'a key'}[0])->{rows}, 'ACTIVE', '... and the next query succeeds');
$session->query_safe("ALTER SERVER forecast OPTIONS (SET max_pool_connections '4')");
is(attempt($session, $wide)->{rows}, 50, 'fewer connections');
$session->quit;

my $log = slurp_file($node->logfile);
unlike($log, qr/was terminated by signal|PANIC:|TRAP:/, 'no process has crashed');

done_testing();
