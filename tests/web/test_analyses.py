"""The pages of our own analyses: what stands on them, what a wish can change, and what a retraction does to them."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from neurodash import library
from neurodash.evidence import pool
from neurodash.evidence.reanalysis import reanalyses
from neurodash.web.reading.analyses import url
from tests.conftest import Server, run, text_of

ON = dt.date(2026, 11, 21)
BALANCE = "/evidence/trials/exergame-vr/balance/"


def test_the_page_says_the_result_in_a_sentence_and_every_trial_in_a_table(answer) -> None:
    words = text_of(answer(BALANCE)[2])
    for part in (
        "Pooled over 7 trials, exergames and virtual reality did better than the comparison, by a moderate amount, though anything from trivial to large is possible: g 0.50 (95 % interval 0.14 to 0.86)",
        "The true effect in a new trial is expected between 0.10 and 0.90 (95 % prediction interval)", "Brichetto 2013", "0.99 (0.30 to 1.68)", "17 %",
        "Knapp and Hartung",
    ):  # fmt: skip
        assert part in words, part
    assert "people in a relapse on corticosteroids" in text_of(answer("/evidence/trials/exergame-vr/mobility/")[2])


def test_fewer_than_three_trials_are_said_and_no_diamond_is_drawn(answer) -> None:
    html = answer("/evidence/trials/balance/balance/")[2].decode()
    assert (
        "1 of 3 trials can be used (papers on the same people count once), fewer than three: nothing is pooled."
        in text_of(html.encode())
    )
    assert 'class="pooled"' not in html
    assert 'class="published"' in html, "the reviews stand beside what there is"


def test_the_forest_has_a_title_a_description_and_both_widths(answer) -> None:
    html = answer(BALANCE)[2].decode()
    forests = re.findall(r'<svg class="plot forest (wide|narrow)".*?</svg>', html, re.DOTALL)
    assert forests.count("wide") == forests.count("narrow") >= 2
    for svg in re.findall(r'<svg class="plot.*?</svg>', html, re.DOTALL):
        assert re.search(r'role="img" aria-label="[^"]+"><title>[^<]+</title><desc>[^<]+</desc>', svg)


def test_the_data_can_be_pooled_again_from_the_csv(answer) -> None:
    status, headers, body = answer(BALANCE[:-1] + ".csv")
    assert status == 200
    assert "attachment" in headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    used = [r for r in rows if r["used"] == "yes" and r["comparison"] == "active"]
    again = pool([float(r["yi"]) for r in used], [float(r["vi"]) for r in used], test="adhoc")
    assert round(again.estimate, 2) == 0.50
    assert all(r["reason"] for r in rows if r["used"] == "no")


def test_a_wish_nobody_can_have_changes_nothing(answer) -> None:
    plain = text_of(answer(BALANCE)[2])
    for wish in ("?out=nobody", "?out=", "?out=%ff", "?out=%3Cscript%3E", "?in=kalron2016", "?out=coote2017"):
        status, _, body = answer(BALANCE + wish)
        assert status == 200, wish
        assert text_of(body) == plain, wish


def test_every_trial_can_be_taken_out(answer) -> None:
    everything = "&".join(f"out={t}" for t in ("brichetto2013", "lozanoquilis2014", "kalron2016", "peruzzi2017", "khalil2018", "tollar2019", "molhemi2021"))  # fmt: skip
    words = text_of(answer(f"{BALANCE}?{everything}")[2])
    assert "fewer than three: nothing is pooled" in words
    assert "0 of 7 usable trials are left" in words


@pytest.mark.parametrize("path", ["/evidence/trials/none/balance/", "/evidence/trials/balance/none/", "/evidence/trials/balance/none.csv", "/evidence/trials/x/"])  # fmt: skip
def test_a_question_without_trials_is_not_found(path: str, answer) -> None:
    assert answer(path)[0] == 404


def test_a_finding_tells_what_our_own_analysis_says(answer) -> None:
    html = answer("/ms/balance-training/")[2].decode()
    finding = html[html.index('id="exergames"') :]
    finding = text_of(finding[: finding.index("</details>")].encode())
    assert "Our own analysis of the trials we could read" in finding
    assert re.search(r"Agrees 7 trials, against another kind of training: g 0.50 \(0.14 to 0.86\)", finding)


def test_the_list_says_how_many_questions_have_three_trials(answer) -> None:
    words = text_of(answer("/evidence/trials/")[2])
    assert re.search(r"239 rows of \d+ trials \(papers on the same people count once\)", words)
    assert re.search(r"9 of 95 questions have three usable trials", words)
    assert "Balance training: balance no training, usual care or attention 1 of 3" in words


# A library with twelve made-up trials of one question, and a retraction

TRIAL = "row_id,trial_id,citation,year,doi,intervention_class,comparator_class,outcome_domain,measure,measure_code,higher_is_better,sessions_per_week,minutes_per_session,n_int,n_ctl,change_int,change_int_sd,change_ctl,change_ctl_sd"


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("own")
    (folder / "evidence").mkdir()
    rows = [
        f"made{i:02d}-01,made{i:02d},Madeup{i:02d} A et al.,2020,10.5555/made{i:02d},power,no_intervention,power,leg power,,true,{1 + i % 3},30,{10 + 4 * i},{10 + 4 * i},{2 + i % 4},4,1,4"
        for i in range(12)
    ]
    (folder / "evidence" / "trials.csv").write_text("\n".join([TRIAL, *rows]) + "\n")
    (folder / "evidence" / "retractions.csv").write_text(
        "doi,date,kind,source\n10.5555/made03,2026-10-01,retraction,https://example.org/notice\n"
        "10.1080/09638288.2022.2110617,2026-10-02,expression_of_concern,https://example.org/concern\n"
    )
    server = Server(tmp_path_factory.mktemp("data"), "--content", str(folder))
    yield server
    server.stop()


def get(server: Server, path: str) -> str:
    with urllib.request.urlopen(server.url + path, timeout=20) as answer:  # noqa: S310  our own loopback address
        return str(answer.read().decode())


def test_from_ten_trials_there_is_a_funnel_and_what_the_tests_say(made_up: Server) -> None:
    html = get(made_up, "/evidence/trials/power/power/")
    assert html.count('class="plot funnel') == 2
    assert "Egger (lm, sei)" in html
    assert 'class="plot funnel' not in get(made_up, "/evidence/trials/power/power/?out=made01&out=made02")


def test_weekly_minutes_are_drawn_where_three_trials_report_them(made_up: Server) -> None:
    html = get(made_up, "/evidence/trials/power/power/")
    assert html.count('class="plot dose') == 2
    assert "11 of 11 trials report both sessions a week and minutes a session" in text_of(html.encode())


def test_a_retracted_trial_is_marked_and_left_out(made_up: Server) -> None:
    words = text_of(get(made_up, "/evidence/trials/power/power/").encode())
    assert "Pooled over 11 trials" in words
    assert re.search(r"Madeup03 2020 ?, leg power: retracted on 1 October 2026", words)
    notices = text_of(get(made_up, "/evidence/retractions/").encode())
    assert "Retracted: 10.5555/made03" in notices
    assert "Expression of concern: 10.1080/09638288.2022.2110617" in notices


def test_an_export_keeps_the_analyses_and_leaves_the_form_that_needs_a_server(tmp_path: Path) -> None:
    done = run("export", tmp_path / "site", "--on", "2026-11-21")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "site" / "evidence/trials/exergame-vr/balance/index.html").read_text()
    assert "0.50 (0.14 to 0.86)" in page.replace("\u00a0", " ")
    assert 'name="out"' not in page
    assert "Result without it" in page
    assert (tmp_path / "site" / "evidence/trials/exergame-vr/balance.csv").exists()
    links = re.findall(r'href="([^"#]+\.csv)"', page)
    assert links and all(
        ((tmp_path / "site/evidence/trials/exergame-vr/balance") / link).resolve().exists() for link in links
    )


def test_a_trial_in_two_tables_is_taken_out_of_each_alone(answer) -> None:
    where = "/evidence/trials/exergame-vr/balance/"
    boxes = re.findall(r'name="out" value="([a-z]+):([^"]+)"', answer(where)[2].decode())
    both = {trial for _, trial in boxes if sum(t == trial for _, t in boxes) == 2}
    assert both, "no trial stands in both tables any more: look for another question"
    trial = both.pop()
    for query, ticked in ((f"inactive:{trial}", 1), (f"active:{trial}", 1), (trial, 2)):
        page = answer(f"{where}?out={query}")[2].decode()
        assert page.count(f':{trial}" checked') == ticked


def test_three_trials_cannot_spare_one(answer) -> None:
    found = next(f for f in reanalyses(library.load(), ON) if f.pooled and f.k == 3)
    _, _, body = answer(url(found))
    assert "Without any one of them too few trials are left to pool." in text_of(body)
    assert found.can_spare_one is False


def test_a_result_that_includes_no_effect_has_no_direction_to_turn() -> None:
    for found in reanalyses(library.load(), ON):
        if found.pooled and found.pooled.ci_low <= 0 <= found.pooled.ci_high:
            assert all(what != "direction" for _, what in found.turning)


def test_each_note_stands_once_with_its_trials_and_each_published_result_leads_to_its_row(answer) -> None:
    html = answer(BALANCE)[2].decode()
    active = html[html.index('aria-labelledby="active"') :]
    notes = active[active.index('data-key="notes"') : active.index('data-key="published"')]
    assert notes.startswith('data-key="notes" open')
    assert text_of(notes.encode()).count("SDs may be imputed") < 7
    published = active[active.index('data-key="published"') :].split("</details>")[0]
    assert len(re.findall(r'<a href="/evidence/[\w.-]+/">', published)) == 6
    assert "telerehabilitation (exergaming or Pilates based), balance" in text_of(published.encode())
