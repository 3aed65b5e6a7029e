# The connections of a session: how many there are, who shares them, what happens
# when the other side closes one; HTTP/2; proxies; and what is told of the caller.
#
# What holds of a connection that the server has closed: if it was idle, libcurl sees
# that before it sends anything, and makes another.  If it is closed as the request
# arrives, before a byte of an answer, libcurl sends the same request once more on
# another connection, because the old one may have been closed for its age.  Neither is
# a retry of ours: it takes no attempt, no pause and no quota.  A new connection
# that is closed like that has no such excuse, and takes an attempt.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;

use constant KEYS => 200;

# What the environment of this test says of proxies is nobody's business here.
delete @ENV{ grep { /_proxy$/i || /^AWS_/ } keys %ENV };

my $folder    = PostgreSQL::Test::Utils::tempdir();
my $simulator = ForecastSimulator->start;
my $node      = new_cluster();
my $nightly   = job_arn('nightly');
my $session   = open_session($node);

# --- what is asked -----------------------------------------------------------

sub describe
{
	my ($server) = @_;
	return "SELECT status FROM $server.jobs WHERE arn = '$nightly'";
}

# So many keys at once.
sub describe_many
{
	my ($server, $keys) = @_;
	my $prefix = job_arn('job_');
	return "SELECT count(status) FROM $server.jobs
		WHERE arn = ANY (ARRAY(SELECT '$prefix' || i FROM generate_series(1, $keys) i))";
}

sub answers
{
	my ($asker, $query, $rows, $what) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $result = attempt($asker, $query);
	return is($result->{rows} . $result->{text}, $rows, $what);
}

# What EXPLAIN ANALYZE tells of the retries of a query.
sub retries
{
	my ($query) = @_;
	my $plan = attempt($session, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) $query");
	return $plan->{text} || ($plan->{rows} =~ /Remote: calls=\d+ retries=(\d+)/ ? $1 : 'unknown');
}

# The connections that a session has open: server, user and state of each.
sub connections
{
	my ($asker) = @_;
	return $asker->query_safe(
		'SELECT server_name, user_name, state, count(*) FROM forecast_fdw_connections GROUP BY 1, 2, 3 ORDER BY 1, 2, 3');
}

# --- shared and bounded ------------------------------------------------------

$node->safe_psql('postgres', 'CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN');
create_server($node, 'four', $simulator->url, max_pool_connections => 4);
let_use($node, 'ann', 'four');
my $owner = $node->safe_psql('postgres', 'SELECT current_user');

$simulator->latency(20);
answers($session, describe_many('four', 40), 40, 'a pool of four');
my $counters = $simulator->counters;
is($counters->{connections},   4, '... makes four connections for forty calls');
is($counters->{max_in_flight}, 4, '... and has four calls under way, never more');
is(connections($session), "four|$owner|idle|4", '... which stay open');

# Scans of a statement, and open cursors, have the four together.
$simulator->clear_log;
answers($session, join(' UNION ALL ', (describe_many('four', 20)) x 3) . ' LIMIT 1', 20, 'three scans');
answers($session, 'SELECT count(*) FROM four.jobs a, four.jobs b
	WHERE a.name = b.name AND a.format = b.format', 1001, 'a join of two lists, each described');
$session->query_safe('BEGIN');
foreach my $cursor (1 .. 5)
{
	$session->query_safe("DECLARE c$cursor CURSOR FOR SELECT name, format FROM four.jobs");
	answers($session, "MOVE FORWARD 150 IN c$cursor", '', "cursor $cursor");
}
$session->query_safe('COMMIT');
cmp_ok($simulator->counters->{max_in_flight}, '<=', 4, 'they have never more than four calls under way');
answers($session, describe_many('four', 40), 40, 'the pool goes on');
my ($open) = connections($session) =~ /four\|$owner\|idle\|(\d+)$/;
is($open, 4, 'never more than four connections stay open');

# Another mapping has connections of its own; who asks through a view has its owner's.
$node->safe_psql('postgres', "CREATE VIEW owned AS SELECT arn, status FROM four.jobs; GRANT SELECT ON owned TO ann, bob");
$simulator->clear_log;
$session->query_safe('SET ROLE ann');
answers($session, "SELECT status FROM owned WHERE arn = '$nightly'", 'ACTIVE', "through a view of somebody else");
is(connections($session), '', "... by the owner's connections, which are not hers to see");
answers($session, describe('four'), 'ACTIVE', 'another user');
$session->query_safe('RESET ROLE');
is(connections($session), "four|ann|idle|1\nfour|$owner|idle|4", '... has a connection of his own');
is($simulator->counters->{connections}, 2, '... as the simulator sees it');

# A mapping of all is not one pool for all: they are told apart by user.
create_server($node, 'public_one', $simulator->url);
$node->safe_psql('postgres', "
	DROP USER MAPPING FOR CURRENT_USER SERVER public_one;
	CREATE USER MAPPING FOR PUBLIC SERVER public_one
	  OPTIONS (aws_access_key_id '" . ACCESS_KEY_ID . "', aws_secret_access_key '" . SECRET_ACCESS_KEY . "');
	GRANT USAGE ON SCHEMA public_one TO PUBLIC; GRANT SELECT ON public_one.jobs TO PUBLIC");
$simulator->clear_log;
foreach my $role ('ann', 'bob', 'ann', 'bob')
{
	$session->query_safe("SET ROLE $role");
	answers($session, describe('public_one'), 'ACTIVE', "a mapping of PUBLIC: $role");
}
$session->query_safe('RESET ROLE');
is($simulator->counters->{connections}, 2, 'a mapping of PUBLIC: a connection for each user');
like(connections($session), qr/^public_one\|ann\|idle\|1\npublic_one\|bob\|idle\|1$/m, '... that both are shown');

# Another server, at the same address, has its own; another session, too.
create_server($node, 'same_place', $simulator->url);
my $other = open_session($node);
$simulator->clear_log;
answers($session, describe('same_place'), 'ACTIVE', 'another server at the same address');
answers($other,   describe('same_place'), 'ACTIVE', 'another session');
answers($session, describe('four'),       'ACTIVE', 'the first server');
is($simulator->counters->{connections}, 3, 'each has its own connection');
is(connections($other), "same_place|$owner|idle|1", 'a session sees only its own');
$other->quit;
$simulator->latency(0);

# --- more servers than descriptors -------------------------------------------

use constant SERVERS => 130;

# PostgreSQL lets extensions have a third of max_files_per_process, 1000.
$session->query_safe("DO \$\$ BEGIN FOR n IN 1 .. @{[SERVERS]} LOOP
	EXECUTE format('CREATE SERVER many_%s FOREIGN DATA WRAPPER forecast_fdw OPTIONS (region %L, endpoint_url %L)', n, 'eu-west-1', '"
	  . $simulator->url . "');
	EXECUTE format('CREATE USER MAPPING FOR CURRENT_USER SERVER many_%s OPTIONS (aws_access_key_id %L, aws_secret_access_key %L)',
	  n, '" . ACCESS_KEY_ID . "', '" . SECRET_ACCESS_KEY . "');
	EXECUTE format('CREATE FOREIGN TABLE many_%s (arn text OPTIONS (field %L), status text OPTIONS (field %L)) SERVER many_%s
	  OPTIONS (resource %L)', n, 'PredictorBacktestExportJobArn', 'Status', n, 'predictor_backtest_export_jobs');
	END LOOP; END \$\$");
my @many = map { "many_$_" } 1 .. SERVERS;
foreach my $round (1, 2)
{
	is(join('', map { attempt($session, "SELECT status FROM $_ WHERE arn = '$nightly'")->{rows} } @many),
		'ACTIVE' x SERVERS, "$round. round of so many servers: each answers");
}
my ($first, $last) = map { $session->query_safe("SELECT count(*) FROM forecast_fdw_connections WHERE server_name = '$_'") }
  @many[0, -1];
is("$first $last", '0 1', '... and the connections unused for longest are closed');

# All of them at once are too many: a clear error, and the session goes on.
$session->query_safe('BEGIN');
my @refused = grep { $_->{text} } map { attempt($session, "SAVEPOINT s; DECLARE c_$_ CURSOR FOR SELECT arn FROM $_; FETCH 1 FROM c_$_") } @many;
is($refused[0]{sqlstate}, '53000', 'all of them at once are too many');
like($refused[0]{message}, qr/^too many open connections to Amazon Forecast/, '... which is told');
$session->query_safe('ROLLBACK');
answers($session, join(' UNION ALL ', map { "SELECT status FROM $_ WHERE arn = '$nightly'" } @many[0 .. 9]),
	join("\n", ('ACTIVE') x 10), '... and the session goes on');

# --- connections that end ----------------------------------------------------

# The server closed what was idle.
create_server($node, 'once', $simulator->url);
answers($session, describe('once'), 'ACTIVE', 'before a restart of the service');
$simulator->restart;
is(retries(describe('once')), 0, 'after it: the right answer, and no retry');
answers($session, describe_many('four', 40), 40, '... with all of a pool');
is($simulator->counters->{requests}, 41, '... and nothing was asked twice');

# A new server, asked a first time so that the connection is not new any longer.
# Returns the query.
sub warm_server
{
	my ($name, $port) = @_;
	create_server($node, $name, "http://127.0.0.1:$port");
	answers($session, describe($name), 'ACTIVE', "$name: the first answer");
	return describe($name);
}

sub read_request
{
	my ($connection) = @_;
	my ($head, $body) = ('', '');

	while (defined(my $line = <$connection>))
	{
		$head .= $line;
		last if $line =~ /^\r?\n$/;
	}
	my ($length) = $head =~ /^content-length: *(\d+)/im;
	read $connection, $body, $length if $length;
	return ($head, $body);
}

sub answer_with
{
	my ($connection, @headers) = @_;
	my $body = encode_json({ PredictorBacktestExportJobArn => $nightly, Status => 'ACTIVE' });
	print $connection join("\r\n", 'HTTP/1.1 200 OK', 'Content-Length: ' . length $body, @headers, '', $body);
	return;
}

# The connection will end with RST.
sub will_reset
{
	my ($connection) = @_;
	setsockopt $connection, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
	return;
}

# How the other side behaves on each connection, and how many connections three
# queries take: of the first connection the first answer is kept.
my @endings = (
	[ 'says_so', sub { my ($c) = @_; read_request($c); answer_with($c, 'Connection: close') } ],
	[ 'does_not_say', sub { my ($c) = @_; read_request($c); answer_with($c) } ],
	[ 'resets_idle', sub { my ($c) = @_; read_request($c); answer_with($c); select undef, undef, undef, 0.05; will_reset($c) } ],
	[ 'closes_when_asked', sub { my ($c) = @_; read_request($c); answer_with($c); read_request($c) } ],
	[ 'resets_when_asked', sub { my ($c) = @_; read_request($c); answer_with($c); read_request($c); will_reset($c) } ],
);

foreach my $case (@endings)
{
	my ($name, $handler) = @$case;
	my $accepted = "$folder/$name";
	append_to_file($accepted, '');
	my $port  = serve(sub { append_to_file($accepted, "x\n"); $handler->(@_) });
	my $query = warm_server($name, $port);
	answers($session, $query, 'ACTIVE', "$name: the second answer");
	select undef, undef, undef, 0.2;
	is(retries($query), 0, "$name: the third answer, and no retry");
	is(scalar(() = slurp_file($accepted) =~ /x/g), 3, "$name: three connections");
}

# What comes unasked on a connection that is idle is no answer to the next request.
my %unasked = (
	says_goodbye  => "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	says_too_much => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	says_nonsense => "\0",
);

foreach my $name (sort keys %unasked)
{
	my $accepted = "$folder/$name";
	append_to_file($accepted, '');
	my $port = serve(sub {
		my ($c) = @_;
		append_to_file($accepted, "x\n");
		foreach (1 .. 2)
		{
			read_request($c);
			answer_with($c);
		}
		select undef, undef, undef, 0.05;
		print $c $unasked{$name};
		read_request($c);
	});
	my $query = warm_server($name, $port);
	answers($session, $query, 'ACTIVE', "$name: the second answer");
	select undef, undef, undef, 0.2;
	is(retries($query), 0, "$name: the third answer, and no retry");
	is(scalar(() = slurp_file($accepted) =~ /x/g), 2, "$name: by another connection");
}

# The simulator tells more: the same request came twice, as one attempt.
sub is_sent_again
{
	my ($fault, $what) = @_;
	$simulator->clear_log;
	$simulator->fault($fault);
	answers($session, describe('once'), 'ACTIVE', "$what: the right answer");
	my @log = $simulator->log;
	is(scalar @log, 2, "$what: two requests");
	is("$log[1]{invocation_id} $log[1]{sdk_request}", "$log[0]{invocation_id} attempt=1; max=1",
		"$what: of one attempt");
	isnt($log[1]{connection}, $log[0]{connection}, "$what: on two connections");
	return;
}

answers($session, describe('once'), 'ACTIVE', 'a connection that has served');
is_sent_again({ fault => 'cut' }, 'a used connection is closed');
is_sent_again({ fault => 'cut', rst => JSON::PP::true }, 'a used connection is reset');

# ... however often that happens.
my $errors = '';
foreach (1 .. 12)
{
	$simulator->fault({ fault => 'cut' });
	$errors .= attempt($session, describe('once'))->{text};
	attempt($session, describe('once'));
}
is($errors, '', 'used connections are closed many times: no error');

# A new connection that is closed at once is an attempt.
create_server($node, 'thrice', $simulator->url, max_attempts => 3);
foreach my $rst (JSON::PP::false, JSON::PP::true)
{
	my $what = 'a new connection is ' . ($rst ? 'reset' : 'closed');
	$node->safe_psql('postgres', "ALTER SERVER thrice OPTIONS (SET max_attempts '3')");
	$simulator->clear_log;
	$simulator->fault({ fault => 'cut', rst => $rst });
	is(retries(describe('thrice')), 1, "$what: one retry");
	is(join(', ', map { $_->{sdk_request} } $simulator->log), 'attempt=1; max=3, attempt=2; max=3', "$what: two attempts");
}
create_server($node, 'fresh', $simulator->url);
$simulator->fault({ fault => 'cut' });
is(attempt($session, describe('fresh'))->{sqlstate}, '08006', 'a new connection is closed, and one attempt is all: an error');
answers($session, describe('fresh'), 'ACTIVE', '... and the next query succeeds');

# --- redirects ---------------------------------------------------------------

my $elsewhere = ForecastSimulator->start;
foreach my $status (301, 302, 303, 307, 308)
{
	$simulator->fault({ fault => 'respond', status => $status, headers => { Location => $elsewhere->url . '/' } });
	my $result = attempt($session, describe('once'));
	is($result->{sqlstate}, '08P01', "status $status: refused");
	like($result->{detail}, qr/redirects are not followed/, "status $status: told");
}
is($elsewhere->counters->{requests}, 0, 'no redirect is followed');
answers($session, describe('once'), 'ACTIVE', 'redirects: the next query succeeds');

# --- what is told of the caller ------------------------------------------------

# AWS's grammar for the User-Agent of its SDKs, with our name and version in front.
my $token = qr/[A-Za-z0-9!\$%&'*+\-.^_`|~]+/;
my $agent = qr{^forecast_fdw/1\.0 ua/2\.1 os/linux\#$token md/arch\#$token lang/c(?: [a-z]+/$token(?:\#$token)?)*$};

$simulator->clear_log;
answers($session, describe_many('four', 20), 20, 'twenty calls');
$simulator->fault({ fault => 'throttle', times => 2 });
is(retries(describe('thrice')), 2, 'a call of three attempts');
my @log      = $simulator->log;
my @attempts = splice @log, 20;
my %ids      = map { $_->{invocation_id} => 1 } @log, $attempts[0];

like($attempts[0]{user_agent}, $agent, "the User-Agent has the form that AWS's SDKs give it");
like($attempts[0]{user_agent}, qr/ cfg\/retry-mode#standard\b/, '... with the retry mode');
unlike($attempts[0]{user_agent}, qr{ app/}, '... without an application that nobody named');
is(scalar(grep { $_ ne $attempts[0]{user_agent} } map { $_->{user_agent} } @log), 0, '... the same in all requests');
is(scalar(keys %ids), 21, 'every call has an ID of its own');
is(scalar(grep { !/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/ } keys %ids), 0, '... that is a random UUID');
is(scalar(grep { $_->{invocation_id} ne $attempts[0]{invocation_id} } @attempts), 0, '... which its attempts share');
is(join(', ', map { $_->{sdk_request} } @attempts), join(', ', map { "attempt=$_; max=3" } 1 .. 3), 'attempts are numbered');
is(scalar(grep { $_->{sdk_request} ne 'attempt=1; max=1' } @log), 0, 'where one is all, too');

$node->safe_psql('postgres', "ALTER SERVER thrice OPTIONS (ADD retry_mode 'adaptive')");
answers($session, describe('thrice'), 'ACTIVE', 'adaptive mode');
like(($simulator->log)[-1]{user_agent}, qr/ cfg\/retry-mode#adaptive\b/, '... is told');

# --- certificates --------------------------------------------------------------

sub openssl
{
	my ($arguments) = @_;
	system("cd '$folder' && openssl $arguments >openssl.log 2>&1") == 0
	  or die "openssl $arguments: " . slurp_file("$folder/openssl.log");
	return;
}

# An authority, and a certificate of 127.0.0.1 that it has signed: files of that name.
sub make_certificates
{
	my ($name) = @_;
	my $new = 'req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

	openssl("$new -x509 -days 2 -subj /CN=$name -keyout $name-ca.key -out $name-ca.crt");
	openssl("$new -subj /CN=forecast -keyout $name.key -out $name.csr");
	append_to_file("$folder/$name.san", 'subjectAltName=IP:127.0.0.1');
	openssl("x509 -req -in $name.csr -CA $name-ca.crt -CAkey $name-ca.key -CAcreateserial -days 2 -extfile $name.san -out $name.crt");
	return;
}

my $has_tls = system('openssl version >/dev/null 2>&1') == 0;
make_certificates($_) for $has_tls ? ('good', 'evil') : ();

# --- HTTP/2 --------------------------------------------------------------------

my ($nginx) = grep { -x } map { "$_/nginx" } split(/:/, $ENV{PATH}), '/usr/sbin';

# Starts nginx with two ports, in front of the simulator: the first keeps its
# connections, the second says GOAWAY after twenty requests.  Returns the ports.
sub start_nginx
{
	my @ports   = (unused_port(), unused_port());
	my $address = '127.0.0.1:' . $simulator->port;
	my $temp    = join '', map { "${_}_temp_path $folder/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
	my $servers = '';

	foreach my $i (0, 1)
	{
		my $limit = $i ? 20 : 10_000;
		$servers .= "server { listen 127.0.0.1:$ports[$i] ssl http2; access_log $folder/h2_$i.log calls; "
		  . "keepalive_requests $limit; location / { proxy_pass http://simulator; proxy_http_version 1.1; "
		  . "proxy_set_header Host \$http_host; proxy_set_header Connection ''; } }\n";
	}
	append_to_file("$folder/nginx.conf", <<"EOCONF");
daemon off;
master_process off;
pid $folder/nginx.pid;
events { worker_connections 1000; }
http {
log_format calls '\$server_protocol connection=\$connection status=\$status';
$temp
ssl_certificate $folder/good.crt;
ssl_certificate_key $folder/good.key;
upstream simulator { server $address; keepalive 100; }
$servers
}
EOCONF
	my $pid = fork // die "could not fork: $!";
	if ($pid == 0)
	{
		open STDERR, '>>', "$folder/nginx.err";
		exec $nginx, '-p', $folder, '-e', "$folder/nginx.err", '-c', "$folder/nginx.conf" or POSIX::_exit(1);
	}
	ForecastSimulator::start_process($pid);
	foreach my $port (@ports)
	{
		await(sub { IO::Socket::INET->new("127.0.0.1:$port") })
		  or die 'nginx did not start: ' . slurp_file("$folder/nginx.err");
	}
	return @ports;
}

# What the log of a port tells: how many requests it has had by HTTP/2, and over how many
# connections.  Waits until there are so many in all; begins anew.
sub h2_log
{
	my ($i, $requests) = @_;
	my $file = "$folder/h2_$i.log";
	my @lines;

	await(sub { @lines = split /\n/, slurp_file($file); @lines >= $requests });
	truncate $file, 0 or die "could not truncate $file: $!";
	my %numbers = map { /connection=(\d+)/ ? ($1 => 1) : () } @lines;
	return { requests => scalar(grep { m{^HTTP/2\.0 } } @lines), all => scalar @lines, connections => scalar keys %numbers };
}

SKIP:
{
	skip 'nginx is missing (Debian: nginx-light): nothing of HTTP/2 is tested', 1 unless $nginx;
	skip 'openssl is missing: nothing of HTTP/2 is tested', 1 unless $has_tls;

	my @ports = start_nginx();
	my @options = (ca_bundle => "$folder/good-ca.crt", max_pool_connections => 32);
	create_server($node, 'h2',     "https://127.0.0.1:$ports[0]", @options);
	# What GOAWAY refuses libcurl sends again, five times; after that it is an attempt.
	create_server($node, 'goaway', "https://127.0.0.1:$ports[1]", @options, max_attempts => 5);

	answers($session, describe('h2'), 'ACTIVE', 'HTTP/2: a describe call');
	my $log = h2_log(0, 1);
	is("$log->{requests} of $log->{all}", '1 of 1', '... by HTTP/2');

	$simulator->clear_log;
	$simulator->latency(20);
	answers($session, describe_many('h2', KEYS), KEYS, 'HTTP/2: many keys');
	$simulator->latency(0);
	$log = h2_log(0, KEYS);
	is("$log->{requests} of $log->{all}", KEYS . ' of ' . KEYS, '... by HTTP/2');
	is($log->{connections}, 1, '... over the one connection that there was');
	is($simulator->counters->{max_in_flight}, 32, '... at once, as many as max_pool_connections');
	like(connections($session), qr/^h2\|$owner\|idle\|1$/m, '... which is the one that is shown');

	answers($session, 'SELECT count(name), count(format) FROM h2.jobs', '1001|1001', 'HTTP/2: a list, described');
	$log = h2_log(0, 1001 + 11);
	is("$log->{requests} of $log->{all}", '1012 of 1012', '... by HTTP/2');
	is($log->{connections}, 1, '... over that connection');

	# A session that begins with many keys does not know yet that one connection would do.
	my $cold = open_session($node);
	answers($cold, describe_many('h2', KEYS), KEYS, 'HTTP/2: many keys, from the start');
	$log = h2_log(0, KEYS);
	is("$log->{requests} of $log->{all}", KEYS . ' of ' . KEYS, '... by HTTP/2');
	cmp_ok($log->{connections}, '<=', 32, '... over no more connections than max_pool_connections');
	note("connections from the start: $log->{connections}");
	$cold->quit;

	# Errors and retries are the same as ever.
	$simulator->fault({ fault => 'error', code => 'AccessDeniedException' });
	is(attempt($session, describe('h2'))->{sqlstate}, '42501', 'HTTP/2: an error of the service');
	answers($session, "SELECT count(*) FROM h2.jobs WHERE arn = '" . job_arn('none') . "'", 0, 'HTTP/2: no such job');
	answers($session, describe('h2'), 'ACTIVE', '... and the next query succeeds');

	# A stream that is given up leaves the others alone: the connection goes on.
	h2_log(0, 0);
	$simulator->fault({ fault => 'delay', ms => 600_000, match => 'job_7"', times => 0 });
	$session->query_safe("SET statement_timeout = '500ms'");
	is(attempt($session, describe_many('h2', KEYS))->{sqlstate}, '57014', 'HTTP/2: a call that hangs is cancelled');
	$session->query_safe('RESET statement_timeout');
	$simulator->clear_faults;
	answers($session, describe_many('h2', KEYS), KEYS, '... and the next query succeeds');
	is(h2_log(0, KEYS)->{connections}, 1, '... over the same connection');

	# A server that wants no more requests on a connection says GOAWAY.
	my %results = map { $_ => 1 } map { $_->{rows} . $_->{text} } map { attempt($session, describe('goaway')) } 1 .. 50;
	is(join('', keys %results), 'ACTIVE', 'GOAWAY: one call after the other');
	$log = h2_log(1, 50);
	is($log->{all}, 50, '... each is asked once');
	is($log->{connections}, 3, '... over a new connection after every twenty');
	answers($session, describe_many('goaway', KEYS), KEYS, 'GOAWAY: many keys at once');
	answers($session, 'SELECT count(name), count(format) FROM goaway.jobs', '1001|1001', 'GOAWAY: a list, described');
}

# --- proxies -------------------------------------------------------------------

sub connect_to
{
	my ($address) = @_;
	return IO::Socket::INET->new($address) // die "could not connect to $address: $@";
}

# Copies both ways until one side ends.
sub tunnel
{
	my ($client, $server) = @_;
	my %peer     = (fileno $client => $server, fileno $server => $client);
	my $selector = IO::Select->new($client, $server);

	while (my @ready = $selector->can_read)
	{
		foreach my $from (@ready)
		{
			sysread $from, my $data, 65536 or return;
			my $to = $peer{ fileno $from };
			while (length $data)
			{
				my $n = syswrite $to, $data or return;
				substr $data, 0, $n, '';
			}
		}
	}
	return;
}

# Passes requests with absolute URIs on, one after the other.
sub forward
{
	my ($client, $note, $head, $body) = @_;
	my $server;

	while ($head)
	{
		$note->($head);
		$head =~ s{^(\S+) http://([^/ ]+)}{$1 } or return;
		$server //= connect_to($2);
		$server->autoflush(1);
		print $server $head, $body;
		my ($answer_head, $answer_body) = read_request($server);
		print $client $answer_head, $answer_body;
		($head, $body) = read_request($client);
	}
	return;
}

# Starts a proxy, which notes the first line of each request that it gets.  Options:
# refuse: it lets nobody through; reroute: the address that all tunnels lead to.
sub start_proxy
{
	my (%options) = @_;
	my $file = "$folder/proxy_" . ($options{name} // 'main');
	append_to_file($file, '');

	my $converse = sub {
		my ($client) = @_;
		my ($head, $body) = read_request($client);
		my $note = sub { append_to_file($file, $_[0] =~ s/\r\n.*//sr . "\n") };

		return unless $head;
		if ($options{refuse})
		{
			$note->($head);
			print $client "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";
			read_request($client);
		}
		elsif ($head =~ /^CONNECT (\S+)/)
		{
			$note->($head);
			my $server = connect_to($options{reroute} // $1);
			print $client "HTTP/1.1 200 Connection established\r\n\r\n";
			tunnel($client, $server);
		}
		else
		{
			forward($client, $note, $head, $body);
		}
	};

	# A process for each connection.
	my $port = serve(sub {
		my ($client) = @_;
		$SIG{CHLD} = 'IGNORE';
		return if fork // die "could not fork: $!";
		eval { $converse->($client) };
		POSIX::_exit(0);
	});
	return { url => "http://127.0.0.1:$port", file => $file };
}

# What a proxy has been asked since the last time: first lines, each once.
sub proxied
{
	my ($proxy) = @_;
	my %lines = map { $_ => 1 } split /\n/, slurp_file($proxy->{file});

	truncate $proxy->{file}, 0 or die "could not truncate $proxy->{file}: $!";
	return join ', ', sort keys %lines;
}

my $proxy = start_proxy();
my $post  = 'POST ' . $simulator->url . '/ HTTP/1.1';

create_server($node, 'by_proxy', $simulator->url, proxy => $proxy->{url});
$simulator->clear_log;
answers($session, describe('by_proxy'), 'ACTIVE', 'the option proxy: http');
is(proxied($proxy), $post, '... through the proxy');
answers($session, describe_many('by_proxy', KEYS), KEYS, 'the option proxy: many keys');
is(proxied($proxy), $post, '... through the proxy');
is($simulator->counters->{requests}, KEYS + 1, '... and nothing is asked twice');
is( $session->query_safe("SELECT DISTINCT remote_address FROM forecast_fdw_connections WHERE server_name = 'by_proxy'"),
	$proxy->{url} =~ s{http://}{}r, '... whose address the connections have');
answers($session, describe('once'), 'ACTIVE', 'a server without the option');
is(proxied($proxy), '', '... does without the proxy');

# A role without privileges may use such a server, too.
let_use($node, 'bob', 'by_proxy');
my $plain = open_session($node, extra_params => [ '-U', 'bob' ]);
answers($plain, describe('by_proxy'), 'ACTIVE', 'the option proxy: of a role without privileges');
is(proxied($proxy), $post, '... through the proxy');

# A proxy that is down, or says no.
my $no = start_proxy(name => 'no', refuse => 1);
create_server($node, 'down', $simulator->url, proxy => 'http://127.0.0.1:' . unused_port());
create_server($node, 'nowhere', $simulator->url, proxy => 'http://proxy.invalid:3128');
create_server($node, 'refused', $simulator->url, proxy => $no->{url});
foreach my $name ('down', 'nowhere')
{
	my $result = attempt($session, describe($name));
	is($result->{sqlstate}, '08001', "a proxy that is $name");
	like($result->{message}, qr/^could not connect to /, '... is a clear error');
	like($result->{detail}, qr/proxy|127\.0\.0\.1/, '... that leads to the proxy');
	note($result->{text});
}
is(attempt($session, describe('refused'))->{sqlstate}, '08P01', 'a proxy that says no');
answers($session, describe('by_proxy'), 'ACTIVE', '... and one that works goes on');
proxied($proxy);
proxied($no);

SKIP:
{
	skip 'openssl is missing: nothing of proxies for https is tested', 1 unless $has_tls;

	my $secure = ForecastSimulator->start(tls => [ "$folder/good.crt", "$folder/good.key" ]);
	my $evil   = ForecastSimulator->start(tls => [ "$folder/evil.crt", "$folder/evil.key" ]);
	my $mitm   = start_proxy(name => 'mitm', reroute => '127.0.0.1:' . $evil->port);
	my @trust  = (ca_bundle => "$folder/good-ca.crt");
	my $connect = 'CONNECT 127.0.0.1:' . $secure->port . ' HTTP/1.1';

	create_server($node, 's_by_proxy', $secure->url, @trust, proxy => $proxy->{url});
	answers($session, describe('s_by_proxy'), 'ACTIVE', 'the option proxy: https');
	is(proxied($proxy), $connect, '... through the proxy, which sees nothing else');
	answers($session, describe_many('s_by_proxy', KEYS), KEYS, 'the option proxy: many keys by https');
	is(proxied($proxy), $connect, '... through the proxy');

	create_server($node, 's_mitm', $secure->url, @trust, proxy => $mitm->{url});
	my $result = attempt($session, describe('s_mitm'));
	is($result->{sqlstate}, '08001', 'a proxy that leads elsewhere');
	like($result->{detail}, qr/certificate/, '... is found out by the certificate');
	is(proxied($mitm), $connect, '... and was asked');

	create_server($node, 's_refused', $secure->url, @trust, proxy => $no->{url});
	$result = attempt($session, describe('s_refused'));
	is($result->{sqlstate}, '08001', 'a proxy that says no to CONNECT');
	like($result->{detail}, qr/403/, '... is a clear error');

	create_server($node, 's_down', $secure->url, @trust, proxy => 'http://127.0.0.1:' . unused_port());
	is(attempt($session, describe('s_down'))->{sqlstate}, '08001', 'a proxy that is down, https');
	answers($session, describe('s_by_proxy'), 'ACTIVE', '... and one that works goes on');
	proxied($proxy);

	if ($nginx)
	{
		create_server($node, 'h2_by_proxy', $node->safe_psql('postgres',
				"SELECT option_value FROM information_schema.foreign_server_options
				 WHERE foreign_server_name = 'h2' AND option_name = 'endpoint_url'"),
			@trust, proxy => $proxy->{url});
		answers($session, describe('h2_by_proxy'), 'ACTIVE', 'HTTP/2 in a tunnel');
		is(h2_log(0, 1)->{requests}, 1, '... by HTTP/2');
		like(proxied($proxy), qr/^CONNECT /, '... through the proxy');
	}
	create_server($node, 's_direct', $secure->url, @trust);
}

# --- the environment -----------------------------------------------------------
#
# What the database server's environment says is for superusers, and for mappings
# that one of them has marked.

let_use($node, 'ann', 'once');
let_use($node, 'bob', 'once');
$node->safe_psql('postgres', "
	CREATE USER MAPPING FOR PUBLIC SERVER once OPTIONS (credentials_required 'false');
	ALTER USER MAPPING FOR ann SERVER once OPTIONS (ADD credentials_required 'false')");
$_->quit for $session, $plain;

# Sessions of a superuser and of roles, in a cluster that has these variables.
sub sessions_with
{
	my (%variables) = @_;
	local %ENV = (%ENV, %variables);

	$node->restart;
	return map { open_session($node, extra_params => [ '-U', $_ ]) } $owner, 'ann', 'bob';
}

my ($super, $marked);
($super, $marked, $plain) = sessions_with(
	http_proxy        => $proxy->{url},
	https_proxy       => $proxy->{url},
	AWS_SDK_UA_APP_ID => 'Nightly Report/7');
$simulator->clear_log;
answers($super, describe('once'), 'ACTIVE', 'http_proxy: a superuser');
is(proxied($proxy), $post, '... goes through it');
like(($simulator->log)[-1]{user_agent}, qr{ app/Nightly-Report-7(?: |$)}, 'AWS_SDK_UA_APP_ID: a superuser tells the name');
answers($marked, describe('once'), 'ACTIVE', "http_proxy: a mapping with credentials_required 'false'");
is(proxied($proxy), $post, '... goes through it');
like(($simulator->log)[-1]{user_agent}, qr{ app/Nightly-Report-7(?: |$)}, '... and tells the name');
answers($plain, describe('once'), 'ACTIVE', 'http_proxy: a role without privileges');
is(proxied($proxy), '', '... does not');
unlike(($simulator->log)[-1]{user_agent}, qr{ app/}, '... and tells no name');
answers($super, describe('s_direct'), 'ACTIVE', 'https_proxy: a superuser') if $has_tls;
like(proxied($proxy), qr/^CONNECT /, '... goes through it') if $has_tls;

# The option is before the environment.
is(attempt($super, describe('down'))->{sqlstate}, '08001', 'the option proxy counts before http_proxy');
is(proxied($proxy), '', '... and http_proxy does not help where that is down');
$_->quit for $super, $marked, $plain;

($super, $marked, $plain) = sessions_with(
	http_proxy => 'http://127.0.0.1:' . unused_port(),
	no_proxy   => 'example.com');
is(attempt($super, describe('once'))->{sqlstate}, '08001', 'http_proxy: one that is down is an error');
answers($plain, describe('once'), 'ACTIVE', '... but not of a role without privileges');
$_->quit for $super, $marked, $plain;

($super, $marked, $plain) = sessions_with(http_proxy => $proxy->{url}, no_proxy => '127.0.0.1,example.com');
answers($super, describe('once'), 'ACTIVE', 'no_proxy: a superuser');
is(proxied($proxy), '', '... goes past the proxy');
foreach my $case ([ 'a superuser', $super ], [ 'a role without privileges', $plain ])
{
	my ($who, $asker) = @$case;
	answers($asker, describe('by_proxy'), 'ACTIVE', "no_proxy and the option proxy: $who");
	is(proxied($proxy), $post, '... goes through the proxy');
}
$_->quit for $super, $marked, $plain;

done_testing();
