"""Scenes in which the test plays the server: order, loss, refusal, words, keyboard, hostile pages and texts."""

from datetime import datetime, timedelta, timezone

from stage import Script

CHINA = timezone(timedelta(hours=8))


def open_panel(stage, socket, **how):
    page = stage.enter(socket=socket, **how)
    page.locator(".launcher").click()
    stage.until(lambda: page.locator(".state.busy").count() == 0, "connected")
    return page


def widget_closed_banner(stage):
    """Closed: the banner says when a person answers, in the visitor's words; open: there is none."""
    tomorrow = (datetime.now(CHINA) + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    page = open_panel(stage, Script(open=False, next_open=tomorrow.isoformat(), greeting="您好"))
    assert "明天 9:00" in page.locator(".banner").text_content(), page.locator(".banner").text_content()
    assert stage.transcript() == [["bot", "您好"]], stage.transcript()
    stage.shoot("closed-zh")
    far = tomorrow + timedelta(days=6)
    page = open_panel(stage, Script(open=False, next_open=far.isoformat()), locale="en-US", zone="Europe/Berlin")
    banner = page.locator(".banner").text_content()
    assert "GMT" in banner and str(far.astimezone(timezone.utc).day) in banner, f"date and zone for a visitor elsewhere: {banner}"
    page = open_panel(stage, Script(open=True, next_open=tomorrow.isoformat()))
    assert page.locator(".banner").is_hidden()


def widget_states(stage):
    """The state line tells who has the conversation; a person's name stands over a person's words."""
    server = Script()
    page = open_panel(stage, server, locale="zh-TW")
    assert stage.state() == (["bot"], "機器人為您服務重新連線"), stage.state()
    server.state("queued", queue="general", position=3)
    stage.until(lambda: stage.state()[0] == ["queued"] and "前面還有 2 位" in stage.state()[1], "third in line")
    server.send("position", data={"queue": "general", "position": 1})
    stage.until(lambda: "您排在第一位" in stage.state()[1], "first in line")
    assert page.get_by_role("button", name="轉人工").is_hidden(), "nothing more to ask for"
    server.state("queued", queue="oncall", urgent=True)
    stage.until(lambda: stage.state()[0] == ["urgent"], "urgent")
    server.state("human")
    server.send("typing", data={"role": "human", "on": True})
    stage.until(lambda: stage.state()[0] == ["human"] and page.locator(".typing").is_visible(), "a person, typing")
    server.message("您好，我是小林", role="human", name="小林")
    stage.until(lambda: stage.texts("human") == ["您好，我是小林"] and page.locator(".typing").is_hidden(), "the person's words")
    assert "小林" in page.locator(".human .who").text_content()
    stage.shoot("human-zh-hant")
    server.state("closed")
    stage.until(lambda: stage.state()[0] == ["closed"], "closed")


def widget_urgent_button(stage):
    """One press says 紧急, in English urgent."""
    for locale, word in (("zh-CN", "紧急"), ("en-GB", "urgent")):
        server = Script()
        page = open_panel(stage, server, locale=locale)
        page.locator("button.urgent").click()
        stage.until(lambda: [f["data"] for f in server.all("message")] == [{"kind": "text", "text": word}], "the urgent word")


def widget_gap_and_repeats(stage):
    """What was seen is dropped; what is missing is asked for and put where it belongs."""
    def answer(_socket, frame):
        if frame["type"] == "history":
            assert frame["data"]["before"] == 4, frame
            server.send("history", re=frame["id"], data={"more": False, "messages": [
                {"type": "message", "seq": n, "ts": "2026-10-09T12:00:00Z", "data": {"message": f"msg_{n}", "role": "bot", "kind": "text", "text": str(n)}}
                for n in (1, 2, 3)
            ]})

    server = Script(answer)
    open_panel(stage, server)
    server.message("1", seq=1)
    server.message("1", seq=1)
    server.message("4", seq=4)
    stage.until(lambda: stage.texts("bot") == ["1", "2", "3", "4"], "four messages in order, each once")
    assert len(server.all("history")) == 1


def widget_earlier_messages(stage):
    """A long conversation begins with its newest page, and older ones come on request, above it."""
    def answer(_socket, frame):
        if frame["type"] != "history":
            return
        before, limit = frame["data"]["before"], frame["data"]["limit"]
        first = max(1, before - limit)
        server.send("history", re=frame["id"], data={"more": first > 1, "messages": [
            {"type": "message", "seq": n, "ts": "2026-10-09T12:00:00Z", "data": {"role": "bot", "kind": "text", "text": str(n)}} for n in range(first, before)
        ]})

    server = Script(answer, seq=70, greeting="hello")
    page = open_panel(stage, server)
    stage.until(lambda: stage.texts("bot") == [str(n) for n in range(21, 71)], "the newest fifty, no greeting")
    page.locator(".earlier").click()
    stage.until(lambda: stage.texts("bot") == ["hello"] + [str(n) for n in range(1, 71)], "the rest, under the greeting")
    assert page.locator(".earlier").count() == 0


def widget_held(stage):
    """A message that the server holds lets the next one go; lost with the line, both are sent again, in order, with their ids."""
    def answer(socket, frame):
        text = frame["data"]["text"]
        if text == "one" or len(server.sockets) == 1:
            server.send("held", re=frame["id"])
        else:
            for message in server.all("message")[-2:]:
                server.acknowledge(socket, message)

    server = Script(answer)
    page = open_panel(stage, server)
    stage.say("one")
    stage.until(lambda: len(server.all("message")) == 1 and page.locator(".log .status").count() == 0, "held is no longer sending")
    stage.say("two")
    stage.until(lambda: len(server.all("message")) == 2, "the next one goes without an acknowledgement of the first")
    server.sockets[0].close(code=1001)
    stage.until(lambda: len(server.all("message")) == 4 and page.locator(".log .status").count() == 0, "both acknowledged")
    sent = server.all("message")
    assert [f["data"]["text"] for f in sent] == ["one", "two", "one", "two"], sent
    assert [f["id"] for f in sent[:2]] == [f["id"] for f in sent[2:]], sent
    assert stage.texts("visitor") == ["one", "two"], stage.texts("visitor")


def widget_rate_limited(stage):
    """Refused for haste: it waits as long as it was told, and sends again by itself, in order, with the same ids."""
    def answer(socket, frame):
        if len(server.all("message")) == 1:
            server.send("error", re=frame["id"], data={"code": "rate_limited", "message": "slow down", "retry_after_ms": 2200})
        else:
            server.acknowledge(socket, frame)

    server = Script(answer)
    page = open_panel(stage, server)
    stage.say("one")
    stage.say("two")
    stage.until(lambda: len(server.all("message")) == 3 and page.locator(".log .status").count() == 0, "both acknowledged")
    sent = server.all("message")
    assert [f["data"]["text"] for f in sent] == ["one", "one", "two"], sent
    assert sent[0]["id"] == sent[1]["id"] != sent[2]["id"]
    times = [t for t, f in zip(server.times, server.heard) if f["type"] == "message"]
    assert 2.2 <= times[1] - times[0] < 6, times


def widget_unavailable(stage):
    """The server cannot keep it at the moment: tried again by itself a few times, then it is the visitor's turn."""
    server = Script(lambda _socket, frame: server.send("error", re=frame["id"], data={"code": "unavailable", "message": "later", "retry_after_ms": 200}))
    page = open_panel(stage, server)
    stage.say("hello")
    stage.until(lambda: page.locator(".failed").count() == 1, "given up")
    assert len(server.all("message")) == 4 and len({f["id"] for f in server.all("message")}) == 1, server.all("message")
    server.answer = server.acknowledge
    page.get_by_role("button", name="重试").click()
    stage.until(lambda: page.locator(".failed, .log .status").count() == 0, "passed")


def widget_refused(stage):
    """Refused for good: a mark with a way to try again, with the same id, or to delete; the next message passes."""
    def answer(socket, frame):
        if frame["type"] == "message" and frame["data"]["text"] == "bad" and len(server.all("message")) < 3:
            server.send("error", re=frame["id"], data={"code": "internal", "message": "no"})
        else:
            server.acknowledge(socket, frame)

    server = Script(answer)
    page = open_panel(stage, server)
    stage.say("bad")
    stage.say("good")
    stage.until(lambda: page.locator(".failed").count() == 1 and len(server.all("message")) == 2, "one refused, one passed")
    stage.shoot("refused-zh")
    page.get_by_role("button", name="重试").click()
    stage.until(lambda: page.locator(".failed, .log .status").count() == 0, "passed at the second attempt")
    sent = server.all("message")
    assert sent[0]["id"] == sent[2]["id"] and sent[2]["data"]["text"] == "bad", sent


def widget_reconnects(stage):
    """After 1012 it comes back by itself and resumes; after 4500 it stays away until the visitor wants it."""
    server = Script()
    page = open_panel(stage, server)
    server.message("hello", seq=1)
    stage.until(lambda: stage.texts("bot") == ["hello"], "a message")
    server.welcome.update(seq=1, recovered=True)
    server.sockets[-1].close(code=1012, reason="restart")
    stage.until(lambda: len(server.all("hello")) == 2 and stage.state()[0] == ["bot"], "back again")
    assert server.all("hello")[1]["data"]["resume"] == {"conversation": "c_1", "epoch": "k1", "seq": 1}
    assert server.all("hello")[1]["data"]["token"] == "vt_1"
    assert stage.texts("bot") == ["hello"] and not server.all("history")
    server.sockets[-1].close(code=4500, reason="bad frame")
    stage.until(lambda: stage.state()[0] == ["off"], "away")
    stage.pause(2)
    assert len(server.all("hello")) == 2, "came back although told not to"
    page.get_by_role("button", name="重新连接").click()
    stage.until(lambda: len(server.all("hello")) == 3 and stage.state()[0] == ["bot"], "back on request")


def widget_not_recovered(stage):
    """The server has another conversation for us: the old transcript goes, the new one is fetched."""
    def answer(_socket, frame):
        if frame["type"] == "history":
            server.send("history", re=frame["id"], data={"more": False, "messages": [
                {"type": "message", "seq": 4, "ts": "2026-10-09T12:00:00Z", "data": {"role": "bot", "kind": "text", "text": "new"}},
                {"type": "state", "seq": 5, "ts": "2026-10-09T12:00:00Z", "data": {"state": "bot"}},
            ]})

    server = Script(answer)
    open_panel(stage, server)
    server.message("old", seq=1)
    stage.until(lambda: stage.texts("bot") == ["old"], "a message")
    server.welcome.update(conversation="c_2", epoch="k2", seq=5)
    server.sockets[-1].close(code=4010, reason="resume lost")
    stage.until(lambda: stage.texts("bot") == ["new"], "only the new conversation")


def widget_unsent_survives(stage):
    """Typed without a connection, then the page is reloaded: it is sent, with the id that it had, once."""
    server = Script(lambda socket, frame: None)
    page = open_panel(stage, server)
    stage.say("还在吗")
    stage.say("第二条")
    stage.until(lambda: len(server.all("message")) == 1, "the first is under way, the second waits for it")
    server.answer = server.acknowledge
    page.reload()
    stage.until(lambda: len(server.all("message")) == 3 and page.locator(".log .status").count() == 0, "both acknowledged")
    sent = server.all("message")
    assert sent[0]["id"] == sent[1]["id"] and [f["data"]["text"] for f in sent] == ["还在吗", "还在吗", "第二条"], sent
    assert stage.texts("visitor") == ["还在吗", "第二条"], stage.texts("visitor")
    assert not page.evaluate("Object.keys(localStorage).filter(key => key.includes('.out.'))"), "nothing unsent is left behind"


def widget_token_refused(stage):
    """4501: the token is dropped, and it comes once more as a stranger."""
    server = Script()
    open_panel(stage, server)
    server.welcome.update(token="vt_2", conversation="c_2")
    server.sockets[-1].close(code=4501, reason="bad token")
    stage.until(lambda: len(server.all("hello")) == 2 and stage.state()[0] == ["bot"], "welcomed as a stranger")
    assert "token" not in server.all("hello")[1]["data"] and "resume" not in server.all("hello")[1]["data"]


def widget_hostile_texts(stage):
    """Markup in anything that comes over the wire is shown, never run; only http(s) addresses become links."""
    evil = "<img src=x onerror=alert(1)>"
    server = Script(greeting=evil)
    page = open_panel(stage, server)
    server.message(f"{evil} https://shop.example/a?b=1. javascript:alert(1) 见http://x.example/路", seq=1, options=[{"id": "o", "label": evil}])
    server.message(evil, seq=2, role="human", name=evil)
    server.state("queued", position=evil)
    server.message(f"{evil} https://visitor.example", seq=4, role="visitor")
    server.sockets[-1].send("not json")
    server.send("unheard-of", data=None)
    server.message("still here", seq=5)
    stage.until(lambda: "still here" in stage.texts("bot"), "alive after nonsense")
    assert page.locator(".panel img").count() == 0
    assert stage.texts("human") == [evil] and page.locator(".options button").text_content() == evil
    links = page.locator(".log a").evaluate_all("all => all.map(a => [a.getAttribute('href'), a.rel, a.target])")
    assert [link[0] for link in links] == ["https://shop.example/a?b=1", "http://x.example/"], links
    assert all("noopener" in rel and target == "_blank" for _, rel, target in links), links
    page.locator(".options button").click()
    stage.until(lambda: [f["data"] for f in server.all("select")] == [{"message": "msg_1", "option": "o", "label": evil}], "the option's id")


def widget_keyboard(stage):
    """Without a mouse: open, write, a new line, send, close; the page's shortcuts hear nothing; a composition is not sent."""
    server = Script()
    page = stage.enter(socket=server)
    page.evaluate("window.heard = ''; document.addEventListener('keydown', e => { heard += e.key; })")
    page.locator(".launcher").focus()
    page.keyboard.press("Enter")
    stage.until(lambda: stage.state()[0] == ["bot"], "connected")
    focus = "document.activeElement.shadowRoot.activeElement.tagName + document.activeElement.shadowRoot.activeElement.className"
    assert page.evaluate(focus) == "TEXTAREA"
    page.evaluate("heard = ''")
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    assert not server.all("message")
    page.locator("textarea").dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True, "cancelable": True})
    assert page.locator("textarea").input_value() == "one\ntwo", "Enter ended a composition, not the message"
    page.keyboard.press("Enter")
    stage.until(lambda: [f["data"]["text"] for f in server.all("message")] == ["one\ntwo"], "two lines, sent once")
    assert page.locator("textarea").input_value() == ""
    log = page.locator("[role=log]")
    stage.until(lambda: log.get_attribute("aria-live") == "polite", "additions are read aloud")
    page.keyboard.press("Escape")
    assert page.locator(".panel").is_hidden() and page.evaluate(focus) == "BUTTONlauncher"
    assert page.evaluate("heard") == "", page.evaluate("heard")


def widget_fits(stage):
    """At 360 px the panel fills the screen and nothing runs over its edge; on a desk it stands in the corner."""
    long = "超长" * 60 + "https://shop.example/" + "a" * 200
    for width, height, phone in ((360, 640, True), (1180, 760, False), (700, 420, False)):
        server = Script(open=False, next_open=(datetime.now(CHINA) + timedelta(days=3)).isoformat())
        page = open_panel(stage, server, width=width, height=height, phone=phone, dark=phone)
        server.message(long, seq=1, options=[{"id": "a", "label": "很长的选项" * 12}, {"id": "b", "label": "短"}])
        stage.until(lambda: len(stage.texts("bot")) == 1, "the message")
        box = page.locator(".panel").bounding_box()
        assert box["x"] >= 0 and box["y"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height, box
        assert not phone or (box["width"], box["height"]) == (width, height), box
        over = page.locator(".panel").evaluate("p => [...p.querySelectorAll('*')].filter(e => !e.closest('.sr') && e.scrollWidth > e.clientWidth + 1 && e.clientWidth).map(e => e.className)")
        assert over == [], over
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself scrolls sideways"
        go = page.locator(".go").bounding_box()
        assert go["y"] + go["height"] <= height, "the send button is on the screen"
        stage.shoot(f"fits-{width}")


def widget_hostile_page(stage):
    """A shop's style sheet does not reach into the panel."""
    page = stage.enter(socket=Script())
    page.locator(".launcher").click()
    measure = "p => { const b = p.getBoundingClientRect(), s = getComputedStyle(p.querySelector('.go')); return [b.x, b.y, b.width, b.height, s.width, s.backgroundColor, s.fontSize] }"
    before = page.locator(".panel").evaluate(measure)
    page.add_style_tag(content="* { display: none !important; position: static !important; transform: scale(2) !important; font-size: 40px !important; opacity: .1 !important }"
                               " html, body { display: block !important; transform: none !important; opacity: 1 !important } button, div, textarea { width: 9px !important; background: red !important }")
    assert page.locator(".panel").is_visible() and page.locator(".panel").evaluate(measure) == before
    assert page.locator("nightdesk-chat").evaluate("h => getComputedStyle(h).opacity") == "1"


LABELS = ["很不满意", "不满意", "一般", "满意", "非常满意"]
QUESTION = {"kind": "notice", "survey": {"case": "h_1"}, "options": [{"id": f"survey.{n}", "label": label} for n, label in enumerate(LABELS, 1)]}


def widget_rating(stage):
    """The question how it was: a score by mouse or keyboard, words if the visitor likes, one frame; then the form is gone."""
    def answer(_socket, frame):
        if frame["type"] == "rate":
            server.acknowledge(_socket, {**frame, "type": "message"})
            server.message("感谢您的评价！", kind="notice", survey={"case": "h_1", "score": frame["data"]["score"]})

    for how in ({}, {"dark": True}, {"phone": True, "width": 390, "height": 800}):
        server = Script(answer, state="human")
        page = open_panel(stage, server, **how)
        server.message("感谢您的咨询。如需进一步帮助，随时在这里留言。", kind="notice")
        server.message("请为本次服务打分：回复 1 到 5，5 分表示非常满意，1 分表示很不满意。", **QUESTION)
        server.state("closed")
        form = page.locator(".rating")
        form.wait_for()
        assert page.locator(".options").count() == 0, "the scores stand in the form alone"
        scores = page.get_by_role("radiogroup", name="您的评分").get_by_role("radio")
        assert scores.evaluate_all("all => all.map(e => e.labels[0].textContent)") == [f"{n}{label}" for n, label in enumerate(LABELS, 1)]
        page.get_by_role("button", name="提交评价").click()
        stage.until(lambda: "请先选择分数" in form.text_content(), "no score, no answer")
        assert not server.all("rate")
        # The hint has put the focus on the first score: from there by the arrows.
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        assert scores.nth(3).is_checked() and "请先选择分数" not in form.text_content()
        page.get_by_role("textbox", name="说说原因").fill("小林很耐心\n就是等得久")
        stage.shoot("widget-rating-" + ("dark" if how.get("dark") else "phone" if how.get("phone") else "light"))
        page.get_by_role("button", name="提交评价").click()
        stage.until(lambda: [f["data"] for f in server.all("rate")] == [{"score": 4, "text": "小林很耐心\n就是等得久"}], "one frame")
        stage.until(lambda: stage.texts("visitor") == ["4 满意\n小林很耐心\n就是等得久"] and stage.texts("bot")[-1] == "感谢您的评价！", "thanks")
        assert form.is_hidden()


def widget_rating_elsewhere(stage):
    """A question that was answered in words, in another tab or long ago has no form any more; one that is open has it after a reload."""
    def answer(socket, frame):
        if frame["type"] == "history":
            server.send("history", re=frame["id"], data={"more": False, "messages": [
                {"type": "message", "seq": 1, "ts": "2026-10-09T12:00:00Z", "data": {"message": "msg_1", "role": "bot", "text": "打几分？", **QUESTION}}]})
        else:
            server.acknowledge(socket, frame)

    server = Script(answer, seq=1, state="closed", survey=None)
    page = open_panel(stage, server)
    stage.until(lambda: stage.texts("bot") == ["打几分？"], "the old question")
    assert page.locator(".rating").is_hidden(), "it lapsed"
    server = Script(answer, seq=1, state="closed", survey={"case": "h_1", "until": "2026-10-10T12:00:00Z"})
    page = open_panel(stage, server)
    page.locator(".rating").wait_for()
    stage.say("五星")
    server.message("谢谢", survey={"case": "h_1", "score": 5})
    stage.until(lambda: page.locator(".rating").is_hidden(), "answered in words")


def widget_unread(stage):
    """What comes while the panel is closed is counted on the launcher and in the page's title, on the next page too."""
    server = Script(state="human")
    page = open_panel(stage, server)
    own = page.title()
    stage.say("在吗")
    stage.until(lambda: page.locator(".log .status").count() == 0, "acknowledged")
    server.message("在的", role="human")
    stage.until(lambda: stage.texts("human") == ["在的"], "seen")
    assert page.locator(".count").is_hidden() and page.title() == own
    page.keyboard.press("Escape")
    for text in ("请稍等", "查到了"):
        server.message(text, role="human")
    stage.until(lambda: page.locator(".count").text_content() == "2" and page.title() == f"(2) {own}", "two unread")
    assert page.get_by_role("button", name="2 条未读消息").count() == 1
    assert "2 条未读消息" in page.locator(".sr[role=status]").text_content()
    stage.shoot("widget-unread")
    server.welcome.update(recovered=True, seq=server.seq)
    page.reload()
    stage.until(lambda: len(server.sockets) == 2 and page.locator(".count").text_content() == "2", "the next page connects by itself and knows")
    server.message("还在吗", role="human")
    stage.until(lambda: page.title() == f"(3) {own}", "a third")
    page.locator(".launcher").click()
    stage.until(lambda: page.title() == own and page.locator(".count").is_hidden(), "all seen")
    page.reload()
    stage.pause(0.3)
    assert page.locator(".count").is_hidden() and page.title() == own
