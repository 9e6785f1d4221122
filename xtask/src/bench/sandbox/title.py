from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    browser = playwright.chromium.launch()
    page = browser.new_page()
    page.goto("data:text/html,<title>bench</title><h1>A page</h1>")
    print(page.title())
    browser.close()
