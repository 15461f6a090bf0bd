"""What the scenes stand on: a daemon of their own, a visitor's browser, and a socket that the test plays itself."""

import json
import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = 30.0  # seconds that anything may take


class Daemon:
    """A daemon on a free port with data of its own, gone at the end."""

    def __init__(self, binary, shop, log, address="127.0.0.1:0", data=None):
        self.data = data or tempfile.TemporaryDirectory(prefix="nightdesk-browser-")
        self.log = log.open("w", encoding="utf-8")
        command = [binary, "--dir", shop, "serve", "--listen", address, "--data", self.data.name]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.url = self._address()

    def _address(self):
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                found = re.match(r"listening on (http://\S+)", self.process.stdout.readline())
                if found:
                    return found[1]
        self.stop()
        raise RuntimeError(f"the daemon did not print `listening on …` within 30 s; see {self.log.name}")

    def stop(self, keep_data=False):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if not keep_data:
            self.data.cleanup()


class Stage:
    """One visitor with an empty browser, watched for errors."""

    def __init__(self, browser, url, shots, binary=None, shop=None):
        self.browser, self.url, self.shots, self.binary, self.shop = browser, url, shots, binary, shop
        self.context = self.page = self.daemon = self.files = None
        self.agents, self.errors = [], []

    def enter(self, query="", locale="zh-CN", width=1180, height=760, dark=False, phone=False, socket=None, zone="Asia/Shanghai"):
        """A new visitor opens the demo page; `socket` is the `Script` that plays the server, if any."""
        self.close()
        self.context = self.browser.new_context(
            locale=locale, timezone_id=zone, viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light", has_touch=phone, is_mobile=phone,
        )
        self.context.set_default_timeout(PATIENCE * 1000)
        if socket:
            self.context.route_web_socket(re.compile(r"/v1/chat"), socket.accept)
        self.page = self.tab(query)
        return self.page

    def tab(self, query=""):
        """One more tab of the same visitor."""
        page = self.watched(self.context.new_page())
        page.goto(f"{self.url}/{query}")
        page.wait_for_function("window.nightdesk")
        return page

    def watched(self, page):
        """The page, with every error of it kept."""
        page.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))
        page.on("console", lambda line: line.type == "error" and self.errors.append(f"console: {line.text}"))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._foreign(request.url))
        return page

    def own_daemon(self, settings="", **files):
        """From here on a daemon of this scene's own, on a copy of the shop with more settings and files (a/b.yaml as a__b)."""
        self.files = tempfile.TemporaryDirectory(prefix="nightdesk-shop-")
        for name in ("nightdesk.yaml", "synonyms.yaml", "faq", "rules", "calendars"):
            source, target = Path(self.shop) / name, Path(self.files.name) / name
            if source.is_dir():
                shutil.copytree(source, target)
            elif source.exists():
                shutil.copy(source, target)
        self.write("nightdesk.yaml", lambda text: re.sub(r"(?m)^    origins:\n(      - .*\n)+", "", text) + "\n" + settings)
        for name, text in files.items():
            self.write(name.replace("__", "/") + ".yaml", lambda _, text=text: text)
        self.daemon = Daemon(self.binary, self.files.name, self.shots / "daemon-own.log")
        self.url = self.daemon.url

    def restart(self, same_port=False, same_data=False):
        """Another own daemon on the same shop, with empty data unless they are to be the same."""
        address = self.url.removeprefix("http://") if same_port else "127.0.0.1:0"
        data = self.daemon.data if same_data else None
        self.daemon.stop(keep_data=same_data)
        self.daemon = Daemon(self.binary, self.files.name, self.shots / "daemon-own.log", address, data)
        self.url = self.daemon.url

    def write(self, name, change):
        """Changes a file of the own daemon's shop."""
        path = Path(self.files.name) / name
        path.write_text(change(path.read_text(encoding="utf-8") if path.exists() else ""), encoding="utf-8")

    def agent(self, token=None, locale="zh-CN", width=1280, height=800, dark=False, phone=False, path="/console"):
        """An agent with a browser of their own opens the console, and signs in if there is a token."""
        context = self.browser.new_context(
            locale=locale, timezone_id="Asia/Shanghai", viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light", has_touch=phone, is_mobile=phone,
        )
        context.set_default_timeout(PATIENCE * 1000)
        self.agents.append(context)
        page = self.watched(context.new_page())
        page.goto(self.url + path)
        if token:
            page.locator("#token").fill(token)
            # Before it was asked, the console looked whether it may come in without one.
            self.errors = [error for error in self.errors if "401" not in error]
            page.keyboard.press("Enter")
        page.locator(".line.live").wait_for()
        return page

    def _foreign(self, url):
        if not url.startswith((self.url + "/", "data:")):
            self.errors.append(f"something outside was loaded: {url}")

    def nothing_went_wrong(self):
        assert not self.errors, "; ".join(self.errors)

    def until(self, holds, what):
        """Waits until a condition holds; says what was waited for when it does not."""
        end = time.monotonic() + PATIENCE
        while True:
            if holds():
                return
            if time.monotonic() > end:
                seen = f"\ntranscript: {self.transcript()}\nstate: {self.state()}" if self.page else ""
                raise AssertionError(f"waited {PATIENCE:.0f} s for: {what}{seen}")
            (self.page or self.agents[-1].pages[0]).wait_for_timeout(30)

    def pause(self, seconds):
        self.page.wait_for_timeout(seconds * 1000)

    def texts(self, role, page=None):
        """The texts of a role, from top to bottom."""
        return (page or self.page).locator(f".log .msg.{role} .text").all_text_contents()

    def transcript(self, page=None):
        """All that is shown, as (role, text)."""
        return (page or self.page).locator(".log .msg").evaluate_all(
            "all => all.map(e => [['visitor', 'bot', 'human', 'system'].find(r => e.classList.contains(r)), e.querySelector('.text').textContent])"
        )

    def state(self):
        """The class and the words of the state line."""
        line = self.page.locator(".state")
        return line.get_attribute("class").split()[1:], line.text_content()

    def say(self, text):
        """Types a message and presses Enter."""
        field = self.page.locator(".write textarea")
        field.fill(text)
        field.press("Enter")

    def shoot(self, name):
        if self.page and not self.page.is_closed():
            self.page.screenshot(path=str(self.shots / f"{name}.png"))
        for number, context in enumerate(self.agents):
            for page in context.pages:
                page.screenshot(path=str(self.shots / f"{name}-agent{number}.png"))

    def close(self):
        if self.context:
            self.context.close()
            self.context = self.page = None

    def end_agents(self):
        """All agents go home."""
        while self.agents:
            self.agents.pop().close()

    def end(self):
        """After the scene: everything of it is closed."""
        self.close()
        self.end_agents()
        if self.daemon:
            self.daemon.stop()
        if self.files:
            self.files.cleanup()
        self.daemon = self.files = None


class Script:
    """Plays the server's side of the socket: welcomes, acknowledges, and otherwise does what the scene says."""

    def __init__(self, answer=None, **welcome):
        self.answer = answer or (lambda socket, frame: self.acknowledge(socket, frame))
        self.welcome = {
            "visitor": "v_1", "token": "vt_1", "conversation": "c_1", "epoch": "k1", "seq": 0, "recovered": False, "state": "bot",
            "open": True, "next_open": None, "greeting": None, "limits": {"text": 2000, "frame": 16384}, **welcome,
        }
        self.sockets, self.heard, self.times = [], [], []
        self.seq = self.welcome["seq"]

    def accept(self, socket):
        self.sockets.append(socket)
        socket.on_message(lambda raw: self._hear(socket, json.loads(raw)))

    def _hear(self, socket, frame):
        self.heard.append(frame)
        self.times.append(time.monotonic())
        if frame["type"] == "hello":
            self.send("welcome", re=frame["id"], data=self.welcome)
        elif frame["type"] == "ping":
            self.send("pong", re=frame["id"])
        else:
            self.answer(socket, frame)

    def all(self, kind):
        return [frame for frame in self.heard if frame["type"] == kind]

    def send(self, kind, **fields):
        """Sends a frame on the newest socket."""
        self.sockets[-1].send(json.dumps({"type": kind, "ts": "2026-10-09T12:00:00.000Z", **fields}))

    def next(self):
        self.seq += 1
        return self.seq

    def acknowledge(self, _socket, frame):
        if frame["type"] in ("message", "select"):
            self.send("ack", re=frame["id"], seq=self.next(), data={"message": f"msg_{self.seq}", "dup": False})

    def message(self, text, seq=None, role="bot", **data):
        self.send("message", seq=seq or self.next(), data={"message": f"msg_{seq or self.seq}", "role": role, "kind": "text", "text": text, **data})

    def state(self, state, **data):
        self.send("state", seq=self.next(), data={"state": state, **data})
