"""The worker: CNTK in its own interpreter (Python 3.6), which answers one question after the other.

A question is a line of JSON on standard input, an answer a line of JSON on standard output; arrays travel as .npz files beside
them, never as pickles. It uses the standard library, numpy and cntk, and dies with the process that started it.
"""

import ctypes
import json
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main():
    parent, program, memory_bytes = sys.argv[1:]
    die_with(int(parent))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    commands = ready(program)
    limit(int(memory_bytes))
    say(answers, {"answer": None})
    for line in sys.stdin:
        say(answers, answer(commands, json.loads(line)))


def die_with(parent):
    """CNTK computes without letting any thread of Python run, so the kernel must see to it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("whoever started this worker is gone")


def limit(memory_bytes):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if memory_bytes:
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def ready(program):
    """Import what is slow to import, and return what may be asked."""
    import importlib
    import types

    # On its import CNTK has a shell look for libraries and wants pip, to fetch examples. Images have neither.
    for name, calls in (("cntk_py_init", ("cntk_check_distro_info", "cntk_check_libs")), ("sample_installer", ("install_samples",))):
        unwanted = types.ModuleType("cntk." + name)
        for call in calls:
            setattr(unwanted, call, lambda: None)
        sys.modules[unwanted.__name__] = unwanted
    return importlib.import_module(program).Commands()


def answer(commands, question):
    try:
        return {"answer": getattr(commands, question["do"])(**question["with"])}
    except MemoryError as error:
        return {"memory": str(error) or "memory is exhausted"}
    except Exception as error:  # whatever CNTK raises is for the other side to judge
        words = str(error).split("[CALL STACK]")[0].strip() or repr(error)
        return {"memory" if "bad_alloc" in words else "error": words}


def say(answers, words):
    answers.write(json.dumps(words) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
