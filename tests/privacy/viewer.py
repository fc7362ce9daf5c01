"""A real browser without JavaScript, and what can be measured on a page in it."""

import json
import re
import shutil

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update",
         "--disable-dev-shm-usage", "--hide-scrollbars"]
NO_SCRIPTS = {"profile.managed_default_content_settings.javascript": 2}

# Colours, boxes and text as they were computed. Problems are lines of text.
_TOOLS = r"""
const number = text => (text.match(/[\d.]+/g) || []).map(Number);
function rgba(text) {
    const [r, g, b, a = 1] = number(text);
    if (!/^rgba?\(/.test(text)) throw new Error('no colour that is known here: ' + text);
    return [r, g, b, a];
}
const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3]));
function ground(e) {
    for (; e; e = e.parentElement) {
        const c = rgba(getComputedStyle(e).backgroundColor);
        if (c[3] === 1) return c;
        if (c[3] > 0) return over(c, ground(e.parentElement));
    }
    throw new Error('nothing says what the background is');
}
function light(c) {
    const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92
                                                                 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
}
function contrast(a, b) {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + .05) / (y + .05);
}
function seen(c, e) { const g = ground(e); return contrast(over(c, g), g); }
const named = e => e.localName + (e.className.baseVal ?? e.className ? '.' +
    (e.className.baseVal ?? e.className) : '');
function texts() {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
    while (walk.nextNode()) {
        const node = walk.currentNode, e = node.parentElement, range = document.createRange();
        if (!node.data.trim() || e.closest('svg, style') || !e.checkVisibility()) continue;
        range.selectNodeContents(node);
        found.push({e, text: node.data.trim().slice(0, 30),
                    boxes: [...range.getClientRects()].filter(b => b.width && b.height)});
    }
    return found;
}
"""

_PROBLEMS = _TOOLS + r"""
const bad = [], all = texts(), root = document.documentElement;
if (root.clientWidth !== arguments[0]) bad.push(`laid out for ${root.clientWidth}`);
if (root.scrollWidth > root.clientWidth) bad.push(`${root.scrollWidth} wide`);
const scrolls = e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX);
for (const {e, text, boxes} of all) {
    const s = getComputedStyle(e), size = parseFloat(s.fontSize);
    const least = size >= 24 || size >= 18.66 && s.fontWeight >= 700 ? 3 : 4.5;
    const found = seen(rgba(s.color), e);
    if (found < least) bad.push(`contrast ${found.toFixed(2)}: ${text}`);
    if (size < 12) bad.push(`${size} px small: ${text}`);
    if (!boxes.length) bad.push('takes no room: ' + text);
    let inside = false;
    for (let up = e; up; up = up.parentElement) {
        const style = getComputedStyle(up), box = up.getBoundingClientRect();
        inside = inside || scrolls(up);
        if (!inside && style.overflow !== 'visible' && boxes.some(b =>
            b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 ||
            b.bottom > box.bottom + 1)) bad.push('clipped: ' + text);
    }
    if (!inside && boxes.some(b => b.left < 0 || b.right > root.clientWidth + .5))
        bad.push('beyond the edge: ' + text);
}
const flat = all.flatMap(({text, boxes}, i) => boxes.map(b => ({text, i, b})));
for (let n = 0; n < flat.length; n++) for (let m = n + 1; m < flat.length; m++) {
    const [one, two] = [flat[n], flat[m]];
    const wide = Math.min(one.b.right, two.b.right) - Math.max(one.b.left, two.b.left);
    const high = Math.min(one.b.bottom, two.b.bottom) - Math.max(one.b.top, two.b.top);
    if (one.i !== two.i && wide > 1 && high > 4) bad.push(`${one.text} lies on ${two.text}`);
}
for (const svg of document.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect();
    if (box.height < 90 || box.width < 150) bad.push(`chart of ${box.width} x ${box.height}`);
    const bar = svg.querySelector('.b'), look = bar && getComputedStyle(bar);
    const fill = bar && rgba(look.fill), edge = bar && look.stroke;
    if (bar && seen(fill, svg) < 3 && (edge === 'none' || seen(rgba(edge), svg) < 3))
        bad.push('bars do not stand out');
    for (const line of svg.querySelectorAll('.e, .z')) {
        const s = getComputedStyle(line), stroke = rgba(s.stroke);
        if (seen(stroke, svg) < 3) bad.push(named(line) + ' does not stand out');
        if (parseFloat(s.strokeWidth) < 1) bad.push(named(line) + ' is thin');
        if (bar && line.matches('.e') && contrast(stroke, fill) < 3)
            bad.push('the band is not seen on its bar');
    }
    for (const path of svg.querySelectorAll('path')) {
        const b = path.getBoundingClientRect();
        if (b.left < box.left - 1 || b.right > box.right + 1 || b.top < box.top - 1 ||
            b.bottom > box.bottom + 1) bad.push(named(path) + ' leaves its chart');
        if (path.matches('.b') && b.width < 1.5) bad.push(`a bar of ${b.width} px`);
    }
}
return [...new Set(bad)];
"""

_REACHABLE = r"""
return [...document.querySelectorAll('a[href], summary, [tabindex="0"]')]
    .filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 60));
"""

_FOCUS = _TOOLS + r"""
const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
return [e === document.body ? null : e.outerHTML.slice(0, 60),
        s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2 &&
            seen(rgba(s.outlineColor), e.parentElement) >= 3,
        box.top < innerHeight && box.bottom > 0];
"""

# Of each chart: numbers beside it, from above; [x, top] of each bar; [x, least, most] of each band.
_CHARTS = r"""
const path = (svg, kind) => [...svg.querySelectorAll('path' + kind)]
    .map(p => p.getAttribute('d').match(/-?\d+/g).map(Number));
return [...document.querySelectorAll('.c')].map(c => [
    [...c.querySelectorAll('.y span')].map(s => s.textContent), path(c, '.b'), path(c, '.e'),
    c.querySelector('svg').viewBox.baseVal.width]);
"""

_TABLE = r"""
return [...document.querySelectorAll('details tbody tr')]
    .map(row => [...row.cells].map(cell => cell.textContent));
"""


_BRIGHTNESS = _TOOLS + "return light(ground(document.body));"

_ACTIVE = r"""
const named = document.querySelectorAll('script, iframe, object, embed, img, link, form, base');
return named.length + [...document.querySelectorAll('*')].flatMap(e => [...e.attributes])
    .filter(a => /^on|^style$/.test(a.name) || /^\s*javascript:/i.test(a.value)).length;
"""


class Viewer:
    def __init__(self, profile):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for flag in [*FLAGS, f"--user-data-dir={profile}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", NO_SCRIPTS)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service(shutil.which("chromedriver")),
                                       options=options)
        self.width = 0

    def close(self):
        self.driver.quit()

    # --- Looking ---

    def order(self, command, **arguments):
        return self.driver.execute_cdp_cmd(command, arguments)

    def size(self, width, height=900):
        self.width = width
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=width < 500)

    def media(self, **features):
        """media(prefers_color_scheme="dark"): what a person has set."""
        self.order("Emulation.setEmulatedMedia", features=[
            {"name": name.replace("_", "-"), "value": value} for name, value in features.items()])

    def text_size(self, pixels):
        self.order("Page.setFontSizes", fontSizes={"standard": pixels, "fixed": pixels})

    def open(self, url):
        self.driver.get(url)

    def unfold(self):
        self.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")

    def run(self, script, *args):
        """The tools of the browser's owner work where the page's scripts do not."""
        return self.driver.execute_script(script, *args)

    def picture(self, path):
        """The page in its whole length."""
        height = self.run("return document.documentElement.scrollHeight")
        self.size(self.width, height)
        self.driver.save_screenshot(str(path))
        self.size(self.width)

    # --- What is seen ---

    def problems(self):
        """Text and charts that somebody could not see or read."""
        return self.run(_PROBLEMS, self.width)

    def brightness(self):
        """0 to 1, of the background."""
        return self.run(_BRIGHTNESS)

    def active(self):
        """How many elements and attributes could run, load or send something."""
        return self.run(_ACTIVE)

    def charts(self):
        return self.run(_CHARTS)

    def table(self):
        return self.run(_TABLE)

    def words(self):
        return re.sub(r"\s+", " ", self.run("return document.body.innerText"))

    def language(self):
        return self.run("return document.documentElement.lang")

    def tree(self):
        """(role, name, properties) of what a screen reader is told, in its order."""
        nodes = self.order("Accessibility.getFullAXTree")["nodes"]
        known = {node["nodeId"]: node for node in nodes}
        found = []

        def visit(node):
            if not node["ignored"]:
                found.append((node["role"]["value"], node.get("name", {}).get("value", ""),
                              {p["name"]: p["value"].get("value") for p in node["properties"]}
                              if "properties" in node else {}))
            for child in node.get("childIds", []):
                if child in known:
                    visit(known[child])

        visit(nodes[0])
        return found

    def noise(self):
        """(addresses asked for, what the browser complained of) since the last time."""
        asked = set()
        for row in self.driver.get_log("performance"):
            message = json.loads(row["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.add(message["params"]["request"]["url"])
        return asked, [row["message"] for row in self.driver.get_log("browser")]

    # --- The keyboard ---

    def reachable(self):
        return self.run(_REACHABLE)

    def press(self, key):
        ActionChains(self.driver, duration=0).send_keys(key).perform()

    def focus(self):
        """(what has it or None, whether that is marked, whether it is in sight)."""
        return self.run(_FOCUS)

    def tab(self):
        self.press(Keys.TAB)
        return self.focus()
