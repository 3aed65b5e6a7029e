/*
 * answers.h
 *		What a statement has been told.
 */
#ifndef FORECAST_ANSWERS_H
#define FORECAST_ANSWERS_H

#include "foreign/foreign.h"
#include "nodes/execnodes.h"

#include "resource.h"

/* The answers of one statement; see forecast_statement_answers(). */
typedef struct ForecastAnswers ForecastAnswers;

extern bool forecast_is_possible_arn(const char *arn);
extern ForecastAnswers *forecast_statement_answers(EState *estate);
extern const cJSON *forecast_describe(ForecastAnswers *answers, UserMapping *user,
									  const ForecastResource *resource, const char *arn);

#endif /* FORECAST_ANSWERS_H */
