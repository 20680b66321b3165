"""NAME.html: the reference as one page that needs nothing else: no scripts, nothing fetched, light or dark as the reader's
system is, readable on a phone."""

import html
import re
from typing import Dict, List

from .emit_docs import Block, Doc, Heading, Note, blocks
from .names import Names

STYLE = """
:root { color-scheme: light dark; --ink: #1c2126; --soft: #59636e; --line: #d5dae0; --paper: #fff; --tint: #f4f6f8; --link: #0757a8; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e7eb; --soft: #9aa5b1; --line: #363d45; --paper: #15191d; --tint: #1f252b; --link: #7db8f5; }
}
body { margin: 0 auto; max-width: 50rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; }
h1 { margin: 0; font-size: 1.8rem; }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); padding-bottom: .25rem; font-size: 1.3rem; }
h3 { margin: 2rem 0 .25rem; font: 600 1.05rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
h3 span { color: var(--soft); font-weight: 400; }
p { margin: .5rem 0; }
a { color: var(--link); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; }
:target { background: var(--tint); outline: .4rem solid var(--tint); }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
p.note { color: var(--soft); font-size: .92rem; }
nav { margin: 1rem 0; border-radius: .4rem; background: var(--tint); padding: .5rem 1rem; font-size: .92rem; }
table { width: 100%; margin: .75rem 0; border-collapse: collapse; font-size: .95rem; }
caption { color: var(--soft); font-size: .88rem; text-align: left; }
td { border-top: 1px solid var(--line); padding: .3rem .75rem .3rem 0; vertical-align: top; }
td:first-child { width: 2rem; color: var(--soft); text-align: right; }
td:nth-child(2) { width: 45%; }
"""


def emit(names: Names) -> str:
    interface = names.interface
    page, links = blocks(names), {one.name: f"#Types.{one.name}" for one in interface.types}
    lines, part = _contents(page), ""
    for one in page[1:]:
        if isinstance(one, Heading) and one.level == 2:
            part = one.text
        lines += _block(one, part, links)
    title = html.escape(interface.name)
    return "\n".join(["<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">',
                      '<meta name="viewport" content="width=device-width, initial-scale=1">',
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
                      f"<title>{title}</title>", f"<style>{STYLE}</style>", "</head>", "<body>", "<main>", *lines, "</main>",
                      "</body>", "</html>"]) + "\n"


def _contents(page: List[Block]) -> List[str]:
    """The title, and a link to each declaration."""
    parts: Dict[str, List[str]] = {}
    part = ""
    for one in page:
        if isinstance(one, Heading) and one.level == 2:
            part = one.text
        elif isinstance(one, Heading) and one.level == 3:
            parts.setdefault(part, []).append(f'<a href="#{part}.{one.text}">{one.text}</a>')
    title = page[0]
    assert isinstance(title, Heading)
    return [f"<h1>{html.escape(title.text)}</h1>", "<nav>",
            *(f'<p><a href="#{part}"><b>{part}</b></a>: {", ".join(links)}</p>' for part, links in parts.items()), "</nav>"]


def _block(one: Block, part: str, links: Dict[str, str]) -> List[str]:
    if isinstance(one, Heading):
        anchor = part if one.level == 2 else f"{part}.{one.text}"
        number = f" <span>{one.number}</span>" if one.number else ""
        return [f'<h{one.level} id="{anchor}">{html.escape(one.text)}{number}</h{one.level}>']
    if isinstance(one, Doc):
        paragraphs = re.split(r"\n\n+", "\n".join(one.lines).strip("\n"))
        return [f"<p>{_inline(text)}</p>" for text in paragraphs if text]
    if isinstance(one, Note):
        return [f'<p class="note">{_inline(one.text)}</p>']
    rows = [f"<tr><td>{number}</td><td><code>{_linked(what, links)}</code></td><td>{_inline(text.strip())}</td></tr>"
            for number, what, text in one.rows]
    return ["<table>", f"<caption>{one.title}</caption>", *rows, "</table>"]


def _inline(text: str) -> str:
    """`code` becomes code; the rest is text, whatever it looks like."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _linked(what: str, links: Dict[str, str]) -> str:
    """`name: Type` with the types that the page describes as links. A ref names another interface, not a type."""
    def link(match: "re.Match[str]") -> str:
        name = match[1]
        return f'<a href="{links[name]}">{name}</a>' if name in links else name
    return re.sub(r"(?<!ref&lt;)\b([A-Z][A-Za-z0-9]*)\b", link, html.escape(what))
