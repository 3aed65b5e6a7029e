"""What a user would write with boto3, as a process that stays: clients warm,
connections open.  Also signs the requests that the bare loop sends.

    boto3_script.py CONNECTIONS '{"<region>": "<endpoint URL>", ...}'

Reads commands from standard input and answers on standard output, a line of JSON
each.  {"do": "describe", "regions": [...], "arns": [...], "threads": 1} is answered
with {"ok": {"seconds": 0.5, "count": 100}}, or with {"error": "..."}.
"""

import json
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

KEYS = {
    "aws_access_key_id": "AKIAIOSFODNN7EXAMPLE",
    "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
}
PAGE = 100


class Script:
    """The commands; each is a method."""

    def __init__(self, connections, urls):
        # Threads share a client, but cannot each make one: boto3's default session
        # is not made for that.
        self._clients = {
            region: boto3.client(
                "forecast",
                region_name=region,
                endpoint_url=url,
                config=Config(max_pool_connections=connections),
                **KEYS,
            )
            for region, url in urls.items()
        }

    def describe(self, regions, arns, threads):
        """Describe the ARNs; how many have a status."""
        [region] = regions
        return sum(value is not None for value in self._statuses(region, arns, threads))

    def join(self, regions, arns, threads):
        """Describe every distinct ARN; how many of all have a status."""
        [region] = regions
        distinct = list(set(arns))
        statuses = dict(zip(distinct, self._statuses(region, distinct, threads)))
        return sum(statuses[arn] is not None for arn in arns)

    def _statuses(self, region, arns, threads):
        client = self._clients[region]
        return each(lambda arn: describe(client, arn)["Status"], arns, threads)

    def list(self, regions, jobs, threads):
        """List every region; how many jobs have a status."""

        def count(region):
            pages = pages_of(self._clients[region], jobs)
            return sum(job["Status"] is not None for page in pages for job in page)

        return sum(each(count, regions, threads))

    def list_describe(self, regions, jobs, threads):
        """List the jobs and describe each; how many have a format."""
        [region] = regions
        client = self._clients[region]

        def format_of(job):
            return describe(client, job["PredictorBacktestExportJobArn"])["Format"]

        jobs_listed = (job for page in pages_of(client, jobs) for job in page)
        formats = each(format_of, jobs_listed, threads)
        return sum(value is not None for value in formats)


def each(function, items, threads):
    """The results of a function; a pool of threads begins while items still come."""
    if threads == 1:
        return list(map(function, items))
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def describe(client, arn):
    """One job."""
    return client.describe_predictor_backtest_export_job(
        PredictorBacktestExportJobArn=arn
    )


def pages_of(client, jobs):
    """The first jobs, a page at a time."""
    paginator = client.get_paginator("list_predictor_backtest_export_jobs")
    pages = paginator.paginate(PaginationConfig={"PageSize": PAGE, "MaxItems": jobs})
    return (page["PredictorBacktestExportJobs"] for page in pages)


def list_bodies(region, url):
    """The bodies of the requests that list everything: each has the token that the
    answer to the one before it had."""
    client = boto3.client("forecast", region_name=region, endpoint_url=url, **KEYS)
    bodies = [{"MaxResults": PAGE}]
    while True:
        answer = client.list_predictor_backtest_export_jobs(**bodies[-1])
        if "NextToken" not in answer:
            return bodies
        bodies.append({"MaxResults": PAGE, "NextToken": answer["NextToken"]})


def sign(region, url, operation, bodies, path):
    """Write signed requests, each after its length."""
    signer = SigV4Auth(
        Credentials(KEYS["aws_access_key_id"], KEYS["aws_secret_access_key"]),
        "forecast",
        region,
    )
    with open(path, "wb") as file:
        for body in bodies:
            request = AWSRequest(
                method="POST",
                url=url + "/",
                data=json.dumps(body).encode(),
                headers={
                    "Content-Type": "application/x-amz-json-1.1",
                    "X-Amz-Target": f"AmazonForecast.{operation}",
                },
            )
            signer.add_auth(request)
            content = to_bytes(request, url)
            file.write(struct.pack("=I", len(content)) + content)


def to_bytes(request, url):
    """A request as it goes over the wire."""
    lines = ["POST / HTTP/1.1", "Host: " + url.removeprefix("http://")]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"Content-Length: {len(request.data)}", "", ""]
    return "\r\n".join(lines).encode() + request.data


def carry_out(script, name, arguments):
    """The reply to a command."""
    helpers = {"sign": sign, "list_bodies": list_bodies}
    if name in helpers:
        return helpers[name](**arguments)
    start = time.perf_counter()
    count = getattr(script, name)(**arguments)
    return {"seconds": time.perf_counter() - start, "count": count}


def main():
    """Carry out commands until the input ends."""
    script = Script(int(sys.argv[1]), json.loads(sys.argv[2]))
    for line in sys.stdin:
        command = json.loads(line)
        try:
            reply = {"ok": carry_out(script, command.pop("do"), command)}
        except Exception as error:  # the table has a place for it
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
