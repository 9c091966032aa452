"""Runs gcloud commands that share one start of Python.

gcloud loads a thousand modules, which takes longer than everything else that a command does.

    gcloud.py serve SOCKET ROOT    loads the modules of the gcloud in the folder ROOT, and listens
    gcloud.py run SOCKET ARGS...   is gcloud ARGS...

Each command runs in a process of its own, a fork of the server. It has the arguments, environment,
folder, input and outputs of its caller, whose signals it gets, and it ends with its caller.
"""

import atexit
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys

# Their help needs no server, and loads what the commands need.
FIRST = ["run jobs execute --help", "run jobs deploy --help", "run jobs executions list --help"]
MORE = [
    "googlecloudsdk.generated_clients.apis.run.v1.run_v1_client",
    "googlecloudsdk.generated_clients.apis.run.v2.run_v2_client",
    "googlecloudsdk.command_lib.run.printers.job_printer",
    "googlecloudsdk.command_lib.run.printers.execution_printer",
]


def main():
    what, path, *args = sys.argv[1:]
    if what == "serve":
        serve(path, args[0])
    else:
        run(path, args)


def run(path, args):
    """Has the server run a command, and ends as the command does."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    asked = json.dumps({"args": args, "env": dict(os.environ), "folder": os.getcwd()}).encode()
    socket.send_fds(server, [len(asked).to_bytes(4, "big")], [0, 1, 2])
    server.sendall(asked)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: server.send(bytes([number])))
    sys.exit((server.recv(1) or b"\x01")[0])


def serve(path, root):
    sys.path[:1] = [root + "/lib", root + "/lib/third_party"]
    load()
    gc.freeze()  # or each fork copies what the garbage collector looks at
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(100)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # forks are not waited for
    while True:
        caller, _ = server.accept()
        if os.fork() == 0:
            server.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(caller)
        caller.close()


def load():
    """Imports what some commands import in forks."""
    names = ["gcloud"] + MORE
    for command in FIRST:
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.close(reader)
            os.dup2(os.open(os.devnull, os.O_RDWR), 1)
            try:
                gcloud(command.split())
            finally:
                os.write(writer, "\n".join(sys.modules).encode())
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as loaded:
            names += loaded.read().split()
        os.wait()
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:  # it has another name when it is not part of a command
            pass


def answer(caller):
    """Runs the command of a caller, and tells it the exit code."""
    size, files, _, _ = socket.recv_fds(caller, 4, 3)
    with caller.makefile("rb") as stream:
        asked = json.loads(stream.read(int.from_bytes(size, "big")))
    ended, runs = os.pipe()  # ended can be read when nobody can write
    command = os.fork()
    if command == 0:
        caller.close()
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["env"])
        try:
            gcloud(asked["args"])
            leave(0)
        except SystemExit as end:
            leave(end.code)
    for file in files + [runs]:
        os.close(file)
    while ended not in (ready := select.select([ended, caller], [], [])[0]):
        number = caller.recv(1)
        os.kill(command, number[0] if number else signal.SIGKILL)
        if not number:
            break
    code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
    if ended in ready:
        caller.send(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def leave(code):
    """Ends this process without cleaning up its memory, which the system would first copy."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def gcloud(args):
    """Is gcloud in this process."""
    sys.argv = ["gcloud"] + args
    import gcloud as program

    program.main()


main()
