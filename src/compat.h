/*
 * compat.h
 *		What differs between the PostgreSQL versions we build with (15 to 18).
 *		No other file looks at PG_VERSION_NUM.
 */
#ifndef FORECAST_COMPAT_H
#define FORECAST_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "forecast_fdw needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 180000
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#endif

/* Since 17 a wait event set can have a resource owner; ours outlive queries. */
#if PG_VERSION_NUM >= 170000
#define forecast_create_wait_event_set(context, n) CreateWaitEventSet(NULL, (n))
#else
#define forecast_create_wait_event_set(context, n) CreateWaitEventSet((context), (n))
#endif

/* 17 added the restrictions pushed into a foreign join, 18 disabled_nodes. */
#if PG_VERSION_NUM >= 180000
#define forecast_create_foreignscan_path(root, rel, rows, startup, total, outer,         \
										 private)                                        \
	create_foreignscan_path((root), (rel), NULL, (rows), 0, (startup), (total), NIL,     \
							(outer), NULL, NIL, (private))
#elif PG_VERSION_NUM >= 170000
#define forecast_create_foreignscan_path(root, rel, rows, startup, total, outer,         \
										 private)                                        \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL,        \
							(outer), NULL, NIL, (private))
#else
#define forecast_create_foreignscan_path(root, rel, rows, startup, total, outer,         \
										 private)                                        \
	create_foreignscan_path((root), (rel), NULL, (rows), (startup), (total), NIL,        \
							(outer), NULL, (private))
#endif

/* Since 17 the statistics of an array help to estimate its length. */
#if PG_VERSION_NUM >= 170000
#define forecast_estimate_array_length(root, array) estimate_array_length((root), (array))
#else
#define forecast_estimate_array_length(root, array)                                      \
	((double) estimate_array_length(array))
#endif

/* Since 16 the plan node knows the user whose rights the scan runs with. */
#if PG_VERSION_NUM >= 160000
#define forecast_check_as_user(plan, estate) ((plan)->checkAsUser)
#else
#define forecast_check_as_user(plan, estate)                                             \
	(exec_rt_fetch((plan)->scan.scanrelid, (estate))->checkAsUser)
#endif

/* 17 can have the lexer in memory of the caller's. */
#if PG_VERSION_NUM >= 170000
#define forecast_make_json_lexer(text, len)                                              \
	makeJsonLexContextCstringLen(NULL, (text), (len), PG_UTF8, true)
#else
#define forecast_make_json_lexer(text, len)                                              \
	makeJsonLexContextCstringLen((text), (len), PG_UTF8, true)
#endif

/* 16 has one function for the privileges on all kinds of objects. */
#if PG_VERSION_NUM >= 160000
#define forecast_server_aclcheck(serverid, roleid)                                       \
	object_aclcheck(ForeignServerRelationId, (serverid), (roleid), ACL_USAGE)
#else
#define forecast_server_aclcheck(serverid, roleid)                                       \
	pg_foreign_server_aclcheck((serverid), (roleid), ACL_USAGE)
#endif

/* 18 has a new spelling, which stands before the declaration. */
#ifndef pg_noreturn
#define pg_noreturn __attribute__((noreturn))
#endif

/* 18 lets a module tell its name and version. */
#ifdef PG_MODULE_MAGIC_EXT
#define FORECAST_MODULE_MAGIC                                                            \
	PG_MODULE_MAGIC_EXT(.name = "forecast_fdw", .version = FORECAST_FDW_VERSION)
#else
#define FORECAST_MODULE_MAGIC PG_MODULE_MAGIC
#endif

#endif /* FORECAST_COMPAT_H */
