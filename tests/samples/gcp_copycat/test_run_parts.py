"""The parts of a run that need no cloud: merged listings, task assignment, positions, arguments, output and files."""

from __future__ import annotations

import os
import random
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from copycat import machine
from copycat.arguments import STORAGE_CLASSES, parse
from copycat.checkpoint import Checkpoint, Frontier, Position
from copycat.dispatch import Dispatcher
from copycat.errors import OutageError
from copycat.listing import DestinationLookup, merge, pages
from copycat.object_filter import Filter
from copycat.objects import DestinationObject, Outcome, Result, SourceObject, Task
from copycat.prefetch import Prefetcher
from copycat.progress import Log, Progress
from copycat.record_files import LocalFile, RecordFileError
from copycat.saving import Saver
from copycat.settings import Options, Settings
from copycat.stopping import StopCondition
from copycat.summary import Summary, size_text
from hypothesis import given
from hypothesis import strategies as st

from google_auth_botocore import ConfigurationError

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
NEEDED = {"GCP_COPYCAT_SOURCE": "from", "GCP_COPYCAT_DESTINATION": "to", "GCP_COPYCAT_AUDIENCE": "audience"}


def source(name: str, size: int = 1, updated: datetime = NOW) -> SourceObject:
    return SourceObject(name, 1, 1, size, updated)


def task(name: str, size: int = 1) -> Task:
    return Task(source(name, size), name, None)


def result(name: str, outcome: Outcome = Outcome.COPIED) -> Result:
    return Result(name, name, outcome)


class Bucket:
    """A listing of S3 with pages of *size* keys."""

    def __init__(self, keys: list[str], size: int) -> None:
        self.keys = sorted(keys)
        self.size = size
        self.requests = 0

    def page(self, prefix: str, after: str, token: str | None) -> tuple[list[DestinationObject], str | None]:
        self.requests += 1
        begin = after if token is None else token
        found = [key for key in self.keys if key.startswith(prefix) and key > begin]
        page = [DestinationObject(key, 1, "", NOW, "STANDARD") for key in found[: self.size]]
        return page, found[self.size - 1] if len(found) > self.size else None


NAMES = st.sets(st.text("ab/\x01é😀", max_size=4))


class TestMerging:
    @given(NAMES, NAMES, st.integers(1, 5))
    def test_each_object_is_listed_once_with_the_object_in_s3(self, here: set[str], there: set[str], size: int) -> None:
        bucket = Bucket([f"p/{name}" for name in there] + ["a", "q"], size)
        names = sorted(here)
        listed = [[source(name) for name in names[at : at + size]] for at in range(0, len(names), size)]
        destination = DestinationLookup(bucket.page, "p/")
        found = [
            each for page in merge(listed, lambda name: f"p/{name}", destination.find, lambda _: True) for each in page
        ]
        assert [each.source.name for each in found] == names
        assert {each.source.name for each in found if each.destination} == here & there
        assert all(each.destination is None or each.destination.key == each.key for each in found)

    def test_keys_that_only_s3_has_are_skipped(self) -> None:
        bucket = Bucket([f"b/{number:05}" for number in range(10_000)], 100)
        destination = DestinationLookup(bucket.page, "")
        assert destination.find("a") is None
        assert destination.find("c/1") is None
        assert bucket.requests <= 3

    def test_a_name_that_is_listed_twice_is_returned_once(self) -> None:
        listed = [[source("a"), source("a")], [source("a"), source("b")]]
        found = [each.key for page in merge(listed, str, lambda _: None, lambda _: True) for each in page]
        assert found == ["a", "b"]

    def test_an_endless_listing_raises_an_error(self) -> None:
        following = {None: "0", "0": "1", "1": "2", "2": "0"}
        with pytest.raises(OutageError, match="the same pages again and again"):
            list(pages(lambda token: ([1], "token")))
        with pytest.raises(OutageError, match="the same pages again and again"):
            list(pages(lambda token: ([1], following[token])))

    def test_an_endless_listing_of_s3_raises_an_error(self) -> None:
        following = {None: "0", "0": "1", "1": "0"}
        page = [DestinationObject("a", 1, "", NOW, "STANDARD")]
        destination = DestinationLookup(lambda prefix, after, token: (page, following[token]), "")
        with pytest.raises(OutageError, match="the same pages again and again"):
            destination.find("b")

    def test_a_long_listing_is_not_a_loop(self) -> None:
        count = len(list(pages(lambda token: ([1], str(int(token or 0) + 1) if token != "5000" else None))))
        assert count == 5001

    def test_errors_reach_the_run(self) -> None:
        def items() -> Any:
            yield 1
            raise OutageError("away")

        prefetcher = Prefetcher(items(), threading.Event())
        found: list[int] = []
        with pytest.raises(OutageError, match="away"):
            found.extend(prefetcher)
        assert found in ([1], [])

    def test_patterns_and_age_select_objects(self) -> None:
        chosen = Filter(["a*", "b?"], ["*.tmp"], NOW)
        assert [chosen.matches_name(name) for name in ("a/x", "bx", "bxx", "a.tmp", "A")] == [
            True,
            True,
            False,
            False,
            False,
        ]
        assert chosen.is_recent(source("x"))
        assert not chosen.is_recent(source("x", updated=NOW - timedelta(seconds=1)))


class TestFrontier:
    @given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=30), st.integers(0, 30))
    def test_a_position_never_moves_past_a_missing_object(self, objects: list[tuple[bool, float]], ended: int) -> None:
        frontier = Frontier(Position())
        numbers = [frontier.begin(f"{index:03}") for index in range(len(objects))]
        order = sorted(range(len(objects)), key=lambda index: objects[index][1])[:ended]
        for index in order:
            frontier.finish(numbers[index], copied=objects[index][0])
        there = {index for index in order if objects[index][0]}
        whole = next((index for index in range(len(objects)) if index not in there), len(objects))
        assert frontier.position == (Position(f"{whole - 1:03}", whole) if whole else Position())

    def test_an_unsorted_listing_has_no_position(self) -> None:
        frontier = Frontier(Position("b", 2))
        frontier.finish(frontier.begin("d"), copied=True)
        assert frontier.position == Position("d", 3)
        frontier.finish(frontier.begin("c"), copied=True)
        assert frontier.position == Position()


class TestDispatcher:
    def test_a_task_that_kills_its_workers_fails_alone(self) -> None:
        dispatcher: Dispatcher[int] = Dispatcher(4)
        for number in range(20):
            dispatcher.add(number, task(f"{number}"))
        ended: dict[int, Outcome] = {}
        worker = deaths = 0
        while dispatcher.busy:
            dispatcher.add_worker(worker)
            while batch := dispatcher.batch(worker):
                if any(number == 7 for number, _ in batch):
                    deaths += 1
                    ended.update((done.number, done.result.outcome) for done in dispatcher.remove_worker(worker))
                    worker += 1
                    break
                for done in dispatcher.done(worker, [(number, result(str(number))) for number, _ in batch]):
                    ended[done.number] = done.result.outcome
        assert ended == dict.fromkeys(range(20), Outcome.COPIED) | {7: Outcome.FAILED}
        # For some of the deaths it waits behind other tasks.
        assert 5 <= deaths <= 8

    @given(st.randoms(use_true_random=False), st.integers(1, 4))
    def test_each_task_finishes_once_whichever_workers_die(self, chance: random.Random, threads: int) -> None:
        dispatcher: Dispatcher[int] = Dispatcher(threads)
        for number in range(40):
            dispatcher.add(number, task(str(number), chance.choice([1, 1 << 30])))
        held: dict[int, list[int]] = {}
        ended: list[int] = []
        for step in range(2000):
            if not dispatcher.busy:
                break
            if len(held) < 2:
                dispatcher.add_worker(step)
                held[step] = []
            worker = chance.choice(list(held))
            held[worker] += [number for number, _ in dispatcher.batch(worker)]
            if chance.random() < 0.1:
                ended += [done.number for done in dispatcher.remove_worker(worker)]
                del held[worker]
            elif held[worker]:
                number = held[worker].pop(0)
                ended += [done.number for done in dispatcher.done(worker, [(number, result(str(number)))])]
        assert sorted(ended) == list(range(40))

    def test_an_object_that_may_have_been_copied_is_checked_first(self) -> None:
        dispatcher: Dispatcher[str] = Dispatcher(1)
        dispatcher.add(0, task("a"))
        dispatcher.add_worker("first")
        dispatcher.batch("first")
        dispatcher.remove_worker("first")
        dispatcher.add_worker("second")
        [(_, again)] = dispatcher.batch("second")
        assert again.destination is not None
        assert again.destination.size == again.source.size

    def test_large_objects_do_not_queue_behind_each_other(self) -> None:
        dispatcher: Dispatcher[str] = Dispatcher(2)
        for number in range(10):
            dispatcher.add(number, task(str(number), 1 << 40))
        dispatcher.add_worker("worker")
        assert len(dispatcher.batch("worker")) == 2


class TestArguments:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ({"source": "gs://b/p/", "destination": "s3://d"}, ("b", "p/", "d", "p/")),
            ({"source": "gs://b/p/", "destination": "s3://d/q"}, ("b", "p/", "d", "q")),
            ({"source": "gs://b", "destination": "d", "destination-prefix": "q/"}, ("b", "", "d", "q/")),
            ({"source": "b", "destination": "d", "prefix": "p", "destination-prefix": ""}, ("b", "p", "d", "")),
            ({"source": "gs://b/", "destination": "s3://d/", "prefix": "p"}, ("b", "p", "d", "p")),
        ],
    )
    def test_buckets_and_urls(self, given: dict[str, str], expected: tuple[str, ...]) -> None:
        settings, _ = parse([f"--{name}={value}" for name, value in given.items()], NEEDED)
        assert (settings.source, settings.prefix, settings.destination, settings.destination_prefix) == expected

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--source=s3://b"], ["--destination=gs://b"], ["--source=gs://"], ["--source=a/b"], ["--source="],
            ["--source=gs://b/p", "--prefix=q"], ["--workers=0"], ["--workers=-1"], ["--workers=1_0"], ["--deadline=0"],
            ["--deadline=nan"], ["--max-age=7"], ["--max-age=-7d"], ["--storage-class=standard"], ["--memory=1.5"],
            ["--expected-bucket-owner=1"], ["--log-level=loud"], ["--sour=x"],
        ],
    )  # fmt: skip
    def test_an_error_names_the_invalid_argument(self, arguments: list[str]) -> None:
        with pytest.raises(ConfigurationError):
            parse(arguments, NEEDED)

    def test_flags_and_lists_can_be_set_in_the_environment(self) -> None:
        variables = {"DRY_RUN": "1", "CHECK_METADATA": "no", "EXCLUDE": "a,b", "MAX_AGE": "2w", "NO_PROGRESS": "true"}
        environment = NEEDED | {f"GCP_COPYCAT_{name}": value for name, value in variables.items()}
        settings, options = parse(["--exclude", "x,y"], environment)
        assert (settings.dry_run, settings.check_metadata, options.progress) == (True, False, False)
        assert (options.exclude, options.max_age) == (("x,y",), timedelta(weeks=2))
        assert parse([], environment)[1].exclude == ("a", "b")
        with pytest.raises(ConfigurationError, match="GCP_COPYCAT_DRY_RUN is 'maybe'"):
            parse([], NEEDED | {"GCP_COPYCAT_DRY_RUN": "maybe"})

    def test_s3_has_the_storage_classes(self) -> None:
        shape = botocore.session.Session().get_service_model("s3").shape_for("StorageClass")
        assert set(STORAGE_CLASSES) <= set(shape.enum)  # type: ignore[attr-defined]

    def test_the_limits_of_a_container_are_used(self, tmp_path: Path) -> None:
        (tmp_path / "cpu.max").write_text("50000 100000\n")
        (tmp_path / "memory.max").write_text(f"{256 << 20}\n")
        assert machine.usable_cpus(tmp_path) == 1
        assert machine.memory(tmp_path) == 256 << 20
        (tmp_path / "cpu.max").write_text("max 100000\n")
        (tmp_path / "memory.max").write_text("max\n")
        assert machine.usable_cpus(tmp_path) >= 1
        assert machine.memory(tmp_path) > 256 << 20


class TestOutput:
    def test_without_a_terminal_there_is_a_progress_line_per_minute(self, capsys: pytest.CaptureFixture[str]) -> None:
        now = [0.0]
        options = Options()
        progress = Progress(options, Log(options), lambda: now[0])
        summary = Summary()
        summary.add(Result("a", "a", Outcome.COPIED, size=3 << 20, sent=3 << 20))
        for now[0] in (0.0, 59.0, 60.0, 61.0, 119.0, 121.0):
            progress.show(summary)
        expected = "progress: 1 copied, 0 skipped, 0 failed, 3.0 MiB sent\n"
        assert capsys.readouterr().err == 2 * expected

    @pytest.mark.parametrize(
        ("count", "text"),
        [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), ((1 << 20) - 1, "1.0 MiB"), (5 << 40, "5.0 TiB")],
    )
    def test_sizes_are_in_binary_units(self, count: int, text: str) -> None:
        assert size_text(count) == text

    @pytest.mark.parametrize("seconds", [1, 4.5, 60, 900])
    def test_a_run_ends_before_its_deadline(self, seconds: float) -> None:
        now = [0.0]
        stop_condition = StopCondition(seconds, lambda: now[0])
        assert (stop_condition.reason() is None) == (seconds > 1)
        now[0] = seconds - min(7.5, max(1.0, seconds / 5))
        assert stop_condition.reason() is not None
        assert sum(stop_condition.seconds_to_end()) <= max(0.5, seconds - now[0])


def test_a_write_error_ends_only_the_saving() -> None:
    saver = Saver()

    def fail() -> None:
        raise RecordFileError("full")

    called = threading.Event()
    saver.submit(fail)
    saver.limit(10)
    saver.submit(called.set)
    saver.close()
    assert str(saver.error) == "full"
    assert not called.is_set()


def test_settings_contain_no_secret_and_can_be_pickled() -> None:
    import pickle

    settings = Settings("from", "to", audience="audience")
    assert pickle.loads(pickle.dumps(settings)) == settings


class TestRecordFiles:
    def test_a_device_is_not_replaced(self) -> None:
        """Not even for root, who could replace it."""
        place = LocalFile(Path(os.devnull))
        place.clear()
        place.write(b"content")
        place.remove()
        assert Path(os.devnull).is_char_device()

    def test_a_link_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("file")
        place = LocalFile(tmp_path / "link")
        place.write(b"content")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_bytes() == b"content"
        place.remove()
        assert not (tmp_path / "file").exists()

    @pytest.mark.parametrize(
        "content",
        [b"[" * 200_000, b"\xff", b"null", rb'{"version": 1, "job": {}, "after": "\ud800", "objects": 1}'],
        ids=["nested", "binary", "null", "half a character"],
    )
    def test_an_invalid_checkpoint_does_not_end_a_run(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "checkpoint").write_bytes(content)
        settings, options = parse([], NEEDED)
        found, problem = Checkpoint(LocalFile(tmp_path / "checkpoint"), settings, options).load()
        assert found == Position()
        assert problem is not None


def test_a_position_without_objects_is_ignored(tmp_path: Path) -> None:
    settings, options = parse([], NEEDED)
    checkpoint = Checkpoint(LocalFile(tmp_path / "checkpoint"), settings, options)
    checkpoint.save(Position("", 5))
    assert checkpoint.load()[0] == Position()
    checkpoint.save(Position("a", 5))
    assert checkpoint.load() == (Position("a", 5), None)
