# Who may do what: who gets to use the identity and the settings of the database
# server, who may set which option, and whose identity a scan has.
#
# The rows of the matrix below say who does what and what comes of it.  Each is a
# transaction of its own in a session of that role, and is rolled back.  Where a
# row is refused, nothing may have been sent to anybody.  docs/security.md tells
# the reasons, and names these rows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

# --- the identities --------------------------------------------------------------

# Three that the service accepts, and tells apart by the last four characters: of
# the database server itself, of a profile in a file of its, and of a user.
my %server  = (id => 'AKIATHEDATABASESRVR', secret => 'TheSecretOfTheDatabaseServer/Example0001');
my %profile = (id => 'AKIATHEPROFILEOFTEAM', secret => 'TheSecretOfTheProfileOfTheTeam/Example02');
my %user    = (id => ACCESS_KEY_ID, secret => SECRET_ACCESS_KEY);
my ($secret) = map { qr/$_/ } join '|', map { quotemeta $_->{secret} } \%server, \%profile, \%user;
my $keys    = "aws_access_key_id '$user{id}', aws_secret_access_key '$user{secret}'";

my $simulator = ForecastSimulator->start(
	fixture => {
		Credentials => [
			map { { AccessKeyId => $_->{id}, SecretAccessKey => $_->{secret} } } \%server, \%profile
		]
	});
my $url     = $simulator->url;
my $nightly = job_arn('nightly');

# --- what the environment of the database server has to offer --------------------

my $folder = PostgreSQL::Test::Utils::tempdir();

# A proxy that notes whom it is to connect to and declines.
my $proxied    = "$folder/proxied";
my $proxy_port = serve(sub {
	my ($connection) = @_;
	append_to_file($proxied, scalar <$connection>);
	while (defined(my $line = <$connection>)) { last if $line =~ /^\r?\n$/; }
	print $connection "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
});
append_to_file($proxied, '');

# One that sends everybody on to the simulator.
my $redirect_port = serve(sub {
	my ($connection) = @_;
	while (defined(my $line = <$connection>)) { last if $line =~ /^\r?\n$/; }
	print $connection "HTTP/1.1 307 Temporary Redirect\r\nLocation: $url/\r\n"
	  . "Content-Length: 0\r\nConnection: close\r\n\r\n";
});

# Names that resolve to addresses that nobody ought to connect to, and one of the
# service's that leads no further than this machine.
my $resolver = <<'EOC';
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>

static const char *const names[][2] = {
	{"metadata.example.com", "169.254.169.254"},
	{"container.example.com", "169.254.170.2"},
	{"mapped.example.com", "::ffff:169.254.169.254"},
	{"linklocal.example.com", "fe80::1"},
	{"metadata6.example.com", "fd00:ec2::254"},
	{"forecast.eu-nowhere-1.amazonaws.com", "127.0.0.1"},
};

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
			struct addrinfo **result)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) =
		dlsym(RTLD_NEXT, "getaddrinfo");

	for (size_t i = 0; node && i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(node, names[i][0]) == 0)
			node = names[i][1];
	return real(node, service, hints, result);
}
EOC

# Compiles that to a library; false where there is no compiler.
sub resolver
{
	append_to_file("$folder/resolver.c", $resolver);
	system("cc -shared -fPIC -o $folder/resolver.so $folder/resolver.c -ldl 2>$folder/cc.log") == 0
	  or return;
	return "$folder/resolver.so";
}

append_to_file("$folder/credentials", <<"EOF");
[team]
aws_access_key_id = $profile{id}
aws_secret_access_key = $profile{secret}
EOF
append_to_file("$folder/config", "[profile team]\nregion = eu-west-1\n");

delete @ENV{ grep { /^AWS_|_proxy$/i } keys %ENV };
my $preload = resolver();
my $node;
{
	local %ENV = (
		%ENV,
		AWS_ACCESS_KEY_ID           => $server{id},
		AWS_SECRET_ACCESS_KEY       => $server{secret},
		AWS_REGION                  => 'eu-west-1',
		AWS_ENDPOINT_URL_FORECAST   => $url,
		AWS_SHARED_CREDENTIALS_FILE => "$folder/credentials",
		AWS_CONFIG_FILE             => "$folder/config",
		AWS_EC2_METADATA_DISABLED   => 'true',
		HTTPS_PROXY                 => "http://127.0.0.1:$proxy_port",
		$preload ? (LD_PRELOAD => join(':', grep { defined } $ENV{LD_PRELOAD}, $preload)) : ());
	$node = new_cluster();
}

# --- the roles -------------------------------------------------------------------

# alice may use the wrapper and has a schema; bob has nothing; reader may read the
# server's files, too; operator may become the superuser dba, but is not.
$node->safe_psql('postgres', <<'EOSQL');
CREATE ROLE alice LOGIN;
CREATE ROLE bob LOGIN;
CREATE ROLE reader LOGIN IN ROLE pg_read_server_files;
CREATE ROLE dba SUPERUSER;
CREATE ROLE operator LOGIN IN ROLE dba;
CREATE SCHEMA alice AUTHORIZATION alice;
CREATE SCHEMA bob AUTHORIZATION bob;
GRANT USAGE ON SCHEMA alice TO PUBLIC;
GRANT USAGE ON FOREIGN DATA WRAPPER forecast_fdw TO alice, reader;
EOSQL

my %session = (superuser => open_session($node));
foreach my $role (qw(alice bob reader operator))
{
	$session{$role} = open_session($node, extra_params => [ '-U', $role ]);
}

# --- the servers -----------------------------------------------------------------

# A server, with a foreign table that everybody may read, and the mappings it has:
# the options of each, by the role's name.
sub create_world
{
	my ($name, $options, %mappings) = @_;
	my $sql = "CREATE SERVER $name FOREIGN DATA WRAPPER forecast_fdw OPTIONS ($options);
		GRANT USAGE ON FOREIGN SERVER $name TO alice, operator;
		CREATE SCHEMA $name;
		GRANT USAGE ON SCHEMA $name TO PUBLIC;
		CREATE FOREIGN TABLE $name.jobs (
			arn text OPTIONS (field 'PredictorBacktestExportJobArn'), status text)
		SERVER $name OPTIONS (resource 'predictor_backtest_export_jobs');
		GRANT SELECT ON $name.jobs TO PUBLIC;";

	foreach my $role (sort keys %mappings)
	{
		my $with = $mappings{$role} eq '' ? '' : "OPTIONS ($mappings{$role})";
		$sql .= "CREATE USER MAPPING FOR $role SERVER $name $with;";
	}
	$node->safe_psql('postgres', $sql);
	return;
}

my $here   = "region 'eu-west-1', endpoint_url '$url'";
my $freed  = "credentials_required 'false'";
my $quick  = "connect_timeout '5s', max_attempts '1'";
my $far    = "region 'eu-nowhere-1', $quick";
my $assume = "role_arn 'arn:aws:iam::123456789012:role/Reader'";

create_world('bare', $here, map { $_ => '' } qw(CURRENT_USER alice operator dba));
create_world('keyed',     $here, CURRENT_USER => '', alice => $keys);
create_world('granted',   $here, alice => $freed);
create_world('assuming',  $here, alice => $assume);
create_world('profiled',  $here, CURRENT_USER => "profile 'team'", alice => "profile 'team'");
create_world('team',      $here, alice => "profile 'team', $freed");
create_world('everybody', $here, PUBLIC => '');
create_world('kept',      "$here, cache_ttl '60s'", PUBLIC => '');
create_world('handed',    $here, PUBLIC => $keys);
create_world('open',      $here, PUBLIC => $freed);
create_world('nowhere',   $quick, CURRENT_USER => $keys, alice => $keys);
create_world('far',       $far,   CURRENT_USER => $keys, alice => $keys);
create_world('distant', "$far, endpoint_url 'https://forecast.eu-nowhere-1.amazonaws.com'",
	CURRENT_USER => $keys, alice => $keys);
create_world('harmless', "region 'eu-west-1'", CURRENT_USER => '', alice => $freed);
create_world('given',    $here, CURRENT_USER => '');
create_world('hers',     "region 'eu-west-1'");
create_world('proxied', "region 'eu-west-1', proxy 'http://127.0.0.1:$proxy_port'");
create_world('redirecting', "region 'eu-west-1', endpoint_url 'http://127.0.0.1:$redirect_port'",
	CURRENT_USER => $keys);

# given is alice's, with what only a superuser could set; hers without.
$node->safe_psql('postgres',
	join ' ', map { "ALTER SERVER $_ OWNER TO alice;" } qw(given hers proxied));

sub status_of
{
	my ($relation) = @_;
	return "SELECT status FROM $relation WHERE arn = '$nightly';";
}

sub key_of
{
	my ($name) = @_;
	return "SELECT right(access_key_id, 4) FROM forecast_fdw_whoami('$name');";
}

sub address_of
{
	my ($name) = @_;
	return "SELECT rtrim(endpoint_url, '/') FROM forecast_fdw_whoami('$name');";
}

# Ways to read bare.jobs, alice's and the superuser's.
sub create_ways
{
	my ($schema) = @_;
	my $status = status_of('bare.jobs');
	return "
		CREATE VIEW $schema.jobs AS SELECT * FROM bare.jobs;
		CREATE VIEW $schema.callers WITH (security_invoker) AS SELECT * FROM bare.jobs;
		CREATE MATERIALIZED VIEW $schema.kept AS SELECT * FROM bare.jobs LIMIT 1 WITH NO DATA;
		CREATE FUNCTION $schema.definer() RETURNS text SECURITY DEFINER LANGUAGE sql AS \$\$ $status \$\$;
		CREATE FUNCTION $schema.invoker() RETURNS text LANGUAGE sql AS \$\$ $status \$\$;
		CREATE FUNCTION $schema.key() RETURNS text SECURITY DEFINER LANGUAGE sql AS
		  \$\$ SELECT right(access_key_id, 4) FROM forecast_fdw_whoami('bare') \$\$;
		CREATE TABLE $schema.keys AS SELECT '$nightly'::text AS arn;
		GRANT SELECT ON ALL TABLES IN SCHEMA $schema TO PUBLIC;";
}

$node->safe_psql('postgres',
	'CREATE SCHEMA boss; GRANT USAGE ON SCHEMA boss TO PUBLIC;' . create_ways('boss')
	  . ' ANALYZE boss.keys;
	   CREATE VIEW boss.everybody AS SELECT * FROM everybody.jobs;
	   GRANT SELECT ON boss.everybody TO PUBLIC;');
$node->safe_psql('postgres',
	create_ways('alice') . 'ANALYZE alice.keys;'
	  . "CREATE FOREIGN TABLE alice.table_of_bare (status text) SERVER bare
	     OPTIONS (resource 'predictor_backtest_export_jobs');",
	extra_params => [ '-U', 'alice' ]);

# A function of the superuser's that grants what it is asked to.
$node->safe_psql('postgres', <<"EOSQL");
CREATE FUNCTION boss.grant_identity() RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS \$\$
BEGIN
	ALTER USER MAPPING FOR alice SERVER bare OPTIONS ($freed);
	RETURN 'granted';
END \$\$;
EOSQL

# --- what can come of it ---------------------------------------------------------

# A refusal: its SQLSTATE, and what its hint and detail have to say.
my %refusal = (
	# by PostgreSQL itself
	postgres => { sqlstate => '42501' },
	# by us: an option
	denied => { sqlstate => '42501', message => qr/permission denied/, hint => qr/superuser/ },
	file   => { sqlstate => '42501', hint => qr/pg_read_server_files/ },
	# by us: there is no identity for this role
	credentials => {
		sqlstate => '2F003',
		message  => qr/credentials are required/i,
		detail   => qr/[Nn]on-superusers?.*aws_access_key_id.*aws_secret_access_key/,
		hint     => qr/\w/
	},
	profile => { sqlstate => '2F003', hint => qr/\w/ },
	# by us: nobody may
	invalid => { sqlstate => 'HV024' },
	linklocal => { sqlstate => '08004' },
	no_region => { sqlstate => 'HV002' },
	unknown => { sqlstate => '42704' },
	unreachable => { sqlstate => '08001' },
	redirect => { sqlstate => '08P01' },
);

# What a refused row comes to: the refusal; the row that may have come before it;
# how many requests, at most, may have been sent until then.
sub refused
{
	my ($name, $rows, $requests) = @_;
	return { %{ $refusal{$name} }, rows => $rows // '', requests => $requests // 0 };
}

# Tests a row: [who, what, statements, what comes of it]: all that the client sees,
# a pattern for it, or a refusal.
sub check
{
	my ($row) = @_;
	my ($who, $what, $sql, $expected) = @$row;

	$simulator->clear_log;
	my $proxied_before = -s $proxied;
	my $result         = attempt($session{$who}, "BEGIN;\n$sql");
	attempt($session{$who}, 'ROLLBACK; DEALLOCATE ALL;');

	my $seen = $result->{text} . $result->{rows};
	return like($seen, $expected, "$who: $what") if ref $expected eq 'Regexp';
	return is($seen, $expected, "$who: $what") unless ref $expected;

	subtest "$who: $what: refused" => sub {
		is($result->{sqlstate} // "none: $seen", $expected->{sqlstate}, 'SQLSTATE');
		foreach my $part (grep { $expected->{$_} } qw(message detail hint))
		{
			like($result->{$part}, $expected->{$part}, $part);
		}
		is($result->{rows}, $expected->{rows}, 'rows');
		cmp_ok($simulator->counters->{requests}, '<=', $expected->{requests}, 'requests');
		is(-s $proxied, $proxied_before, 'nothing asked of the proxy');
		unlike($seen, $secret, 'no secret');
	};
	return;
}

# --- A, B, E: whose identity ------------------------------------------------------

my $act_as_alice = 'SET LOCAL ROLE alice;';

my @identity = (
	# the server's own
	[ 'superuser', "the server's identity", status_of('bare.jobs'), 'ACTIVE' ],
	[ 'superuser', "... and whoami says so", key_of('bare'),        'SRVR' ],
	[ 'alice', "the server's identity", status_of('bare.jobs'), refused('credentials') ],
	[ 'alice', "... to list", 'SELECT status FROM bare.jobs LIMIT 1;', refused('credentials') ],
	[ 'alice', '... to look up', "SELECT status FROM alice.keys JOIN bare.jobs USING (arn);",
		refused('credentials') ],
	[ 'alice', '... to be analyzed', 'ANALYZE alice.table_of_bare;', refused('credentials') ],
	[ 'alice', '... as a role of AWS', status_of('assuming.jobs'), refused('credentials') ],
	[ 'alice', 'own keys', status_of('keyed.jobs'), 'ACTIVE' ],
	[ 'alice', '... and whoami says so', key_of('keyed'), 'MPLE' ],
	[ 'alice', "credentials_required 'false'", status_of('granted.jobs'), 'ACTIVE' ],
	[ 'alice', '... and whoami says so', key_of('granted'), 'SRVR' ],
	[ 'alice', 'no mapping', status_of('given.jobs'), refused('unknown') ],
	[ 'alice', 'EXPLAIN needs no identity',
		"EXPLAIN (COSTS OFF) SELECT FROM bare.jobs WHERE arn = '$nightly';",
		qr/^Foreign Scan on jobs/ ],
	[ 'alice', 'IMPORT FOREIGN SCHEMA needs none',
		'IMPORT FOREIGN SCHEMA forecast FROM SERVER bare INTO alice;', '' ],
	[ 'bob', "somebody else's table, and no mapping", status_of('bare.jobs'), refused('unknown') ],
	[ 'bob', "somebody else's mapping", status_of('keyed.jobs'), refused('unknown') ],

	# profiles
	[ 'superuser', 'a profile', status_of('profiled.jobs'), 'ACTIVE' ],
	[ 'superuser', '... and whoami says so', key_of('profiled'), 'TEAM' ],
	[ 'alice', 'a profile', status_of('profiled.jobs'), refused('profile') ],
	[ 'alice', "a profile, credentials_required 'false'", status_of('team.jobs'), 'ACTIVE' ],
	[ 'alice', '... and whoami says so', key_of('team'), 'TEAM' ],

	# mappings of everybody
	[ 'superuser', "PUBLIC's mapping without keys", status_of('everybody.jobs'), 'ACTIVE' ],
	[ 'alice', "PUBLIC's mapping without keys", status_of('everybody.jobs'), refused('credentials') ],
	[ 'superuser', "PUBLIC's mapping without keys, then as alice",
		status_of('everybody.jobs') . $act_as_alice . status_of('everybody.jobs'),
		refused('credentials', 'ACTIVE', 1) ],
	[ 'alice', "PUBLIC's mapping without keys, after the superuser's view",
		status_of('boss.everybody') . status_of('everybody.jobs'),
		refused('credentials', 'ACTIVE', 1) ],
	[ 'alice', '... within one statement',
		"SELECT b.status FROM boss.everybody b JOIN everybody.jobs j USING (arn) WHERE arn = '$nightly';",
		refused('credentials', '', 1) ],
	[ 'superuser', 'answers are kept, then as alice',
		status_of('kept.jobs') . $act_as_alice . status_of('kept.jobs'),
		refused('credentials', 'ACTIVE', 1) ],
	[ 'alice', "PUBLIC's mapping with keys", status_of('handed.jobs'), 'ACTIVE' ],
	[ 'bob', "PUBLIC's mapping with keys", status_of('handed.jobs'), 'ACTIVE' ],
	[ 'bob', "PUBLIC's mapping, credentials_required 'false'", status_of('open.jobs'), 'ACTIVE' ],

	# SET ROLE
	[ 'superuser', 'SET ROLE alice', $act_as_alice . status_of('bare.jobs'), refused('credentials') ],
	[ 'superuser', 'SET ROLE alice, own keys', $act_as_alice . status_of('keyed.jobs'), 'ACTIVE' ],
	[ 'superuser', 'SET SESSION AUTHORIZATION alice',
		'SET LOCAL SESSION AUTHORIZATION alice;' . status_of('bare.jobs'), refused('credentials') ],
	[ 'operator', 'a member of a superuser', status_of('bare.jobs'), refused('credentials') ],
	[ 'operator', '... SET ROLE superuser', 'SET LOCAL ROLE dba;' . status_of('bare.jobs'), 'ACTIVE' ],
	[ 'operator', 'a superuser no longer',
		'SET LOCAL ROLE dba;' . status_of('bare.jobs') . 'ALTER ROLE dba NOSUPERUSER;' . status_of('bare.jobs'),
		refused('credentials', 'ACTIVE', 1) ],
	[ 'operator', '... and answers are kept',
		'SET LOCAL ROLE dba;' . status_of('kept.jobs') . 'ALTER ROLE dba NOSUPERUSER;' . status_of('kept.jobs'),
		refused('credentials', 'ACTIVE', 1) ],
	[ 'superuser', 'prepared, then executed as alice',
		"PREPARE q AS " . status_of('bare.jobs') . "EXECUTE q; $act_as_alice EXECUTE q;",
		refused('credentials', 'ACTIVE', 1) ],
	[ 'superuser', 'a cursor, then fetched from as alice',
		'DECLARE c CURSOR FOR ' . status_of('bare.jobs') . "$act_as_alice FETCH c;", 'ACTIVE' ],
	[ 'superuser', 'a cursor of alice, then fetched from',
		"$act_as_alice DECLARE c CURSOR FOR " . status_of('bare.jobs') . 'RESET ROLE; FETCH c;',
		refused('credentials') ],

	# views and functions: the owner's
	[ 'alice', "the superuser's view", status_of('boss.jobs'), 'ACTIVE' ],
	[ 'alice', "the superuser's view, to look up",
		'SELECT status FROM alice.keys JOIN boss.jobs USING (arn);', 'ACTIVE' ],
	[ 'alice', "the superuser's view and the table at once",
		"SELECT b.status FROM boss.jobs b JOIN bare.jobs j USING (arn) WHERE arn = '$nightly';",
		refused('credentials', '', 1) ],
	[ 'alice', "the superuser's security_invoker view", status_of('boss.callers'),
		refused('credentials') ],
	[ 'alice', "the superuser's SECURITY DEFINER function", 'SELECT boss.definer();', 'ACTIVE' ],
	[ 'alice', '... and whoami in one', 'SELECT boss.key();', 'SRVR' ],
	[ 'alice', "the superuser's SECURITY INVOKER function", 'SELECT boss.invoker();',
		refused('credentials') ],
	[ 'superuser', "alice's view", status_of('alice.jobs'), refused('credentials') ],
	[ 'superuser', "alice's view, to look up",
		'SELECT status FROM boss.keys JOIN alice.jobs USING (arn);', refused('credentials') ],
	[ 'superuser', "alice's security_invoker view", status_of('alice.callers'), 'ACTIVE' ],
	[ 'superuser', "alice's SECURITY DEFINER function", 'SELECT alice.definer();',
		refused('credentials') ],
	[ 'superuser', "alice's SECURITY INVOKER function", 'SELECT alice.invoker();', 'ACTIVE' ],
	[ 'superuser', "alice's materialized view", 'REFRESH MATERIALIZED VIEW alice.kept;',
		refused('credentials') ],
	[ 'superuser', 'own materialized view',
		'REFRESH MATERIALIZED VIEW boss.kept; SELECT count(*) FROM boss.kept;', '1' ],
	[ 'superuser', "alice's table, analyzed", 'ANALYZE alice.table_of_bare;', refused('credentials') ],

	# the settings of the server's environment
	[ 'superuser', 'AWS_REGION, AWS_ENDPOINT_URL_FORECAST', status_of('nowhere.jobs'), 'ACTIVE' ],
	[ 'alice', 'AWS_REGION', status_of('nowhere.jobs'), refused('no_region') ],
	[ 'superuser', '... and whoami says so', address_of('far'), $url ],
	[ 'alice', 'AWS_ENDPOINT_URL_FORECAST', address_of('far'),
		'https://forecast.eu-nowhere-1.amazonaws.com' ],
	[ 'alice', '... connects', status_of('far.jobs'), refused('unreachable') ],
	[ 'alice', 'HTTPS_PROXY', status_of('distant.jobs'), refused('unreachable') ],

	# whoami
	[ 'bob', 'whoami without USAGE', key_of('bare'), refused('postgres') ],
	[ 'alice', 'whoami of no server', key_of('absent'), refused('unknown') ],
	[ 'alice', 'whoami: whose', "SELECT user_name FROM forecast_fdw_whoami('keyed');", 'alice' ],
	[ 'superuser', '... SET ROLE', "$act_as_alice SELECT user_name FROM forecast_fdw_whoami('keyed');",
		'alice' ],
);

check($_) foreach @identity;

# Of what an unprivileged role may not use, whoami does not tell either.
foreach my $name (qw(bare profiled everybody nowhere assuming))
{
	my $result = attempt($session{alice}, "SELECT w::text FROM forecast_fdw_whoami('$name') w");
	my $text   = $result->{rows} . $result->{text};

	unlike($text, qr/SRVR|TEAM/,       "whoami('$name'): none of the server's keys");
	unlike($text, qr/\Q$folder\E/,     '... none of its files');
	unlike($text, $secret,             '... no secret');
}
foreach my $name (qw(bare profiled everybody assuming))
{
	my $result = attempt($session{alice}, "SELECT problem IS NOT NULL FROM forecast_fdw_whoami('$name')");
	ok($result->{rows} eq 't' || ($result->{sqlstate} // '') eq '2F003',
		"whoami('$name'): that there is none for alice");
}

# The proxy of the environment is there for those who may use it.
attempt($session{superuser}, status_of('distant.jobs'));
like(slurp_file($proxied), qr/^CONNECT forecast\.eu-nowhere-1\.amazonaws\.com:443 /m,
	'superuser: HTTPS_PROXY is used');

# --- A, B: options of mappings ----------------------------------------------------

my $ok = '';

sub map_user
{
	my ($role, $name, $options) = @_;
	return "CREATE USER MAPPING FOR $role SERVER $name OPTIONS ($options);";
}

sub alter_mapping
{
	my ($name, $options, $role) = @_;
	$role //= 'alice';
	return "ALTER USER MAPPING FOR $role SERVER $name OPTIONS ($options);";
}

my @mappings = (
	[ 'alice', 'keys of her own', map_user('alice', 'hers', $keys), $ok ],
	[ 'alice', 'keys and a role of AWS',
		map_user('alice', 'hers', "$keys, $assume, role_session_name 'alice', external_id 'x'"), $ok ],
	[ 'alice', 'a role of AWS without keys', map_user('alice', 'hers', $assume), refused('denied') ],
	[ 'alice', '... for others', map_user('PUBLIC', 'hers', $assume), refused('denied') ],
	[ 'alice', "credentials_required 'true'",
		map_user('alice', 'hers', "$keys, credentials_required 'true'"), $ok ],
	[ 'alice', "credentials_required 'false'", map_user('alice', 'hers', $freed), refused('denied') ],
	[ 'alice', '... in other words', map_user('alice', 'hers', "credentials_required 'off'"),
		refused('denied') ],
	[ 'alice', '... with keys', map_user('alice', 'hers', "$keys, $freed"), refused('denied') ],
	[ 'alice', '... on a server that is not hers', alter_mapping('bare', $freed), refused('denied') ],
	[ 'alice', '... with a boolean that is none', alter_mapping('bare', "credentials_required '0x'"),
		refused('invalid') ],
	[ 'alice', 'ALTER where it stands', alter_mapping('granted', $keys), refused('denied') ],
	[ 'alice', "... to 'true'", alter_mapping('granted', "SET credentials_required 'true'"), $ok ],
	[ 'alice', "... and that counts at once",
		alter_mapping('granted', "SET credentials_required 'true'") . status_of('granted.jobs'),
		refused('credentials') ],
	[ 'alice', '... to nothing',
		alter_mapping('granted', 'DROP credentials_required') . status_of('granted.jobs'),
		refused('credentials') ],
	[ 'alice', 'DROP where it stands', 'DROP USER MAPPING FOR alice SERVER granted;', $ok ],
	[ 'alice', 'a profile', map_user('alice', 'hers', "profile 'team'"), refused('denied') ],
	[ 'alice', '... with keys', map_user('alice', 'hers', "$keys, profile 'team'"), refused('denied') ],
	[ 'alice', 'ALTER where a profile stands', alter_mapping('profiled', $keys), refused('denied') ],
	[ 'alice', '... to no profile, and keys',
		alter_mapping('profiled', "DROP profile, $keys") . status_of('profiled.jobs'), 'ACTIVE' ],

	# of others
	[ 'alice', "bob's mapping of her server", map_user('bob', 'hers', $keys), $ok ],
	[ 'alice', "... credentials_required 'false'", map_user('bob', 'hers', $freed), refused('denied') ],
	[ 'alice', "PUBLIC's mapping of her server", map_user('PUBLIC', 'hers', $keys), $ok ],
	[ 'alice', "... credentials_required 'false'", map_user('PUBLIC', 'hers', $freed),
		refused('denied') ],
	[ 'alice', '... a profile', map_user('PUBLIC', 'hers', "profile 'team'"), refused('denied') ],
	[ 'alice', "a superuser's mapping of her server", map_user('dba', 'hers', $freed),
		refused('denied') ],
	[ 'alice', "bob's mapping of another server", map_user('bob', 'bare', $keys), refused('postgres') ],
	[ 'alice', "PUBLIC's mapping of another server", alter_mapping('everybody', $keys, 'PUBLIC'),
		refused('postgres') ],
	[ 'bob', 'a mapping without USAGE', map_user('bob', 'bare', $keys), refused('postgres') ],

	# who may
	[ 'superuser', "credentials_required 'false'", map_user('bob', 'hers', $freed), $ok ],
	[ 'superuser', 'a profile', map_user('bob', 'hers', "profile 'team'"), $ok ],
	[ 'superuser', "SET ROLE alice, credentials_required 'false'",
		$act_as_alice . map_user('alice', 'hers', $freed), refused('denied') ],
	[ 'operator', "SET ROLE superuser, credentials_required 'false'",
		'SET LOCAL ROLE dba;' . map_user('bob', 'hers', $freed), $ok ],
	[ 'alice', "the superuser's SECURITY DEFINER function grants it",
		'SELECT boss.grant_identity();' . status_of('bare.jobs'), "granted\nACTIVE" ],
	[ 'reader', 'a reader of files is no superuser',
		"CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region 'eu-west-1');"
		  . map_user('reader', 's', "profile 'team'"), refused('denied') ],
);

check($_) foreach @mappings;

# --- C, D: options of servers -----------------------------------------------------

sub create
{
	my (%options) = @_;
	%options = (region => 'eu-west-1', %options);
	return 'CREATE SERVER s FOREIGN DATA WRAPPER forecast_fdw OPTIONS ('
	  . join(', ', map { "$_ '$options{$_}'" } sort keys %options) . ');';
}

sub alter
{
	my ($name, $options) = @_;
	return "ALTER SERVER $name OPTIONS ($options);";
}

# Addresses of the service itself.
my @own_addresses = qw(
  https://forecast.eu-west-1.amazonaws.com
  https://forecast.eu-west-1.amazonaws.com:443
  https://forecast.eu-south-9.amazonaws.com
  https://forecast-fips.us-east-1.amazonaws.com
  https://forecast-fips.us-gov-west-1.amazonaws.com
  https://forecast.us-east-1.api.aws
  https://forecast-fips.us-east-1.api.aws
  https://forecast.cn-north-1.amazonaws.com.cn
  https://forecast.cn-north-1.api.amazonwebservices.com.cn
  https://vpce-0123456789abcdef0-abcd1234.forecast.us-east-1.vpce.amazonaws.com
  https://vpce-0123456789abcdef0-abcd1234-us-east-1a.forecast.us-east-1.vpce.amazonaws.com
);

# Addresses of others: a superuser may send requests there.
my @other_addresses = (
	$url,
	qw(
	  http://localhost:1
	  https://127.0.0.1
	  https://localhost
	  https://[::1]:8443
	  https://10.0.0.1
	  https://example.com
	  https://forecast.eu-west-1.amazonaws.com:8443
	  https://forecast.eu-west-1.amazonaws.com.example.com
	  https://forecast.eu-west-1.amazonaws.example.com
	  https://forecast.eu-west-1.notamazonaws.com
	  https://forecast.eu-west-1.example.com
	  https://xforecast.eu-west-1.amazonaws.com
	  https://x.forecast.eu-west-1.amazonaws.com
	  https://forecastquery.eu-west-1.amazonaws.com
	  https://sts.eu-west-1.amazonaws.com
	  https://forecast.amazonaws.com
	  https://forecast.a.b.amazonaws.com
	  https://forecast.s3.amazonaws.com
	  https://forecast.s3-us-west-2.amazonaws.com
	  https://forecast.s3.eu-west-1.amazonaws.com
	  https://forecast.eu-west-1.elb.amazonaws.com
	  https://vpce-0123.s3.us-east-1.vpce.amazonaws.com
	  https://forecast.us-east-1.vpce.amazonaws.com
	  https://vpce-0123.forecast.us-east-1.vpce.amazonaws.com.example.com
	));

# Addresses that nobody may send requests to.
my @no_addresses = qw(
  http://169.254.169.254
  https://169.254.169.254
  https://169.254.170.2
  https://169.254.170.23:443
  https://2852039166
  https://0xa9fea9fe
  https://0251.0376.0251.0376
  https://[::ffff:169.254.169.254]
  https://[fe80::1]
  https://[FE80::1]
  https://[febf::1]
  https://[fd00:ec2::254]
  https://[fd00:0ec2:0::254]
  https://[0:0:0:0:0:ffff:a9fe:a9fe]
  http://forecast.eu-west-1.amazonaws.com
  file:///etc/passwd
  gopher://127.0.0.1:70
  ftp://example.com
  https://user:hush@forecast.eu-west-1.amazonaws.com
  https://user@example.com
  https://example.com/path
);

sub address_rows
{
	my ($option, $addresses, $alices, $superusers) = @_;
	my @rows;

	foreach my $address (@$addresses)
	{
		push @rows, [ 'alice', "$option $address", create($option => $address), $alices ],
		  [ 'superuser', "$option $address", create($option => $address), $superusers ];
	}
	return @rows;
}

# (In us-gov, FIPS has no name of its own there.)
my @sts_own = map { s{forecast}{sts}r } grep { !/vpce|fips\.us-gov/ } @own_addresses;
my @sts_other = (
	$url, qw(
	  https://localhost
	  https://example.com
	  https://sts.eu-west-1.amazonaws.com:8443
	  https://sts.eu-west-1.amazonaws.com.example.com
	  https://sts.s3.amazonaws.com
	  https://forecast.eu-west-1.amazonaws.com
	));

my @servers = (
	[ 'alice', 'a region', create(), $ok ],
	[ 'alice', 'limits',
		create(read_timeout => '5s', max_response_size => '1MB', use_fips_endpoint => 'true'), $ok ],
	address_rows('endpoint_url',     \@own_addresses,   $ok,               $ok),
	address_rows('endpoint_url',     \@other_addresses, refused('denied'), $ok),
	address_rows('endpoint_url',     \@no_addresses, refused('invalid'), refused('invalid')),
	address_rows('sts_endpoint_url', \@sts_own,      $ok,                $ok),
	address_rows('sts_endpoint_url', \@sts_other,    refused('denied'),  $ok),
	address_rows('sts_endpoint_url', \@no_addresses, refused('invalid'), refused('invalid')),
	address_rows('proxy', ["http://127.0.0.1:$proxy_port"], refused('denied'), $ok),
	address_rows('ca_bundle', ['/etc/ssl/certs/ca-certificates.crt'], refused('file'), $ok),
	[ 'reader', 'ca_bundle', create(ca_bundle => '/etc/ssl/certs/ca-certificates.crt'), $ok ],
	[ 'reader', 'endpoint_url', create(endpoint_url => $url), refused('denied') ],
	[ 'reader', 'proxy', create(proxy => "http://127.0.0.1:$proxy_port"), refused('denied') ],
	[ 'bob', 'a server without USAGE of the wrapper', create(), refused('postgres') ],
	[ 'superuser', 'SET ROLE alice, endpoint_url',
		$act_as_alice . create(endpoint_url => $url), refused('denied') ],
	[ 'operator', 'SET ROLE superuser, endpoint_url',
		'SET LOCAL ROLE dba;' . create(endpoint_url => $url), $ok ],

	# a server that she owns
	[ 'alice', 'ALTER SERVER: a limit', alter('hers', "read_timeout '5s'"), $ok ],
	[ 'alice', 'ALTER SERVER: an address of the service',
		alter('hers', "endpoint_url 'https://forecast.eu-west-1.amazonaws.com'"), $ok ],
	[ 'alice', 'ALTER SERVER: another address', alter('hers', "endpoint_url '$url'"),
		refused('denied') ],
	[ 'alice', 'ALTER SERVER: a proxy', alter('hers', "proxy 'http://127.0.0.1:1'"),
		refused('denied') ],
	[ 'alice', 'ALTER SERVER where such an address stands', alter('given', "read_timeout '5s'"),
		refused('denied') ],
	[ 'alice', '... to another one', alter('given', "SET endpoint_url 'http://127.0.0.1:1'"),
		refused('denied') ],
	[ 'alice', '... to none', alter('given', 'DROP endpoint_url'), $ok ],
	[ 'alice', 'ALTER SERVER where a proxy stands', alter('proxied', "read_timeout '5s'"),
		refused('denied') ],
	[ 'alice', '... its name', 'ALTER SERVER given RENAME TO taken;', $ok ],
	[ 'alice', 'ALTER SERVER that is not hers', alter('bare', "read_timeout '5s'"),
		refused('postgres') ],
	[ 'superuser', 'ALTER SERVER of hers', alter('given', "read_timeout '5s'"), $ok ],

	# tables
	[ 'alice', 'a table of a server that she may use',
		"CREATE FOREIGN TABLE alice.t (status text) SERVER keyed
		 OPTIONS (resource 'predictor_backtest_export_jobs');
		 SELECT status FROM alice.t LIMIT 1;", 'ACTIVE' ],
	[ 'bob', 'a table without USAGE',
		"CREATE FOREIGN TABLE bob.t (status text) SERVER keyed
		 OPTIONS (resource 'predictor_backtest_export_jobs');", refused('postgres') ],
	[ 'bob', 'IMPORT FOREIGN SCHEMA without USAGE',
		'IMPORT FOREIGN SCHEMA forecast FROM SERVER keyed INTO bob;', refused('postgres') ],

	# FIPS and dual-stack choose an address; so does endpoint_url
	map({ my $option = $_;
			map {
				[ $_, "endpoint_url and $option",
					create(endpoint_url => $own_addresses[0], $option => 'true'), refused('invalid') ]
			} 'alice', 'superuser' } 'use_fips_endpoint', 'use_dualstack_endpoint'),

	# what is not known when the option is set
	[ 'superuser', 'a redirect', status_of('redirecting.jobs'), refused('redirect') ],
);

check($_) foreach @servers;

# As alice, because the proxy of the environment would resolve the names otherwise.
my $read_as_alice = "
	CREATE USER MAPPING FOR alice SERVER s OPTIONS ($keys);
	CREATE FOREIGN TABLE t (status text) SERVER s OPTIONS (resource 'predictor_backtest_export_jobs');
	GRANT SELECT ON t TO alice;
	$act_as_alice SELECT * FROM t;";

SKIP:
{
	skip 'no C compiler: SKIPPED', 6 unless $preload;

	foreach my $name (qw(metadata container mapped linklocal metadata6))
	{
		next if $name =~ /linklocal|6/ && !-e '/proc/net/if_inet6';
		check([
			'superuser', "a name that resolves to such an address: $name.example.com",
			create(endpoint_url => "https://$name.example.com", connect_timeout => '5s', max_attempts => 1)
			  . $read_as_alice, refused('linklocal') ]);
	}
	check([
		'superuser', '... of a proxy',
		create(proxy => 'http://metadata.example.com', connect_timeout => '5s', max_attempts => 1)
		  . $read_as_alice, refused('linklocal') ]);
}

# --- F: dump and restore ----------------------------------------------------------

my $dump = "$folder/dump.sql";

sub restore
{
	my ($database, @options) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run(
		[ 'psql', '-XqAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($database), @options, '-f', $dump ],
		'>', \$out, '2>', \$err);
	return $err;
}

# What a role gets in a database: the rows, or the SQLSTATE.
sub answer
{
	my ($database, $role, $sql) = @_;
	my ($out, $err);

	$node->psql($database, $sql, stdout => \$out, stderr => \$err,
		extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ]);
	return $err =~ /ERROR:  (\w+)/ ? $1 : $out;
}

$node->command_ok([ 'pg_dump', '-d', $node->connstr('postgres'), '-f', $dump ], 'superuser: pg_dump');
like(slurp_file($dump), qr/\Q$user{secret}\E/, '... has the mappings with their secrets');
like(slurp_file($dump), qr/credentials_required 'false'/, '... and who may use the identity');

$node->safe_psql('postgres', 'CREATE DATABASE copied');
is(restore('copied', '-v', 'ON_ERROR_STOP=1'), '', 'superuser: restore');
is(answer('copied', 'postgres', status_of('bare.jobs')),  'ACTIVE', '... works: superuser');
is(answer('copied', 'alice', status_of('granted.jobs')), 'ACTIVE', '... works: alice');
is(answer('copied', 'alice', status_of('bare.jobs')), '2F003', '... refuses as before: alice');

# As alice: what only a superuser may set is refused, and is not there.
my $privileged = $node->safe_psql('postgres', "
	SELECT count(*) FROM pg_foreign_server
	WHERE array_to_string(srvoptions, ' ') ~ '(endpoint_url=http:|proxy=)'");
$node->safe_psql('postgres', 'CREATE DATABASE hers OWNER alice');
$node->safe_psql('hers',
	'CREATE EXTENSION forecast_fdw; GRANT USAGE ON FOREIGN DATA WRAPPER forecast_fdw TO alice');
my $errors = restore('hers', '-U', 'alice');
my $told   = () = $errors =~ /ERROR:  42501: permission denied[^\n]*option[^\n]*\n(?:DETAIL:[^\n]*\n)?HINT:/g;
is($told, $privileged + 1, 'alice: restore: told of each server, and of the one mapping');
is($node->safe_psql('hers', "
		SELECT count(*) FROM pg_foreign_server
		WHERE array_to_string(srvoptions, ' ') ~ '(endpoint_url=http:|proxy=)'"),
	'0', '... no such server');
is($node->safe_psql('hers', "
		SELECT count(*) FROM pg_user_mappings
		WHERE array_to_string(umoptions, ' ') ~ '(credentials_required=false|profile=)'"),
	'0', '... no such mapping');
is($node->safe_psql('hers', "SELECT count(*) FROM pg_foreign_server WHERE srvname = 'harmless'"),
	'1', '... all else is');

# Of others' mappings, nobody unprivileged sees what they say.
my $seen = "$folder/seen.sql";
$node->command_ok(
	[ 'pg_dump', '-s', '-U', 'bob', '-d', $node->connstr('postgres'), '-f', $seen ], 'bob: pg_dump');
like(slurp_file($seen), qr/CREATE USER MAPPING FOR alice SERVER keyed/, '... knows of the mappings');
unlike(slurp_file($seen), qr/$secret|\Q$user{id}\E/, '... and none of their keys');

$_->quit foreach values %session;

# --- A: all the other sources of an identity --------------------------------------

# Whoever hands out credentials here notes that it was asked, and has none.
my $asked      = "$folder/asked";
my $asked_port = serve(sub {
	my ($connection) = @_;
	append_to_file($asked, scalar <$connection>);
	while (defined(my $line = <$connection>)) { last if $line =~ /^\r?\n$/; }
	print $connection "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
});
append_to_file($asked, '');
append_to_file("$folder/process", "#!/bin/sh\necho a process >> $asked\n");
chmod 0755, "$folder/process";
append_to_file("$folder/config_process", "[default]\ncredential_process = $folder/process\n");
append_to_file("$folder/config_role",
	"[default]\nrole_arn = arn:aws:iam::123456789012:role/Reader\ncredential_source = EcsContainer\n");
append_to_file("$folder/token", 'token');

my $asked_url = "http://127.0.0.1:$asked_port";
my @sources   = (
	[ 'a process', AWS_CONFIG_FILE => "$folder/config_process" ],
	[ 'a container', AWS_CONTAINER_CREDENTIALS_FULL_URI => "$asked_url/container" ],
	[
		'a role of the configuration',
		AWS_CONFIG_FILE                    => "$folder/config_role",
		AWS_CONTAINER_CREDENTIALS_FULL_URI => "$asked_url/container"
	],
	[
		'web identity',
		AWS_WEB_IDENTITY_TOKEN_FILE => "$folder/token",
		AWS_ROLE_ARN                => 'arn:aws:iam::123456789012:role/Reader'
	],
	[
		'instance metadata',
		AWS_EC2_METADATA_DISABLED         => 'false',
		AWS_EC2_METADATA_SERVICE_ENDPOINT => "$asked_url/"
	],
);

create_world('sourced', "$here, sts_endpoint_url '$asked_url', $quick", CURRENT_USER => '', alice => '');

foreach my $source (@sources)
{
	my ($name, %environment) = @$source;
	local %ENV = (
		%ENV,
		AWS_CONFIG_FILE             => '/dev/null',
		AWS_SHARED_CREDENTIALS_FILE => '/dev/null',
		AWS_EC2_METADATA_DISABLED   => 'true',
		%environment);

	$node->restart;
	$simulator->clear_log;
	my $before = -s $asked;
	is(answer('postgres', 'alice', status_of('sourced.jobs')), '2F003', "alice: $name: refused");
	is(-s $asked, $before, '... and not asked');
	is($simulator->counters->{requests}, 0, '... no request');
	answer('postgres', 'postgres', status_of('sourced.jobs'));
	cmp_ok(-s $asked, '>', $before, "superuser: $name: asked");
}

done_testing();
