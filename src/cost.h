/*
 * cost.h
 *		What calls cost the planner.
 */
#ifndef FORECAST_COST_H
#define FORECAST_COST_H

#include "nodes/pathnodes.h"

#include "option.h"

/* In the planner's unit of a sequentially read page. */
typedef struct ForecastCost
{
	Cost startup; /* until the first row */
	Cost total;
} ForecastCost;

extern ForecastCost
forecast_cost_of_describes(const ForecastTuning *tuning, double calls);
extern ForecastCost forecast_cost_of_lists(const ForecastTuning *tuning, double lists,
										   double rows, bool describe);

#endif /* FORECAST_COST_H */
