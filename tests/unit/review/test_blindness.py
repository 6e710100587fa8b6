"""Nothing that a judge is sent tells who answered: the runs are renamed, and every byte and header stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from harness.review import pairs, sheets
from harness.review.assignments import TaskAssigner
from harness.review.pairs import PairOptions
from harness.review.study import VOTES, Study
from harness.review.votes import Votes
from harness.runs import layout, manifest
from tests.fixtures.places import EXAMPLE
from tests.fixtures.review import SECRET, Reply, answers, ask, make_study, read, serving, vote_of

BASE = EXAMPLE.parent / "nano-base-T0.8"
JUDGES = ("ana", "ben", "cem")


def renamed(run: Path, to: Path, model: str) -> Path:
    """A copy of a run under another name, as if another model had been run."""
    shutil.copytree(run, to)
    record = json.loads((to / layout.MANIFEST).read_bytes())
    record["identity"]["model"]["name"] = record["config"]["model"] = model
    made = manifest.make(record["identity"], record["signature"].replace("nano", model), record["config"])
    record["fingerprint"], record["signature"] = made.fingerprint, made.signature
    (to / layout.MANIFEST).write_text(json.dumps(record))
    return to


def session(study: Study) -> Iterator[tuple[str, Reply]]:
    """All that three judges are sent who vote to the end, from a real server; and what an earlier task is sent again as."""
    with serving(study) as running:
        for _, url in running.links()[:-1]:
            base = "/" + url.split("/", 3)[3]
            yield "page", ask(running.port, base)
            state = ask(running.port, f"{base}/state")
            yield "state", state
            following, number = state.json()["next"], 0
            while following:
                task, number = following[0]["task"], number + 1
                yield "task", ask(running.port, f"{base}/task/{task}")
                choice = ("first", "tie", "second", "bad")[number % 4]
                body = {"client_id": f"client-{number:04}", "task": task, "choice": choice, "seconds": 3.0, "ahead": 4}
                said = ask(running.port, f"{base}/votes", body)
                assert said.status == 200, said.body
                yield "vote", said
                following = said.json()["next"]
            yield "again", ask(running.port, f"{base}/state")
        yield "nobody", ask(running.port, "/j/" + "0" * 32)
        yield "elsewhere", ask(running.port, "/key.json")


@pytest.fixture(scope="module")
def sessions(studies: list[Study]) -> list[list[tuple[str, Reply]]]:
    """What the judges of each study are sent."""
    return [list(session(study)) for study in studies]


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[Study]:
    """The same answers under two pairs of names, one much longer and later in the alphabet than the other."""
    folder = tmp_path_factory.mktemp("renamed")
    made = []
    for number, names in enumerate((("aa", "bb"), ("zz-a-very-long-name-of-a-model-v2", "a"))):
        runs = [
            renamed(run, folder / f"{number}-{name}", name) for run, name in zip((EXAMPLE, BASE), names, strict=True)
        ]
        asked = PairOptions(judges=JUDGES, samples=30, by="verdict")
        made.append(pairs.make_ab(folder / f"study-{number}", read(*runs), asked, SECRET))
    return made


def test_renaming_the_runs_changes_no_byte_and_no_header_that_a_judge_is_sent(
    sessions: list[list[tuple[str, Reply]]],
) -> None:
    first, second = sessions
    assert [what for what, _ in first].count("vote") >= 3 * 30
    assert first == second


def test_no_name_place_or_verdict_is_among_what_is_sent(
    studies: list[Study], sessions: list[list[tuple[str, Reply]]]
) -> None:
    for study, replies in zip(studies, sessions, strict=True):
        sent = b"\n".join(reply.body.rpartition(b"</style>")[2] + repr(reply.headers).encode() for _, reply in replies)
        for label, known in study.key.labels.items():
            assert label in ("a", "aa", "bb") or label.encode() not in sent
            assert known.run.encode() not in sent and known.signature.encode() not in sent
        for word in ("nano", "accepted", "wrong_answer", "all accepted", "pass@", "58efb403", *study.key.answers):
            assert word.encode() not in sent.lower(), word


def shape(told: object) -> object:
    """What kinds of values there are, without the values."""
    if isinstance(told, dict):
        return {name: shape(value) for name, value in told.items()}
    return [shape(each) for each in told] if isinstance(told, list) else type(told).__name__


def test_a_check_is_sent_in_the_same_form_as_every_other_task_and_comes_at_no_fixed_place(
    studies: list[Study], sessions: list[list[tuple[str, Reply]]]
) -> None:
    with Votes(studies[0].path / VOTES) as votes:
        leases = {lease.token: lease for lease in votes.leases()}
        places = [
            n for judge in JUDGES for n, vote in enumerate(v for v in votes.all() if v.judge == judge) if vote.check
        ]
    sent = [reply.json() for what, reply in sessions[0] if what == "task"]
    forms = {leases[each["task"]].check: json.dumps(shape(each)) for each in sent}
    assert {"identical", "repeat", "reference"} <= forms.keys() and len(set(forms.values())) == 1
    assert len({place % 11 for place in places}) > 1, places
    endings = {answer["html"].partition("</code>")[0][-1] for each in sent for answer in each["answers"]}
    assert "\n" not in endings  # the reference is trimmed as answers are


def test_where_judges_see_the_expected_answer_it_stands_beside_every_task_and_among_no_answers(tmp_path: Path) -> None:
    study = make_study(tmp_path, items=30, checks=0.5, show_expected=True)
    with serving(study) as running:
        base = "/j/" + study.key.token("judge1")
        following, seen = ask(running.port, f"{base}/state").json()["next"], []
        while following:
            seen.append(following[0])
            body = {"client_id": f"client-{len(seen):04}", "task": seen[-1]["task"], "choice": "tie", "ahead": 4}
            following = ask(running.port, f"{base}/votes", body).json()["next"]
    assert len(seen) == 45 and all("the answer to" in each["expected"] for each in seen)
    assert not any("the answer to" in answer["html"] for each in seen for answer in each["answers"])


def test_headers_hold_no_times_and_no_validators(sessions: list[list[tuple[str, Reply]]]) -> None:
    for what, reply in sessions[0]:
        names = {name.lower() for name, _ in reply.headers}
        assert not names & {"etag", "last-modified", "date", "server", "set-cookie", "server-timing"}, what
        assert dict(reply.headers)["cache-control"] == "no-store"


def test_the_ids_of_answers_have_one_length_and_their_order_is_not_that_of_the_runs(studies: list[Study]) -> None:
    key = studies[0].key
    assert {len(each) for each in key.answers} == {16}
    models = list(key.labels)
    first = [key.answers[ids[0]] == models[0] for ids in studies[0].answer_ids]
    assert 0 < sum(first) < len(first)


def test_what_lies_in_the_folder_for_judges_names_no_model(studies: list[Study]) -> None:
    one, other = ((study.path / "items.jsonl").read_bytes() for study in studies)
    assert one == other
    assert (studies[0].path / "key.json").stat().st_mode & 0o777 == 0o600


def test_sheets_do_not_change_with_the_names_either(tmp_path: Path) -> None:
    made = []
    for number, names in enumerate((("aa", "bb"), ("zz-longer", "a"))):
        runs = [
            renamed(run, tmp_path / f"{number}-{name}", name) for run, name in zip((EXAMPLE, BASE), names, strict=True)
        ]
        asked = PairOptions(judges=("ana", "ben"), samples=10)
        study = sheets.make_sheet(tmp_path / f"s{number}", read(*runs), asked, sheets.CRITERIA, SECRET)
        made.append([(study.path / f"{sheets.SHEET}.{suffix}").read_bytes() for suffix in ("json", "csv", "html")])
    assert made[0] == made[1]


def test_another_secret_gives_other_ids_sides_and_orders(tmp_path: Path) -> None:
    paths = [answers(tmp_path / f"{name}.jsonl", {f"p{n}": f"{name} {n}" for n in range(40)}) for name in ("a", "b")]
    seen = []
    for number, secret in enumerate((SECRET, "ab" * 32)):
        study = pairs.make_ab(tmp_path / f"study{number}", read(*paths), PairOptions(judges=JUDGES, checks=0.0), secret)
        desk = TaskAssigner(study)
        handed = []
        while found := desk.next("ana", 1):
            desk.vote(vote_of(found[0], "tie"))
            handed.append((found[0].item, study.key.answers[found[0].order.split(",")[0]]))
        desk.close()
        seen.append((handed, set(study.key.answers)))
    assert [item for item, _ in seen[0][0]] != [item for item, _ in seen[1][0]]
    assert dict(seen[0][0]) != dict(seen[1][0])
    assert not seen[0][1] & seen[1][1]


def test_thoughts_and_template_tokens_are_hidden_and_an_answer_that_names_a_model_is_flagged(tmp_path: Path) -> None:
    odd = "<think>I am Qwen, hm</think>Paris<|im_end|>"
    one = answers(tmp_path / "a.jsonl", {"p1": odd, "p2": "As ChatGPT I say Paris"})
    other = answers(tmp_path / "b.jsonl", {"p1": "Lyon", "p2": "<think>no end"})
    study = pairs.make_ab(tmp_path / "study", read(one, other), PairOptions(judges=JUDGES), SECRET)
    texts = {study.key.problems[n]: {study.key.answers[a.id]: a.text for a in study.item(n).answers} for n in (1, 2)}
    assert texts == {"p1": {"a": "Paris", "b": "Lyon"}, "p2": {"a": "As ChatGPT I say Paris", "b": ""}}
    flagged = [(study.key.answers[each], each) for each in study.key.flagged]
    assert [name for name, _ in flagged] == ["a"]
    assert any("empty" in each for each in study.record.warnings)


def test_pictures_lose_their_names_and_all_that_is_written_into_them(tmp_path: Path) -> None:
    rows = {}
    for name, kind in (("a", "PNG"), ("b", "JPEG")):
        told = PngImagePlugin.PngInfo()
        told.add_text("Software", "model-x")
        place = tmp_path / f"by-{name}.{kind.lower()}"
        Image.new("RGB", (8, 8), (200, 10, 10 if name == "a" else 90)).save(
            place, kind, **({"pnginfo": told} if kind == "PNG" else {"comment": b"model-y"})
        )
        row = {"id": "p", "prompt": "a red square", "image": place.name}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
        rows[name] = tmp_path / f"{name}.jsonl"
    study = pairs.make_ab(tmp_path / "study", read(*rows.values()), PairOptions(judges=JUDGES, checks=0.0), SECRET)
    found = sorted((study.path / "pictures").iterdir())
    assert len(found) == 2 and {path.suffix for path in found} == {".png"}
    for path in found:
        data = path.read_bytes()
        assert b"model" not in data and b"tEXt" not in data and b"by-" not in data
        with Image.open(path) as picture:
            assert not picture.info and picture.size == (8, 8)
