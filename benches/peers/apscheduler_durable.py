#!/usr/bin/env python3
"""Durable jobs per second of APScheduler: as many jobs of one date, added to its SQLAlchemy store and run from there.

Takes the address of a SQLite file, beside which it keeps its own, or of a PostgreSQL server. Prints its name, jobs per
second and settings with tabs in between. Needs `pip install apscheduler==3.11.3 sqlalchemy psycopg[binary]`.
"""

import sys
import threading
import time
from datetime import datetime, timezone

import apscheduler
import sqlalchemy
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

JOBS = 2_000
done = 0
lock = threading.Lock()
over = threading.Event()


def nothing():
    global done
    with lock:
        done += 1
        if done == JOBS:
            over.set()


def main():
    url = sys.argv[1]
    if url.startswith("sqlite://"):
        url = "sqlite:///" + url.removeprefix("sqlite://") + ".apscheduler"
        durable = "rollback journal, synchronous = FULL: the driver's defaults"
    else:
        url = "postgresql+psycopg://" + url.split("://", 1)[1]
        durable = "the same server"
    store = SQLAlchemyJobStore(url=url)
    scheduler = BackgroundScheduler(
        jobstores={"default": store},
        executors={"default": ThreadPoolExecutor(16)},
        job_defaults={"misfire_grace_time": None, "max_instances": 1_000_000},
    )
    start = time.monotonic()
    scheduler.start(paused=True)
    now = datetime.now(timezone.utc)
    for number in range(JOBS):
        scheduler.add_job("__main__:nothing", "date", run_date=now, id=str(number))
    added = time.monotonic() - start
    scheduler.resume()
    over.wait(60)
    took = time.monotonic() - start
    scheduler.shutdown(wait=False)
    versions = f"APScheduler {apscheduler.version} (SQLAlchemy {sqlalchemy.__version__})"
    settings = f"{durable}; {done} of {JOBS}; added in {added:.2f} s; 16 threads"
    print(f"{versions}\t{done / took:.0f}\t{settings}", flush=True)


if __name__ == "__main__":
    main()
