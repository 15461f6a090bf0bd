"""Scenes of the console's page "knowledge": search, an entry, a message tried, findings and the last change, each on a daemon of its own."""

import json
import time
import urllib.error
import urllib.request

from scenes_console import ATTACK, CONTRAST, forward, with_crm

ENTRY = f"""faq:
  - id: gift.engraving
    title: {{zh: {json.dumps("刻字 " + ATTACK, ensure_ascii=False)}, en: Engraving}}
    category: gifts
    questions: [灯座上可以刻字吗, can you engrave the lamp]
    review_by: 2026-01-31
    answer: {{zh: {json.dumps("可以，刻字要三天。" + ATTACK, ensure_ascii=False)}, en: "Yes, engraving takes three days."}}
"""


def opened(stage, part="", **how):
    """An agent at a part of the page."""
    agent = stage.agent(path=f"/console#/knowledge{part}", **how)
    agent.locator(".know").wait_for()
    return agent


def shown(agent):
    return agent.locator(".entries tbody tr")


def mended(stage, text=ENTRY):
    """The file anew; if it is a good one, it is waited for."""
    stage.write("faq/gifts-own.yaml", lambda _: text)
    while "qestions" not in text:
        try:
            with urllib.request.urlopen(f"{stage.url}/v1/knowledge/entry/gift.engraving") as answer:
                entry = json.loads(answer.read())
            if f"en: \"{entry['replies'][0]['en']}\"" in text:
                return
        except urllib.error.HTTPError:
            pass
        time.sleep(0.1)


def console_knowledge_search_and_entry(stage):
    """Found as one types, by keyboard; an entry of which every word is text; sorted, and those that nobody ever needed."""
    stage.own_daemon()
    mended(stage)
    with_crm(stage)
    stage.restart()
    for number in range(3):
        forward(stage, "可以开发票吗", {"id": f"cu-{number}"}, number)
    agent = opened(stage)
    stage.until(lambda: shown(agent).count() == 100, "the first hundred entries")
    assert "invoice" in shown(agent).first.text_content() and "3" in shown(agent).first.locator("td.num").first.text_content()
    agent.locator(".search").press_sequentially("ENGRAVE the LAMP 刻字")
    stage.until(lambda: shown(agent).count() == 1, "only one is left while one types")
    assert agent.evaluate("document.activeElement.className") == "search"
    row = shown(agent).first
    assert ATTACK in row.text_content(), row.text_content()
    assert [chip in row.text_content() for chip in ("该复核", "没用过")] == [True, True], row.text_content()
    agent.keyboard.press("Control+a")
    agent.keyboard.type("完全没有的词zzz")
    agent.locator(".know .empty").wait_for()
    agent.locator(".search").fill("刻字")
    stage.until(lambda: shown(agent).count() >= 1, "found again")
    shown(agent).first.locator("a").focus()
    agent.keyboard.press("Enter")
    agent.locator(".entry h2").wait_for()
    stage.until(lambda: agent.evaluate("document.activeElement.tagName") == "H2", "the heading has the focus")
    assert ATTACK in agent.locator(".reply").first.text_content()
    assert "can you engrave the lamp" in agent.locator(".said").first.text_content()
    assert "id: gift.engraving" in agent.locator(".source").last.text_content()
    assert "review-overdue" in agent.locator(".finding").first.text_content()
    agent.go_back()
    stage.until(lambda: agent.locator(".search").count() == 1 and agent.locator(".search").input_value() == "刻字", "what was typed stays")
    agent.locator(".search").fill("")
    agent.get_by_role("button", name="该复核").click()
    stage.until(lambda: shown(agent).count() >= 1 and "刻字" in agent.locator(".entries").text_content(), "the overdue")
    agent.get_by_role("button", name="全部").click()
    agent.get_by_role("button", name="条目", exact=True).click()
    stage.until(lambda: agent.locator("th[aria-sort] .by").text_content().startswith("条目"), "sorted by id")
    first = shown(agent).first.locator(".id").first.text_content()
    agent.get_by_role("button", name="条目").click()
    stage.until(lambda: shown(agent).first.locator(".id").first.text_content() > first, "the other way round")


def console_knowledge_try(stage):
    """A message is tried: what matched is underlined, the likeness drawn, hours told; nobody is told of it."""
    stage.own_daemon()
    agent = opened(stage, "/try")
    field = agent.locator("#try-text")
    stage.until(lambda: agent.evaluate("document.activeElement.id") == "try-text", "ready to type")
    field.press_sequentially("你们的灯坏了管修吗")
    agent.keyboard.press("Enter")
    agent.locator(".know .log .text").first.wait_for()
    assert agent.locator(".scale").count() >= 1 and agent.locator(".read [class^=for-]").count() >= 1
    field.fill(f"我的账号被盗了 {ATTACK}")
    agent.keyboard.press("Enter")
    stage.until(lambda: agent.locator(".read u").count() >= 1 and "盗" in agent.locator(".read").text_content(), "what matched is underlined")
    assert ATTACK in agent.locator(".read").text_content()
    agent.locator(".try summary").click()
    agent.locator("#try-at").fill("2026-11-28T23:30")
    agent.locator("#try-tier").fill("vip")
    field.fill("转人工")
    agent.keyboard.press("Enter")
    stage.until(lambda: "休息中" in agent.locator(".know-body").text_content(), "closed at night")
    stage.shoot("knowledge-try-night")
    agent.evaluate("location.hash = '#/cases'")
    agent.locator(".empty").first.wait_for()
    assert agent.locator(".item").count() == 0, "a case came of it"
    agent.keyboard.press("4")
    stage.until(lambda: agent.locator(".know").count() == 1, "back by key")


def console_knowledge_live(stage):
    """A file is broken: its finding appears by itself, with the place; mended it is gone, and the change is shown."""
    stage.own_daemon()
    agent = opened(stage, "/findings")
    agent.locator(".know .chip.good").first.wait_for()
    mended(stage, ENTRY.replace("questions", "qestions"))
    finding = agent.locator(".finding.error", has_text="unknown-key")
    finding.first.wait_for()
    assert "faq/gifts-own.yaml:5" in finding.first.text_content() and finding.locator("mark").first.text_content() == "qestions"
    stage.until(lambda: "!" in agent.locator(".bar nav a", has_text="知识库").text_content(), "the bar says that something is wrong")
    finding.locator("summary").first.click()
    stage.until(lambda: "unknown-key" in finding.locator(".page-text").first.text_content(), "what it means")
    mended(stage)
    stage.until(lambda: finding.count() == 0, "mended, it is gone by itself")
    agent.evaluate("location.hash = '#/knowledge/diff'")
    added = agent.locator(".diff ins")
    added.first.wait_for()
    text = agent.locator(".diff").first.text_content()
    assert "+" in text and "id: gift.engraving" in text and ATTACK in text.replace('\\"', '"'), text
    assert "gift.engraving" in agent.locator(".know dl").first.text_content()
    mended(stage, ENTRY.replace("three days", "four days"))
    stage.until(lambda: "four days" in agent.locator(".diff ins").first.text_content(), "the next change by itself")
    assert "three days" in agent.locator(".diff del").first.text_content()
    agent.get_by_role("button", name="English").click()
    stage.until(lambda: "In use" in agent.locator(".know").text_content(), "in English")


def console_knowledge_in_pictures(stage):
    """Every part in light, dark and on a phone; nothing runs over the edge, every control has a name, every colour stands out."""
    stage.own_daemon()
    with_crm(stage)
    stage.restart()
    asked = ["可以开发票吗"] * 6 + ["怎么退货"] * 4 + ["退款多久到账"] * 3 + ["how do I return an item", "发什么快递", "灯泡会闪怎么办"]
    for number, text in enumerate(asked):
        forward(stage, text, {"id": f"cu-{number}"}, number)
    mended(stage, ENTRY.replace(json.dumps(ATTACK)[1:-1], ""))
    for style, how in (("light", {}), ("dark", {"dark": True, "locale": "en-GB"}), ("phone", {"width": 390, "height": 844, "phone": True})):
        if style == "dark":
            mended(stage, ENTRY.replace(json.dumps(ATTACK)[1:-1], "").replace("三天", "两天").replace("three", "two").replace("灯座上可以刻字吗", "灯座上可以刻字吗, 能不能刻名字"))
        agent = opened(stage, **how)
        stage.until(lambda: agent.locator(".entries .num", has_text="6").count() >= 1, "the hits")
        for part, ready, act in (
            ("", ".entries", None),
            ("/entry/gift.engraving", ".entry", None),
            ("/try", "#try-channel option[value=web], #try-channel option:nth-child(1)", lambda: (agent.locator("#try-text").fill("invoce for my order please" if style == "dark" else "亲，我想退货可以吗"), agent.keyboard.press("Enter"), agent.locator(".scale").first.wait_for())),
            ("/diff", ".diff", None),
            ("/findings", ".finding", None),
        ):
            if part == "/findings":
                mended(stage, ENTRY.replace("questions", "qestions").replace(json.dumps(ATTACK)[1:-1], ""))
            agent.evaluate(f"location.hash = '#/knowledge{part}'")
            agent.locator(ready).first.wait_for(state="attached")
            if act:
                act()
            agent.wait_for_timeout(150)
            name = part.split("/")[1] if part else "list"
            agent.screenshot(path=str(stage.shots / f"console-knowledge-{name}-{style}.png"), full_page=False)
            over = agent.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert over <= 0, f"{name} in {style} is {over} px too wide"
            wide = agent.evaluate("[...document.querySelectorAll('.know *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.tabs, .wide, pre')).map(e => e.outerHTML.slice(0, 120))")
            assert not wide, f"{name} in {style}: {wide[:3]}"
            weak = agent.evaluate(CONTRAST)
            assert weak == [], (name, style, weak)
            nameless = agent.evaluate("[...document.querySelectorAll('button, a, textarea, input, select')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)")
            assert nameless == [], nameless
        mended(stage, ENTRY.replace(json.dumps(ATTACK)[1:-1], ""))
