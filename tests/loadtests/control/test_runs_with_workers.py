"""Whole runs in several processes: forked, joined by hand, killed in the middle."""

import os
import signal

import psutil


def test_forked_processes_share_the_arrivals_and_agree_with_locusts_table(
    run, target, steady, forked
) -> None:
    run.plan(steady(40, 3), workers=2)

    process = run.start(*forked(2), "--json-file", "table")
    summary = run.finish(process)

    run.assert_went_well(process, summary)
    assert summary["arrivals"]["made"] == summary["completed"] == len(target.answered_s) == 120
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == 120
    assert [worker["worker"] for worker in summary["generator"]["workers"]] == [0, 1]
    assert run.locusts_table() == run.table_of(summary)


def test_of_three_workers_one_is_killed_and_the_figures_add_up(run, target, steady, free_port) -> None:
    run.plan(steady(60, 10), workers=3)
    meeting = ["--master-host", "127.0.0.1", "--master-port", str(free_port)]

    master = run.start(
        "--master",
        "--expect-workers",
        "3",
        "--master-bind-host",
        "127.0.0.1",
        "--master-bind-port",
        str(free_port),
    )
    workers = [run.start("--worker", *meeting, headless=False) for _ in range(3)]
    run.wait_until(lambda: len(target.answered_s) > 90)
    workers[1].kill()
    summary = run.finish(master)

    arrivals, audit = summary["arrivals"], summary["audit"]
    [dead] = [worker for worker in summary["generator"]["workers"] if worker["lost_at_s"] is not None]
    assert arrivals["made"] + arrivals["given_up"] == arrivals["planned"] == 600
    assert dead["share_lost"] == arrivals["given_up"] > 0
    # A third of what came in the 3 s until it was noticed and the second until all had heard of it.
    assert arrivals["given_up"] < 600 / 3
    assert any("was lost" in note for note in summary["notes"])
    # What the others sent is all there; what the dead one did not tell of accuses nobody.
    assert audit["found_once"] == audit["owed"]
    assert audit["lost"] == audit["duplicated"] == audit["undecided"] == 0
    assert audit["owed"] + audit["strangers"] + audit["accepted_despite_error"] == len(target.answered_s)
    run.assert_went_well(master, summary)
    assert [worker.wait(120) for worker in (workers[0], workers[2])] == [0, 0]


def test_ctrl_c_to_all_processes_is_the_masters_to_decide(run, target, steady, forked) -> None:
    run.plan(steady(40, 60), workers=2)

    process = run.start(*forked(2))
    run.wait_until(lambda: len(target.answered_s) > 40)
    os.killpg(process.pid, signal.SIGINT)
    summary = run.finish(process)

    assert process.returncode == 3
    assert summary["arrivals"]["made"] + summary["arrivals"]["given_up"] == 2400
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)
    assert not [worker for worker in summary["generator"]["workers"] if worker["lost_at_s"] is not None]


def test_a_worker_that_comes_late_takes_part_and_one_that_cannot_says_why(
    run, target, steady, free_port
) -> None:
    run.plan(steady(40, 60), workers=1)
    meeting = ["--master-host", "127.0.0.1", "--master-port", str(free_port)]
    elsewhere = run.directory / "elsewhere.toml"
    elsewhere.write_text(run.target_file.read_text().replace(str(target.ports["smtp"]), "1"))

    master = run.start("--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(free_port))
    run.start("--worker", *meeting, headless=False)
    run.wait_until(lambda: len(target.answered_s) > 20)
    late = run.start("--worker", *meeting, headless=False)
    blind = run.start("--worker", *meeting, "--mail-target", str(elsewhere), headless=False)
    run.wait_until(lambda: "takes part from now on" in run.said())
    run.wait_until(lambda: "smtp://127.0.0.1:1: cannot connect: connection refused" in run.said())
    so_far = len(target.answered_s)
    run.wait_until(lambda: len(target.answered_s) > so_far + 80)
    master.send_signal(signal.SIGINT)
    summary = run.finish(master)

    assert summary["arrivals"]["made"] + summary["arrivals"]["given_up"] == 2400
    assert summary["audit"]["found_once"] == summary["audit"]["owed"] == len(target.answered_s)
    assert len(summary["generator"]["workers"]) == 2
    assert late.wait(120) == 0
    assert blind.wait(120) == 3


def test_no_process_is_left_when_the_master_is_killed(run, target, steady, forked) -> None:
    run.plan(steady(20, 60), workers=2)

    process = run.start(*forked(2))
    run.wait_until(lambda: len(target.answered_s) > 20)
    workers = psutil.Process(process.pid).children()
    process.kill()

    _, left = psutil.wait_procs(workers, timeout=30)
    assert not left
