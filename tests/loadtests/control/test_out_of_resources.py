"""A generator that has no descriptor left: it is its own limit, and says so; the target is accused of nothing."""

import os

import msgspec

from loadtests.plan import Audited

# As many files as the process has open when its first session is to begin, and 12 more.
FEW_FILES = """
import os
import resource

from locust import runners

from loadtests import SmtpUser

runners.CPU_MONITOR_INTERVAL = 0.5  # Locust looks at itself while nothing can be opened, and dies of it


class Sender(SmtpUser):
    limited = False

    def session(self):
        if not Sender.limited:
            Sender.limited = True
            most = max(map(int, os.listdir("/proc/self/fd"))) + 12
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().session()
"""


def test_a_generator_without_descriptors_was_the_limit_and_the_target_is_accused_of_nothing(
    run, target, steady
) -> None:
    run.locustfile.write_text(FEW_FILES)
    run.settings = msgspec.structs.replace(
        run.settings, limits=("errors < 1%",), audit=Audited(wait_s=10), timeout_s=60, drain_s=60
    )
    run.plan(steady(40, 8), pids=(os.getpid(),))

    process = run.start()
    run.wait_until(lambda: len(target.answered_s) > 20)
    # Sessions wait for it and keep their descriptors, longer than results are left unwritten.
    target.freeze(7)
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["verdict"] == "generator saturated"
    failed = summary["errors"].pop("generator")
    assert not summary["errors"]
    assert summary["generator"]["saturated"]
    assert f"had no port, descriptor or buffer left for {failed} of its connections" in summary["sentence"]
    assert {"smtp.connect": {"generator": failed}} == summary["errors_by_operation"]
    assert summary["completed"] == 320 - failed == len(target.answered_s)
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)
    assert any("results so far cannot be written" in note for note in summary["notes"])
