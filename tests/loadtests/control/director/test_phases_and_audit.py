"""The director against simulated workers: what is done when, and when a run ends."""

from loadtests.control.director import State
from loadtests.figures.tally import Sessions
from loadtests.plan import Phase, Segment


def test_a_run_makes_every_arrival_once_and_finds_every_message(world) -> None:
    world.run()

    assert world.director.state is State.DONE
    assert world.begun == 200
    assert set(world.made.values()) == {1}
    summary = world.summary()
    assert summary.verdict == "kept"
    assert (summary.audit.owed, summary.audit.found_once) == (200, 200)
    assert summary.arrivals.made_per_s == summary.arrivals.asked_per_s == 20
    assert not summary.notes


def test_what_a_worker_tells_after_its_phase_is_counted_in_it(three_workers) -> None:
    phases = tuple(
        Phase(label=label, segments=(Segment(from_per_s=20, to_per_s=20, duration_s=5),)) for label in "ab"
    )
    world = three_workers(phases=phases)
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    away = world.workers["b"]
    away.live()
    away.sessions.merge(Sessions(due=3, begun=3, completed=3))  # made, and not told of yet
    away.alive = False
    while world.director.record is world.findings.phases[0]:
        world.step()
    away.alive = True
    world.run()

    arrivals = world.summary().arrivals
    assert arrivals.made + arrivals.given_up == arrivals.planned == 200


def test_stop_gives_up_the_rest_and_audits_what_was_done(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    world.director.stop("asked to end", world.now_s)
    world.run()

    summary = world.summary()
    assert summary.arrivals.made + summary.arrivals.given_up == 200
    assert 20 <= summary.arrivals.made <= 80
    assert summary.audit.done
    assert summary.audit.found_once == summary.audit.owed == summary.arrivals.made
    assert summary.verdict == "unfinished"
    assert "asked to end" in summary.sentence


def test_abort_ends_at_once_and_accuses_nobody(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    world.director.abort("asked twice to end")

    assert world.director.state is State.DONE
    summary = world.summary()
    assert not summary.audit.done
    assert summary.audit.lost == 0
    assert summary.audit.undecided == summary.audit.owed > 0
    assert summary.verdict == "unfinished"


def test_the_audit_waits_for_late_mail(world) -> None:
    world.withheld = lambda slot: slot == 7
    world.run_to(State.AUDITING)
    world.run(seconds=2)
    world.delivered += [(number, 7, number) for number in range(3)]
    world.run()

    summary = world.summary()
    assert (summary.audit.lost, summary.audit.found_once) == (0, 200)


def test_mail_that_does_not_come_in_its_time_is_lost(world) -> None:
    world.withheld = lambda slot: slot == 7

    world.run()

    summary = world.summary()
    assert summary.audit.lost == 3
    assert summary.audit.waited_s >= 5
    assert summary.verdict == "broken"


def test_a_wait_that_is_cut_short_leaves_undecided_what_is_missing(world) -> None:
    world.withheld = lambda slot: slot == 7
    world.run_to(State.AUDITING)
    world.run(seconds=1)

    world.director.stop("asked to end", world.now_s)
    world.run()

    audit = world.summary().audit
    assert (audit.lost, audit.undecided) == (0, 3)


def test_mailboxes_of_a_worker_that_dies_while_it_reads_are_undecided(world) -> None:
    world.workers["b"].lazy = True
    world.run_to(State.AUDITING)
    world.workers["b"].alive = False

    world.run()

    audit = world.summary().audit
    assert world.director.state is State.DONE
    assert audit.lost == 0
    assert audit.undecided > 0
    assert audit.found_once + audit.undecided == audit.owed


def test_arrivals_that_warm_up_do_not_count(three_workers) -> None:
    warm_up = Segment(from_per_s=20, to_per_s=20, duration_s=5, counted=False)
    counted = Segment(from_per_s=20, to_per_s=20, duration_s=5)
    world = three_workers(phases=(Phase(label="all", segments=(warm_up, counted)),))

    world.run()

    arrivals = world.summary().arrivals
    assert len(world.made) == 200
    assert (arrivals.planned, arrivals.made, arrivals.given_up) == (100, 100, 0)
    assert arrivals.asked_per_s == arrivals.made_per_s == 20


def test_phases_follow_each_other_and_are_judged_each(three_workers) -> None:
    phases = tuple(
        Phase(label=label, segments=(Segment(from_per_s=rate, to_per_s=rate, duration_s=5),))
        for label, rate in (("80%", 16), ("100%", 20), ("120%", 24))
    )
    world = three_workers(phases=phases)

    world.run()

    summary = world.summary()
    assert [one.label for one in summary.rounds] == ["80%", "100%", "120%"]
    assert [one.arrivals.made for one in summary.rounds] == [80, 100, 120]
    assert summary.arrivals.planned == 300
