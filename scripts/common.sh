# What scripts/demo and scripts/test share: Debian's packages, a build in a
# folder of its own, and the step down from root.  Sourced by both.

set -euo pipefail

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() {
	printf '\n== %s\n' "$*"
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# The prefix that runs a command as somebody whom PostgreSQL accepts: it refuses
# root.  setpriv replaces itself by the command, so that $! is the command's.
if [ "$(id -u)" = 0 ]; then
	as_user=(setpriv --reuid=postgres --regid=postgres --init-groups)
else
	as_user=()
fi

unprivileged() {
	"${as_user[@]}" "$@"
}

is_installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Installs those of the named packages that are missing.
need() {
	local package missing=()

	for package in "$@"; do
		is_installed "$package" || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0

	say "installing ${missing[*]}"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The same, where what is installed would start a service that nobody asked for.
need_without_service() {
	local policy=/usr/sbin/policy-rc.d status=0

	! is_installed "$1" || return 0
	if [ -e "$policy" ]; then
		need "$1"
		return
	fi
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
	as_root chmod +x "$policy"
	trap 'as_root rm -f /usr/sbin/policy-rc.d; exit 1' INT TERM
	need "$1" || status=$?
	as_root rm -f "$policy"
	trap - INT TERM
	return $status
}

# Debian has one version of PostgreSQL; the newest counts where there are more.
find_postgresql() {
	local bindir

	need postgresql
	bindir=$(printf '%s\n' /usr/lib/postgresql/*/bin/postgres | sort -V | tail -n 1)
	bindir=$(dirname "$bindir")
	pg_version=$(basename "$(dirname "$bindir")")
	pg_config=$bindir/pg_config
	need build-essential pkg-config "postgresql-server-dev-$pg_version" \
		libcurl4-openssl-dev libcjson-dev libssl-dev libexpat1-dev \
		curl python3 python3-botocore awscli
}

# Copies the tree to a temporary folder of the unprivileged user, which goes
# when the script ends; the source tree stays as it is.
copy_tree() {
	work_dir=$(unprivileged mktemp -d /tmp/forecast_fdw.XXXXXX)
	tar -C "$source_dir" --exclude=./.git --exclude='*.o' --exclude='*.bc' \
		--exclude='*.so' --exclude=./tmp_check -cf - . | unprivileged tar -C "$work_dir" -xf -
}

# What PostgreSQL's own headers, written for gcc and without -Wextra, need.
strict_flags="-Wall -Wextra -Werror"
clang_flags="-Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes"

# build [VARIABLE=value ...]: builds the copy.
build() {
	unprivileged make -C "$work_dir" -s PG_CONFIG="$pg_config" "$@"
}

install_extension() {
	as_root make -C "$work_dir" -s PG_CONFIG="$pg_config" install >/dev/null
}

# Starts the simulator with the given arguments on a free port; sets
# simulator_url and simulator_pid.
start_simulator() {
	local log=$work_dir/simulator.out

	"${as_user[@]}" "$work_dir/test/simulator/forecast-simulator" --port 0 "$@" \
		>"$log" 2>&1 &
	simulator_pid=$!
	for _ in $(seq 100); do
		simulator_url=$(sed -n 's/.*listening on //p' "$log" 2>/dev/null)
		[ -z "$simulator_url" ] || return 0
		sleep 0.1
	done
	echo "the simulator did not start:" >&2
	cat "$log" >&2
	return 1
}

stop_simulator() {
	[ -z "${simulator_pid:-}" ] || kill "$simulator_pid" 2>/dev/null || true
	simulator_pid=
}
