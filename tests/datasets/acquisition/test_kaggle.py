"""Downloads with a made-up client, and with the real client from a server that the test runs."""

import base64
import contextlib
import hashlib
import http.server
import io
import json
import logging
import threading
import zipfile
from pathlib import Path

import kagglehub
import pytest
import requests
from kagglehub.exceptions import KaggleApiHTTPError, UnauthenticatedError
from kagglesdk import kaggle_env

from fidelity.base.errors import InputError
from fidelity.datasets.acquisition import kaggle

NAME = "owner/data"
SECRET = "s3cret-token"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide an empty cache, and a home folder without credentials."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "home" / ".kaggle"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    return tmp_path / "cache" / "datasets" / "owner" / "data"


class FakeClient:
    """Replaces kagglehub.dataset_download: fails as requested, then returns a folder."""

    def __init__(self, folder: Path, *failures: Exception, grows: bool = False) -> None:
        self.folder, self.failures, self.grows = folder, list(failures), grows
        self.asked: list[str] = []

    def __call__(self, handle: str) -> str:
        self.asked.append(handle)
        if self.failures:
            if self.grows:
                self.folder.mkdir(parents=True, exist_ok=True)
                (self.folder / "7.archive").write_bytes(bytes(10**6 * len(self.asked)))
            raise self.failures.pop(0)
        self.folder.mkdir(parents=True, exist_ok=True)
        return str(self.folder)


@pytest.fixture
def client(cache, monkeypatch):
    def make(*failures: Exception, grows: bool = False) -> FakeClient:
        fake = FakeClient(cache, *failures, grows=grows)
        monkeypatch.setattr(kagglehub, "dataset_download", fake)
        return fake

    return make


def answer(status: int) -> KaggleApiHTTPError:
    response = requests.Response()
    response.status_code = status
    return KaggleApiHTTPError(f"{status} at https://x?signature={SECRET}", response=response)


def test_the_folder_of_the_client_is_given(client, cache):
    fake = client()
    assert kaggle.download(NAME) == cache
    assert fake.asked == [NAME]


def test_what_was_downloaded_whole_needs_no_network(client, cache):
    for version in ("2", "10"):
        (cache / "versions" / version).mkdir(parents=True)
        (cache / f"{version}.complete").touch()
    (cache / "versions" / "11").mkdir()  # an interrupted download has no mark file
    fake = client()
    kaggle.download(NAME)
    kaggle.download(f"{NAME}/versions/2")
    assert fake.asked == [f"{NAME}/versions/10", f"{NAME}/versions/2"]


@pytest.mark.parametrize(
    "failure",
    [
        UnauthenticatedError(),
        answer(401),
        answer(403),
        ValueError("Invalid Kaggle credentials file at /x/kaggle.json"),
    ],
)
def test_without_credentials_it_says_where_to_get_them(client, failure):
    client(failure)
    with pytest.raises(InputError) as caught:
        kaggle.download(NAME)
    said = str(caught.value)
    for part in (
        "'download'",
        "'Settings', 'API'",
        "~/.kaggle/access_token",
        "KAGGLE_API_TOKEN",
        "Never write it into the config",
        "https://www.kaggle.com/datasets/owner/data",
        "archive: <the .zip>",
        "root: <the folder>",
    ):
        assert part in said
    assert "\n" not in said


def test_nothing_of_the_clients_own_words_is_repeated(client, monkeypatch, caplog):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    caplog.set_level(logging.DEBUG)
    for failure in (answer(500), answer(403), requests.ConnectionError(f"https://x?s={SECRET}")):
        client(failure)
        with pytest.raises(InputError) as caught:
            kaggle.download(NAME)
        assert SECRET not in str(caught.value)
        # job_log prints no chained error anyway, but a debugger would.
        assert caught.value.__suppress_context__
    assert SECRET not in caplog.text


def test_no_such_data_set_and_other_answers(client):
    client(answer(404))
    with pytest.raises(InputError, match="'kaggle_dataset': Kaggle has no data set 'owner/data'"):
        kaggle.download(NAME)
    client(answer(503))
    with pytest.raises(InputError, match=r"HTTP 503.*Try again later.*archive:"):
        kaggle.download(NAME)


def test_no_network_is_said_at_once_with_the_way_round_it(client):
    fake = client(*[requests.ConnectionError()] * 9)
    with pytest.raises(InputError, match=r"before it began \(ConnectionError\).*--until acquire"):
        kaggle.download(NAME)
    assert len(fake.asked) == 1


def test_a_download_that_breaks_off_is_continued(client, cache):
    fake = client(*[requests.ConnectionError()] * 3, grows=True)
    assert kaggle.download(NAME) == cache
    assert len(fake.asked) == 4


def test_one_that_keeps_breaking_off_is_kept_for_the_next_run(client, cache):
    client(*[requests.ConnectionError()] * 9, grows=True)
    with pytest.raises(InputError, match=r"after 5\.0 MB, which are kept.*continues where it"):
        kaggle.download(NAME)
    assert (cache / "7.archive").stat().st_size == 5 * 10**6


def test_a_full_disk_names_the_folder_and_how_to_move_it(client):
    client(OSError(28, "No space left on device"))
    with pytest.raises(InputError, match=r"cache, 'download'.*No space left.*KAGGLEHUB_CACHE"):
        kaggle.download(NAME)


class Server(http.server.BaseHTTPRequestHandler):
    """Kaggle's two calls and its file store, which interrupts `breaks` transfers in the middle."""

    data = b""
    breaks = 0
    ranges: list[str | None] = []
    tokens: list[str | None] = []
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        cls = type(self)
        cls.tokens.append(self.headers.get("Authorization"))
        if self.path.endswith("/GetDataset"):
            body = json.dumps({"currentVersionNumber": 7}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_response(302)
            self.send_header("Location", "/store/archive.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        cls = type(self)
        asked = self.headers.get("Range")
        cls.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        rest = cls.data[start:]
        self.send_response(206 if asked else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(rest)))
        md5 = base64.b64encode(hashlib.md5(cls.data).digest()).decode()
        self.send_header("x-goog-hash", f"md5={md5}")
        self.end_headers()
        if cls.breaks > 0 and (asked or not cls.ranges[:-1]):
            cls.breaks -= 1
            rest = rest[: len(rest) // 2]
        with contextlib.suppress(OSError):  # the client may close the connection after the headers
            self.wfile.write(rest)
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for number in range(8):
            noise = hashlib.shake_256(bytes([number])).digest(2**20)
            out.writestr(f"Lung Segmentation Data/{number}.bin", noise)
    state = {"data": buffer.getvalue(), "breaks": 0, "ranges": [], "tokens": []}
    handler = type("Handler", (Server,), state)
    running = http.server.ThreadingHTTPServer(("localhost", 0), handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    address = f"http://localhost:{running.server_port}"
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
    yield handler
    running.shutdown()
    running.server_close()


def test_the_real_client_continues_a_broken_download(server, cache, monkeypatch, caplog, capfd):
    monkeypatch.setenv("KAGGLE_API_TOKEN", SECRET)
    server.breaks = 2
    folder = kaggle.download(NAME)
    assert folder == cache / "versions" / "7"
    assert len(list(folder.rglob("*.bin"))) == 8
    continued = [int(r[6:-1]) for r in server.ranges if r]
    # After each break, the client requests only the rest: first a half, then a quarter is missing.
    assert len(continued) == 2
    assert 0 < continued[0] < continued[1] < len(server.data)
    assert caplog.text.count("the download stopped after") == 2
    assert not list(cache.glob("*.archive"))
    # The client used the token from the environment, and nothing printed it.
    assert set(server.tokens) == {f"Bearer {SECRET}"}
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err + caplog.text
    calls = len(server.tokens)
    assert kaggle.download(NAME) == folder
    assert len(server.tokens) == calls


def test_the_real_client_where_nobody_answers(monkeypatch):
    address = "http://localhost:9"  # the discard port
    monkeypatch.setitem(kaggle_env._env_to_endpoint, kaggle_env.KaggleEnv.PROD, address)
    with pytest.raises(InputError, match=r"'owner/data' failed before it began.*--until acquire"):
        kaggle.download(NAME)
