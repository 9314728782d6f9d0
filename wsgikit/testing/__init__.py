"""The fakes wsgikit is tested with, for the tests of those who use it.

- `lint`: PEP 3333 checked on both sides of one border; each rule of `RULES` carries its text and source.
- `awkward_apps` and `expectations`: apps that use every corner of the specification, and what is right for each.
- `call`: one request to an app without a socket, with a server's strictness.
- `ScriptedUpstream` and `cues`: a loopback backend that misbehaves on cue.
"""

from wsgikit.testing import cues
from wsgikit.testing.apps import AwkwardApp, AwkwardError, awkward_apps, expectations
from wsgikit.testing.call import Result, call
from wsgikit.testing.environ import build_environ
from wsgikit.testing.lint import lint
from wsgikit.testing.received import Received
from wsgikit.testing.rules import RULES, LintError, LintWarning, Rule
from wsgikit.testing.upstream import ScriptedUpstream

__all__ = [
    "RULES",
    "AwkwardApp",
    "AwkwardError",
    "LintError",
    "LintWarning",
    "Received",
    "Result",
    "Rule",
    "ScriptedUpstream",
    "awkward_apps",
    "build_environ",
    "call",
    "cues",
    "expectations",
    "lint",
]
