"""The director against simulated workers: who comes, dies and comes back, and whose share is whose."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.control.director import State
from loadtests.control.messages import Report, Reshare


def test_a_run_begins_when_all_expected_workers_are_ready(new_world) -> None:
    world = new_world()
    world.director.start()
    world.join("a")
    world.join("b")
    world.run(seconds=5)
    assert world.director.state is State.WAITING

    world.join("c")
    world.run(seconds=2)

    assert world.director.state is State.RUNNING


def test_a_run_does_not_wait_for_ever(world) -> None:
    world.workers["c"].alive = False

    world.run(seconds=70)

    assert world.director.state is not State.WAITING
    assert "2 of 3 workers take part" in world.said


def test_a_worker_that_cannot_take_part_is_said_and_the_others_go_on(world) -> None:
    world.workers["c"].refuses = "cannot connect to smtp://192.0.2.1:25: gave up"

    world.run()

    assert world.begun == 200
    assert any("cannot connect to smtp://192.0.2.1:25" in text for text in world.findings.notes)


def test_where_nobody_can_take_part_the_reason_is_the_result(world) -> None:
    for worker in world.workers.values():
        worker.refuses = "there is no such endpoint"

    world.run()

    assert world.findings.refused is not None
    assert (world.findings.refused.problem, world.findings.refused.exit_code) == (
        "there is no such endpoint",
        2,
    )


def test_the_share_of_a_worker_that_dies_is_divided_anew_and_said(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    world.workers["b"].alive = False

    world.run()

    record = world.findings.phases[0]
    assert set(world.made.values()) == {1}
    assert world.begun + record.given_up == 200
    assert record.share_lost == {1: record.given_up}
    # Silence is noticed after 3 s, and the news takes one more: what one of three makes in 4 s and some.
    assert 20 <= record.given_up <= 45
    summary = world.summary()
    [dead] = summary.generator.workers  # the others had nothing to tell of their health
    assert (dead.worker, dead.share_lost) == (1, record.given_up)
    assert dead.lost_at_s is not None
    assert any("worker 1 on host was lost" in note for note in summary.notes)
    # What it sent and did not tell of is no lost mail.
    assert summary.audit.lost == 0
    assert summary.audit.strangers == len(world.delivered) - world.begun


def test_a_worker_that_comes_later_gets_its_share(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=4)
    world.join("d")

    world.run()

    assert world.begun == 200
    assert set(world.made.values()) == {1}
    # A quarter of what was left, six seconds of 20 a second and less than that by the second of warning.
    assert 20 <= world.findings.figures.sessions(3).begun <= 30


def test_a_worker_that_was_only_away_takes_part_again(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=2)
    world.workers["b"].alive = False
    world.run(seconds=3.5)
    assert any("was lost" in text for text in world.said)

    run = world.plan.run
    world.workers["b"].alive = True
    world.workers["b"].orders.append(Reshare(run, 0, world.findings.phases[0].phase.begin(run).division[-1]))
    world.run()

    assert "worker 1 is back" in world.said
    assert set(world.made.values()) == {1}
    assert world.begun == 200
    assert not world.findings.lost


@settings(max_examples=25)
@given(data=st.data())
def test_whoever_joins_and_dies_no_arrival_is_made_twice_and_none_is_forgotten(
    three_workers, data: st.DataObject
) -> None:
    world = three_workers()
    names = iter("defghij")
    world.run_to(State.RUNNING)
    while world.director.state is State.RUNNING:
        world.run(seconds=data.draw(st.sampled_from([0.25, 0.5, 1, 2, 4])))
        living = [worker for worker in world.workers.values() if worker.alive]
        match data.draw(st.sampled_from(["join", "die", "go on"])):
            case "join" if (name := next(names, None)) is not None:
                world.join(name)
            case "die" if len(living) > 1:
                data.draw(st.sampled_from(living)).alive = False
            case _:
                pass
    world.run()

    record = world.findings.phases[0]
    assert set(world.made.values()) == {1}
    assert world.begun + record.given_up == 200
    assert sum(record.share_lost.values()) == record.given_up
    assert world.summary().audit.lost == 0


def test_who_was_away_itself_calls_nobody_silent(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=2)

    world.now_s += 30
    world.director.tick(world.now_s)

    assert not world.findings.lost


def test_where_no_worker_is_left_the_run_ends(world) -> None:
    world.run_to(State.RUNNING)
    world.run(seconds=3)
    for worker in world.workers.values():
        worker.alive = False

    world.run(seconds=20)

    assert world.director.state is State.DONE
    summary = world.summary()
    assert summary.verdict == "unfinished"
    assert summary.arrivals.made + summary.arrivals.given_up == 200


def test_a_report_that_was_lost_on_the_way_is_said(world) -> None:
    world.run_to(State.RUNNING)
    world.workers["a"].serial += 2

    world.run()

    summary = world.summary()
    assert "2 reports of worker 0 were lost on the way (1 times)" in summary.notes
    assert summary.verdict == "unfinished"


def test_reports_of_another_run_are_not_heard(world) -> None:
    world.run_to(State.RUNNING)
    stray = msgspec.structs.replace(
        Report(run="0badbeef", worker=0, serial=0, stage="ready"), faults={"ValueError": 1}
    )

    world.director.heard(stray, world.now_s)

    assert not world.findings.faults
