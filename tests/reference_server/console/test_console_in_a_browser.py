"""The console in a browser: what happens is there without a reload, and a click changes the world."""

from typing import Any


def test_the_newest_message_is_there_at_once_and_a_click_takes_a_host_down(
    console, deliver, browser: Any
) -> None:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: complaints.append(asked.url) if not asked.url.startswith(console.url) else None,
    )
    page.goto(console.url)
    page.wait_for_function("document.getElementById('live').textContent === 'live'")
    deliver(b"Subject: <img src=x onerror=alert(1)>\r\n\r\nnow\r\n")
    page.wait_for_selector("text=<img src=x onerror=alert(1)>")
    page.goto(f"{console.url}/sessions/1")
    assert "Subject: <img" in page.inner_text(".wire")
    page.goto(f"{console.url}/hosts")
    page.click("button[value=down]")
    page.wait_for_selector(".host.down")
    context.close()
    assert complaints == []
