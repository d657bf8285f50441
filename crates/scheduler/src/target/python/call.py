"""Calls a function of a file or module with arguments from the standard input; its value is the last line of output."""

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys

source, function = sys.argv[1:3]
del sys.argv[1:]
given = json.load(sys.stdin)
if source.endswith(".py"):
    path = os.path.abspath(source)
    sys.path.insert(0, os.path.dirname(path))
    name = "clusterkeep_task_" + os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
else:
    sys.path.insert(0, os.getcwd())
    module = importlib.import_module(source)
for part in function.split("."):
    module = getattr(module, part)
value = module(*given["args"], **given["kwargs"])
if inspect.iscoroutine(value):
    value = asyncio.run(value)
if value is not None:
    sys.stdout.flush()
    print(json.dumps(value, default=str))
