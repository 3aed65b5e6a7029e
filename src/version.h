/*
 * version.h
 *		The version of the extension, as forecast_fdw.control has it.
 */
#ifndef FORECAST_VERSION_H
#define FORECAST_VERSION_H

#define FORECAST_FDW_VERSION "1.0"

#endif /* FORECAST_VERSION_H */
