"""Runs the workloads, contender beside contender, prints a table, writes JSON.

bench/run calls it once PostgreSQL, the simulators and the bare loop are there.
"""

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
import urllib.request
from dataclasses import dataclass

import contenders
from contenders import Failure, Task

#: What the simulator adds to each answer: nothing, and what a region is away.
LATENCIES_MS = (0, 20)
#: What --quick divides sizes by, and how often it repeats.
QUICK_DIVISOR = 10
QUICK_REPEAT = 2
SEED = 3

#: Jobs that the memory check lists: few, and many.
MEMORY_JOBS = (10_000, 1_000_000)

#: The turning point between looking up and listing: how many jobs the service has,
#: and how many outer rows are joined with them.
TURNING_JOBS = 5_000
TURNING_ROWS = (200, 400, 800, 1_600, 3_200)
TURNING_LATENCY_MS = 20


@dataclass(frozen=True)
class Workload:
    """A kind of task at a certain size."""

    name: str
    title: str
    kind: str
    #: As in Task.
    size: int
    #: How many jobs every simulator has.
    jobs: int
    regions: int = 1
    rows_per_key: int = 1
    latencies: tuple = LATENCIES_MS


WORKLOADS = (
    # 2 ms: about the least that a service takes for itself.
    Workload("describe", "one warm describe", "one", 500, 100_000, latencies=(0, 2, 20)),
    Workload("keys", "{size:,} keys by ANY", "keys", 1_000, 100_000),
    Workload(
        "join",
        "{rows:,} rows joined, {size:,} keys",
        "join",
        2_000,
        100_000,
        rows_per_key=5,
    ),
    Workload("list", "list {size:,}", "list", 100_000, 100_000),
    Workload("list-describe", "list + describe {size:,}", "list_describe", 10_000, 10_000),
    Workload("append", "append 4 regions x {size:,}", "list", 2_500, 2_500, regions=4),
)


def part_of(contender, workload, latency):
    """Which part of a workload a slow contender is given; its figures are scaled."""
    name = contender.name
    if name == contenders.AwsCli.name:
        return {"describe": 1 / 500, "keys": 1 / 200, "list": 1 / 10}.get(workload.name, 1)
    if workload.name == "describe":
        return 1 / 5 if latency else 1
    one_by_one = (contenders.Boto3.name, contenders.PlPython.name)
    if latency and name in one_by_one and workload.name != "append":
        return 1 / 10
    return 1


def takes_part(contender, workload):
    """Whether the workload is something the contender would be used for."""
    name = contender.name
    if name == contenders.ForecastFdwFromClient.name:
        return workload.name == "describe"
    if name == contenders.Boto3Pool.name:
        # One job, or one list, leaves nothing to do side by side.
        return workload.name not in ("describe", "list")
    if name == contenders.AwsCli.name:
        return workload.name in ("describe", "keys", "list", "append")
    return True


class Simulators:
    """The control planes of all simulators."""

    def __init__(self, urls):
        self.urls = urls

    def populate(self, jobs):
        """Every simulator has so many jobs, and answers at once."""
        options = {"count": jobs, "predictors": 50, "statuses": ["ACTIVE", "CREATE_FAILED"]}
        fixture = {"Generate": {"PredictorBacktestExportJobs": options}}
        self._all("POST", "reset", {})
        self._all("POST", "fixture", fixture)

    def set_latency(self, milliseconds):
        """Every answer comes so much later."""
        self._all("POST", "latency", {"ms": milliseconds})

    def forget(self):
        """Count anew."""
        self._all("DELETE", "log")

    def calls(self):
        """How many calls all of them have answered since."""
        return sum(counters["requests"] for counters in self._all("GET", "counters"))

    def _all(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        answers = []
        for url in self.urls.values():
            request = urllib.request.Request(
                f"{url}/_simulator/{path}", data, method=method
            )
            with urllib.request.urlopen(request) as answer:
                answers.append(json.load(answer))
        return answers


class Bench:
    """One run of everything that was asked for."""

    def __init__(self, options):
        self._options = options
        self._simulators = Simulators(options.urls)
        self._database = contenders.Database(options.dsn, options.urls)
        self._signer = contenders.Boto3Process(options.urls)
        self._contenders = [
            contenders.Bare(options.bare, self._signer, options.folder),
            contenders.ForecastFdw(self._database),
            contenders.ForecastFdwFromClient(self._database),
            contenders.Boto3(options.urls),
            contenders.Boto3Pool(options.urls),
            contenders.PlPython(self._database),
            contenders.AwsCli(),
        ]
        self.results = {
            "machine": machine(),
            "postgresql": self._version(),
            "repeat": options.repeat,
            "quick": options.quick,
            "rows": [],
        }

    def run(self):
        """Run it; whether all went well."""
        only = self._options.only
        print_head()
        for workload in WORKLOADS:
            if only in (None, workload.name):
                self._run_workload(workload)
        # A million jobs is the point of the memory check.
        if only == "memory" or (only is None and not self._options.quick):
            self._check_memory()
        if only == "turning-point" or (only is None and not self._options.quick):
            self._check_turning_point()
        return not any("error" in row for row in self.results["rows"])

    def _run_workload(self, workload):
        divisor = QUICK_DIVISOR if self._options.quick else 1
        self._simulators.populate(workload.jobs // divisor)
        task = self._task(workload, workload.size // divisor, workload.jobs // divisor)
        self._database.analyze(task.urls)
        for latency in workload.latencies:
            self._simulators.set_latency(latency)
            rows = self._measure(workload, task, latency)
            for row in rows:
                print_row(row)
            print(flush=True)
            self.results["rows"] += rows
            self._save()

    def _task(self, workload, size, jobs):
        """The task, with all that need not be measured done beforehand."""
        chance = random.Random(SEED)
        urls = dict(list(self._options.urls.items())[: workload.regions])
        task = Task(workload.kind, size, urls, rows_per_key=workload.rows_per_key)
        region, url = next(iter(urls.items()))
        prefix = f"arn:aws:forecast:{region}:123456789012:predictor-backtest-export-job/job_"
        numbers = range(1, jobs + 1)
        if workload.kind != "list":
            task.keys = [f"{prefix}{n}" for n in chance.sample(numbers, size)]
        if workload.kind == "join":
            rows = task.keys * workload.rows_per_key
            chance.shuffle(rows)
            self._database.fill_outer_rows(rows)
        if workload.kind in ("list", "list_describe"):
            task.pages = {
                region: self._signer.ask(do="list_bodies", region=region, url=url)
                for region, url in urls.items()
            }
        return task

    def _measure(self, workload, task, latency):
        """A row for each contender; they take turns, round by round."""
        rivals = [who for who in self._contenders if takes_part(who, workload)]
        samples = {who.name: [] for who in rivals}
        calls = {}
        errors = {}
        sizes = {
            who.name: max(1, round(task.size * part_of(who, workload, latency)))
            for who in rivals
        }
        for _ in range(self._options.repeat):
            for who in rivals:
                if who.name in errors:
                    continue
                self._simulators.forget()
                try:
                    samples[who.name].append(who.run(task, sizes[who.name]))
                    calls[who.name] = self._simulators.calls()
                except Failure as error:
                    errors[who.name] = str(error)
        title = workload.title.format(size=task.size, rows=task.size * task.rows_per_key)
        rows = []
        for who in rivals:
            row = {
                "workload": workload.name,
                "title": title,
                "latency_ms": latency,
                "contender": who.name,
            }
            if who.name in errors:
                row["error"] = errors[who.name]
            else:
                row |= figures(
                    samples[who.name], calls[who.name], sizes[who.name], whole(task)
                )
            rows.append(row)
        limit = rows[0].get("seconds")
        for row in rows:
            if limit and "seconds" in row:
                row["ratio"] = row["seconds"] / limit
        return rows

    def _check_memory(self):
        """How much more memory a backend has for a hundred times the rows."""
        row = {
            "workload": "memory",
            "title": f"list {MEMORY_JOBS[0]:,}, then {MEMORY_JOBS[1]:,}",
            "latency_ms": 0,
            "contender": contenders.ForecastFdw.name,
        }
        # A plan that looks expensive makes PostgreSQL load its compiler, which is
        # tens of megabytes and not the scan's.
        contender = contenders.ForecastFdw(self._database, "SET jit = off")
        urls = dict(list(self._options.urls.items())[:1])
        peaks = []
        try:
            for jobs in MEMORY_JOBS:
                self._simulators.populate(jobs)
                peaks.append(contender.run(Task("list", jobs, urls), jobs).peak)
            row |= {"peaks": peaks, "growth": peaks[1] - peaks[0]}
        except Failure as error:
            row["error"] = str(error)
        self.results["rows"].append(row)
        self._save()
        print_memory(row)

    def _check_turning_point(self):
        """From how many outer rows on does listing take less time than looking up,
        and from how many on does the planner list?"""
        url = dict(list(self._options.urls.items())[:1])
        task = self._task(
            Workload("turning-point", "", "join", TURNING_ROWS[-1], TURNING_JOBS),
            TURNING_ROWS[-1],
            TURNING_JOBS,
        )
        self._simulators.populate(TURNING_JOBS)
        self._database.analyze(url)
        self._simulators.set_latency(TURNING_LATENCY_MS)
        lookup = contenders.ForecastFdw(self._database, LOOKUP_ONLY)
        listing = contenders.ForecastFdw(self._database, LIST_ONLY)
        steps = []
        for rows in TURNING_ROWS:
            part = Task("join", rows, url, task.keys[:rows])
            self._database.fill_outer_rows(part.keys)
            steps.append(
                {
                    "rows": rows,
                    "lookup_seconds": self._median(lookup, part),
                    "list_seconds": self._median(listing, part),
                    "planner_lists": "LookupJoin" not in lookup.plan(part, "RESET ALL"),
                }
            )
        row = {
            "workload": "turning-point",
            "steps": steps,
            "measured": crossing(steps),
            "planned": first_listed(steps),
        }
        self.results["rows"].append(row)
        self._save()
        print_turning_point(row)

    def _median(self, contender, task):
        """The median of the rounds."""
        samples = [contender.run(task, task.size) for _ in range(self._options.repeat)]
        return statistics.median(sample.seconds for sample in samples)

    def _version(self):
        session = self._database.session()
        session.execute("SHOW server_version")
        return session.fetchone()[0]

    def _save(self):
        with open(self._options.json, "w", encoding="utf-8") as file:
            json.dump(self.results, file, indent=1)
            file.write("\n")


#: Settings that leave one of the two plans.
LOOKUP_ONLY = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_nestloop = off"
LIST_ONLY = "SET forecast_fdw.enable_lookup_join = off; SET enable_nestloop = off"


def crossing(steps):
    """How many rows take the same time either way, between two steps linearly."""
    for last, step in zip(steps, steps[1:]):
        before = last["list_seconds"] - last["lookup_seconds"]
        after = step["list_seconds"] - step["lookup_seconds"]
        if before > 0 >= after:
            part = before / (before - after)
            return round(last["rows"] + part * (step["rows"] - last["rows"]))
    return None


def first_listed(steps):
    """The fewest rows that the planner lists for, and the most that it looks up."""
    listed = [step["rows"] for step in steps if step["planner_lists"]]
    looked_up = [step["rows"] for step in steps if not step["planner_lists"]]
    return [max(looked_up, default=None), min(listed, default=None)]


def whole(task):
    """What the figures are for: one call of a loop, or all of the task."""
    return 1 if task.kind == "one" else task.size


def figures(samples, calls, size, whole_size):
    """The medians, scaled to the whole."""
    scale = whole_size / size
    return {
        "seconds": statistics.median(sample.seconds for sample in samples) * scale,
        "cpu_seconds": statistics.median(sample.cpu for sample in samples) * scale,
        "peak_bytes": statistics.median(sample.peak for sample in samples),
        "calls": round(calls * scale),
        "measured": {
            "size": size,
            "calls": calls,
            "seconds": [sample.seconds for sample in samples],
            "cpu_seconds": [sample.cpu for sample in samples],
        },
        "estimated": scale > 1,
    }


def machine():
    """What it ran on."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "processor": models[0] if models else platform.machine(),
        "processors": os.cpu_count(),
        "system": platform.platform(),
    }


# --- the table -------------------------------------------------------------

LAYOUT = "{:<32} {:>7}  {:<29} {:>9} {:>6} {:>9} {:>10} {:>8}"


def print_head():
    """The names of the columns."""
    print(
        LAYOUT.format(
            "workload", "latency", "contender", "median", "ratio", "calls", "CPU", "memory"
        ),
        flush=True,
    )


def print_row(row):
    """A row of the table; ~ before what is scaled up from a part."""
    place = (row["title"], f"{row['latency_ms']} ms", row["contender"])
    if "error" in row:
        print(LAYOUT.format(*place, "failed", "", "", "", ""), row["error"].split("\n")[0])
        return
    mark = "~" if row["estimated"] else ""
    print(
        LAYOUT.format(
            *place,
            mark + duration(row["seconds"]),
            three_digits(row["ratio"]) if "ratio" in row else "",
            f"{mark}{row['calls']:,}",
            mark + duration(row["cpu_seconds"]),
            size_of(row["peak_bytes"]),
        )
    )


def print_memory(row):
    """The row of the memory check."""
    if "error" in row:
        print_row(row)
        return
    few, many = row["peaks"]
    print(
        f"{row['title']:<32} {'0 ms':>7}  {row['contender']:<29} "
        f"memory {size_of(few)}, then {size_of(many)}: {row['growth'] / 2**20:+.2f} MB"
    )


def print_turning_point(row):
    """Both plans at each number of outer rows."""
    for step in row["steps"]:
        print(
            f"{step['rows']:>6,} rows of {TURNING_JOBS:,} jobs: "
            f"looked up in {duration(step['lookup_seconds'])}, "
            f"listed in {duration(step['list_seconds'])}; "
            f"the planner {'lists' if step['planner_lists'] else 'looks up'}"
        )
    looked_up, listed = row["planned"]
    print(f"turning point: {row['measured']} rows; the planner's between {looked_up} and {listed}")


def duration(seconds):
    """At least three digits, and a unit."""
    if seconds >= 1:
        return three_digits(seconds) + " s"
    if seconds >= 1e-3:
        return three_digits(seconds * 1e3) + " ms"
    return three_digits(seconds * 1e6) + " us"


def three_digits(value):
    """A number with as many decimals as it takes to have three digits."""
    decimals = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{decimals}f}"


def size_of(count):
    """Bytes in megabytes."""
    return f"{count / 2**20:.1f} MB"


def parse_arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="Started by bench/run.")
    names = [workload.name for workload in WORKLOADS] + ["memory", "turning-point"]
    add = parser.add_argument
    add("--quick", action="store_true")
    add("--only", choices=names)
    add("--repeat", type=int, help="rounds")
    add("--json", required=True, help="file to write")
    add("--dsn", required=True, help="the private PostgreSQL")
    add("--bare", required=True, help="the compiled bare.c")
    add("--folder", required=True, help="for temporary files")
    add(
        "--simulator",
        nargs=2,
        action="append",
        required=True,
        metavar=("REGION", "URL"),
        help="the first one is used where a workload has one region",
    )
    options = parser.parse_args()
    if options.repeat is None:
        options.repeat = QUICK_REPEAT if options.quick else 5
    if options.repeat < 1:
        parser.error("--repeat is at least 1")
    options.urls = dict(options.simulator)
    return options


def main():
    """The exit status: 1 if something failed."""
    return 0 if Bench(parse_arguments()).run() else 1


if __name__ == "__main__":
    sys.exit(main())
