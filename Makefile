# forecast_fdw: Amazon Forecast as tables
#
#   make && sudo make install       build and install
#   make installcheck               test against a running PostgreSQL, see CONTRIBUTING.md

EXTENSION = forecast_fdw
DATA = forecast_fdw--1.0.sql
PGFILEDESC = "forecast_fdw - foreign data wrapper for Amazon Forecast"

MODULE_big = forecast_fdw
OBJS = \
	src/answers.o \
	src/connection.o \
	src/explain.o \
	src/forecast_fdw.o \
	src/import.o \
	src/option.o \
	src/plan.o \
	src/qual.o \
	src/resource.o \
	src/scan.o \
	src/table.o \
	src/value.o \
	src/aws/client.o \
	src/aws/credentials.o \
	src/aws/endpoint.o \
	src/aws/error.o \
	src/aws/json.o \
	src/aws/pollset.o \
	src/aws/sigv4.o \
	src/aws/transport.o

PG_CFLAGS = -std=gnu11
PG_CPPFLAGS = -I$(srcdir)/src $(shell pkg-config --cflags-only-I libcurl libcrypto)
SHLIB_LINK = $(shell pkg-config --libs libcurl libcrypto) -lcjson

REGRESS = setup
REGRESS_OPTS = --encoding=UTF8
TAP_TESTS = 1

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Every object is built again when a header changes: there are few of both.
$(OBJS): $(wildcard $(srcdir)/src/*.h $(srcdir)/src/aws/*.h)
