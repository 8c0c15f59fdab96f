"""The page of a load run, and of two: whole, alone, deaf to what the target says, and true to the summary."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from harness.errors import UsageError
from harness.results.load import Histograms, Interval, Judged, Latency, OperationInterval, Series
from harness.results.load_store import LoadRun
from reports.load import compare, render, render_diff_page

KINDS = ("clean", "broken", "saturated", "search", "empty", "nothing", "closed", "huge")
VOID = {"meta", "link", "input", "br", "col", "img", "hr"}

Runs = Mapping[str, LoadRun]


@dataclass
class Outline(HTMLParser):
    """Reads a page strictly: every element is closed in its turn."""

    open: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hrefs: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    values: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            match name:
                case "id":
                    self.ids.append(value or "")
                case "href" | "src":
                    self.hrefs.append(value or "")
                case "value" if tag == "data":
                    self.values.add(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(page: str) -> Outline:
    outline = Outline()
    outline.feed(page)
    outline.close()
    return outline


@pytest.fixture(scope="module")
def pages(load_runs: Runs) -> dict[str, str]:
    """Every run's page, and one of two runs."""
    pages = {name: render(run) for name, run in load_runs.items()}
    return pages | {
        "diff": render_diff_page(compare(load_runs["clean"], load_runs["broken"])),
        "huge diff": render_diff_page(compare(load_runs["huge"], load_runs["huge"])),
    }


EVERY = pytest.mark.parametrize("kind", [*KINDS, "diff", "huge diff"])


@EVERY
def test_every_element_is_closed_and_every_anchor_is_there_once(pages: dict[str, str], kind: str) -> None:
    outline = read(pages[kind])

    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {href[1:] for href in outline.hrefs if href.startswith("#")} <= set(outline.ids)


@EVERY
def test_the_page_asks_nobody_for_anything(pages: dict[str, str], kind: str) -> None:
    outside = [href for href in read(pages[kind]).hrefs if not href.startswith("#") and href != "data:,"]

    assert outside == []
    assert not re.findall(r"url\(|@import|fetch\(|https?://|XMLHttpRequest", pages[kind])


@EVERY
def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(
    pages: dict[str, str], kind: str
) -> None:
    for tag in ("style", "script"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", pages[kind], re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in pages[kind]
    assert "default-src &#39;none&#39;" in pages[kind]
    assert read(pages[kind]).handlers == []


@pytest.mark.parametrize("kind", ["huge", "huge diff"])
def test_what_is_hostile_is_shown_and_does_nothing(pages: dict[str, str], kind: str) -> None:
    page = pages[kind]

    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert "<img" not in page
    assert not set(page) & {"\x00", "\x1b", "\u202e"}
    assert "\\x1b[31m\\u202e" in page


def test_a_huge_run_has_a_page_that_a_browser_can_hold(pages: dict[str, str]) -> None:
    assert len(pages["huge"].encode()) < 3_500_000


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_gives_the_same_octets(load_runs: Runs, pages: dict[str, str], kind: str) -> None:
    assert render(load_runs[kind]) == pages[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_every_figure_of_the_summary_is_on_the_page_exactly(
    load_runs: Runs, pages: dict[str, str], kind: str
) -> None:
    summary = load_runs[kind].summary
    values = read(pages[kind]).values

    measures = ("p50", "p90", "p95", "p99", "p999", "p9999", "max")
    for latency in (one for one in summary.latency_ms.values() if one.count):
        assert {str(getattr(latency, measure)) for measure in measures} <= values
        assert str(latency.count) in values
    for count in summary.errors.values():
        assert str(count) in values
    if summary.audit.done:
        for count in ("owed", "found_once", "lost", "duplicated", "corrupted", "misdelivered"):
            assert str(getattr(summary.audit, count)) in values
    assert {str(judged.value) for judged in summary.slo if judged.value is not None} <= values
    for worker in summary.generator.workers:
        assert {str(worker.cpu), str(worker.lag_p99_ms), str(worker.late)} <= values
    for process in summary.target.processes:
        assert {str(process.cpu_s), str(process.memory_max_octets)} <= values


def test_the_answer_stands_before_all_and_a_saturated_generator_behind_it(pages: dict[str, str]) -> None:
    words = " ".join(read(pages["saturated"]).words)

    answer, warning, figures = (
        words.index(text)
        for text in ("This generator made 60", "The generator was saturated", "sessions completed")
    )
    assert answer < warning < words.index("worker 0 used 99.8 % of its core") < figures


def test_a_generator_that_kept_up_is_not_accused(pages: dict[str, str]) -> None:
    assert "saturated" not in " ".join(read(pages["clean"]).words).replace(".saturated", "")


def test_each_limit_has_its_verdict_and_each_round_its_value(load_runs: Runs) -> None:
    summary = replace(
        load_runs["clean"].summary,
        slo=[
            Judged(rule="smtp.message p95 < 5 s", value=1.2345, kept=True),
            Judged(rule="smtp.message p95 < 5 s", value=9.5, kept=False, round="120 %"),
            Judged(rule="sessions begun >= 98% of those asked for", value=99.25, kept=True),
            Judged(rule="pop3.retr p99 < 1 s", value=None, kept=None, note="never tried"),
        ],
    )
    words = " ".join(" ".join(read(page_of(load_runs, summary=summary)).words).split())

    assert "broken smtp.message p95 < 5 s in all 1.23 s kept 120 % 9.50 s broken" in words
    assert "kept sessions begun >= 98% of those asked for 99.2 %" in words
    assert "not measured pop3.retr p99 < 1 s never tried" in words


def page_of(load_runs: Runs, **changed: object) -> str:
    return render(_with(load_runs["clean"], **changed))


def _with(run: LoadRun, **changed: object) -> LoadRun:
    fields = {"summary": run.summary, "series": run.series, "histograms": run.histograms}
    return LoadRun(run.path, **{**fields, **changed})


def test_without_a_script_every_operation_is_there_and_the_main_one_open(
    load_runs: Runs, pages: dict[str, str]
) -> None:
    page = pages["broken"]

    for place, name in enumerate(load_runs["broken"].summary.latency_ms, 1):
        opened = " open" if name == "smtp.message" else ""
        assert f'<details class="panel" id="operation-{place}"{opened}>\n<summary>{name}</summary>' in page
    assert len(re.findall(r'<path class="band p95" d="M0 249V', page)) == 5
    assert len(re.findall(r'<path class="bars" d="M', page)) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_every_chart_says_what_it_shows_and_has_its_figures_beside_it(
    pages: dict[str, str], kind: str
) -> None:
    charts = pages[kind].split('<figure class="chart"')[1:]

    for chart in charts:
        assert re.search(r'role="img" aria-label="[^"]+\. [^"]+\."', chart)
        assert re.search(r"<tbody>\n<tr><th scope=\"row\">", chart)
        assert '<p class="axis-name"><span>' in chart


def test_what_a_pointer_reads_out_has_a_value_for_every_place(pages: dict[str, str]) -> None:
    (times,) = re.findall(r'<script type="application/json" id="times">(.*?)</script>', pages["broken"])
    clock = json.loads(times)

    for chart in pages["broken"].split('<figure class="chart"')[1:]:
        (text,) = re.findall(r'<script type="application/json">(.*?)</script>', chart)
        data = json.loads(text)
        axis = data if "edges" in data else clock
        assert len(axis["edges"]) == len(axis["labels"]) + 1
        assert axis["edges"] == sorted(axis["edges"])
        assert {len(row[2]) for row in data["rows"]} == {len(axis["labels"])}


def test_a_dead_worker_is_marked_and_its_share_is_said(pages: dict[str, str]) -> None:
    words = " ".join(read(pages["broken"]).words)

    assert "worker 1 died" in words
    assert "died after 41.0 s; 374 arrivals of its share not made" in words


def test_a_search_shows_each_step_its_capacity_and_the_knee(load_runs: Runs, pages: dict[str, str]) -> None:
    page = pages["search"]

    assert len(re.findall(r'<use class="point (?:kept|broken|saturated)" href="#p-\w+" x="-6"', page)) == 11
    assert "capacity 87.2/s" in page
    assert "knee 80.0/s" in page
    assert "limit p95 500 ms" in page
    for part in load_runs["search"].summary.rounds:
        assert f'<th scope="row">{part.label}</th>' in page


def test_a_round_that_did_not_hold_says_which_limit_it_broke(pages: dict[str, str]) -> None:
    page = pages["search"]

    assert page.count('<span class="why">smtp.message p95 &lt; 500 ms: ') == 4
    assert '<span class="state kept">' in page
    assert '<span class="state saturated">' in page


def test_the_audits_examples_can_be_opened(load_runs: Runs, pages: dict[str, str]) -> None:
    words = " ".join(read(pages["broken"]).words)

    for examples in load_runs["broken"].summary.audit.examples.values():
        assert all(example in words for example in examples)


def test_an_audit_that_was_not_made_accuses_nobody(pages: dict[str, str]) -> None:
    words = " ".join(" ".join(read(pages["empty"]).words).split())

    assert "the audit was not made (nothing was accepted)" in words
    assert "Not made: nothing was accepted." in words
    assert "found once" not in words


def test_a_run_without_its_curves_has_its_figures_all_the_same(load_runs: Runs) -> None:
    page = page_of(load_runs, series=None, histograms=None)

    assert "<figure" not in page
    assert str(load_runs["clean"].summary.latency_ms["smtp.message"].p95) in read(page).values


def test_an_error_class_stands_beside_the_operations_that_it_came_in(load_runs: Runs) -> None:
    summary = replace(
        load_runs["clean"].summary,
        errors={"refused": 3, "reset": 1},
        errors_by_operation={"smtp.connect": {"refused": 3}, "smtp.data": {"reset": 1}},
    )

    words = " ".join(" ".join(read(page_of(load_runs, summary=summary, series=None)).words).split())

    assert "refused 3 smtp.connect 3 reset 1 smtp.data 1" in words


def test_a_damaged_histogram_is_said_in_one_line(load_runs: Runs) -> None:
    with pytest.raises(
        UsageError, match=r"mailproof-load: histograms\.json: smtp\.message: the histogram is"
    ):
        page_of(load_runs, histograms=Histograms(operations={"smtp.message": "AAAA"}))


ATTACK = "</title></style></script>'\"><script>x()</script><img src=x>"
SAYINGS = st.text(max_size=40).map(lambda text: ATTACK + text)
TIMES = st.floats(0, 1e9) | st.sampled_from([0.0, 1e-9, 0.001, 599_999.9995, 1e22])


@pytest.fixture(scope="module")
def tags_of_a_harmless_page(load_runs: Runs) -> Callable[[str], list[str]]:
    """Renders the clean run with one word in every place for words; its elements in order."""

    def tags(word: str) -> list[str]:
        summary = load_runs["clean"].summary
        said = replace(
            summary,
            scenario=word,
            sentence=word,
            command=word,
            notes=[word],
            evidence=[word],
            target=replace(summary.target, name=word),
            settings={"key": word},
            errors={word: 1},
            errors_by_operation={word: {word: 1}},
            latency_ms={
                word: Latency(count=1, p50=1.0, p90=1.0, p95=1.0, p99=1.0, p999=1.0, p9999=1.0, max=1.0)
            },
        )
        page = page_of(load_runs, summary=said, series=None, histograms=None)
        outline = read(page)
        assert "".join(outline.words).isprintable() or set("".join(outline.words)) & {"\n"}
        return outline.tags

    return tags


@settings(max_examples=30)
@given(word=SAYINGS)
def test_no_word_changes_what_the_page_is_made_of(
    tags_of_a_harmless_page: Callable[[str], list[str]], word: str
) -> None:
    assert tags_of_a_harmless_page(word) == tags_of_a_harmless_page("harmless")


@settings(max_examples=40)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 10**9), TIMES, TIMES, st.floats(0, 1e9)), max_size=12
    ),
    interval_s=st.sampled_from([0.25, 1.0, 3600.0]),
)
def test_any_series_can_be_drawn(
    load_runs: Runs, rows: list[tuple[int, int, float, float, float]], interval_s: float
) -> None:
    intervals = [
        Interval(
            at_s=at_s,
            due=count,
            begun=failed,
            completed=count,
            failed=failed,
            active=failed,
            errors={"421": failed, "": count},
            operations={
                "smtp.message": OperationInterval(
                    count=count, failed=failed, p50=low, p90=low, p95=high, p99=high, max=high
                )
            },
        )
        for count, failed, low, high, at_s in sorted(rows, key=lambda row: row[4])
    ]
    page = page_of(load_runs, series=Series(interval_s=interval_s, intervals=intervals), histograms=None)

    assert not re.findall(r'[ "][dxy][12]?="[^"]*(?:nan|inf|e[+-])', page)
    assert read(page).open == []


def test_the_templates_name_no_other_host() -> None:
    templates = Path(__file__).parents[3] / "reports" / "templates"

    for path in templates.glob("load*"):
        assert "//" not in re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE), path


def test_a_percentile_that_rests_on_few_samples_is_grey(load_runs: Runs, pages: dict[str, str]) -> None:
    latency = load_runs["clean"].summary.latency_ms["smtp.message"]

    assert f'<td class="n"><data value="{latency.p99}">' in pages["clean"]
    assert f'<td class="n wide quiet"><data value="{latency.p999}">' in pages["clean"]
    assert f'<td class="n"><data value="{latency.max}">' in pages["clean"]
