#!/usr/bin/env python3
"""Plays customers and agents in a real browser: demo page, chat widget and console, against a running or a started daemon.

    pip install -r tests/browser/requirements.txt
    tests/browser/run.py --binary target/debug/nightdesk --dir .        # starts a daemon on a free port, with data of its own
    tests/browser/run.py --url http://127.0.0.1:8080                    # or uses one that runs

Four kinds of scene: `daemon_*` talk to the daemon and expect the starter pack; `widget_*` load the page from the daemon
but play its socket themselves, so that lost acknowledgements, gaps and refusals happen when they are wanted; `console_*`
start a daemon of their own, on a copy of the shop with tokens and whatever else they need (so not with --url); `report_*` open
the page that the command `report` writes about one.
Screenshots go to --shots, of failures as FAIL-<scene>.png, with the log of a daemon started here. Exit code: 0 all passed, 1 not, 2 could not begin.
"""

import argparse
import faulthandler
import os
import shutil
import sys
import tempfile
import time
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

try:
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright
except ImportError:
    sys.exit("playwright is missing: pip install -r tests/browser/requirements.txt")

sys.dont_write_bytecode = True  # nothing appears beside the scenes

import scenes_console
import scenes_daemon
import scenes_knowledge
import scenes_report
import scenes_widget
from stage import Daemon, Stage

# Headless Chromium as root, in a container, without its own conversations on the network.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]


def arguments():
    parser = argparse.ArgumentParser(description="Plays customers in a real browser.")
    parser.add_argument("--url", default=os.environ.get("NIGHTDESK_URL"), help="a daemon that runs (env NIGHTDESK_URL)")
    parser.add_argument("--binary", default=os.environ.get("NIGHTDESK_BIN"), help="the program, to start one (env NIGHTDESK_BIN)")
    parser.add_argument("--dir", default=os.environ.get("NIGHTDESK_DIR", "."), help="shop files for --binary (env NIGHTDESK_DIR)")
    parser.add_argument("--shots", default=os.environ.get("NIGHTDESK_SHOTS"), help="folder for screenshots (env NIGHTDESK_SHOTS)")
    parser.add_argument("--chromium", default=os.environ.get("CHROMIUM"), help="the browser (env CHROMIUM; else chromium of PATH)")
    parser.add_argument("--jobs", type=int, default=2, help="scenes at a time (2)")
    parser.add_argument("--only", help="play only the scenes whose name contains this")
    given = parser.parse_args()
    given.chromium = given.chromium or shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not given.chromium:
        parser.error("no chromium found: install the package chromium, or set CHROMIUM")
    if bool(given.url) == bool(given.binary):
        parser.error("give either --url or --binary")
    return given


def chosen(given):
    """Scenes by name, in groups that are played one after the other: those that share a daemon, and each of the others."""
    # The last ones need daemons of their own.
    modules = (scenes_daemon, scenes_widget, *([scenes_console, scenes_knowledge, scenes_report] if given.binary else []))
    groups = {}
    for module in modules:
        for name, scene in vars(module).items():
            if name.startswith(("daemon_", "widget_", "console_", "report_")) and (given.only or "") in name:
                group = "shared" if module in (scenes_daemon, scenes_widget) else name
                groups.setdefault(group, {})[name] = scene
    return groups


BROWSER = None  # of this process
# Seconds for one scene, several times the longest: one that hangs is ended, and where it hung is told.
SCENE = 300


def begin(given):
    """A browser for all scenes of this process."""
    global BROWSER
    playwright = sync_playwright().start()
    BROWSER = playwright.chromium.launch(executable_path=given.chromium, headless=True, args=FLAGS)


def play(given, url, shots, group):
    """Plays a group of scenes; gives what to print of each, and the names of those that failed."""
    told, failed = [], []
    for name, scene in chosen(given)[group].items():
        began = time.monotonic()
        faulthandler.dump_traceback_later(SCENE, exit=True)
        stage = Stage(BROWSER, url, shots, given.binary, given.dir)
        try:
            scene(stage)
            stage.nothing_went_wrong()
            verdict = "ok  "
        except Exception as error:  # whatever it is, the other scenes are still played
            verdict = "FAIL"
            failed.append(name)
            stage.shoot(f"FAIL-{name}")
            where = traceback.extract_tb(error.__traceback__)
            lines = [f"{Path(frame.filename).name}:{frame.lineno} {frame.line}" for frame in where if "scenes_" in frame.filename]
            told += [f"       {line}" for line in lines + f"{type(error).__name__}: {error}".splitlines()[:12]]
        finally:
            stage.end()
            faulthandler.cancel_dump_traceback_later()
        told.append(f"{verdict}  {name}  {time.monotonic() - began:.1f} s")
    return told, failed


def main():
    given = arguments()
    shots = Path(given.shots or tempfile.mkdtemp(prefix="nightdesk-shots-"))
    shots.mkdir(parents=True, exist_ok=True)
    groups = chosen(given)
    if not groups:
        sys.exit(f"no scene is called like {given.only!r}")
    count = sum(map(len, groups.values()))
    daemon = None
    failed = []
    try:
        if given.binary:
            daemon = Daemon(given.binary, given.dir, shots / "daemon.log")
        url = (given.url or daemon.url).rstrip("/")
        print(f"browser tests: {count} scenes against {url}, screenshots in {shots}", flush=True)
        # Much of a scene is waiting, so two at a time take little more than half as long.
        with ProcessPoolExecutor(min(given.jobs, len(groups)), initializer=begin, initargs=(given,)) as pool:
            for done in as_completed([pool.submit(play, given, url, shots, group) for group in groups]):
                told, wrong = done.result()
                failed += wrong
                print("\n".join(told), flush=True)
    except (OSError, RuntimeError, PlaywrightError) as error:  # a browser's process that ended is a RuntimeError
        print(f"the browser tests could not run: {error}", file=sys.stderr)
        return 2
    finally:
        if daemon:
            daemon.stop()
    print(f"{count - len(failed)} passed, {len(failed)} failed" + "".join(f"\n  {name}" for name in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
