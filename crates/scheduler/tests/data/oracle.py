"""The fires of cron expressions by programs of other people, for the tests of the import.

Reads lines `program<TAB>zone<TAB>expression<TAB>from<TAB>until<TAB>most` (instants in epoch seconds, half-open) and
answers each with a line: the number of fires and the SHA-256 of their epoch seconds, one a line; or `error` and why. With
`--list` it writes the fires themselves.
"""

import hashlib
import sys
from datetime import datetime, timezone
from zoneinfo import ZoneInfo


def zone(name):
    return timezone.utc if name == "UTC" else ZoneInfo(name)


def cronsim(name, text, start):
    from cronsim import CronSim

    for at in CronSim(text, datetime.fromtimestamp(start - 1, zone(name))):
        yield int(at.timestamp())


def croniter(name, text, start):
    from croniter import croniter

    found = croniter(text, datetime.fromtimestamp(start - 1, zone(name)), implement_cron_bug=True)
    while True:
        yield int(found.get_next(float))


def apscheduler(name, text, start):
    from apscheduler.triggers.cron import CronTrigger

    names = ["minute", "hour", "day", "month", "day_of_week"]
    trigger = CronTrigger(timezone=zone(name), **dict(zip(names, text.split())))
    before, now = None, datetime.fromtimestamp(start, zone(name))
    while True:
        at = trigger.get_next_fire_time(before, now)
        if at is None:
            return
        yield int(at.timestamp())
        # As from a store: an instant, and no civil time that may not be there.
        before = datetime.fromtimestamp(at.timestamp(), zone(name))
        now = before


def fires(program, name, text, start, until, most):
    last = None
    for at in program(name, text, start):
        if at >= until or most == 0:
            return
        if at < start or at == last:
            continue
        yield at
        last = at
        most -= 1


def main():
    programs = {"cronsim": cronsim, "croniter": croniter, "apscheduler": apscheduler}
    for line in sys.stdin:
        program, name, text, start, until, most = line.rstrip("\n").split("\t")
        try:
            count, digest = 0, hashlib.sha256()
            for at in fires(programs[program], name, text, int(start), int(until), int(most)):
                count += 1
                digest.update(b"%d\n" % at)
                if "--list" in sys.argv:
                    print(at)
            if "--list" not in sys.argv:
                print(count, digest.hexdigest(), flush=True)
        except Exception as error:
            print("error", type(error).__name__, str(error).replace("\n", " "), flush=True)


if __name__ == "__main__":
    main()
