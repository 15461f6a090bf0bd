"""Scenes of the agents' console, with customers in the widget: each on a daemon of its own."""

import base64
import hashlib
import hmac
import json
import re
import time
import urllib.request

ATTACK = "<img src=x onerror=\"alert('xss')\"><script>alert('xss')</script>"
TOKENS = "access: {admin: an-admin-token, agents: {lin: a-token-of-lin, mei: a-token-of-mei}}\n"
SECRET = b"a secret of the platform"


def asks(stage, text="转人工", **how):
    """A new customer writes in the widget and waits for a person."""
    page = stage.enter(**how)
    page.locator(".launcher").click()
    stage.until(lambda: page.locator(".state.busy").count() == 0, "connected")
    stage.say(text)
    stage.until(lambda: stage.state()[0][0] in ("queued", "urgent"), "the customer waits")
    return page


def forward(stage, text, customer, number=1):
    """A platform forwards a message of a customer."""
    body = json.dumps({"type": "message.created", "data": {"id": f"m{number}", "customer": customer, "text": text}}).encode()
    name, at = f"evt_{customer['id']}_{number}", str(int(time.time()))
    signature = base64.b64encode(hmac.new(SECRET, f"{name}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": name, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}", "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{stage.url}/v1/inbound/crm", body, headers)) as answer:
        assert answer.status == 200


def with_crm(stage):
    stage.write("nightdesk.yaml", lambda text: text.replace("\nchannels:\n", f"\nchannels:\n  crm: {{kind: webhook, secret: {SECRET.decode()}}}\n"))


def waiting(agent):
    return agent.locator("[aria-label='等待中'] .item")


def console_takes_answers_hands_back(stage):
    """The whole way, by keyboard alone: a case appears by itself, is taken, answered, handed back."""
    stage.own_daemon()
    agent = stage.agent()
    agent.locator(".empty").first.wait_for()
    assert waiting(agent).count() == 0
    customer = asks(stage, "我的快递三天没动了，转人工")
    stage.until(lambda: waiting(agent).count() == 1, "the case appears by itself")
    assert "我的快递三天没动了" in waiting(agent).first.text_content()
    stage.until(lambda: agent.title().startswith("(1)"), "the title counts it")
    agent.keyboard.press("j")
    agent.keyboard.press("Enter")
    agent.locator(".msg.visitor").wait_for()
    why = agent.locator(".msg.visitor .why").last
    why.locator("summary").click()
    assert "转人工" in why.text_content(), why.text_content()
    agent.locator("#case-name").focus()
    agent.keyboard.press("t")
    stage.until(lambda: stage.state()[0] == ["human"], "the customer sees that a person is there")
    stage.until(lambda: agent.evaluate("document.activeElement.tagName") == "TEXTAREA", "ready to write")
    agent.keyboard.type("您好，我是小林，")
    agent.keyboard.press("Shift+Enter")
    agent.keyboard.type("马上帮您查。")
    agent.keyboard.press("Enter")
    stage.until(lambda: stage.texts("human") == ["您好，我是小林，\n马上帮您查。"], "the answer arrives once")
    stage.until(lambda: agent.locator("textarea").input_value() == "", "what was sent leaves the field")
    stage.say("好的，谢谢")
    stage.until(lambda: agent.locator(".msg.visitor .text").last.text_content() == "好的，谢谢", "the customer's words appear by themselves")
    agent.locator("#case-name").focus()
    agent.keyboard.press("b")
    agent.locator("dialog textarea").wait_for()
    agent.keyboard.press("Control+Enter")
    stage.until(lambda: stage.state()[0] == ["bot"], "the bot answers again")
    stage.until(lambda: agent.locator("[aria-label='我的'] .item").count() == 0 and waiting(agent).count() == 0, "the lists are empty")
    customer.get_by_role("button", name="转人工").click()
    stage.until(lambda: waiting(agent).count() == 1, "again, as a case of its own")
    agent.keyboard.press("c")
    agent.locator("dialog .main").click()
    stage.until(lambda: stage.state()[0] == ["closed"], "closed")


def console_two_agents(stage):
    """Two press take at once: one has it, the other is told who."""
    stage.own_daemon(TOKENS)
    asks(stage)
    agents = {name: stage.agent(f"a-token-of-{name}") for name in ("lin", "mei")}
    for agent in agents.values():
        waiting(agent).first.click()
        agent.locator("[data-act=take]").wait_for()
    for agent in agents.values():
        agent.evaluate("document.querySelector('[data-act=take]').click()")
    stage.until(lambda: all(agent.locator(".head .state-human").count() for agent in agents.values()), "both see that a person has it")
    told = lambda: [name for name, agent in agents.items() if agent.locator(".note").is_visible()]
    stage.until(told, "one is told that the other was first")
    notes = {name: agents[name].locator(".note").text_content() for name in told()}
    assert len(notes) == 1, notes
    loser, note = notes.popitem()
    winner = next(name for name in agents if name != loser)
    assert winner in note, (winner, note)
    stage.until(lambda: agents[loser].locator("textarea").is_disabled() and not agents[winner].locator("textarea").is_disabled(), "one can write")
    stage.until(lambda: agents[loser].locator(".actions button").count() == 0, "the other can do nothing")
    stage.until(lambda: agents[loser].locator("[aria-label='同事处理中'] .item").count() == 1, "in the other's list as a colleague's")
    # The token lives as long as the tab, and nowhere else.
    agents[winner].reload()
    agents[winner].locator(".line.live").wait_for()
    assert agents[winner].evaluate("JSON.stringify(localStorage)").find("a-token") < 0
    agents[winner].get_by_role("button", name="退出").click()
    agents[winner].locator("#token").wait_for()
    # The one that was refused, and the look after signing out.
    stage.errors = [error for error in stage.errors if not re.search("401|409", error)]


def console_wrong_token(stage):
    """A wrong token is refused in words."""
    stage.own_daemon(TOKENS)
    context = stage.browser.new_context(locale="en-GB")
    stage.agents.append(context)
    page = stage.watched(context.new_page())
    page.goto(stage.url + "/console")
    page.locator("#token").fill("nonsense")
    page.keyboard.press("Enter")
    stage.until(lambda: page.locator("[role=alert].bad").text_content() == "This token is not known.", "refused in words")
    page.screenshot(path=str(stage.shots / "console-signin-light.png"))
    stage.errors = [error for error in stage.errors if "401" not in error]


def console_link_of_a_notice(stage):
    """The address that a notice tells opens its case, after signing in."""
    stage.own_daemon(TOKENS)
    asks(stage, "鞋子开胶了，转人工")
    request = urllib.request.Request(f"{stage.url}/v1/conversations?state=queued", headers={"authorization": "Bearer a-token-of-lin"})
    with urllib.request.urlopen(request) as answer:
        case = json.load(answer)["conversations"][0]["id"]
    agent = stage.agent("a-token-of-lin", path=f"/console#/case/{case}")
    agent.locator(".msg.visitor").wait_for()
    assert "鞋子开胶了" in agent.locator(".msg.visitor .text").first.text_content()


def console_markup_stays_text(stage):
    """Markup in a name, an attribute, a message, an answer and a rule's reason is shown, never run."""
    stage.own_daemon(faq__evil=f"faq:\n  - id: evil.answer\n    title: {json.dumps(ATTACK)}\n    category: shop\n    questions: [蓝色长颈鹿多少钱]\n    answer: {json.dumps(ATTACK)}\n")
    with_crm(stage)
    stage.restart()
    forward(stage, f"{ATTACK} 蓝色长颈鹿多少钱 转人工", {"id": "c-evil", "name": ATTACK, "tier": ATTACK, "attributes": {ATTACK: ATTACK}})
    agent = stage.agent()
    waiting(agent).first.click()
    agent.locator(".msg.visitor").wait_for()
    assert agent.locator("#case-name").text_content() == ATTACK
    assert ATTACK in agent.locator(".msg.visitor .text").text_content()
    stage.until(lambda: ATTACK in agent.locator(".facts").text_content(), "what is known of the customer")
    agent.locator("textarea").fill("蓝色长颈鹿多少钱")
    stage.until(lambda: agent.locator(".suggest .title").count() and agent.locator(".suggest .title").first.text_content() == ATTACK, "the entry is suggested")
    agent.locator(".suggest button").first.click()
    assert agent.locator("textarea").input_value() == ATTACK
    agent.keyboard.press("Enter")
    stage.until(lambda: agent.locator(".msg.human .text").all_text_contents() == [ATTACK], "said as it was typed")
    assert agent.locator("#app img, #app script").count() == 0, "markup came alive"
    # And at the customer's side.
    asks(stage)
    waiting(agent).first.click()
    stage.until(lambda: agent.locator(".msg.visitor .text").all_text_contents() == ["转人工"], "the other case")
    agent.locator("textarea").fill(ATTACK)
    agent.locator("textarea").press("Enter")
    stage.until(lambda: stage.texts("human") == [ATTACK], "shown as text")
    assert stage.page.locator(".log img, .log script").count() == 0


def console_keyboard(stage):
    """Help, the list, suggestions and the way back without a mouse; typed letters are no shortcuts."""
    stage.own_daemon()
    with_crm(stage)
    stage.restart()
    for number in (1, 2):
        forward(stage, "退货运费谁出？转人工", {"id": f"c-{number}", "name": f"顾客{number}"})
    agent = stage.agent()
    stage.until(lambda: waiting(agent).count() == 2, "two cases")
    agent.keyboard.press("?")
    stage.until(lambda: agent.locator("dialog.help").is_visible(), "the help")
    agent.keyboard.press("Escape")
    stage.until(lambda: agent.locator("dialog").count() == 0, "no help any more")
    name = "document.activeElement.querySelector('.name')?.textContent"
    for press, focused in (("j", "顾客1"), ("j", "顾客2"), ("j", "顾客2"), ("k", "顾客1")):
        agent.keyboard.press(press)
        stage.until(lambda: agent.evaluate(name) == focused, f"{press} leads to {focused}")
    agent.keyboard.press("Enter")
    stage.until(lambda: agent.locator("#case-name").text_content() == "顾客1", "opened")
    agent.locator(".msg").first.wait_for()
    agent.keyboard.press("r")
    agent.keyboard.type("tbcjkq?运费")
    stage.until(lambda: agent.locator(".suggest button").count() > 0, "suggestions while typing")
    assert agent.locator("dialog").count() == 0 and agent.locator(".head .state-queued").count() == 1, "letters are only letters here"
    answer = agent.locator(".suggest button").first.get_attribute("title")
    agent.keyboard.press("Alt+1")
    stage.until(lambda: agent.locator("textarea").input_value() == answer, "the suggestion is taken")
    agent.keyboard.press("Escape")
    agent.keyboard.press("Escape")
    stage.until(lambda: agent.evaluate(name) == "顾客1", "back in the list")
    # Pressed until it is there: on a busy machine the list may be drawn anew between the key and the look.
    stage.until(lambda: agent.keyboard.press("j") or agent.evaluate(name) == "顾客2", "the next in the list")
    agent.keyboard.press("Enter")
    stage.until(lambda: agent.locator("#case-name").text_content() == "顾客2" and agent.locator("textarea").input_value() == "", "the other case")
    agent.go_back()
    stage.until(lambda: agent.locator("textarea").count() == 0 or agent.locator("#case-name").text_content() == "顾客1", "back")
    waiting(agent).first.click()
    stage.until(lambda: agent.locator("textarea").input_value() == answer, "what was not sent is still there")
    agent.keyboard.press("4")
    agent.locator(".page table").first.wait_for()
    agent.keyboard.press("2")
    agent.get_by_role("group", name="投递").wait_for()
    agent.keyboard.press("1")
    agent.keyboard.press("q")
    stage.until(lambda: agent.locator("[aria-label='最近'] .item").count() == 2, "recent conversations")


def console_dead_letters(stage):
    """What could not be delivered is listed, sent again, dropped."""
    stage.own_daemon("webhooks:\n  desk: {url: \"http://127.0.0.1:9/desk\", secret: a-secret-of-the-desk, retry: [20ms]}\n")
    stage.write("nightdesk.yaml", lambda text: text.replace("general:    {hours: shop,", "general:    {hours: shop, webhook: desk,"))
    stage.restart()
    agent = stage.agent(path="/console#/deliveries")
    asks(stage)
    stage.until(lambda: agent.reload() and agent.wait_for_timeout(300) is None and agent.locator("nav .loud").count() > 0, "the bar tells of a dead letter")
    agent.locator(".line.card").wait_for()
    assert "handoff.created" in agent.locator(".line.card").text_content()
    agent.get_by_role("button", name="重新发送").click()
    agent.locator(".toast.good").wait_for()
    stage.until(lambda: agent.reload() and agent.wait_for_timeout(300) is None and agent.locator(".line.card").count() == 1, "in vain")
    agent.get_by_role("button", name="放弃").click()
    agent.locator("dialog .main").click()
    stage.until(lambda: agent.locator(".line.card").count() == 0, "gone")


def console_better_words(stage):
    """Words that must not be said are held back, one press takes better ones, and what is insisted on is sent."""
    stage.own_daemon(rules__wording=WORDING)
    asks(stage)
    agent = stage.agent()
    waiting(agent).first.click()
    agent.locator(".msg.visitor").wait_for()
    text, panel = agent.locator("textarea"), agent.locator(".wording")
    assert not panel.is_visible()
    text.fill("您好，这个保证绝对没问题，退款绝对快")
    text.press("Enter")
    stage.until(panel.is_visible, "held back")
    assert text.input_value() == "您好，这个保证绝对没问题，退款绝对快", "what was typed stays"
    assert panel.locator("li").count() == 1 and "话不能说满。" in panel.text_content(), panel.text_content()
    assert panel.locator("[data-act=anyway]").text_content() == "仍然发送"
    weak = agent.evaluate(CONTRAST)
    assert weak == [], weak
    agent.screenshot(path=str(stage.shots / "console-wording-light.png"))
    panel.locator("li button").click()
    assert text.input_value() == "您好，这个保证通常没问题，退款绝对快"
    assert not panel.is_visible() and agent.evaluate("document.activeElement.tagName") == "TEXTAREA"
    agent.keyboard.press("Enter")
    stage.until(panel.is_visible, "the other place")
    panel.locator("li button").click()
    agent.keyboard.press("Enter")
    stage.until(lambda: stage.texts("human") == ["您好，这个保证通常没问题，退款通常快"], "sent with better words")
    stage.until(lambda: text.input_value() == "", "nothing is left")
    # Another one, insisted on; and one that is changed by hand after it was held back.
    text.fill("绝对没问题")
    text.press("Enter")
    stage.until(panel.is_visible, "held back again")
    text.press_sequentially("的")
    stage.until(lambda: panel.locator("[data-act=anyway]").count() == 0, "what was changed is looked at again")
    text.press("Enter")
    panel.locator("[data-act=anyway]").click()
    stage.until(lambda: stage.texts("human")[1:] == ["绝对没问题的"], "sent all the same")
    stage.until(lambda: not panel.is_visible() and text.input_value() == "", "nothing is left")
    # Where nobody may insist.
    stage.write("nightdesk.yaml", lambda settings: settings + "\nwording: {agents: refuse}\n")
    text.fill("绝对")
    refused = lambda: text.press("Enter") or agent.wait_for_timeout(300) is None and panel.is_visible() and panel.locator("[data-act=anyway]").count() == 0
    stage.until(refused, "refused")
    text.fill("")
    stage.until(lambda: not panel.is_visible(), "gone with the words")
    dark = stage.agent(dark=True, locale="en-GB", width=390, height=844, phone=True)
    dark.locator(".item").first.click()
    dark.locator(".msg.visitor").wait_for()
    dark.locator("textarea").fill("I am absolutely certain")
    dark.locator(".write .main").click()
    dark.locator(".wording").wait_for()
    weak = dark.evaluate(CONTRAST)
    assert weak == [], weak
    assert dark.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    dark.screenshot(path=str(stage.shots / "console-wording-phone.png"))
    # Where it is only noted.
    stage.write("nightdesk.yaml", lambda settings: settings.replace("agents: refuse", "agents: note"))
    text.fill("退款绝对快")
    noted = lambda: text.input_value() and text.press("Enter") or agent.wait_for_timeout(300) is None and agent.locator(".toast", has_text="绝对").count() == 1
    stage.until(noted, "sent, and told")
    stage.until(lambda: stage.texts("human")[2:] == ["退款绝对快"], "sent once")
    stage.errors = [error for error in stage.errors if "422" not in error]


WORDING = """wording:
  - {id: wording.absolute, phrase: [绝对, absolutely certain], why: {zh: 话不能说满。, en: Nothing is certain.}, instead: {zh: 通常, en: fairly sure}}
"""


def console_shop(stage):
    """Hours of each queue, and a file with an error, in words with its place."""
    stage.own_daemon()
    agent = stage.agent(path="/console#/shop")
    rows = agent.locator(".page table").first.locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == 9 and agent.locator("tr.open th", has_text="oncall").count() == 1
    stage.write("faq/broken.yaml", lambda _: "faq:\n  - id: x\n    phrase: [y]\n")
    stage.until(lambda: agent.reload() and agent.wait_for_timeout(300) is None and agent.locator("pre").count() == 1, "the error is shown")
    assert "faq/broken.yaml:" in agent.locator("pre").text_content()
    stage.until(lambda: agent.locator("nav .loud").all_text_contents() == ["!"], "the bar tells of it")


def console_passes_on(stage):
    """A case goes to another queue with a note, and back to the bot with a summary; the next one reads it."""
    stage.own_daemon()
    asks(stage)
    agent = stage.agent()
    waiting(agent).first.click()
    agent.locator("[data-act=take]").click()
    stage.until(lambda: agent.locator(".head .state-human").count() == 1, "taken")
    agent.locator("[data-act=transfer]").click()
    dialog = agent.locator("dialog")
    dialog.locator("select").select_option("after-sale")
    dialog.locator("textarea").fill("灯罩裂了，想换一个")
    agent.screenshot(path=str(stage.shots / "console-transfer.png"))
    dialog.locator("button[type=submit]").click()
    stage.until(lambda: agent.locator(".head .state-queued").count() == 1 and "after-sale" in agent.locator(".head").text_content(), "in the other queue")
    stage.until(lambda: "灯罩裂了" in agent.locator(".case").text_content(), "the note is there")
    agent.locator("[data-act=take]").click()
    stage.until(lambda: agent.locator(".head .state-human").count() == 1, "taken again")
    agent.keyboard.press("Escape")
    agent.locator("[data-act=return]").click()
    dialog.locator("textarea").fill("已登记换货")
    dialog.locator("button[type=submit]").click()
    stage.until(lambda: agent.locator(".head .state-bot").count() == 1 and "已登记换货" in agent.locator(".case").text_content(), "with the bot, and the summary")


def console_hours_by_hand(stage):
    """The shop is closed by hand until a time, the customer's side hears of it, and it is taken back."""
    stage.own_daemon()
    agent = stage.agent(path="/console#/shop")
    line = agent.locator("[data-schedule=shop]")
    line.wait_for()
    shut = line.locator(".chip.quiet").count() == 1
    line.locator("button").nth(0 if shut else 1).click()
    dialog = agent.locator("dialog")
    dialog.locator("input").wait_for()
    agent.screenshot(path=str(stage.shots / "console-hours-dialog.png"))
    dialog.locator("button[type=submit]").click()
    now = "good" if shut else "quiet"
    stage.until(lambda: line.locator(f".chip.{now}").count() == 1 and line.locator("button").count() == 3, "set by hand")
    stage.until(lambda: dialog.count() == 0, "the dialog is gone")
    line.locator("button").first.click()
    stage.until(lambda: line.locator("button").count() == 2, "as planned again")


def console_modes(stage):
    """The peak is switched on by hand until a time, another console hears of it, and it is switched off; light, dark, on a phone."""
    stage.own_daemon()
    agent, other = stage.agent(path="/console#/shop"), stage.agent(path="/console#/shop", dark=True, locale="en-GB")
    line, there = agent.locator("[data-mode=peak]"), other.locator("[data-mode=peak]")
    line.wait_for()
    there.wait_for()
    assert line.locator(".chip.quiet").count() == 1 and line.locator("button").count() == 1
    line.locator("button").click()
    dialog = agent.locator("dialog")
    dialog.locator("#note").fill("双十一")
    agent.screenshot(path=str(stage.shots / "console-modes-dialog.png"))
    dialog.locator("button[type=submit]").click()
    stage.until(lambda: dialog.count() == 0 and line.locator(".chip.urgent").count() == 1, "on")
    assert "双十一" in line.text_content() and "local" in line.text_content(), line.text_content()
    stage.until(lambda: there.locator(".chip.urgent").count() == 1, "the other console hears of it")
    agent.screenshot(path=str(stage.shots / "console-modes.png"))
    other.screenshot(path=str(stage.shots / "console-modes-dark.png"))
    phone = stage.agent(path="/console#/shop", width=390, height=844, phone=True)
    phone.locator("[data-mode=peak] .chip.urgent").wait_for()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways on a phone"
    phone.screenshot(path=str(stage.shots / "console-modes-phone.png"), full_page=True)
    line.locator("button").first.click()
    stage.until(lambda: line.locator(".chip.quiet").count() == 1 and line.locator("button").count() == 1, "off")
    stage.until(lambda: there.locator(".chip.quiet").count() == 1, "off there too")


PILOTS = """rules:
  - id: returns.person
    replaces: returns.window
    rollout: 50%
    priority: 900
    when: {phrase: [怎么退货]}
    reply: {zh: 请同事来帮您。, zh-Hant: 請同事來幫您。, en: A colleague helps you.}
    handoff: {queue: general, reason: trial}
  - id: fee.short
    replaces: logistics.fee
    rollout: 20%
    priority: 900
    when: {phrase: [运费是怎么收的]}
    reply: {zh: 满 99 元包邮。, zh-Hant: 滿 99 元包郵。, en: Free from 99 yuan.}
"""


def console_pilots(stage):
    """Two pilots: one that hands everybody over ends by itself and says why, the other goes on; in both languages, on a phone."""
    stage.own_daemon("pilots: {stop: {handoff: 5%, after: 10}}\n", rules__trial=PILOTS)
    with_crm(stage)
    stage.restart()
    agent = stage.agent(path="/console#/shop")
    running = agent.locator(".lines .line", has=agent.locator("code")).filter(has=agent.locator(".chip.good"))
    stage.until(lambda: running.count() == 2, "both run")
    agent.screenshot(path=str(stage.shots / "console-pilots-running.png"), full_page=True)
    for number in range(60):
        forward(stage, "怎么退货", {"id": f"cu-{number}"}, number)
    # It compares when it starts, and then every minute.
    stage.end_agents()
    stage.restart(same_data=True)
    agent, other = stage.agent(path="/console#/shop"), stage.agent(path="/console#/shop", dark=True, locale="en-GB")
    ended = lambda page: page.locator(".line", has=page.locator(".chip.urgent")).filter(has_text="returns.person")
    stage.until(lambda: ended(agent).count() == 1 and ended(other).count() == 1, "it ended by itself")
    assert re.search(r"已自动停止.*转人工 100\.0 %.*其余顾客 0\.0 %", ended(agent).text_content()), ended(agent).text_content()
    assert re.search(r"Ended by itself.*100\.0 % went to a person.*the rest 0\.0 %", ended(other).text_content()), ended(other).text_content()
    for page, words in (agent, "进行中"), (other, "Running"):
        assert page.locator(".line", has_text="fee.short").filter(has_text=words).count() == 1
    ended(agent).scroll_into_view_if_needed()
    ended(other).scroll_into_view_if_needed()
    agent.screenshot(path=str(stage.shots / "console-pilots.png"))
    other.screenshot(path=str(stage.shots / "console-pilots-dark.png"))
    phone = stage.agent(path="/console#/shop", width=390, height=844, phone=True)
    ended(phone).scroll_into_view_if_needed()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways on a phone"
    phone.screenshot(path=str(stage.shots / "console-pilots-phone.png"))


def console_certificate(stage):
    """The port's certificate, as the status tells of it: good, about to end, ended; nothing where there is none."""
    stage.own_daemon()
    plain = stage.agent(path="/console#/shop")
    plain.get_by_role("heading", name="规则文件").wait_for()
    assert plain.get_by_role("heading", name="证书").count() == 0
    cases = [
        ({"ends": "2031-03-01T08:00:00Z", "days": 1560}, "zh-CN", "有效", "还有 1560 天", 0),
        ({"ends": "2031-03-01T08:00:00Z", "days": 3, "problem": "it ends in 3 days"}, "en-GB", "See to it", "3 days left", 1),
        ({"ends": "2026-03-01T08:00:00Z", "days": -2, "problem": "it has ended"}, "zh-CN", "需要处理", "过期", 1),
    ]
    for number, (tls, locale, word, days, loud) in enumerate(cases):
        def told(route, _, tls=tls):
            answer = route.fetch()
            route.fulfill(response=answer, json={**answer.json(), "tls": tls})
        page = stage.agent(locale=locale, dark=number == 1)
        page.route("**/v1/status", told)
        page.goto(f"{stage.url}/console#/shop")
        page.reload()
        card = page.locator(".card", has=page.get_by_role("heading", name="证书" if locale == "zh-CN" else "Certificate"))
        stage.until(lambda: card.count() == 1, "the certificate is shown")
        text = card.text_content()
        assert word in text and days in text and tls.get("problem", "") in text, text
        stage.until(lambda: page.locator("nav .loud").count() == loud, "the bar tells of it")
        card.scroll_into_view_if_needed()
        page.screenshot(path=str(stage.shots / f"console-certificate-{number}.png"))


def console_unanswered(stage):
    """What nothing answered today, with the way to the case."""
    stage.own_daemon(TOKENS)
    with_crm(stage)
    stage.restart()
    for number, text in enumerate(["天王盖地虎", "天王盖地虎", "宝塔镇河妖"]):
        forward(stage, text, {"id": f"cu-{number}", "name": "陈晓"}, number)
    agent = stage.agent("a-token-of-lin", path="/console#/unmatched")
    lines = agent.locator(".lines .card")
    stage.until(lambda: lines.count() == 2, "two different questions")
    assert "天王盖地虎" in lines.first.text_content() and "× 2" in lines.first.text_content()
    agent.screenshot(path=str(stage.shots / "console-unanswered.png"))
    lines.first.locator("a").click()
    agent.locator(".msg.visitor").first.wait_for()


def console_comes_back(stage):
    """The line breaks; what happened meanwhile is there when it is back."""
    stage.own_daemon()
    agent = stage.agent()
    agent.context.set_offline(True)
    agent.evaluate("0")
    stage.restart(same_port=True)
    stage.until(lambda: agent.locator(".line.lost").count() == 1, "the console says that the line is lost")
    asks(stage)
    agent.context.set_offline(False)
    stage.until(lambda: agent.locator(".line.live").count() == 1 and waiting(agent).count() == 1, "back, with the new case")
    stage.errors = [error for error in stage.errors if "ERR_" not in error]


def console_in_pictures(stage):
    """Every view in light, dark and on a phone; nothing runs over the edge."""
    stage.own_daemon("webhooks:\n  desk: {url: \"http://127.0.0.1:9/desk\", secret: a-secret-of-the-desk, retry: [20ms]}\n" + TOKENS)
    with_crm(stage)
    stage.write("nightdesk.yaml", lambda text: text.replace("vip:        {hours: shop,", "vip:        {hours: shop, webhook: desk,"))
    stage.restart()
    people = [
        ({"id": "cu-7", "name": "陈晓"}, ["你好", "收到的台灯灯罩裂了，想换一个", "我要转人工"]),
        ({"id": "cu-12", "name": "刘伟", "tier": "wholesale"}, ["我们想订 200 盏吊灯，可以给批发价吗？转人工"]),
        ({"id": "cu-3", "name": "Anna Meyer", "attributes": {"city": "Hangzhou"}}, ["Where is my parcel? It has not moved for 5 days", "It is order 202611220001"]),
        ({"id": "cu-21", "name": "王芳", "tier": "vip", "attributes": {"city": "上海", "orders": 14}}, ["怎么退货", "退款多久到账", "已经五天了还没到，请转人工"]),
        ({"id": "cu-30", "name": "赵敏"}, ["我的账号被盗了，有人在下单"]),
    ]
    for customer, texts in people:
        for number, text in enumerate(texts):
            forward(stage, text, customer, number)
    for style, how in (("light", {}), ("dark", {"dark": True}), ("phone", {"width": 390, "height": 844, "phone": True})):
        agent = stage.agent("a-token-of-lin", locale="en-GB" if style == "dark" else "zh-CN", **how)
        shot = lambda name: agent.screenshot(path=str(stage.shots / f"console-{name}-{style}.png"))
        agent.locator(".item").nth(4).wait_for()
        shot("queue")
        agent.locator(".item", has_text="王芳").click()
        agent.locator(".msg.visitor").nth(2).wait_for()
        if style == "light":
            agent.locator("[data-act=take]").click()
            stage.until(lambda: agent.locator(".head .state-human").count() == 1, "taken")
            agent.locator("textarea").fill("王女士您好，我马上为您查退款进度。")
            agent.locator("textarea").press("Enter")
            agent.locator(".msg.human").wait_for()
        agent.locator(".msg .why summary").last.click()
        agent.locator("textarea").fill("refund" if style == "dark" else "退款")
        typed = ("建议回复", "Suggested answers")
        stage.until(lambda: agent.locator(".suggest").is_visible() and agent.locator(".suggest h3").text_content() in typed, "suggestions to what is typed")
        stage.until(lambda: agent.locator(".side section").count() == 2, "the case in its place")
        agent.locator(".scroll").evaluate("e => { e.scrollTop = e.scrollHeight }")
        shot("case")
        if style == "phone":
            agent.locator(".unfold").click()
            shot("details")
        for view in ("shop", "unmatched", "deliveries"):
            agent.evaluate(f"location.hash = '#/{view}'")
            agent.locator(".page").wait_for()
            if view == "deliveries":
                agent.locator(".line.card").first.wait_for()
            shot(view)
            over = agent.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{view} in {style} is {over} px too wide"
        agent.evaluate("location.hash = '#/cases'")
        if style != "phone":
            agent.keyboard.press("?")
            shot("help")


def console_says_what_it_is(stage):
    """Every control has a name, and colours of text stand out enough, in light and dark."""
    stage.own_daemon()
    asks(stage)
    for dark in (False, True):
        agent = stage.agent(dark=dark)
        waiting(agent).first.click()
        agent.locator(".msg.visitor").wait_for()
        nameless = agent.evaluate("[...document.querySelectorAll('button, a, textarea, input')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)")
        assert nameless == [], nameless
        weak = agent.evaluate(CONTRAST)
        assert weak == [], weak


# Texts whose colour has less than 4.5 : 1 against the nearest ground that is not clear.
CONTRAST = """() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length > 3 && m[3] < 1 ? null : m; };
  const light = ([r, g, b]) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }; return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c) return c; } return [255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('#app *')) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) || e.closest('.sr') || !e.getClientRects().length || e.disabled || getComputedStyle(e).opacity < 1) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) found.push(`${e.className || e.tagName}: ${((a + .05) / (b + .05)).toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


def console_satisfaction(stage):
    """A case is closed, the customer rates it low in the widget: the score in the transcript, and a case of the complaints."""
    stage.own_daemon()
    agent = stage.agent()
    customer = asks(stage)
    stage.until(lambda: waiting(agent).count() == 1, "the case appears")
    waiting(agent).first.click()
    agent.locator("[data-act=take]").click()
    stage.until(lambda: stage.state()[0] == ["human"], "taken")
    agent.locator("textarea").press_sequentially("您好")
    stage.until(lambda: customer.locator(".typing").is_visible(), "the customer sees that somebody writes")
    agent.keyboard.press("Enter")
    stage.until(lambda: stage.texts("human") == ["您好"] and customer.locator(".typing").is_hidden(), "the answer")
    agent.locator("[data-act=close]").click()
    agent.locator("dialog .main").click()
    customer.locator(".rating").wait_for()
    assert "如需进一步帮助" in stage.texts("bot")[-2], stage.texts("bot")
    stage.until(lambda: stage.state()[0] == ["closed"], "closed")
    customer.reload()
    customer.locator(".rating").wait_for()
    customer.get_by_role("radio").first.check(force=True)
    customer.get_by_role("textbox", name="说说原因").fill("等了很久")
    stage.shoot("survey-open")
    customer.get_by_role("button", name="提交评价").click()
    stage.until(lambda: customer.locator(".rating").is_hidden() and "很抱歉" in "".join(stage.texts("bot")[-2:]), "an honest word")
    stage.until(lambda: waiting(agent).count() == 1, "a case of its own")
    line = agent.locator(".change.rating")
    stage.until(lambda: line.count() == 1 and "1 分" in line.text_content(), "the score in the transcript")
    assert "complaints" in agent.locator(".head").text_content() and agent.locator(".head .chip.high").count() == 1
    stage.shoot("console-low-score")


def console_satisfaction_english(stage):
    """The same question to an English customer on a narrow phone: every label fits its button."""
    stage.own_daemon()
    agent = stage.agent(locale="en-GB")
    customer = asks(stage, "I want to talk to a human", locale="en-GB", width=360, height=700, phone=True)
    agent.locator(".item").first.click()
    agent.locator("[data-act=take]").click()
    stage.until(lambda: stage.state()[0] == ["human"], "taken")
    agent.locator("[data-act=close]").click()
    agent.locator("dialog .main").click()
    customer.locator(".rating").wait_for()
    labels = customer.locator(".scores label")
    assert labels.locator("span").all_text_contents() == ["Very poor", "Poor", "Okay", "Good", "Very good"]
    cut = labels.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth).map(e => e.textContent)")
    assert not cut, f"cut off: {cut}"
    below = customer.locator(".scroll").evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight")
    assert below < 3, f"the form is in sight, not {below} pixels below"
    stage.shoot("survey-phone-en")
