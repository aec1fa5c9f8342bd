"""Kernels forked from one process that has Keras in memory: to import it takes most of the time of a short notebook.

`Server` starts that process. Where a notebook runs, Jupyter starts this file in place of a kernel: it asks the server
for a fork, passes signals on to it, and ends with it.
"""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading


class Server:
    """The process that is forked: it starts when a kernel is first taken over, and ends with the process that made it.

    Parameters
    ----------
    folder : Path
        An empty folder, in which the server's socket is made.
    """

    def __init__(self, folder):
        self.address = str(folder / "socket")
        self.process = None

    def start(self):
        command = [sys.executable, __file__, self.address]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdout.readline()  # it listens now

    def take_over(self, path):
        """Change a kernel's description, at `path`, so that Jupyter gets a fork."""
        if self.process is None:
            self.start()
        spec = json.loads(path.read_text(encoding="utf-8"))
        spec["argv"] = [sys.executable, "-S", __file__, self.address, "-f", "{connection_file}"]
        path.write_text(json.dumps(spec), encoding="utf-8")

    def end(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()


def serve(address):
    """Import what the notebooks import, and fork once for each connection."""
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"  # as a kernel does before all else
    import ipykernel.kernelapp  # noqa: F401
    import keras  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print(flush=True)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                be_kernel(connection)
            connection.close()


def be_kernel(connection):
    """In the fork: with the folder, the variables and the outputs of the process that asked for it, run a kernel."""
    asked, files, _, _ = socket.recv_fds(connection, 1 << 20, 2)
    folder, environment, arguments = json.loads(asked)
    for file, place in zip(files, (1, 2), strict=True):
        os.dup2(file, place)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.send(str(os.getpid()).encode())
    threading.Thread(target=lambda: (connection.recv(1), os._exit(0)), daemon=True).start()
    sys.argv, sys.path[0] = arguments, ""
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()
    os._exit(0)


def stand_in(address, *arguments):
    """In the process that Jupyter started: ask for a fork, and wait for its end, or for that of Jupyter."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
        request = [os.getcwd(), environment, ["kernel", *arguments]]
        socket.send_fds(connection, [json.dumps(request).encode()], [1, 2])
        kernel = int(connection.recv(20))
        signal.signal(signal.SIGINT, lambda *_: os.kill(kernel, signal.SIGINT))
        parent = os.getppid()
        while not select.select([connection], [], [], 1)[0] and os.getppid() == parent:
            pass


if __name__ == "__main__":
    serve(*sys.argv[1:]) if len(sys.argv) == 2 else stand_in(*sys.argv[1:])
