/*
 * cost.c
 *		What calls cost the planner: round trips, which overlap up to
 *		max_pool_connections, and the work that a call and a row are.
 *
 * The round trip is the option fdw_startup_cost and a row fdw_tuple_cost, so that
 * whoever is nearer to AWS, or farther away, can say so.
 */
#include "postgres.h"

#include <math.h>

#include "cost.h"

/*
 * To sign, send, receive and parse one describe call takes about a two-hundredth
 * of a round trip of 20 ms, which is 100 by default.
 */
#define DESCRIBE_COST 0.5

/*
 * So many describe calls, max_pool_connections of them at once.
 */
ForecastCost
forecast_cost_of_describes(const ForecastTuning *tuning, double calls)
{
	double rounds = ceil(calls / tuning->max_pool_connections);
	Cost round_trip = tuning->startup_cost;

	return (ForecastCost){.startup = round_trip + DESCRIBE_COST,
						  .total = rounds * round_trip + calls * DESCRIBE_COST};
}

/*
 * So many lists with so many rows together, max_pool_connections of them at once,
 * the pages of each one after the other; describe: each row is described, beside
 * the paging.  A list is a page longer than its rows fill: where it ends is only
 * known at its end, and there may be more by now than when it was analyzed.
 */
ForecastCost
forecast_cost_of_lists(const ForecastTuning *tuning, double lists, double rows,
					   bool describe)
{
	Cost round_trip = tuning->startup_cost;
	double rounds = ceil(lists / tuning->max_pool_connections);
	double pages = 1 + rows / lists / tuning->fetch_size;
	ForecastCost cost = {.startup = round_trip,
						 .total = rounds * pages * round_trip +
								  rows * tuning->tuple_cost};

	if (describe)
	{
		ForecastCost describes = forecast_cost_of_describes(tuning, rows);

		cost.startup += describes.startup;
		cost.total = round_trip + Max(cost.total, describes.total);
	}
	return cost;
}
