"""Messages made to run a script, to reach elsewhere or to break a page: nothing of it happens, and every page opens.

MAILPROOF_HOSTILE says how many messages are opened; a whole round is 500.
"""

import base64
import html
import os
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

MESSAGES = int(os.environ.get("MAILPROOF_HOSTILE", "36"))

# Whatever runs calls this, and whatever fetches asks there.
CANARY = "https://canary.example.org/x"
_RUN = f"window.top.canary=1;fetch('{CANARY}')"

# Each place where a browser looks for a script or an address.
SCRIPTS = [
    "<script>{run}</script>",
    "<ScRiPt/x>{run}</sCrIpT >",
    "<script src='{url}'></script>",
    "<script type=module>{run}</script>",
    "<<script>{run}//<</script>",
    "<scr<script>ipt>{run}</script>",
    '<img src=x onerror="{run}">',
    "<img src='{url}'>",
    "<img/src=`{url}`onerror={run}>",
    "<img srcset='{url} 1x' src=data:,>",
    "<image href='{url}' src='{url}'>",
    "<picture><source srcset='{url}'><img></picture>",
    '<svg onload="{run}">',
    "<svg><script>{run}</script></svg>",
    "<svg><script href='{url}'/></svg>",
    "<svg><use href='{url}#x'/></svg>",
    "<svg><image href='{url}'/></svg>",
    "<svg><a xlink:href='javascript:{run}'><text>x</text></a></svg>",
    '<svg><animate onbegin="{run}" attributeName=x dur=1s>',
    "<svg><set attributeName=href to='javascript:{run}'>",
    "<svg><foreignObject><iframe srcdoc='<script>{run}</script>'>",
    '<svg><style><img src=x onerror="{run}"></style>',
    '<math><mtext><table><mglyph><style><img src=x onerror="{run}">',
    "<math><maction actiontype=statusline xlink:href='javascript:{run}'>x",
    '<form><math><mtext></form><form><mglyph><style></math><img src onerror="{run}">',
    "<noscript><p title='</noscript><img src=x onerror=\"{run}\">'>",
    "<template><script>{run}</script></template>",
    "<textarea><img title='</textarea><img src=x onerror=\"{run}\">'>",
    "<title><img title='</title><img src=x onerror=\"{run}\">'>",
    "<xmp><p title='</xmp><img src=x onerror=\"{run}\">'>",
    '<!--><img src=x onerror="{run}">-->',
    "<!--[if gte IE 4]><script>{run}</script><![endif]-->",
    "<![CDATA[<script>{run}</script>]]>",
    "<?xml version='1.0'?><script xmlns='http://www.w3.org/1999/xhtml'>{run}</script>",
    "<iframe src='javascript:{run}'></iframe>",
    '<iframe srcdoc="<script>{run}</script>"></iframe>',
    "<iframe src='{url}'></iframe>",
    "<frameset><frame src='javascript:{run}'></frameset>",
    "<object data='{url}'></object>",
    "<object data='data:text/html;base64,{b64}'></object>",
    "<embed src='javascript:{run}'>",
    "<embed src='{url}'>",
    "<applet code='{url}'></applet>",
    "<a href='javascript:{run}' autofocus>x</a>",
    "<a href=' java\tscript:{run}'>x</a>",
    "<a href='&#106;avascript:{run}'>x</a>",
    "<a href='vbscript:{run}'>x</a>",
    "<a href='data:text/html,<script>{run}</script>'>x</a>",
    "<a href='https://example.org' ping='{url}' onclick=\"{run}\">x</a>",
    "<area href='javascript:{run}'>",
    "<body onload=\"{run}\" background='{url}'>",
    '<body onpageshow="{run}">',
    "<base href='{url}/'><img src='y'>",
    "<meta http-equiv=refresh content='0;url={url}'>",
    "<meta http-equiv=refresh content='0;url=javascript:{run}'>",
    '<meta http-equiv=Content-Security-Policy content="default-src *"><script>{run}</script>',
    "<link rel=stylesheet href='{url}'>",
    "<link rel=prefetch href='{url}'><link rel=dns-prefetch href='//canary.example.org'>",
    "<link rel=manifest href='{url}'><link rel=icon href='{url}'>",
    "<style>@import '{url}';</style>",
    "<style>body{{background:url({url})}}</style>",
    "<p style=\"background:url('{url}')\">x</p>",
    '<p style="background-image:\\75\\72\\6c({url})">x</p>',
    '<p style="width:expression({run})">x</p>',
    '<p style="behavior:url({url});-moz-binding:url({url})">x</p>',
    '<p style="content:url({url});list-style:url({url});cursor:url({url}),auto">x</p>',
    '<p style="color:red;}}*{{background:url({url})}}">x</p>',
    '<p style="position:fixed;inset:0;z-index:99;width:100vw;height:100vh">x</p>',
    "<table background='{url}'><td background='{url}'>x</table>",
    "<form action='{url}'><input autofocus onfocus=\"{run}\"><button formaction='javascript:{run}'>x",
    "<input type=image src='{url}'>",
    "<isindex action='javascript:{run}' type=image>",
    '<details open ontoggle="{run}">x</details>',
    "<video autoplay src='{url}' onerror=\"{run}\" poster='{url}'></video>",
    "<audio src='{url}' onerror=\"{run}\"></audio>",
    '<video><source onerror="{run}"></video>',
    '<marquee onstart="{run}">x</marquee>',
    "<bgsound src='{url}'>",
    "<div onmouseover=\"{run}\" style='width:9999px;height:9999px'>x</div>",
    '<select autofocus onfocus="{run}"><option>x</select>',
    '<div contenteditable autofocus onfocus="{run}">x</div>',
    '<dialog open onclose="{run}"><form method=dialog>x',
    "<portal src='{url}'></portal>",
    '<keygen autofocus onfocus="{run}">',
    "<p id=csrf name=csrf>x</p><form id=list><input name=csrf>",
    '<custom-x onpointerrawupdate="{run}" is=x>x</custom-x>',
    "<img src='cid:picture' onload=\"{run}\">",
    "<img src='cid:drawing'>",
    "<img src='data:image/svg+xml;base64,{svg}'>",
    '"><script>{run}</script>',
    '\'><img src=x onerror="{run}">',
    "</pre></article></main><script>{run}</script>",
    "{{{{7*7}}}}{{% for x in y %}}<script>{run}</script>",
]
_SVG = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"{_RUN}\"><script>{_RUN}</script></svg>"


def _script(number: int) -> str:
    return SCRIPTS[number % len(SCRIPTS)].format(
        run=_RUN,
        url=CANARY,
        b64=base64.b64encode(f"<script>{_RUN}</script>".encode()).decode(),
        svg=base64.b64encode(_SVG.encode()).decode(),
    )


def _message(kind: str, body: str, more: str = "", subject: str = "hostile") -> bytes:
    head = f"From: Mallory <mallory@example.org>\r\nTo: alice@example.test\r\nSubject: {subject}\r\n{more}"
    return f"{head}MIME-Version: 1.0\r\nContent-Type: {kind}\r\n\r\n{body}\r\n".encode(
        "utf-8", "surrogatepass"
    )


def _word(text: str) -> str:
    return "=?utf-8?b?" + base64.b64encode(text.encode()).decode() + "?="


def _part(kind: str, body: str, more: str = "") -> str:
    return f"--x\r\nContent-Type: {kind}\r\n{more}\r\n{body}\r\n"


# Where the script goes: into what a page shows.


def in_html(script: str) -> bytes:
    return _message("text/html; charset=utf-8", f"<html><body><p>hello</p>{script}</body></html>")


def in_html_in_utf_7(script: str) -> bytes:
    body = script.replace("<", "+ADw-").replace(">", "+AD4-")
    return _message("text/html; charset=utf-7", body)


def in_html_of_no_known_charset(script: str) -> bytes:
    return _message('text/html; charset="x-\'><script>"', script)


def in_plain_text(script: str) -> bytes:
    return _message("text/plain; charset=utf-8", f"{script}\r\n> {script}\r\nhttps://example.org/{script}")


def in_the_subject(script: str) -> bytes:
    return _message("text/plain", "hello", subject=_word(script))


def in_the_names(script: str) -> bytes:
    more = f'Cc: {_word(script)} <a@example.org>\r\nReply-To: "{script}" <b@example.org>\r\n'
    return _message("text/plain", "hello", more)


def in_the_date_and_the_ids(script: str) -> bytes:
    more = f"Date: {script}\r\nMessage-ID: <{script}>\r\nReferences: <{script}> <a@b>\r\n"
    return _message("text/plain", "hello", more)


def in_a_file_name(script: str) -> bytes:
    name = script.replace('"', "'")
    disposition = f'Content-Disposition: attachment; filename="../../{name}"\r\n'
    return _message("multipart/mixed; boundary=x", _part("text/html", script, disposition) + "--x--")


def in_a_media_type(script: str) -> bytes:
    return _message("multipart/mixed; boundary=x", _part(f"text/{script}", script) + "--x--")


def in_an_enclosed_message(script: str) -> bytes:
    inner = f"Subject: {script}\r\nContent-Type: text/html\r\n\r\n{script}"
    return _message("multipart/mixed; boundary=x", _part("message/rfc822", inner) + "--x--")


def in_one_of_the_alternatives(script: str) -> bytes:
    body = _part("text/plain", script) + _part("text/html", script) + _part("text/calendar", script)
    return _message("multipart/alternative; boundary=x", body + "--x--")


def in_pictures(script: str) -> bytes:
    picture = _part("image/png", script, "Content-ID: <picture>\r\n")
    drawing = _part("image/svg+xml", _SVG, "Content-ID: <drawing>\r\n")
    page = _part("text/html", f"{script}<img src=cid:picture><img src=cid:drawing>")
    return _message("multipart/related; boundary=x", page + picture + drawing + "--x--")


def in_a_delivery_report(script: str) -> bytes:
    body = _part("text/plain", script) + _part("message/delivery-status", f"Diagnostic-Code: smtp; {script}")
    return _message("multipart/report; report-type=delivery-status; boundary=x", body + "--x--")


PLACES: list[Callable[[str], bytes]] = [
    in_html, in_html_in_utf_7, in_html_of_no_known_charset, in_plain_text, in_the_subject, in_the_names,
    in_the_date_and_the_ids, in_a_file_name, in_a_media_type, in_an_enclosed_message, in_one_of_the_alternatives,
    in_pictures, in_a_delivery_report,
]  # fmt: skip


def _nested(depth: int) -> bytes:
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(depth))
    closed = "".join(f"--b{n}--\r\n" for n in reversed(range(depth)))
    return ("Subject: nested\r\n" + opened + "Content-Type: text/plain\r\n\r\nhello\r\n" + closed).encode()


def _attached(*names: str) -> bytes:
    parts = [
        _part("application/octet-stream", "x", f"Content-Disposition: attachment; {name}\r\n")
        for name in names
    ]
    return _message("multipart/mixed; boundary=x", "".join(parts) + "--x--")


def awkward() -> Iterator[bytes]:
    """Messages that break readers, each in its own way."""
    yield _nested(10_000)
    yield b"Content-Type: message/rfc822\r\n\r\n" * 10_000 + b"Subject: innermost\r\n\r\nhello\r\n"
    yield _message("multipart/mixed; boundary=x", "--x\r\n\r\nhello\r\n" * 10_000)
    yield _message("multipart/mixed; boundary=x", "no part begins")
    yield _message("multipart/mixed", "no boundary")
    yield _message('multipart/mixed; boundary=""', "--\r\n\r\nhello\r\n----")
    for charset in (
        "idna",
        "punycode",
        "utf-16",
        "utf-32",
        "hz",
        "iso-2022-jp",
        "base64",
        "unicode_escape",
        "\xff",
    ):
        yield _message(f"text/plain; charset={charset}", "~{\x1b$B hello \xff\xfe \\ud800" + "a" * 5000)
    yield _message("text/plain; charset=utf-8", "\ud800\udfff \u202egnirts \ufeff\x01\x02\x1b[2J")
    yield _message("text/html", "<div>" * 100_000)
    yield _message("text/html", "<p>" + "".join(f"<font size={n}>" for n in range(500)) + "</p><p>x" * 10_000)
    yield _message("text/html", "<a " + " ".join(f"a{n}" for n in range(100_000)) + ">x")
    yield _message("text/html", "<" * 100_000)
    yield _message("text/plain", "hello", "Content-Transfer-Encoding: base64\r\n")
    yield _message("text/html", "=3Cscript=3E=", "Content-Transfer-Encoding: quoted-printable\r\n")
    yield _message("text/plain", "hello", "Content-Transfer-Encoding: x-uuencode\r\n")
    yield _message("text/plain", "hello", subject="a" * 100_000)
    yield _message("text/plain", "hello", subject=_word("a\r\nBcc: everybody@example.org\r\n\r\n<b>x"))
    yield _message(
        "text/plain", "hello", "Reply-To: =?utf-8?q?a=0D=0ABcc:_b=40example.org?= <c@example.org>\r\n"
    )
    yield _message(
        "text/plain", "hello", "Cc: " + ", ".join(f"u{n}@example.org" for n in range(5000)) + "\r\n"
    )
    yield _message("text/plain", "hello", "Cc: " + "(" * 5000 + '"' * 999 + "<" * 500 + "\r\n")
    for date in (
        "Mon, 31 Dec 9999 23:59:59 -1200",
        "1 Jan 0001 00:00:00 +2359",
        "99 Foo 2026 99:99:99 +9999",
    ):
        yield _message("text/plain", "hello", f"Date: {date}\r\n")
    yield _attached('filename="../../../etc/passwd"', 'filename="C:\\\\WINDOWS\\\\system.ini"', "filename=..")
    yield _attached('filename="\u202egpj.exe"', f'filename="{"n" * 5000}.txt"', 'filename="a\tb\x01c"')
    yield _attached(
        "filename*=utf-8''%0D%0ASet-Cookie:%20a=b", "filename*0=a; filename*9999999999=b", 'filename=""'
    )
    yield _attached("filename*=utf-16''%FF%FE%00", "filename*=''", 'filename="=?utf-8?b?L2V0Yy9wYXNzd2Q=?="')
    yield b""
    yield b"\r\n\r\n\r\n"
    yield b"no header at all, and no line end"
    yield bytes(range(1, 256)) * 50


@pytest.fixture(scope="module")
def hostile() -> list[bytes]:
    """The awkward ones, then scripts in places, each pair once in an order that is always the same."""
    pairs = [(number, place) for number in range(len(SCRIPTS)) for place in PLACES]
    random.Random(6).shuffle(pairs)
    made = [*awkward(), *(place(_script(number)) for number, place in pairs)]
    # Of few, some of each kind.
    return made[:MESSAGES] if MESSAGES > 100 else [*made[: MESSAGES // 3], *made[-2 * MESSAGES // 3 :]]


_AS_FILE = re.compile(r"attachment; filename=\"[^\"/\\]+\"; filename\*=UTF-8''[^;/\\]+")


def _links(text: str, path: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(rf'href="({re.escape(path)}\?[^"]+)"', text)]


@pytest.fixture
def opened(alice: Any, mailboxes: list[Any], hostile: list[bytes]) -> Iterator[list[str]]:
    """The pages of the hostile messages, which are all in the mailbox; the lists of them open, too."""
    mailboxes[0].put(hostile)
    pages: list[str] = []
    for number in range(1, -(-len(hostile) // 50) + 1):
        for order in ("newest", "threads"):
            answer = alice.get(f"/mail?folder=INBOX&page={number}&order={order}")
            assert answer.status_code == 200
        pages += _links(alice.get(f"/mail?folder=INBOX&page={number}").text, "/message")
    assert len(pages) == len(hostile)
    yield pages
    mailboxes[0].empty()


def test_no_script_runs_nothing_is_asked_elsewhere_and_every_page_opens(
    browser: Any, webmail: str, alice: Any, opened: list[str]
) -> None:
    context = browser.new_context(base_url=webmail)
    name, value = next(iter(alice.client.cookies.items()))
    context.add_cookies([{"name": name, "value": value, "url": webmail}])
    elsewhere: list[str] = []
    failed: list[tuple[int, str]] = []

    def pass_or_stop(route: Any) -> None:
        ours = route.request.url.startswith((webmail, "data:"))
        route.continue_() if ours else route.abort()

    def note(request: Any) -> None:
        if not request.url.startswith((webmail, "data:")):
            elsewhere.append(request.url)

    context.route("**/*", pass_or_stop)
    context.on(
        "request",
        lambda each: None if each.url.startswith((webmail, "data:")) else elsewhere.append(each.url),
    )
    context.on(
        "response", lambda each: failed.append((each.status, each.url)) if each.status >= 400 else None
    )
    page = context.new_page()
    page.on("dialog", lambda dialog: (failed.append((0, dialog.message)), dialog.dismiss()))
    for number, path in enumerate(opened):
        page.goto(path, wait_until="load", timeout=60_000)
        assert page.evaluate("window.canary") is None, path
        assert page.url == webmail + path
        assert [frame for frame in page.frames if frame.url.startswith("http")], path
        if number % 7 == 0:
            page.mouse.move(300, 500)
            page.goto(path + "&as=text", wait_until="load")
            assert page.evaluate("window.canary") is None, path
    assert len(context.pages) == 1
    assert not elsewhere
    assert not failed
    context.close()


def test_every_frame_part_source_and_answer_of_them_opens(alice: Any, opened: list[str]) -> None:
    for path in opened:
        text = alice.get(path).text
        asked = [*_links(text, "/part")[:20], *_links(text, "/source"), *_links(text, "/compose")[1:3]]
        asked += [html.unescape(each) for each in re.findall(r'src="(/frame\?[^"]+)"', text)]
        for each in asked:
            answer = alice.get(each)
            assert answer.status_code == 200, each
            if each.startswith(("/part", "/source")):
                assert answer.headers["Content-Type"] == "application/octet-stream"
                assert re.fullmatch(
                    r"attachment; filename=\"[^\"/\\]+\"; filename\*=UTF-8''[^;/\\]+",
                    answer.headers["Content-Disposition"],
                )
            if each.startswith("/frame"):
                assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-popups")
