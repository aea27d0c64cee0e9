"""What a training script has no need to reach for, and why a person would want to know.

Names are dotted origins, as `torch.load`; a name stands for all that lies below it too. The result
of a call is written with `()`: `pathlib.Path().unlink`.
"""

import re

FIXED = "prepare"
"""The module that hands out data, holds the clock and measures."""
OFFERED = frozenset(
    {"Trial", "open_trial", "device", "vocabulary_size", "row_length", "load_tokenizer"}
)
"""What it offers to a script (docs/contract.md)."""
OPENS_TRIAL = "prepare.open_trial()"
TRIAL_INSIDES = frozenset({"data", "folder"})

ENVIRONMENT = "os.environ"
SETS_ENVIRONMENT = "changes the environment"
ENVIRONMENT_WRITERS = frozenset(
    f"{ENVIRONMENT}.{name}" for name in ("update", "setdefault", "pop", "popitem", "clear")
)
OS_HARMLESS = frozenset(
    {"cpu_count", "environ", "getenv", "getpid", "linesep", "name", "path", "sched_getaffinity"}
    | {"PathLike", "fspath", "sep", "urandom"}
)

BUILTINS = frozenset(
    {
        "__builtins__",
        "__import__",
        "__loader__",
        "__name__",
        "__spec__",
        "breakpoint",
        "compile",
        "delattr",
    }
    | {"eval", "exec", "getattr", "globals", "input", "locals", "open", "print", "setattr", "vars"}
)
"""Those of Python's own names that are looked at."""
SETTERS = frozenset({"builtins.setattr", "builtins.delattr"})
GETTERS = frozenset({"builtins.getattr"})
PRINTERS = frozenset(
    {"builtins.print", "sys.stdout.write", "sys.stderr.write", "sys.__stdout__.write"}
    | {"logging.info", "logging.warning", "logging.error"}
)

INSIDES = frozenset(
    {"__bases__", "__builtins__", "__closure__", "__code__", "__defaults__", "__delattr__"}
    | {"__dict__", "__getattribute__", "__globals__", "__kwdefaults__", "__loader__", "__mro__"}
    | {"__self__", "__setattr__", "__spec__", "__subclasses__", "__wrapped__", "cell_contents"}
    | {"ag_frame", "cr_frame", "f_back", "f_builtins", "f_globals", "f_locals", "gi_frame"}
    | {"tb_frame", "tb_next"}
)
"""Attributes through which any object leads to any other."""

METHODS = {
    "manual_seed": "chooses a seed of its own",
    "read_bytes": "reads or writes files",
    "read_text": "reads or writes files",
    "tofile": "reads or writes files",
    "write_bytes": "reads or writes files",
    "write_text": "reads or writes files",
}
"""Of whatever object."""

PLACES = re.compile(
    r"(val|train)\.rows|(trial|verdict|evaluation)\.json|journal\.jsonl|\.safetensors|\.git\b"
    r"|prepare\.py|train\.py|AUTORESEARCH_|LD_PRELOAD"
    r"|(^|[\s'\"=:])(/proc|/dev|/etc|/home|/root|/tmp|/var|/sys|/usr|~)/",
)
"""Text that names a file or a setting which is not the script's."""

TELLS_APART = "tells whether it is trained or measured"

_BY_REASON = {
    "reads or writes files": (
        "builtins.open", "codecs.open", "csv", "dbm", "fcntl", "fileinput", "glob", "gzip", "h5py",
        "bz2", "io.FileIO", "io.open", "io.open_code", "linecache", "lzma", "mmap",
        "numpy.fromfile", "numpy.genfromtxt", "numpy.lib.format", "numpy.lib.npyio", "numpy.load",
        "numpy.loadtxt", "numpy.memmap", "numpy.save", "numpy.savetxt", "numpy.savez",
        "numpy.savez_compressed", "pandas", "pathlib", "pyarrow", "safetensors", "shelve", "shutil",
        "sqlite3", "tarfile", "tempfile", "torch.UntypedStorage.from_file", "torch.from_file",
        "torch.jit.load", "torch.jit.save", "torch.load", "torch.save",
        "torch.serialization", "zipfile",
    ),
    "stores objects as code": ("cloudpickle", "copyreg", "dill", "joblib", "marshal", "pickle"),
    "reaches for the network": (
        "aiohttp", "asyncio", "datasets", "ftplib", "grpc", "http", "httpx", "huggingface_hub",
        "kernels", "requests", "smtplib", "socket", "socketserver", "ssl", "torch.distributed",
        "torch.hub", "urllib", "wandb", "websockets", "xmlrpc",
    ),
    "starts or signals processes": (
        "concurrent", "multiprocessing", "pexpect", "psutil", "pty", "signal", "subprocess",
        "torch.multiprocessing",
    ),
    "runs beside or after the training": (
        "_thread", "atexit", "sched", "threading", "weakref.finalize",
    ),
    "reaches for the insides of Python": (
        "__main__", "builtins", "builtins.__builtins__", "builtins.__loader__",
        "builtins.__spec__", "builtins.globals", "builtins.locals", "builtins.vars", "cffi", "code",
        "codeop", "ctypes", "dis", "faulthandler", "gc", "inspect", "operator.attrgetter",
        "posix", "sys._current_frames", "sys._getframe", "sys.addaudithook", "sys.modules",
        "sys.setprofile", "sys.settrace", "traceback", "tracemalloc", "types.CodeType",
        "types.FunctionType",
    ),
    "runs code that is not in the script": (
        "builtins.__import__", "builtins.breakpoint", "builtins.compile", "builtins.eval",
        "builtins.exec", "imp", "importlib.__import__", "importlib.abc", "importlib.import_module",
        "importlib.machinery", "importlib.reload", "importlib.util.LazyLoader",
        "importlib.util.module_from_spec", "importlib.util.spec_from_file_location",
        "importlib.util.spec_from_loader", "pkgutil", "runpy", "site", "sys.meta_path",
        "sys.path", "sys.path_hooks", "sys.path_importer_cache", "torch.classes.load_library",
        "torch.ops.load_library", "torch.utils.cpp_extension", "zipimport",
    ),
    "changes what other code does": (
        "torch.library.Library", "torch.library.impl", "torch.library.register_kernel",
        "torch.nn.modules.module.register_module_forward_hook",
        "torch.nn.modules.module.register_module_forward_pre_hook", "torch.overrides",
        "torch.utils._python_dispatch", "unittest.mock",
    ),
    "chooses a seed of its own": (
        "numpy.random.default_rng", "numpy.random.seed", "numpy.random.set_state", "random.seed",
        "random.setstate", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all",
        "torch.cuda.set_rng_state", "torch.manual_seed", "torch.mps.manual_seed",
        "torch.random.manual_seed", "torch.random.set_rng_state", "torch.seed",
        "torch.set_rng_state",
    ),
    "computes gradients where nobody asks for them": (
        "torch.enable_grad", "torch.set_grad_enabled",
    ),
    TELLS_APART: (
        "builtins.__name__", "sys.argv", "torch.is_grad_enabled", "torch.is_inference_mode_enabled",
        "torch.is_inference",
    ),
    "waits for a person": ("builtins.input",),
}  # fmt: skip

_REASONS = {name: reason for reason, names in _BY_REASON.items() for name in names}

_CONFIGURATION = re.compile(r"torch\.backends\b|.*\bconfig\b")
"""What libraries offer to be set."""


def reason(origin: str) -> str | None:
    """Return what reaching for an origin does, as the rest of a sentence; none where all is well.

    A builtin is `builtins.open`; whoever imports `builtins` has a mark already.
    """
    parts = origin.replace("()", "").split(".")
    match parts:
        case ["os", name, *_] if name not in OS_HARMLESS:
            return "reaches for files or processes"
        case ["prepare", name, *_] if name not in OFFERED:
            return "reaches for a part of prepare.py that is not offered to a run"
        case ["builtins", _, *_]:
            # The module is marked, its harmless names are not.
            longest = ".".join(parts[:2])
            return _REASONS.get(longest)
        case _:
            prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
            return next((_REASONS[prefix] for prefix in prefixes if prefix in _REASONS), None)


def is_imported(origin: str) -> bool:
    """Return whether an origin is a module's own, not something that a call made."""
    return "()" not in origin and not origin.startswith("builtins.")


def written_reason(origin: str) -> str | None:
    """Return why a person may want to know that something is set on an origin."""
    if origin == ENVIRONMENT:
        return SETS_ENVIRONMENT
    if origin.partition(".")[0] == FIXED and is_imported(origin):
        return "changes prepare.py, which measures"
    if is_imported(origin) and not _CONFIGURATION.match(origin):
        return "changes a module for everybody who uses it"
    # Of what a call made, only what is reached for elsewhere too is told: globals()["x"] = 1.
    return reason(origin)
