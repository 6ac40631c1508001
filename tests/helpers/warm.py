"""Run Snakemake and its jobs as forks of one process that has already imported the libraries.

A job of a small study computes for a tenth of a second, but its imports take several seconds. `run`
has the effect of `subprocess.run([sys.executable, ...])`, but in a fork: the same arguments,
folder, environment and streams. No module of the project is imported before the fork. Jobs that
Snakemake starts are forks of the same process. Studies whose processes are killed or inspected do
not use this module.
"""

import atexit
import gc
import json
import os
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path

LIBRARIES = (
    "snakemake.cli",
    "snakemake.executors.local",
    "snakemake.script",
    "torch",
    "torchvision",
    "timm",
    "monai.networks.nets",
    "monai.losses",
    "pytorch_grad_cam",
    "captum.attr",
    "cv2",
    "h5py",
    "skimage.segmentation",
    "skimage.metrics",
    "sklearn.linear_model",
    "sklearn.metrics",
    "scipy.stats",
    "statsmodels.formula.api",
    "pandas",
    "pyarrow.parquet",
    "pycocotools.mask",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "jsonschema",
    "safetensors.torch",
)
SOCKET = "WARM_SOCKET"
_started: list[tuple[subprocess.Popen, Path]] = []
# The variables that `snakemake.shell` sets for a job.
THREADS = ("OMP", "GOTO", "OPENBLAS", "MKL", "NUMEXPR")


# ---- the client ----


def run(
    arguments: list[str], cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments: `-m module ...`, `-c code` or `script ...`."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        environment = {**environment, SOCKET: _server()}
        streams = (output.fileno(), errors.fileno())
        status = _asked(arguments, str(cwd), environment, streams)
        printed = []
        for file in (output, errors):
            file.seek(0)
            printed.append(file.read().decode())
        return subprocess.CompletedProcess(arguments, status, *printed)


@cache
def _server() -> str:
    """Start this process's server. It ends when `end` is called or this process ends.

    Returns:
        The path of its socket.
    """
    path = os.path.join(tempfile.mkdtemp(prefix="warm-"), "socket")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, __file__, path]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)
    _started.append((server, Path(path)))
    while not os.path.exists(path):
        assert server.poll() is None, "the server of warm processes has failed"
        time.sleep(0.05)
    return path


def end() -> None:
    """End the server, if there is one, after its last process has ended."""
    while _started:
        server, path = _started.pop()
        server.stdin.close()
        server.wait()
        shutil.rmtree(path.parent)


def _asked(arguments, cwd, environment, streams, started=lambda pid: None) -> int:
    """Let the server run a process; return its exit status, which is negative for a signal."""
    path = environment[SOCKET]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        request = json.dumps([arguments, cwd, environment]).encode()
        socket.send_fds(client, [len(request).to_bytes(8, "big")], list(streams))
        client.sendall(request)
        with client.makefile() as answers:
            started(int(answers.readline()))
            client.sendall(b"\n")  # the process may begin: Snakemake measures it now
            return int(answers.readline())


def _execute_script(self, fname, edit=False) -> None:
    """Replace `PythonScript.execute_script`: run the script in a fork, not in a new process."""
    from snakemake.benchmark import benchmarked

    threads = dict.fromkeys((f"{name}_NUM_THREADS" for name in THREADS), str(self.threads))
    folder = self.resources.get("tmpdir")
    environment = {**os.environ, **threads, **({"TMPDIR": folder} if folder else {})}
    measuring = []

    def started(pid: int) -> None:
        if self.bench_record is not None:
            measuring.append(benchmarked(pid, self.bench_record))
            measuring[0].__enter__()

    try:
        code = _asked([fname], os.getcwd(), environment, (1, 2), started)
    finally:
        if measuring:
            measuring[0].__exit__(None, None, None)
    if code:
        raise subprocess.CalledProcessError(code, f"python {fname}")


# ---- the server ----


def serve(path: str) -> None:
    """Fork for each request, until the standard input is closed."""
    import importlib

    sys.path.pop(0)  # remove this folder
    for name in LIBRARIES:
        importlib.import_module(name)
    from snakemake.script import PythonScript

    PythonScript.execute_script = _execute_script
    assert threading.active_count() == 1, "a library started a thread: no fork is safe"
    gc.collect()
    gc.freeze()  # otherwise each fork copies the memory that its garbage collector visits
    waiting: dict[int, socket.socket] = {}

    def reap(*_) -> None:
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                with waiting.pop(ended[0]) as client, suppress(OSError):
                    client.sendall(f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())

    signal.signal(signal.SIGCHLD, reap)
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(f"{path}.new")
        listener.listen()
        os.rename(f"{path}.new", path)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
            client, _ = listener.accept()
            request, streams = _received(client)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
            pid = os.fork()
            if pid == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
                client.recv(1)
                for inherited in (selector, listener, client, *waiting.values()):
                    inherited.close()
                _become(*request, streams)
            for stream in streams:
                os.close(stream)
            waiting[pid] = client
            client.sendall(f"{pid}\n".encode())
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _received(client: socket.socket) -> tuple[list, list[int]]:
    """Read (arguments, folder, environment) and the output streams."""
    size, streams, _, _ = socket.recv_fds(client, 8, 2)
    length, request = int.from_bytes(size, "big"), b""
    while len(request) < length:
        request += client.recv(1 << 20)
    return json.loads(request), streams


def _become(arguments, cwd, environment, streams) -> None:
    """Act as a Python process that was started with these arguments; never return."""
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    code = 1
    try:
        if arguments[0] == "-m":
            sys.path.insert(0, cwd)
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        elif arguments[0] == "-c":
            sys.path.insert(0, cwd)
            sys.argv = ["-c", *arguments[2:]]
            exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
        else:
            sys.path.insert(0, os.path.dirname(arguments[0]))
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            threading._shutdown()
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code & 255)


if __name__ == "__main__":
    serve(sys.argv[1])
