"""Looks at a picture with MCP Inspector's web page, as a person would: `results_inspector.py URL CODE`.

Prints what was seen as JSON: the text above the picture, the picture's own size and that on the page, and the page itself.
"""

import base64
import json
import sys
import time

from playwright.sync_api import Error, sync_playwright

PATIENCE = 120_000  # milliseconds for each step

url, code = sys.argv[1:]


def come(page):
    """Inspector takes a while to be there."""
    until = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            return page.goto(url)
        except Error:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


with sync_playwright() as playwright:
    browser = playwright.chromium.launch()
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    come(page)
    switch = page.get_by_role("switch").first
    switch.wait_for(state="attached")
    switch.check(force=True)
    page.get_by_text("Tools", exact=True).first.click()
    page.get_by_text("Execute Python").first.click()
    page.get_by_label("code").first.fill(code)
    page.get_by_label("modules").fill('"matplotlib"')
    page.get_by_role("button", name="Execute Tool").click()
    picture = page.locator("img[src^='data:image/png;base64,']").first
    picture.wait_for()
    seen = {
        "text": page.locator("body").inner_text(),
        "own": picture.evaluate("it => [it.naturalWidth, it.naturalHeight]"),
        "shown": picture.bounding_box(),
        "page": base64.b64encode(page.screenshot()).decode(),
    }
    browser.close()
print(json.dumps(seen))
