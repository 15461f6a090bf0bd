"""The page that `nightdesk report` writes, opened as the file that it is: light, dark, on a phone and on paper."""

import subprocess
from pathlib import Path

ATTACK = "<img src=x onerror=\"alert('xss')\"><script>alert('xss')</script>"


def written(stage, language):
    """A day of customers with a daemon of its own, and the page about it."""
    stage.own_daemon()
    for text in ("怎么退货", "退款多久到账", "你们那个灯能不能接到月亮上", ATTACK + " 电话13812345678", "转人工"):
        page = stage.enter()
        page.locator(".launcher").click()
        stage.until(lambda: page.locator(".state.busy").count() == 0, "connected")
        before = len(stage.texts("bot"))
        stage.say(text)
        stage.until(lambda before=before: len(stage.texts("bot")) > before, "an answer")
    file = Path(stage.files.name) / f"report-{language}.html"
    command = [stage.binary, "--dir", stage.files.name, "report", "--data", stage.daemon.data.name, "--since", "1d"]
    subprocess.run([*command, "--format", "html", "--lang", language, "--sample", "3", "--out", file], check=True)
    return file


def opened(stage, file, **how):
    """The page in a browser of its own; nothing but the file may be asked for."""
    context = stage.browser.new_context(**how)
    stage.agents.append(context)
    page = context.new_page()
    page.on("pageerror", lambda error: stage.errors.append(f"page error: {error}"))
    page.on("console", lambda line: line.type == "error" and stage.errors.append(f"console: {line.text}"))
    page.on("dialog", lambda dialog: (stage.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: request.url.startswith(file.as_uri()) or stage.errors.append(f"asked for: {request.url}"))
    page.goto(file.as_uri())
    return page


def report_page_light_dark_phone_and_paper(stage):
    """All parts are there, nothing is wider than the window, and what customers wrote is text."""
    file = written(stage, "zh")
    for name, how in {
        "light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
        "dark": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
        "phone": {"viewport": {"width": 390, "height": 800}, "color_scheme": "light", "is_mobile": True},
    }.items():
        page = opened(stage, file, **how)
        assert page.locator("section").count() >= 9, "a part is missing"
        assert page.locator("section#overview dd").first.text_content().startswith("5"), "five messages"
        assert page.locator("svg.chart").count() >= 2, "the charts"
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"the page is {wide} px wider than the window ({name})"
        text = page.locator("main").inner_text()
        assert "<script>" in text and page.locator("main img, main script").count() == 0, "what customers write is text"
        assert "13812345678" not in text and "***5678" in text, "numbers are masked"
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        bright = sum(int(part) for part in ground.strip("rgb()").split(",")) > 382
        assert bright == (name != "dark"), f"{name}: {ground}"
        page.screenshot(path=stage.shots / f"report-{name}.png", full_page=True)
    page = opened(stage, file, viewport={"width": 1180, "height": 900}, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden(), "paper has no links to press"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(255, 255, 255)", f"paper is white, also at night: {ground}"
    page.pdf(path=stage.shots / "report.pdf", format="A4", print_background=True)
    page.set_viewport_size({"width": 720, "height": 1000})
    page.screenshot(path=stage.shots / "report-print.png", full_page=True)


def report_page_in_english(stage):
    """The same in English."""
    page = opened(stage, written(stage, "en"), viewport={"width": 1180, "height": 900})
    assert page.locator("h1").text_content() == "Service report"
    assert page.locator("html").get_attribute("lang") == "en"
    page.screenshot(path=stage.shots / "report-en.png", full_page=True)
