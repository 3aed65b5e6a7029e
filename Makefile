# forecast_fdw: Amazon Forecast as tables
#
#   make && sudo make install       build and install
#   make installcheck               test against a running PostgreSQL, see CONTRIBUTING.md

EXTENSION = forecast_fdw
DATA = forecast_fdw--1.0.sql
PGFILEDESC = "forecast_fdw - foreign data wrapper for Amazon Forecast"

MODULE_big = forecast_fdw
OBJS = \
	src/analyze.o \
	src/answers.o \
	src/cache.o \
	src/condition.o \
	src/connection.o \
	src/cost.o \
	src/explain.o \
	src/feed.o \
	src/forecast_fdw.o \
	src/import.o \
	src/lookup_join.o \
	src/lookup_path.o \
	src/option.o \
	src/pager.o \
	src/plan.o \
	src/qual.o \
	src/resource.o \
	src/row.o \
	src/scan.o \
	src/stats.o \
	src/table.o \
	src/value.o \
	src/whoami.o \
	src/aws/chain.o \
	src/aws/client.o \
	src/aws/config_file.o \
	src/aws/credentials.o \
	src/aws/endpoint.o \
	src/aws/error.o \
	src/aws/exchange.o \
	src/aws/fetch.o \
	src/aws/identity.o \
	src/aws/ini_file.o \
	src/aws/json.o \
	src/aws/pollset.o \
	src/aws/printable.o \
	src/aws/process.o \
	src/aws/provider.o \
	src/aws/provider_container.o \
	src/aws/provider_environment.o \
	src/aws/provider_instance.o \
	src/aws/provider_process.o \
	src/aws/provider_profile.o \
	src/aws/provider_web_identity.o \
	src/aws/rate_limiter.o \
	src/aws/retry.o \
	src/aws/secret.o \
	src/aws/settings.o \
	src/aws/shell_words.o \
	src/aws/sigv4.o \
	src/aws/sts.o \
	src/aws/sts_answer.o \
	src/aws/transport.o \
	src/aws/url.o \
	src/aws/user_agent.o \
	src/aws/waiter.o

PG_CFLAGS = -std=gnu11
PG_CPPFLAGS = -I$(srcdir)/src $(shell pkg-config --cflags-only-I libcurl libcrypto expat)
SHLIB_LINK = $(shell pkg-config --libs libcurl libcrypto expat) -lcjson

REGRESS = setup option import describe type join keys lookup list explain error analyze stats
REGRESS_OPTS = --encoding=UTF8 --no-locale
TAP_TESTS = 1

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# The SQL tests talk to the simulator; the TAP tests each start their own.
FORECAST_SIMULATOR ?= http://127.0.0.1:8766
export FORECAST_SIMULATOR

ifdef REGRESS
installcheck: check-simulator
endif

.PHONY: check-simulator
check-simulator:
	@curl -fso /dev/null $(FORECAST_SIMULATOR)/_simulator/health || { \
	  echo "The SQL tests need the simulator at $(FORECAST_SIMULATOR), and curl to talk to it. Start it with"; \
	  echo "  test/simulator/forecast-simulator --port 8766 --fixture test/simulator/fixtures/demo.json"; \
	  echo "or name another with FORECAST_SIMULATOR=http://host:port, or run scripts/test, which does all that."; \
	  exit 1; }

# A VPATH build has the sources elsewhere, but needs folders for the objects here.
ifdef VPATH
$(shell mkdir -p src/aws)
endif

# Every object is built again when a header changes: there are few of both.
$(OBJS): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/aws/*.h)
