/*
 * json.h
 *		JSON text to a cJSON tree that a memory context owns.
 */
#ifndef AWS_JSON_H
#define AWS_JSON_H

#include <cjson/cJSON.h>

extern void aws_json_replace_nul(char *text);
extern cJSON *aws_json_parse(const char *text, size_t len);

#endif /* AWS_JSON_H */
