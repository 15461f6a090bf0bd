"""Scenes against the daemon itself, with the starter pack's answers."""

import json
import re

ATTACK = "<img src=x onerror=\"alert('xss')\"><script>alert('xss')</script>"


def first_question(stage):
    """Presses the page's first example and returns it once it was answered with options."""
    example = stage.page.locator(".ask button").first
    question = example.text_content()
    example.click()
    stage.until(lambda: stage.page.locator(".log .bot .options button").count() > 0, "an answer with options")
    assert stage.texts("visitor") == [question], stage.texts("visitor")
    return question


def daemon_question_option_person_reload(stage):
    """The way of most customers, and the transcript is there again after a reload."""
    page = stage.enter()
    assert page.locator(".panel").is_hidden(), "the panel opens by itself"
    stage.shoot("page-zh")
    question = first_question(stage)
    stage.until(lambda: stage.state()[0] == ["bot"], "the state line says: bot")
    stage.shoot("options-zh")
    before = len(stage.texts("bot"))
    option = page.locator(".log .bot .options button").first
    label = option.text_content()
    option.click()
    stage.until(lambda: len(stage.texts("bot")) > before, "an answer to the option")
    assert stage.texts("visitor") == [question, label], stage.texts("visitor")
    stage.say("转人工")
    stage.until(lambda: page.locator(".log .msg.notice").count() > 0, "the notice of a hand-over, or that the shop is closed")
    stage.until(lambda: stage.state()[0] == ["queued"], "the state line says: queued")
    stage.until(lambda: page.locator(".log .status").count() == 0, "all messages acknowledged")
    stage.shoot("queued-zh")
    whole = stage.transcript()
    if whole[0][0] == "bot":
        whole = whole[1:]  # the greeting is no message of the conversation, and is said to newcomers only
    page.reload()
    stage.until(lambda: stage.transcript() == whole, f"the same transcript after a reload: {whole}")
    stage.until(lambda: stage.state()[0] == ["queued"], "still queued after a reload")
    stage.pause(0.5)
    assert stage.transcript() == whole, "nothing comes twice"
    stage.shoot("reloaded-zh")


def daemon_question_in_pieces(stage):
    """One question in three messages, faster than the daemon waits, is answered once."""
    page = stage.enter()
    page.get_by_role("button", name=re.compile("客服")).first.click()
    stage.until(lambda: stage.state()[0] == ["bot"], "the state line says: bot")
    before = len(stage.texts("bot"))
    for piece in ("我的快递", "三天了", "还没动"):
        stage.say(piece)
    stage.until(lambda: stage.state()[0] == ["queued"], "the complaint about a slow parcel goes to people")
    stage.until(lambda: page.locator(".log .status").count() == 0, "all messages acknowledged")
    assert stage.texts("visitor") == ["我的快递", "三天了", "还没动"], stage.texts("visitor")
    roles = [role for role, _ in stage.transcript()][before:]
    assert roles[:4] == ["visitor"] * 3 + ["bot"], f"answered after the last: {stage.transcript()}"


def daemon_english(stage):
    """The page, the panel and the answers in English by ?lang=en, whatever the browser speaks."""
    page = stage.enter("?lang=en", dark=True)
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("textarea").get_attribute("placeholder") == "Type your question…"
    first_question(stage)
    answer = stage.texts("bot")[-1]
    assert not re.search("[\u4e00-\u9fff]", answer), f"an English answer: {answer}"
    stage.shoot("options-en-dark")


def daemon_markup_stays_text(stage):
    """A message with markup is shown as it was typed, now and after a reload."""
    page = stage.enter(width=360, height=740, phone=True)
    page.locator(".launcher").tap()
    stage.say(ATTACK)
    stage.until(lambda: stage.texts("visitor") == [ATTACK] and page.locator(".log .status").count() == 0, "the message as typed")
    page.reload()
    stage.until(lambda: stage.texts("visitor") == [ATTACK], "the message as typed, after a reload")
    assert page.locator(".log img, .log script").count() == 0, "markup came alive"
    stage.shoot("markup-360")


def daemon_lost_acknowledgement(stage):
    """The connection breaks before the acknowledgement: sent again with the same id, asked and answered once."""
    sent, lost = [], []

    def between(socket):
        server = socket.connect_to_server()

        def up(raw):
            frame = json.loads(raw)
            if frame["type"] == "message":
                sent.append(frame["id"])
            server.send(raw)

        def down(raw):
            if json.loads(raw)["type"] == "ack" and not lost:
                lost.append(raw)
                server.close()
                socket.close(code=1012, reason="test")
            else:
                socket.send(raw)

        socket.on_message(up)
        server.on_message(down)

    stage.enter()
    stage.context.route_web_socket(re.compile("/v1/chat"), between)
    stage.page.reload()
    question = first_question(stage)
    stage.until(lambda: len(sent) == 2 and stage.page.locator(".log .status").count() == 0, "sent again and acknowledged")
    stage.pause(0.7)
    assert sent[0] == sent[1], f"the same id both times: {sent}"
    assert stage.texts("visitor") == [question], "asked once"
    assert stage.page.locator(".log .bot .options").count() == 1, "answered once"


def daemon_two_tabs(stage):
    """What is said in one tab appears in the other."""
    stage.enter()
    question = first_question(stage)
    other = stage.tab()
    other.locator(".launcher").click()
    stage.until(lambda: question in stage.texts("visitor", other), "the second tab shows the conversation")
    stage.say("你好")
    stage.until(lambda: stage.transcript(other)[-3:] == stage.transcript()[-3:] and "你好" in stage.texts("visitor", other), "both tabs alike")
