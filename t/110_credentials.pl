# Where credentials come from: whatever the environment and the files say, a query
# is signed with the credentials that botocore would have signed it with.
#
# Each case is files, variables and options.  botocore itself, given the same,
# says what to expect; the simulator of Forecast is then told to accept what
# botocore found, secret and token included, and nothing else under that key.

use strict;
use warnings;

use Encode qw(encode_utf8);
use File::Path qw(make_path);
use FindBin;
use lib $FindBin::RealBin;

use ForecastSimulator;
use IdentitySimulator;
use JSON::PP;
use POSIX qw(strftime);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'PostgreSQL refuses to run as root' if $> == 0;
plan skip_all => 'botocore is missing: SKIPPED'
  if system('/usr/bin/python3 -c "import botocore" 2>/dev/null') != 0;

# Nothing of whoever runs the tests.
delete @ENV{ grep { /^AWS_|_proxy$/i } keys %ENV };

my $forecast = ForecastSimulator->start;
my $identity = IdentitySimulator->start($forecast);
my $botocore = start_botocore();
my $node     = new_cluster();

plan skip_all => 'plpython3u is missing, which gives a backend its environment: SKIPPED'
  if $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'plpython3u'") eq '0';
$node->safe_psql('postgres', 'CREATE EXTENSION plpython3u');

create_server($node, 'chain', $forecast->url, sts_endpoint_url => $identity->url);

my $nightly = job_arn('nightly');
my $query   = "SELECT status FROM chain.jobs WHERE arn = '$nightly'";
my $folder  = PostgreSQL::Test::Utils::tempdir();
my $cases   = 0;

# Every secret and token that came up: none may be printed.
my %secrets = map { $_ => 1 } (SECRET_ACCESS_KEY, WEB_IDENTITY_TOKEN, POD_TOKEN);

# --- the stage of a case -------------------------------------------------------

# Files may be in place of a string a list: text, and mode.  In files, variables
# and options {home} is the case's own folder, {url} the simulator of identities.
sub filled
{
	my ($text, $home) = @_;
	my %values = (home => $home, url => $identity->url, port => $identity->port);
	return $text =~ s/\{(home|url|port)\}/$values{$1}/gr;
}

# Sets a case up.  Returns its folder.
sub build_stage
{
	my ($case) = @_;
	my $home  = "$folder/" . ++$cases;
	my %files = %{ $case->{files} || {} };

	make_path("$home/.aws");
	foreach my $name (sort keys %files)
	{
		my ($text, $mode) = ref $files{$name} ? @{ $files{$name} } : ($files{$name}, 0600);
		my $path = "$home/$name";
		make_path($path =~ s{/[^/]*$}{}r);
		open(my $file, '>:raw', $path) or die "could not write $path: $!";
		print $file filled($text, $home);
		close $file;
		chmod $mode, $path;
	}
	return $home;
}

# The environment of a case: that and, for AWS, nothing else.
sub environment
{
	my ($case, $home) = @_;
	my %environ = (
		HOME                      => $home,
		PATH                      => '/usr/bin:/bin',
		LC_ALL                    => 'C.UTF-8',
		AWS_EC2_METADATA_DISABLED => 'true',
		%{ $case->{environ} || {} });
	return {
		map  { $_ => filled($environ{$_}, $home) }
		grep { defined $environ{$_} } keys %environ
	};
}

# SQL that gives the backend an environment.
sub set_environment
{
	my ($environ) = @_;
	my $hex = unpack 'H*', encode_json($environ);

	return "DO LANGUAGE plpython3u \$\$import os, json
for name, value in json.loads(bytes.fromhex('$hex')).items():
  os.environb[name.encode()] = value.encode()\$\$;\n";
}

# SQL that gives the user a mapping with such options.
sub set_mapping
{
	my ($options) = @_;
	my $list = join ', ',
	  map { "$_ '" . ($options->{$_} =~ s/'/''/gr) . "'" } sort keys %$options;

	return "DROP USER MAPPING IF EXISTS FOR CURRENT_USER SERVER chain;
CREATE USER MAPPING FOR CURRENT_USER SERVER chain" . ($list ? " OPTIONS ($list);\n" : ";\n");
}

# --- what botocore does, and what we do ------------------------------------------

# botocore's answer to a case.
sub botocore_says
{
	my ($case, $environ) = @_;
	my $options = $case->{mapping} || {};
	my ($keys, $role);

	$keys = [ @$options{qw(aws_access_key_id aws_secret_access_key aws_session_token)} ]
	  if $options->{aws_access_key_id};
	if ($options->{role_arn})
	{
		$role = { RoleArn => $options->{role_arn} };
		$role->{ExternalId}      = $options->{external_id}       if $options->{external_id};
		$role->{RoleSessionName} = $options->{role_session_name} if $options->{role_session_name};
	}
	return ask_botocore($botocore, {
		environ => $environ,
		region  => 'eu-west-1',
		sts     => $identity->url,
		profile => $options->{profile},
		keys    => $keys,
		role    => $role });
}

# Ours: whoami, a hash; status, the row; and of the first error sqlstate, message
# and all the rest that parse_error finds.
sub we_say
{
	my ($case, $environ) = @_;
	my ($out, $err) = ('', '');

	$node->psql('postgres',
		"\\set VERBOSITY verbose\n"
		  . set_mapping($case->{mapping} || {})
		  . set_environment($environ)
		  . "SELECT row_to_json(w) FROM forecast_fdw_whoami('chain') w;\n$query;\n",
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	my $result = ForecastSimulator::parse_error($err);
	my ($whoami, $status) = split /\n/, $out, 2;
	$result->{whoami} = ($whoami // '') =~ /^\{/ ? decode_json($whoami) : {};
	$result->{status} = $status // '';
	return $result;
}

# What STS was asked since the log was cleared.  Names of sessions that have the
# time in them are made alike.
sub sts_requests
{
	my @requests;
	foreach my $entry (grep { ($_->{operation} // '') =~ /^Assume/ } $identity->log)
	{
		my %input = %{ $entry->{input} };
		$input{RoleSessionName} =~ s/.*\d{9,}.*/made of the time/ if $input{RoleSessionName};
		push @requests, { operation => $entry->{operation}, %input };
	}
	return \@requests;
}

# What a credential process was given: the argument list that it wrote down.
sub recorded
{
	my ($home) = @_;
	my $text = -e "$home/argv" ? slurp_file("$home/argv") : '';
	unlink "$home/argv";
	return $text;
}

sub begin_faults
{
	my ($case) = @_;
	$identity->clear_faults;
	$identity->fault(@{ $case->{faults} }) if $case->{faults};
	$identity->clear_log;
	return;
}

# How key ids are shown.
sub masked
{
	my ($key_id) = @_;
	return '*' x 16 . substr($key_id, length $key_id > 4 ? -4 : 0);
}

# The simulator of Forecast accepts exactly this for the key.
sub accept_keys
{
	my ($found) = @_;
	my %entry = (
		AccessKeyId     => $found->{access_key},
		SecretAccessKey => $found->{secret_key});
	$entry{SessionToken} = $found->{token} if $found->{token};
	$forecast->add_fixture({ Credentials => [ \%entry ] });
	$secrets{$_} = 1 foreach grep { defined && length > 8 } @$found{qw(secret_key token)};
	return;
}

# --- the comparison ----------------------------------------------------------------

# No SQLSTATE of a bug, nor of a statement that is wrong; 42501 is insufficient_privilege.
my $our_error = qr/^(?!XX|42(?!501))\w{5}$/;

# One case.  `unusable`: botocore finds what nobody can sign with, or what is too odd
# to be a key; it is enough that we say so when we are to use it.
sub try_case
{
	my ($case) = @_;
	my $what    = encode_utf8($case->{what});
	my $home    = build_stage($case);
	my $environ = environment($case, $home);

	begin_faults($case);
	my $expected = botocore_says($case, $environ);
	my $asked    = sts_requests();
	my $argv     = recorded($home);
	note("$what: botocore: " . ($expected->{error} // $expected->{method} // 'none'));

	accept_keys($expected) if $expected->{secret_key} && !$case->{unusable};
	begin_faults($case);
	my $ours = we_say($case, $environ);
	note("$what: ours: " . ($ours->{whoami}{problem} // $ours->{whoami}{provider} // 'none'));

	if ($case->{unusable})
	{
		is($ours->{status}, '', "$what: no row");
		like($ours->{sqlstate} // '', $our_error, "$what: an error of ours");
	}
	elsif ($expected->{method} && !$expected->{error})
	{
		succeeds($ours, $expected, $what);
		is_deeply(sts_requests(), $asked, "$what: STS is asked the same");
	}
	else
	{
		fails($ours, $case->{problem} || qr/./, $what);
	}
	is(recorded($home), $argv, "$what: the process is given the same") if $argv ne '';
	ok(!-e "$home/canary", "$what: no shell");
	return $ours;
}

sub succeeds
{
	my ($ours, $expected, $what) = @_;
	my $whoami   = $ours->{whoami};
	my $provider = $expected->{method} eq 'explicit' ? 'user-mapping' : $expected->{method};

	is($whoami->{provider}, $provider, "$what: provider");
	is($whoami->{access_key_id}, masked($expected->{access_key}), "$what: key id");
	is($whoami->{problem}, undef, "$what: no problem");
	is($ours->{status}, 'ACTIVE', "$what: secret and token are right")
	  or diag($ours->{text});
	is(!!$whoami->{expiration}, !!$expected->{expiration}, "$what: whether it expires");
	return;
}

sub fails
{
	my ($ours, $problem, $what) = @_;
	my $whoami = $ours->{whoami};

	is($whoami->{access_key_id}, undef, "$what: no key id");
	like($whoami->{problem} // '', $problem, "$what: a problem");
	is($ours->{status}, '', "$what: no row");
	like($ours->{sqlstate} // '', $our_error, "$what: an error of ours")
	  or diag($ours->{text});
	return;
}

# --- pieces of cases ----------------------------------------------------------------

sub key_id     { my ($tag) = @_; return "AKIA000000000000$tag"; }
sub secret_key { my ($tag) = @_; return "NobodyMaySee/Secret+$tag"; }

# The two lines of a pair of keys, told by a tag of four letters.
sub pair
{
	my ($tag) = @_;
	return 'aws_access_key_id = ' . key_id($tag) . "\naws_secret_access_key = " . secret_key($tag) . "\n";
}

# The same as variables.
sub env_pair
{
	my ($tag) = @_;
	return (AWS_ACCESS_KEY_ID => key_id($tag), AWS_SECRET_ACCESS_KEY => secret_key($tag));
}

# The pair that STS knows.
my $base = 'aws_access_key_id = ' . ACCESS_KEY_ID . "\naws_secret_access_key = " . SECRET_ACCESS_KEY . "\n";
my %base = (AWS_ACCESS_KEY_ID => ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY => SECRET_ACCESS_KEY);

my $analyst = 'role_arn = ' . role_arn('analyst') . "\n";
my $partner = 'role_arn = ' . role_arn('partner') . "\n";
my $second  = 'role_arn = ' . role_arn('second') . "\n";
my $web     = 'role_arn = ' . role_arn('web') . "\n";

# Cases whose only file is one of the two.
sub shared
{
	my ($what, $text, %more) = @_;
	return { what => "credentials: $what", files => { '.aws/credentials' => $text }, %more };
}

sub config
{
	my ($what, $text, %more) = @_;
	return { what => "config: $what", files => { '.aws/config' => $text }, %more };
}

# A case of variables only.
sub environ
{
	my ($what, %environ) = @_;
	return { what => "environment: $what", environ => \%environ };
}

# Both files, for what names other profiles.
sub both
{
	my ($what, $config, $credentials, %more) = @_;
	return {
		what  => $what,
		files => { '.aws/config' => $config, '.aws/credentials' => $credentials },
		%more
	};
}

# --- the grammar of the files ------------------------------------------------------

my ($id, $secret) = (key_id('GRAM'), secret_key('GRAM'));
my $profile_x = { AWS_PROFILE => 'x' };

my @grammar = (
	shared('plain', "[default]\n" . pair('AAAA')),
	shared('no spaces', "[default]\naws_access_key_id=$id\naws_secret_access_key=$secret\n"),
	shared('colons', "[default]\naws_access_key_id: $id\naws_secret_access_key : $secret\n"),
	shared('tabs', "[default]\naws_access_key_id\t=\t$id\naws_secret_access_key\t=$secret\t \n"),
	shared('an equal sign in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret=:=\n"),
	shared('a colon before the equal sign', "[default]\naws_access_key_id = $id\naws_secret_access_key : =$secret\n"),
	shared('comments', "# one\n; two\n[default]\n# three = 3\n; [four]\n" . pair('AAAA') . "#aws_session_token = x\n"),
	shared('indented comments', "[default]\naws_access_key_id = $id\n    # no\n\t; no\naws_secret_access_key = $secret\n"),
	shared('a comment in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret # no comment\n"),
	shared('a semicolon in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret ; no comment\n"),
	shared('a hash in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret#1\n"),
	shared('double quotes', "[default]\naws_access_key_id = $id\naws_secret_access_key = \"$secret\"\n"),
	shared('single quotes', "[default]\naws_access_key_id = $id\naws_secret_access_key = '$secret'\n"),
	shared('percent and backslash', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret%(x)s\\n%%\$HOME\n"),
	shared('spaces inside a value', "[default]\naws_access_key_id = $id\naws_secret_access_key =   a  b   c   \n"),
	shared('upper case', "[default]\nAWS_ACCESS_KEY_ID = $id\nAws_Secret_Access_Key = $secret\n"),
	shared('another case of the section', "[Default]\n" . pair('AAAA')),
	shared('DEFAULT', "[DEFAULT]\n" . pair('AAAA')),
	shared('DEFAULT for all', "[DEFAULT]\naws_secret_access_key = $secret\n[default]\naws_access_key_id = $id\n"),
	shared('DEFAULT after all', "[default]\naws_access_key_id = $id\n[DEFAULT]\naws_secret_access_key = $secret\n"),
	shared('DEFAULT is overridden', "[DEFAULT]\n" . pair('AAAA') . "[default]\n" . pair('BBBB')),
	shared('spaces inside the brackets', "[ default ]\n" . pair('AAAA')),
	shared('spaces before the bracket', "  [default]\n" . pair('AAAA')),
	shared('text after the bracket', "[default] ; text\n" . pair('AAAA')),
	shared('a bracket after the bracket', "[default] ; [text]\n" . pair('AAAA')),
	shared('no bracket at the end', "[default\n" . pair('AAAA')),
	shared('no bracket at the end, later', "[other]\n" . pair('AAAA') . "[default\n" . pair('BBBB')),
	shared('an empty section name', "[]\n" . pair('AAAA')),
	shared('a section twice', "[default]\n" . pair('AAAA') . "[default]\n" . pair('BBBB')),
	shared('another section twice', "[default]\n" . pair('AAAA') . "[x]\na = 1\n[x]\na = 2\n"),
	shared('a key twice', "[default]\n" . pair('AAAA') . "aws_access_key_id = $id\n"),
	shared('a key twice in another case', "[default]\n" . pair('AAAA') . "AWS_ACCESS_KEY_ID = $id\n"),
	shared('a key twice in another section', "[default]\n" . pair('AAAA') . "[x]\na = 1\na = 2\n"),
	shared('no section', pair('AAAA')),
	shared('text before the section', "text\n[default]\n" . pair('AAAA')),
	shared('a key without a value', "[default]\n" . pair('AAAA') . "aws_session_token\n"),
	shared('an empty value', "[default]\n" . pair('AAAA') . "aws_session_token =\n"),
	shared('an empty secret', "[default]\naws_access_key_id = $id\naws_secret_access_key =\n", unusable => 1),
	shared('a value without a key', "[default]\n" . pair('AAAA') . "= value\n"),
	shared('a key with spaces', "[default]\naws access key id = x\n" . pair('AAAA')),
	shared('CRLF', ("[default]\n" . pair('AAAA')) =~ s/\n/\r\n/gr),
	shared('CR', ("[default]\n" . pair('AAAA')) =~ s/\n/\r/gr),
	shared('no newline at the end', "[default]\n" . pair('AAAA') =~ s/\n\z//r),
	shared('a byte order mark', "\xef\xbb\xbf[default]\n" . pair('AAAA')),
	shared('a byte order mark and a comment', "\xef\xbb\xbf# text\n[default]\n" . pair('AAAA')),
	shared('UTF-8 in a comment', "# Schl\xc3\xbcssel\n[default]\n" . pair('AAAA')),
	shared('Latin-1 in a comment', "# Schl\xfcssel\n[default]\n" . pair('AAAA')),
	shared('NUL in a comment', "# \0\n[default]\n" . pair('AAAA'), unusable => 1),
	shared('NUL in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret\0x\n", unusable => 1),
	shared('a form feed', "[default]\f\n\f\n" . pair('AAAA')),
	shared('Unicode space around a value', "[default]\naws_access_key_id = $id\naws_secret_access_key =\xc2\xa0$secret\xe2\x80\x89\n"),
	shared('a Unicode line separator', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret\xe2\x80\xa8x\n"),
	shared('indented keys', "[default]\n  aws_access_key_id = $id\n  aws_secret_access_key = $secret\n"),
	shared('keys indented more and more', "[default]\n  aws_access_key_id = $id\n    aws_secret_access_key = $secret\n"),
	shared('keys indented less and less', "[default]\n    aws_access_key_id = $id\n  aws_secret_access_key = $secret\n"),
	shared('a section indented under a key', "[x]\na = 1\n  [default]\n" . pair('AAAA')),
	shared('a value in two lines', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret\n   more\n"),
	shared('a value that begins in the next line', "[default]\naws_access_key_id = $id\naws_secret_access_key =\n   $secret\n"),
	shared('a blank line in a value', "[default]\naws_access_key_id = $id\naws_secret_access_key = $secret\n\n   more\n"),
	shared('a comment in a value of two lines', "[default]\naws_access_key_id = $id\n   # no\naws_secret_access_key = $secret\n   ; no\n"),
	shared('nested', "[default]\ns3 =\n  max = 1\n  aws_access_key_id = no\n" . pair('AAAA')),
	shared('nested, with a blank line', "[default]\ns3 =\n\n  max = 1\n\n" . pair('AAAA')),
	shared('nested, and bad', "[default]\n" . pair('AAAA') . "s3 =\n  nonsense\n"),
	shared('nested, and bad, in another section', "[default]\n" . pair('AAAA') . "[x]\ns3 =\n  nonsense\n"),
	shared('only the key id', "[default]\naws_access_key_id = $id\n"),
	shared('only the secret', "[default]\naws_secret_access_key = $secret\n"),
	shared('a token', "[default]\n" . pair('AAAA') . "aws_session_token = TheTokenNobodyMaySee/+==\n"),
	shared('the old name of a token', "[default]\n" . pair('AAAA') . "aws_security_token = TheOldTokenNobodyMaySee\n"),
	shared('both names of a token', "[default]\n" . pair('AAAA') . "aws_session_token = TheTokenNobodyMaySee\naws_security_token = TheOldTokenNobodyMaySee\n"),
	shared('a long token', "[default]\n" . pair('AAAA') . 'aws_session_token = ' . 'NobodyMaySee' x 400 . "\n"),
	shared('empty', ''),
	shared('nothing but comments', "# one\n; two\n\n"),
	shared('a profile', "[default]\n" . pair('AAAA') . "[x]\n" . pair('XXXX'), environ => $profile_x),
	shared('"profile x" is another name', "[profile x]\n" . pair('XXXX'), environ => $profile_x),
	shared('a name with a space', "[a b]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'a b' }),
	shared('a name that is not ASCII', "[\xc3\xa9t\xc3\xa9]\n" . pair('XXXX'), environ => { AWS_PROFILE => "\x{e9}t\x{e9}" }),
	shared('a name in quotes', "[\"x\"]\n" . pair('XXXX'), environ => $profile_x),
	shared('a name with brackets', "[x]y]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'x]y' }),
	config('plain', "[default]\n" . pair('AAAA')),
	config('a token', "[default]\n" . pair('AAAA') . "aws_session_token = TheTokenNobodyMaySee/+==\n"),
	config('an empty key id', "[default]\naws_access_key_id =\naws_secret_access_key = $secret\n", unusable => 1),
	config('only the key id', "[default]\naws_access_key_id = $id\n"),
	config('"profile x"', "[profile x]\n" . pair('XXXX'), environ => $profile_x),
	config('"x" is no profile', "[x]\n" . pair('XXXX'), environ => $profile_x),
	config('"profile default"', "[profile default]\n" . pair('AAAA')),
	config('"default", then "profile default"', "[default]\n" . pair('AAAA') . "[profile default]\n" . pair('BBBB')),
	config('"profile default", then "default"', "[profile default]\n" . pair('AAAA') . "[default]\n" . pair('BBBB')),
	config('double quotes', "[profile \"x\"]\n" . pair('XXXX'), environ => $profile_x),
	config('single quotes', "[profile 'x']\n" . pair('XXXX'), environ => $profile_x),
	config('quotes around a space', "[profile \"a b\"]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'a b' }),
	config('quotes in the middle', "[profile a\"b\"c]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'abc' }),
	config('a backslash', "[profile a\\ b]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'a b' }),
	config('a space too many', "[profile   x ]\n" . pair('XXXX'), environ => $profile_x),
	config('a tab', "[profile\tx]\n" . pair('XXXX'), environ => $profile_x),
	config('no space', "[profilex]\n" . pair('XXXX'), environ => $profile_x),
	config('a word too many', "[profile x y]\n" . pair('XXXX'), environ => $profile_x),
	config('a quote too few', "[profile \"x]\n" . pair('XXXX') . "[default]\n" . pair('AAAA')),
	config('"profiles x"', "[profiles x]\n" . pair('XXXX'), environ => $profile_x),
	config('"Profile x"', "[Profile x]\n" . pair('XXXX'), environ => $profile_x),
	config('a profile twice, by different names', "[profile x]\n" . pair('AAAA') . "[profile \"x\"]\n" . pair('XXXX'), environ => $profile_x),
	config('DEFAULT', "[DEFAULT]\n" . pair('AAAA') . "[profile x]\nregion = eu-west-1\n", environ => $profile_x),
	config('bad', "[default\n" . pair('AAAA')),
	both('both files have the keys', "[default]\n" . pair('AAAA'), "[default]\n" . pair('BBBB')),
	both('each file has one key', "[default]\naws_access_key_id = $id\n", "[default]\naws_secret_access_key = $secret\n"),
	both('each file has the other key', "[default]\naws_secret_access_key = $secret\n", "[default]\naws_access_key_id = $id\n"),
	both('a bad config, good credentials', "nonsense\n", "[default]\n" . pair('AAAA')),
	both('bad credentials, a good config', "[default]\n" . pair('AAAA'), "nonsense\n"),
);

# --- which files, which profile --------------------------------------------------------

my @places = (
	{ what => 'no files' },
	{
		what    => 'AWS_SHARED_CREDENTIALS_FILE',
		files   => { '.aws/credentials' => "[default]\n" . pair('AAAA'), other => "[default]\n" . pair('BBBB') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '{home}/other' }
	},
	{
		what    => 'AWS_CONFIG_FILE',
		files   => { '.aws/config' => "[default]\n" . pair('AAAA'), other => "[default]\n" . pair('BBBB') },
		environ => { AWS_CONFIG_FILE => '{home}/other' }
	},
	{
		what    => 'the file that a variable names is missing',
		files   => { '.aws/credentials' => "[default]\n" . pair('AAAA') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '{home}/none' }
	},
	{
		what    => 'a variable that names no file',
		files   => { '.aws/credentials' => "[default]\n" . pair('AAAA') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '' }
	},
	{
		what    => 'a tilde',
		files   => { other => "[default]\n" . pair('AAAA') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '~/other' }
	},
	{
		what    => 'a tilde for the config',
		files   => { other => "[default]\n" . pair('AAAA') },
		environ => { AWS_CONFIG_FILE => '~/other' }
	},
	{
		what    => 'a variable in the name',
		files   => { other => "[default]\n" . pair('AAAA') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '$PLACE/${NAME}', PLACE => '{home}', NAME => 'other' }
	},
	{
		what    => 'an unknown variable in the name',
		files   => { '$NONE' => "[default]\n" . pair('AAAA') },
		environ => { AWS_SHARED_CREDENTIALS_FILE => '{home}/$NONE' }
	},
	{
		what    => 'a folder in place of the file',
		files   => { '.aws/credentials/x' => 'x', '.aws/config' => "[default]\n" . pair('AAAA') }
	},
	{
		what  => 'a file that may not be read',
		files => {
			'.aws/credentials' => [ "[default]\n" . pair('AAAA'), 0 ],
			'.aws/config'      => "[default]\n" . pair('BBBB')
		}
	},
	{
		what  => 'a config that may not be read',
		files => {
			'.aws/credentials' => "[default]\n" . pair('AAAA'),
			'.aws/config'      => [ "[default]\n" . pair('BBBB'), 0 ]
		}
	},
	both('one file for both', "[default]\n" . pair('AAAA'), '', environ => { AWS_SHARED_CREDENTIALS_FILE => '{home}/.aws/config' }),
	shared('AWS_DEFAULT_PROFILE', "[x]\n" . pair('XXXX'), environ => { AWS_DEFAULT_PROFILE => 'x' }),
	shared('AWS_DEFAULT_PROFILE and AWS_PROFILE', "[x]\n" . pair('XXXX') . "[y]\n" . pair('YYYY'),
		environ => { AWS_DEFAULT_PROFILE => 'x', AWS_PROFILE => 'y' }),
	shared('a profile that is missing', "[default]\n" . pair('AAAA'), environ => $profile_x),
	shared('an empty AWS_PROFILE', "[default]\n" . pair('AAAA'), environ => { AWS_PROFILE => '' }),
	shared('the profile of the mapping', "[default]\n" . pair('AAAA') . "[x]\n" . pair('XXXX'), mapping => { profile => 'x' }),
	shared('the profile of the mapping before AWS_PROFILE', "[y]\n" . pair('YYYY') . "[x]\n" . pair('XXXX'),
		mapping => { profile => 'x' }, environ => { AWS_PROFILE => 'y' }),
	shared('the profile of the mapping is missing', "[default]\n" . pair('AAAA'), mapping => { profile => 'x' }),
	config('the profile of the mapping', "[profile x]\n" . pair('XXXX'), mapping => { profile => 'x' }),
	shared('the profile of the mapping before the environment', "[x]\n" . pair('XXXX'),
		mapping => { profile => 'x' }, environ => { env_pair('EEEE') }),
	shared('AWS_PROFILE after the environment', "[x]\n" . pair('XXXX'), environ => { AWS_PROFILE => 'x', env_pair('EEEE') }),
	{ what => 'keys in the mapping', mapping => { aws_access_key_id => ACCESS_KEY_ID, aws_secret_access_key => SECRET_ACCESS_KEY }, environ => { env_pair('EEEE') } },
	{
		what    => 'keys and a token in the mapping',
		mapping => {
			aws_access_key_id     => key_id('MMMM'),
			aws_secret_access_key => secret_key('MMMM'),
			aws_session_token     => 'TheTokenNobodyMaySee'
		}
	},
);

# --- the environment ---------------------------------------------------------------------

my @environments = (
	environ('keys', env_pair('EEEE')),
	environ('a token', env_pair('EEEE'), AWS_SESSION_TOKEN => 'TheTokenNobodyMaySee'),
	environ('the old name of a token', env_pair('EEEE'), AWS_SECURITY_TOKEN => 'TheOldTokenNobodyMaySee'),
	environ('both names of a token', env_pair('EEEE'), AWS_SESSION_TOKEN => 'TheTokenNobodyMaySee', AWS_SECURITY_TOKEN => 'TheOldTokenNobodyMaySee'),
	environ('an empty token', env_pair('EEEE'), AWS_SESSION_TOKEN => ''),
	environ('only the key id', AWS_ACCESS_KEY_ID => key_id('EEEE')),
	environ('an empty secret', env_pair('EEEE'), AWS_SECRET_ACCESS_KEY => ''),
	environ('only the secret', AWS_SECRET_ACCESS_KEY => secret_key('EEEE')),
	environ('an end in the future', env_pair('EEEE'), AWS_CREDENTIAL_EXPIRATION => '2999-01-01T00:00:00Z'),
	environ('an end in the past', env_pair('EEEE'), AWS_CREDENTIAL_EXPIRATION => '2001-01-01T00:00:00Z'),
	environ('an end that is none', env_pair('EEEE'), AWS_CREDENTIAL_EXPIRATION => 'nonsense'),
	environ('an empty end', env_pair('EEEE'), AWS_CREDENTIAL_EXPIRATION => ''),
	shared('after the environment', "[default]\n" . pair('AAAA'), environ => { env_pair('EEEE') }),
	shared('after an empty variable', "[default]\n" . pair('AAAA'), environ => { env_pair('EEEE'), AWS_ACCESS_KEY_ID => '' }),
	shared('not after half an environment', "[default]\n" . pair('AAAA'), environ => { AWS_ACCESS_KEY_ID => key_id('EEEE') }),
	environ('spaces around the keys', AWS_ACCESS_KEY_ID => key_id('EEEE'), AWS_SECRET_ACCESS_KEY => ' ' . secret_key('EEEE') . ' '),
);

# --- roles ---------------------------------------------------------------------------------

my %task = (AWS_CONTAINER_CREDENTIALS_FULL_URI => '{url}/v2/credentials/task');
my %imds = (AWS_EC2_METADATA_DISABLED => undef, AWS_EC2_METADATA_SERVICE_ENDPOINT => '{url}');
my $base_profile = "[base]\n$base";

sub role
{
	my ($what, $config, %more) = @_;
	return both("a role: $what", $config, $base_profile, %more);
}

my @roles = (
	role('source_profile', "[default]\n${analyst}source_profile = base\n"),
	role('AWS_PROFILE', "[profile x]\n${analyst}source_profile = base\n", environ => $profile_x),
	role('profile of the mapping', "[profile x]\n${analyst}source_profile = base\n", mapping => { profile => 'x' }),
	config('a role: source_profile in the same file', "[default]\n${analyst}source_profile = base\n[profile base]\n$base"),
	shared('a role: all in the credentials', "[default]\n${analyst}source_profile = base\n$base_profile"),
	role('external_id', "[default]\n${partner}source_profile = base\nexternal_id = forecast-2024\n"),
	role('a wrong external_id', "[default]\n${partner}source_profile = base\nexternal_id = other\n", problem => qr/AccessDenied/),
	role('no external_id', "[default]\n${partner}source_profile = base\n", problem => qr/AccessDenied/),
	role('role_session_name', "[default]\n${analyst}source_profile = base\nrole_session_name = week-7\@reports\n"),
	role('a role_session_name that STS refuses', "[default]\n${analyst}source_profile = base\nrole_session_name = no good\n", problem => qr/ValidationError/),
	role('duration_seconds', "[default]\n${analyst}source_profile = base\nduration_seconds = 900\n"),
	role('duration_seconds that is none', "[default]\n${analyst}source_profile = base\nduration_seconds = long\n"),
	role('duration_seconds too long', "[default]\n${analyst}source_profile = base\nduration_seconds = 7200\n", problem => qr/ValidationError/),
	role('source_profile and credential_source', "[default]\n${analyst}source_profile = base\ncredential_source = Environment\n"),
	role('neither of them', "[default]\n${analyst}region = eu-west-1\n"),
	role('keys beside role_arn, no source', "[default]\n$analyst$base"),
	role('source_profile that is missing', "[default]\n${analyst}source_profile = none\n"),
	role('source_profile without keys', "[default]\n${analyst}source_profile = x\n[profile x]\nregion = eu-west-1\n"),
	role('source_profile with half the keys', "[default]\n${analyst}source_profile = x\n[profile x]\naws_access_key_id = $id\n"),
	role('a role with nothing after it', "[default]\nrole_arn =\nsource_profile = base\n"),
	role('an unknown key', "[default]\n${analyst}source_profile = x\n[profile x]\n" . pair('AAAA'), problem => qr/InvalidClientTokenId/),
	role('two roles', "[default]\n${second}source_profile = x\n[profile x]\n${analyst}source_profile = base\n"),
	role('two roles, the wrong one first', "[default]\n${second}source_profile = x\n[profile x]\n${partner}external_id = forecast-2024\nsource_profile = base\n", problem => qr/AccessDenied/),
	role('a profile that is its own source', "[default]\n${analyst}source_profile = default\n$base"),
	role('its own source, without keys', "[default]\n${analyst}source_profile = default\n"),
	role('a loop of two', "[default]\n${analyst}source_profile = x\n[profile x]\n${second}source_profile = default\n"),
	role('a loop further down', "[default]\n${analyst}source_profile = x\n[profile x]\n${second}source_profile = y\n[profile y]\n${second}source_profile = x\n"),
	role('keys end a loop', "[default]\n${second}source_profile = x\n[profile x]\n$base${analyst}source_profile = default\n", problem => qr/AccessDenied/),
	role('keys in the source count before its role', "[default]\n${analyst}source_profile = x\n[profile x]\n$base${second}source_profile = base\n"),
	role('the environment counts before', "[default]\n${analyst}source_profile = base\n", environ => { env_pair('EEEE') }),
	role('before keys in the files', "[default]\n${analyst}source_profile = base\naws_access_key_id = $id\naws_secret_access_key = $secret\n"),
	role('credential_source = Environment', "[profile x]\n${analyst}credential_source = Environment\n", mapping => { profile => 'x' }, environ => {%base}),
	role('credential_source = Environment, which is empty', "[profile x]\n${analyst}credential_source = Environment\n", mapping => { profile => 'x' }),
	role('credential_source = EcsContainer', "[default]\n${analyst}credential_source = EcsContainer\n", environ => {%task}),
	role('credential_source = EcsContainer, outside', "[default]\n${analyst}credential_source = EcsContainer\n"),
	role('credential_source = Ec2InstanceMetadata', "[default]\n${analyst}credential_source = Ec2InstanceMetadata\n", environ => {%imds}),
	role('credential_source = Ec2InstanceMetadata, disabled', "[default]\n${analyst}credential_source = Ec2InstanceMetadata\n"),
	role('credential_source in lower case', "[default]\n${analyst}credential_source = ec2instancemetadata\n", environ => {%imds}),
	role('a credential_source that is none', "[default]\n${analyst}credential_source = Moon\n"),
	role('two roles from the metadata', "[default]\n${second}source_profile = x\n[profile x]\n${analyst}credential_source = Ec2InstanceMetadata\n", environ => {%imds}),
	role('source_profile with a process', "[default]\n${analyst}source_profile = x\n[profile x]\ncredential_process = cat {home}/answer\n",
		files => {
			'.aws/config' => "[default]\n${analyst}source_profile = x\n[profile x]\ncredential_process = cat {home}/answer\n",
			answer => encode_json({ Version => 1, AccessKeyId => ACCESS_KEY_ID, SecretAccessKey => SECRET_ACCESS_KEY })
		}),
	role('expired keys', "[default]\n${analyst}source_profile = base\n", faults => [ { fault => 'error', code => 'ExpiredToken', status => 403, message => 'too late', times => 0 } ], problem => qr/ExpiredToken/),
	role('a wrong secret', "[default]\n${analyst}source_profile = x\n[profile x]\naws_access_key_id = " . ACCESS_KEY_ID . "\naws_secret_access_key = wrong/NobodyMaySee\n", problem => qr/SignatureDoesNotMatch/),
	role('no XML', "[default]\n${analyst}source_profile = base\n", faults => [ { fault => 'respond', body => 'nonsense', times => 0 } ]),
	role('half the XML', "[default]\n${analyst}source_profile = base\n", faults => [ { fault => 'malformed', times => 0 } ]),
	role('XML of something else', "[default]\n${analyst}source_profile = base\n", faults => [ { fault => 'respond', body => '<a><b>c</b></a>', times => 0 } ]),
	role('no secret in the XML', "[default]\n${analyst}source_profile = base\n", faults => [ { fault => 'patch', remove => ['Credentials.SecretAccessKey'], times => 0 } ]),
	role('an entity in the XML', "[default]\n${analyst}source_profile = base\n",
		faults => [ { fault => 'respond', times => 0, body => '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d SYSTEM "file:///etc/passwd">]><a>&b;&d;</a>' } ]),
);

my $role_of = { role_arn => role_arn('analyst') };

my @mappings = (
	{ what => 'role_arn in the mapping, with its keys', mapping => { aws_access_key_id => ACCESS_KEY_ID, aws_secret_access_key => SECRET_ACCESS_KEY, %$role_of } },
	{ what => 'role_arn in the mapping, with the environment', mapping => {%$role_of}, environ => {%base} },
	shared('role_arn in the mapping, with a profile', $base_profile, mapping => { profile => 'base', %$role_of }),
	shared('role_arn in the mapping, with the default profile', "[default]\n$base", mapping => {%$role_of}),
	{ what => 'role_arn in the mapping, with the metadata', mapping => {%$role_of}, environ => {%imds} },
	role('role_arn in the mapping, after the role of a profile', "[profile x]\n${analyst}source_profile = base\n", mapping => { profile => 'x', role_arn => role_arn('second') }),
	{ what => 'role_arn in the mapping, with a session name', mapping => { role_session_name => 'week-7', %$role_of }, environ => {%base} },
	{ what => 'role_arn in the mapping, with an external id', mapping => { role_arn => role_arn('partner'), external_id => 'forecast-2024' }, environ => {%base} },
	{ what => 'role_arn in the mapping, with a wrong external id', mapping => { role_arn => role_arn('partner'), external_id => 'other' }, environ => {%base}, problem => qr/AccessDenied/ },
	{ what => 'role_arn in the mapping, and nothing else', mapping => {%$role_of} },
);

# --- web identity --------------------------------------------------------------------------

my %web = (AWS_WEB_IDENTITY_TOKEN_FILE => '{home}/token', AWS_ROLE_ARN => role_arn('web'));
my %token = (token => WEB_IDENTITY_TOKEN);

my @web_identities = (
	{ what => 'web identity: environment', files => {%token}, environ => {%web} },
	{ what => 'web identity: a session name', files => {%token}, environ => { %web, AWS_ROLE_SESSION_NAME => 'pod-7' } },
	{ what => 'web identity: no file', environ => {%web} },
	{ what => 'web identity: an empty file', files => { token => '' }, environ => {%web} },
	{ what => 'web identity: a newline at the end', files => { token => WEB_IDENTITY_TOKEN . "\n" }, environ => {%web} },
	{ what => 'web identity: a wrong token', files => { token => 'eyJ.eyJ.wrong' }, environ => {%web}, problem => qr/InvalidIdentityToken/ },
	{ what => 'web identity: no role', files => {%token}, environ => { %web, AWS_ROLE_ARN => undef } },
	{ what => 'web identity: a role that trusts others', files => {%token}, environ => { %web, AWS_ROLE_ARN => role_arn('analyst') }, problem => qr/AccessDenied/ },
	{ what => 'web identity: no file is named', files => {%token}, environ => { AWS_ROLE_ARN => role_arn('web') } },
	{ what => 'web identity: after the environment', files => {%token}, environ => { %web, env_pair('EEEE') } },
	{ what => 'web identity: before the files', files => { %token, '.aws/credentials' => "[default]\n" . pair('AAAA') }, environ => {%web} },
	{ what => 'web identity: profile', files => { %token, '.aws/config' => "[default]\n${web}web_identity_token_file = {home}/token\nrole_session_name = pod-7\n" } },
	{ what => 'web identity: profile without a role', files => { %token, '.aws/config' => "[default]\nweb_identity_token_file = {home}/token\n" } },
	{ what => 'web identity: half from the profile', files => { %token, '.aws/config' => "[default]\n$web" }, environ => { AWS_WEB_IDENTITY_TOKEN_FILE => '{home}/token' } },
	{ what => 'web identity: not by variables where a profile is named', files => { %token, '.aws/credentials' => "[x]\n" . pair('XXXX') }, environ => {%web}, mapping => { profile => 'x' } },
	{ what => 'web identity: as a source', files => { %token, '.aws/config' => "[default]\nrole_arn = " . role_arn('overnight') . "\nsource_profile = x\n[profile x]\n${web}web_identity_token_file = {home}/token\n" } },
	{ what => 'web identity: a tilde', files => { %token, '.aws/config' => "[default]\n${web}web_identity_token_file = ~/token\n" } },
);

# --- processes --------------------------------------------------------------------------------

# A process that writes down what it was given, and then what it is to say.
my $recorder = "#!/bin/sh\nfor word in \"\$@\"; do printf '<%s>' \"\$word\"; done >{home}/argv\ncat {home}/answer\n";

sub process
{
	my ($what, $arguments, $answer, %more) = @_;
	my %files = (
		'.aws/config' => "[default]\ncredential_process = {home}/process$arguments\n",
		process       => [ $more{script} || $recorder, 0700 ],
		answer        => ref $answer ? encode_json($answer) : $answer,
		%{ $more{files} || {} });
	return { %more, what => "process: $what", files => \%files };
}

my %process_keys = (Version => 1, AccessKeyId => key_id('PPPP'), SecretAccessKey => secret_key('PPPP'));
my %process_token = (%process_keys, SessionToken => 'TheTokenNobodyMaySee');

my @processes = (
	process('keys', '', {%process_keys}),
	process('a token', '', {%process_token}),
	process('an end', '', { %process_token, Expiration => '2999-01-01T00:00:00Z' }),
	process('an end in another zone', '', { %process_token, Expiration => '2999-01-01T00:00:00+02:00' }),
	process('an end with a fraction', '', { %process_token, Expiration => '2999-01-01T00:00:00.123456Z' }),
	process('an end in the past', '', { %process_token, Expiration => '2001-01-01T00:00:00Z' }),
	process('an end that is none', '', { %process_token, Expiration => 'nonsense' }),
	process('nulls', '', { %process_keys, SessionToken => undef, Expiration => undef }),
	process('more than is needed', '', { %process_token, AccountId => '123456789012', Nested => { a => [ 1, undef ] } }),
	process('whitespace', '', "\n  " . encode_json({%process_keys}) . "\n\n"),
	process('arguments', ' one two  three', {%process_keys}),
	process('quotes', q{ "one two" 'three "four"' "five 'six'" a"b"c '' ""}, {%process_keys}),
	process('backslashes', q{ one\ two "a\"b" 'a\b' "a\b" "a\\\\b" \\\\}, {%process_keys}),
	process('a shell\'s signs', q{ $(touch {home}/canary) `touch {home}/canary` ; touch {home}/canary}, {%process_keys}),
	process('more of them', q{ && touch {home}/canary || touch {home}/canary | tee {home}/canary > {home}/canary & touch {home}/canary}, {%process_keys}),
	process('variables and patterns', q{ $HOME ${HOME} ~ ~/x * ? [a-z] {a,b} !x #x %x}, {%process_keys}),
	process('a comment sign', ' a#b # c', {%process_keys}),
	process('a quote too few', ' "one', {%process_keys}),
	process('a backslash at the end', ' one\\', {%process_keys}),
	process('UTF-8', " \xc3\xa9t\xc3\xa9", {%process_keys}),
	process('a failure', '', {%process_keys}, script => "#!/bin/sh\ncat {home}/answer\necho went wrong >&2\nexit 3\n", problem => qr/went wrong|3/),
	process('a signal', '', {%process_keys}, script => "#!/bin/sh\ncat {home}/answer\nkill -9 \$\$\n"),
	process('a complaint, and success', '', {%process_keys}, script => "#!/bin/sh\necho careful >&2\ncat {home}/answer\n"),
	process('a long complaint, and success', '', {%process_keys}, script => "#!/bin/sh\nhead -c 300000 /dev/zero >&2\ncat {home}/answer\n"),
	process('nothing', '', ''),
	process('nonsense', '', 'nonsense'),
	process('half the JSON', '', '{"Version": 1, "AccessKeyId": "AKIA'),
	process('JSON of something else', '', '[]'),
	process('no version', '', { AccessKeyId => key_id('PPPP'), SecretAccessKey => secret_key('PPPP') }),
	process('another version', '', { %process_keys, Version => 2 }),
	process('a version in quotes', '', { %process_keys, Version => '1' }),
	process('no secret', '', { Version => 1, AccessKeyId => key_id('PPPP') }),
	process('no key id', '', { Version => 1, SecretAccessKey => secret_key('PPPP') }),
	process('one that is missing', '/none', ''),
	process('one that is nowhere', '', '', files => { '.aws/config' => "[default]\ncredential_process = no-such-process one\n" }),
	process('one that may not be run', '', {%process_keys}, files => { process => [ $recorder, 0600 ] }),
	process('no command', '', {%process_keys}, files => { '.aws/config' => "[default]\ncredential_process =\n" }),
	process('found by PATH', '', {%process_keys}, environ => { PATH => '{home}:/usr/bin:/bin' }, files => { '.aws/config' => "[default]\ncredential_process = process one\n" }),
	process('in the credentials file', '', {%process_keys}, files => { '.aws/config' => '', '.aws/credentials' => "[default]\ncredential_process = {home}/process one\n" }),
	process('after keys in the credentials file', '', {%process_keys}, files => { '.aws/credentials' => "[default]\n" . pair('AAAA') }),
	process('before keys in the config', '', {%process_keys}, files => { '.aws/config' => "[default]\ncredential_process = {home}/process\n" . pair('AAAA') }),
	process('an unknown profile', '', {%process_keys}, environ => $profile_x),
);

# --- containers -------------------------------------------------------------------------------

my %pod = (AWS_CONTAINER_CREDENTIALS_FULL_URI => '{url}/v1/credentials');
my $pod_token = 'AWS_CONTAINER_AUTHORIZATION_TOKEN';

sub container
{
	my ($what, $environ, %more) = @_;
	return { what => "container: $what", environ => $environ, %more };
}

my @containers = (
	container('a full URI', {%task}),
	container('localhost', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://localhost:{port}/v2/credentials/task' }),
	container('an unknown id', { AWS_CONTAINER_CREDENTIALS_FULL_URI => '{url}/v2/credentials/other' }),
	container('a token', { %pod, $pod_token => POD_TOKEN }),
	container('a wrong token', { %pod, $pod_token => 'NobodyMaySee' }),
	container('no token', {%pod}),
	container('LF in a token', { %pod, $pod_token => POD_TOKEN . "\nX-Injected: 1" }),
	container('CR in a token', { %pod, $pod_token => POD_TOKEN . "\rX-Injected: 1" }),
	container('another host', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://192.0.2.1/v2/credentials/task' }),
	container('a host that begins well', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://127.0.0.1.example.com/v2/credentials/task' }),
	container('a host after a user', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://127.0.0.1@192.0.2.1/v2/credentials/task' }),
	container('an unreachable port', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://127.0.0.1:1/v2/credentials/task' }),
	container('no URI', { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'nonsense' }),
	container('two errors, then success', {%task}, faults => [ { fault => 'error', status => 500, code => 'Oops', times => 2 } ]),
	container('errors', {%task}, faults => [ { fault => 'error', status => 500, code => 'Oops', times => 0 } ]),
	container('nonsense', {%task}, faults => [ { fault => 'respond', body => '<html>', times => 0 } ]),
	container('no token in the answer', {%task}, faults => [ { fault => 'patch', remove => ['Token'], times => 0 } ]),
	container('no secret in the answer', {%task}, faults => [ { fault => 'patch', remove => ['SecretAccessKey'], times => 0 } ]),
	container('after the files', {%task}, files => { '.aws/config' => "[default]\n" . pair('AAAA') }),
	container('before the metadata', { %task, %imds }),
);

# --- instance metadata ------------------------------------------------------------------------

sub instance
{
	my ($what, $environ, @faults) = @_;
	return {
		what    => "metadata: $what",
		environ => { %imds, %$environ },
		@faults ? (faults => [ map { { %$_, times => 0 } } @faults ]) : ()
	};
}

my @instances = (
	instance('a role', {}),
	instance('a slash at the end', { AWS_EC2_METADATA_SERVICE_ENDPOINT => '{url}/' }),
	instance('disabled', { AWS_EC2_METADATA_DISABLED => 'true' }),
	instance('disabled in upper case', { AWS_EC2_METADATA_DISABLED => 'TRUE' }),
	instance('not disabled', { AWS_EC2_METADATA_DISABLED => 'false' }),
	instance('not disabled by other words', { AWS_EC2_METADATA_DISABLED => '1' }),
	instance('nobody listens', { AWS_EC2_METADATA_SERVICE_ENDPOINT => 'http://127.0.0.1:1' }),
	instance('no token', {}, { fault => 'error', operation => 'PutToken', status => 403, code => 'Forbidden' }),
	instance('no role', {}, { fault => 'error', operation => 'GetRole', status => 404, code => 'NotFound' }),
	instance('no answer', {}, { fault => 'stall', operation => 'PutToken' }),
	instance('an error', {}, { fault => 'error', operation => 'GetRoleCredentials', status => 500, code => 'Oops' }),
	instance('nonsense', {}, { fault => 'respond', operation => 'GetRoleCredentials', body => '<html>' }),
	instance('no secret', {}, { fault => 'patch', operation => 'GetRoleCredentials', remove => ['SecretAccessKey'] }),
	instance('no trust', {}, { fault => 'patch', operation => 'GetRoleCredentials',
			patch => { Code => 'AssumeRoleUnauthorizedAccess', Message => 'no' }, remove => [ 'AccessKeyId', 'SecretAccessKey', 'Token', 'Expiration' ] }),
	shared('before the metadata', "[default]\n" . pair('AAAA'), environ => {%imds}),
);

# --- all of them ---------------------------------------------------------------------------------

foreach my $case (@grammar, @places, @environments, @roles, @mappings, @web_identities, @processes, @containers, @instances)
{
	try_case($case);
}
cmp_ok(scalar @grammar, '>=', 40, 'enough of the grammar');
$identity->clear_faults;

# --- what Debian's botocore is too old for ----------------------------------------------------------

# A case that we alone can do.
sub ours
{
	my ($case) = @_;
	my $home = build_stage($case);
	begin_faults($case);
	return we_say($case, environment($case, $home));
}

my $pod_file = { files => { token => POD_TOKEN }, environ => { %pod, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE => '{home}/token' } };
my $result = ours($pod_file);
is($result->{whoami}{provider}, 'container-role', 'a token file: provider');
is($result->{status}, 'ACTIVE', 'a token file: its content is sent');

$result = ours({ %$pod_file, environ => { %{ $pod_file->{environ} }, $pod_token => 'wrong' } });
is($result->{status}, 'ACTIVE', 'a token file counts before the variable');

foreach my $case (
	[ 'a token file with LF',         { %$pod_file, files => { token => POD_TOKEN . "\nX-Injected: 1" } } ],
	[ 'a token file that is missing', { %$pod_file, files => {} } ],
	[ 'plain http to another host',   { environ => { AWS_CONTAINER_CREDENTIALS_FULL_URI => 'http://10.0.0.1/x' } } ],
	[ 'SSO, whatever else there is',  config('', "[default]\nsso_account_id = 123456789012\nsso_role_name = x\n", environ => { %pod, $pod_token => POD_TOKEN }) ],
	[ 'MFA, which nobody can enter',  role('', "[default]\n${analyst}source_profile = base\nmfa_serial = arn:aws:iam::123456789012:mfa/x\n") ])
{
	my ($what, $stage) = @$case;
	fails(ours($stage), qr/./, $what);
}
is(scalar(grep { ($_->{input}{path} // '') =~ /Injected/ } $identity->log), 0, 'nothing is injected');

# The providers that had nothing say why.
$result = ours({});
my @refused = @{ $result->{whoami}{providers} || [] };
is_deeply(
	[ map { $_->{provider} } @refused ],
	[ qw(user-mapping env assume-role assume-role-with-web-identity shared-credentials-file custom-process config-file container-role iam-role) ],
	'without credentials: every provider was asked, in botocore\'s order');
is(scalar(grep { ($_->{reason} // '') eq '' } @refused), 0, '... and says why it has none');
is($result->{sqlstate}, '28000', '... and a query says that there are none');
is($result->{whoami}{region}, 'eu-west-1', '... but it is known where it would go: region');
is($result->{whoami}{endpoint_url} =~ s{/$}{}r, $forecast->url, '... and endpoint');

# --- how often they are fetched ----------------------------------------------------------------------

# What each source is asked in order to get credentials once.
my %sources = (
	'a role' => [ 'AssumeRole', role('', "[default]\n${analyst}source_profile = base\n") ],
	'web identity' => [ 'AssumeRoleWithWebIdentity', { files => {%token}, environ => {%web} } ],
	'a container' => [ 'GetTaskCredentials', { environ => {%task} } ],
	'the metadata' => [ 'GetRoleCredentials', { environ => {%imds} } ],
);

# A process that counts how often it is run, and fails on request.
sub counting_process
{
	my ($seconds) = @_;
	my $end = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime(time + $seconds));

	return process('', '', { %process_token, Expiration => $end },
		script => "#!/bin/sh\necho run >>{home}/runs\n[ ! -e {home}/refuse ] || exit 1\ncat {home}/answer\n");
}

# A session with a case's environment; $session->{home} is the case's folder.
sub open_stage
{
	my ($case) = @_;
	my $home = build_stage($case);
	$node->safe_psql('postgres', set_mapping($case->{mapping} || {}));
	my $session = open_session($node);
	attempt($session, set_environment(environment($case, $home)));
	$session->{home} = $home;
	return $session;
}

# How often a session's source was asked; without an operation it is a process.
sub fetches
{
	my ($session, $operation) = @_;
	return $identity->count($operation) if $operation;
	return scalar(() = slurp_file("$session->{home}/runs") =~ /run/g);
}

# The source gives nothing from now on.
sub refuse_all
{
	my ($session, $operation) = @_;
	if ($operation)
	{
		$identity->fault({ fault => 'error', operation => $operation, status => 403, code => 'AccessDenied', message => 'not now', times => 0 });
	}
	else
	{
		append_to_file("$session->{home}/refuse", 'x');
	}
	return;
}

sub allow_all
{
	my ($session) = @_;
	unlink "$session->{home}/refuse";
	$identity->clear_faults;
	return;
}

accept_keys({ access_key => key_id('PPPP'), secret_key => secret_key('PPPP'), token => $process_token{SessionToken} });

# Who has just given is left alone for a moment, even if it was not for long.
use constant PAUSE => 6;

# Seconds left, how often two statements fetch, whether it is missed.
foreach my $life ([ 3600, 1, 0 ], [ 720, 2, 0 ], [ 300, 2, 1 ])
{
	my ($seconds, $fetches, $needed) = @$life;
	my %all = (%sources, 'a process' => [ undef, counting_process($seconds) ]);
	my %sessions;

	$identity->lifetime($seconds);
	$identity->clear_faults;
	$identity->clear_log;
	$sessions{$_} = open_stage($all{$_}[1]) foreach sort keys %all;
	foreach my $round (1, 2)
	{
		is(attempt($sessions{$_}, $query)->{rows}, 'ACTIVE', "$_, $seconds s left: statement $round")
		  foreach sort keys %all;
		sleep PAUSE if $fetches > 1;
	}
	foreach my $source (sort keys %all)
	{
		my ($session, $operation) = ($sessions{$source}, $all{$source}[0]);
		my $what = "$source, $seconds s left";

		# The metadata may be late with new ones: botocore then believes that those
		# it has will last a while longer, and asks again after that.
		my ($fetches, $needed) = $source eq 'the metadata' ? (1, 0) : ($fetches, $needed);

		is(fetches($session, $operation), $fetches, "$what: fetched so often");
		refuse_all($session, $operation);
		my $later = attempt($session, $query);
		is($later->{rows}, $needed ? '' : 'ACTIVE', "$what: whether it goes on without");
		like($later->{sqlstate}, $our_error, "$what: ... and it says so") if $needed;
		allow_all($session);
		is(attempt($session, $query)->{rows}, 'ACTIVE', "$what: later all is well");
		$session->quit;
	}
}
$identity->lifetime(undef);

# --- they are the server's, not everybody's -----------------------------------------------------------

# A role that is no superuser, and has a mapping without keys.
$node->safe_psql('postgres', 'CREATE ROLE visitor;
GRANT USAGE ON FOREIGN SERVER chain TO visitor;
GRANT USAGE ON SCHEMA chain TO visitor;
GRANT SELECT ON chain.jobs TO visitor;
CREATE USER MAPPING FOR visitor SERVER chain;');

my %servers_own = (
	%sources,
	'the environment' => [ undef, environ('', env_pair('EEEE')) ],
	'a file'          => [ undef, shared('', "[default]\n" . pair('AAAA')) ],
	'a process'       => [ undef, process('', '', {%process_keys}) ],
);
accept_keys({ access_key => key_id($_), secret_key => secret_key($_) }) foreach qw(AAAA EEEE PPPP);

foreach my $required ('true', 'false')
{
	$node->safe_psql('postgres', "ALTER USER MAPPING FOR visitor SERVER chain OPTIONS (ADD credentials_required 'false')")
	  if $required eq 'false';
	foreach my $source (sort keys %servers_own)
	{
		my $what    = "$source, for somebody else, credentials_required $required";
		my $session = open_stage($servers_own{$source}[1]);

		$identity->clear_log;
		attempt($session, 'SET SESSION AUTHORIZATION visitor');
		my $result = attempt($session, $query);
		if ($required eq 'true')
		{
			is($result->{sqlstate}, '2F003', "$what: refused") or diag($result->{text});
			is($identity->counters->{requests}, 0, "$what: nobody was asked");
			ok(!-e "$session->{home}/argv", "$what: nothing was run");
		}
		else
		{
			is($result->{rows}, 'ACTIVE', "$what: a superuser has allowed it");
		}
		$session->quit;
	}
}

# --- one that hangs can be cancelled ------------------------------------------------------------------

my $sleeper = process('', '', {%process_keys},
	script => "#!/bin/sh\nif [ -e {home}/once ]; then cat {home}/answer; exit; fi\ntouch {home}/once\necho \$\$ >{home}/pid\nexec sleep 600\n");
my %hanging = (%sources, 'a process' => [ undef, $sleeper ]);
accept_keys({ access_key => key_id('PPPP'), secret_key => secret_key('PPPP') });

# Tests that the process is gone which wrote its number into a file.
sub is_gone
{
	my ($file, $what) = @_;
	my ($pid) = (-s $file ? slurp_file($file) : '') =~ /(\d+)/;

	ok($pid, "$what: the process was started") or return;
	ok(await(sub { !kill 0, $pid }), "$what: the process is gone");
	return;
}

foreach my $source (sort keys %hanging)
{
	my ($operation, $case) = @{ $hanging{$source} };

	foreach my $way ('statement_timeout', 'pg_cancel_backend')
	{
		my $what    = "$source hangs, $way";
		my $session = open_stage($case);

		$identity->clear_faults;
		$identity->clear_log;
		$identity->fault({ fault => 'stall', times => 1 }) if $operation;
		my $start = time;
		my $result;
		if ($way eq 'statement_timeout')
		{
			attempt($session, "SET statement_timeout = '300ms'");
			$result = attempt($session, $query);
			attempt($session, 'SET statement_timeout = 0');
		}
		else
		{
			begin_query($session, $query);
			await(sub {
				return $operation ? $identity->counters->{in_flight} : -s "$session->{home}/pid";
			}) or fail("$what: it has not begun");
			$node->safe_psql('postgres', "SELECT pg_cancel_backend($session->{backend})");
			$result = attempt($session, 'SELECT 1');
		}
		cmp_ok(time - $start, '<', 60, "$what: it ends");
		is($result->{sqlstate}, '57014', "$what: as a cancelled query");
		is(attempt($session, $query)->{rows}, 'ACTIVE', "$what: the session goes on");
		is_gone("$session->{home}/pid", $what) unless $operation;
		$session->quit;
	}
}

# --- nothing secret is printed ---------------------------------------------------------------------------

my $log_start = -s $node->logfile;
my $printed   = '';

foreach my $case (
	(map { $_->[1] } values %sources), $pod_file, process('', '', {%process_token}),
	process('', '', {%process_token}, script => "#!/bin/sh\ncat {home}/answer {home}/answer >&2\nexit 1\n"),
	process('', ' --password HushHushNobodyMaySee', 'no ' . encode_json({%process_token})),
	shared('', "[default]\n" . pair('AAAA') . "nonsense NobodyMaySee\n"),
	shared('', pair('AAAA')),
	environ('', env_pair('EEEE'), AWS_SESSION_TOKEN => 'TheTokenNobodyMaySee'),
	environ('', env_pair('EEEE'), AWS_CREDENTIAL_EXPIRATION => '2001-01-01T00:00:00Z'),
	container('', { %pod, $pod_token => "HushHush\nNobodyMaySee" }),
	{ files => { token => 'eyJ.HushHush.NobodyMaySee' }, environ => {%web} },
	{ %{ $sources{'a role'}[1] }, faults => [ { fault => 'malformed', times => 0 } ] },
	{ environ => {%task}, faults => [ { fault => 'malformed', times => 0 } ] },
	{ environ => {%imds}, faults => [ { fault => 'malformed', operation => 'GetRoleCredentials', times => 0 } ] })
{
	begin_faults($case);
	my $session = open_stage($case);

	foreach my $sql ('SET client_min_messages = debug5', 'SET log_min_messages = debug5',
		'SET log_min_error_statement = debug5', $query,
		"SELECT * FROM forecast_fdw_whoami('chain')", "EXPLAIN (ANALYZE, VERBOSE) $query")
	{
		my $result = attempt($session, $sql);
		$printed .= "$result->{text}\n$result->{rows}\n";
	}
	$printed .= slurp_file("/proc/$session->{backend}/cmdline");
	$session->quit;
}

my $log = substr(slurp_file($node->logfile), $log_start);
cmp_ok(length $log, '>', 10_000, 'the log is a chatty one');

foreach my $issued (@{ $identity->control('GET', 'issued') })
{
	$secrets{$_} = 1 foreach @$issued{qw(SecretAccessKey SessionToken)};
}
foreach my $place ([ 'the log', $log ], [ 'what the client saw', $printed ])
{
	my ($where, $text) = @$place;
	my @seen = grep { index($text, $_) >= 0 } keys %secrets;

	is(scalar @seen, 0, "$where: no secret key, no token") or diag(explain(\@seen));
	unlike($text, qr/NobodyMaySee/, "$where: no part of one");
	unlike($text, qr/HushHush/, "$where: nor of a bad one");
	unlike($text, qr/IQoJb3JpZ2luX2VjE/, "$where: no token that was issued");
}

done_testing();
