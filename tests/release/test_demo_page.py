"""The demo of a judged run in a real browser."""

import re
import signal
import time

import pytest
from chromium import console, needs_chromium, requests, set_width, wait
from demo_process import running_demo
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys


@pytest.fixture(scope="module")
def demo(run):
    with running_demo(run) as (_, address):
        yield address


def open_page(browser, address, width=1200):
    set_width(browser, width)
    browser.get(address)
    wait_for_result(browser)


def wait_for_result(browser, previous=None):
    """Wait until the page shows a result that differs from the previous one."""
    wait(browser).until(lambda _: element(browser, "#results").is_displayed())
    wait(browser).until(lambda _: sources(browser) != previous)


def element(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def sources(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#versions img')].map(image => image.src)"
    )


def captions(browser):
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#versions b")]


def table(browser):
    """Return the texts in the table of predictions, row by row."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#predictions tr')].map(row =>"
        " [...row.children].map(cell => cell.innerText.trim()))"
    )


def choose_value(browser, value):
    element(browser, f"#synthetic input[value='{value}']").click()


def redraw(browser):
    """Draw new noise until the images change."""
    before = sources(browser)
    for _ in range(20):
        count = num_responses(browser)
        element(browser, "#redraw").click()
        wait(browser).until(lambda _, count=count: num_responses(browser) > count)
        wait(browser).until(lambda _: element(browser, "#status").text == "")
        if sources(browser) != before:
            return
    raise AssertionError("the images did not change in twenty draws")


def num_responses(browser):
    """Return how many responses the page has received."""
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    return sum(name.endswith("/censor") for name in browser.execute_script(script))


@needs_chromium
def test_the_page_shows_a_face_and_contacts_no_other_machine(browser, demo):
    open_page(browser, demo)
    time.sleep(1)  # in case something is fetched later
    assert console(browser) == []
    addresses = requests(browser, demo)
    assert f"{demo}censor" in addresses
    assert all(address.startswith((demo, "data:")) for address in addresses)
    assert [caption[:3] for caption in captions(browser)] == ["x", "x'", "x''"]
    assert browser.execute_script("return document.cookie + localStorage.length") == "0"


@needs_chromium
def test_predictions_of_adversary_and_classifiers_are_shown(browser, demo):
    open_page(browser, demo)
    head, *rows = table(browser)
    assert head == ["Attribute", "x", "x'", "x''"]
    row_headers = [row[0].split("\n") for row in rows]
    assert row_headers == [
        ["Smiling", "strongest adversary"],
        ["Smiling", "fixed classifier"],
        ["Male", "fixed classifier"],
    ]
    assert rows[0][1:3] == ["n/a", "n/a"]
    cells = [*rows[0][3:], *rows[1][1:], *rows[2][1:]]
    assert all(re.fullmatch(r"(<1|\d{1,3})%", text) for text in cells)
    measured = element(browser, "section[aria-labelledby=measured-heading]").text
    assert re.search(
        r"shown here, (resnet10|inversion), is the best at predicting Smiling", measured
    )


@needs_chromium
def test_the_synthetic_value_can_be_chosen_and_noise_redrawn(browser, demo):
    open_page(browser, demo)
    for _ in range(20):  # with some noise, the tiny network returns the same bytes for both values
        choose_value(browser, 0)
        zero = sources(browser)
        assert captions(browser)[2] == "x'' (Smiling: no)"
        choose_value(browser, 1)
        one = sources(browser)
        assert captions(browser)[2] == "x'' (Smiling: yes)"
        if one != zero:
            break
        redraw(browser)
    assert one[:2] == zero[:2]
    assert one[2] != zero[2]
    choose_value(browser, 0)
    assert sources(browser) == zero
    redraw(browser)
    assert sources(browser)[0] == zero[0]
    assert sources(browser)[1:] != zero[1:]
    assert captions(browser)[2] == "x'' (Smiling: no)"  # the choice persists
    choose_value(browser, "random")
    values = set()
    for _ in range(30):
        redraw(browser)
        values.add(captions(browser)[2])
        if len(values) == 2:
            return
    raise AssertionError("s' did not change in thirty draws")


@needs_chromium
def test_a_photograph_can_be_chosen_or_dropped(browser, demo, tmp_path):
    open_page(browser, demo)
    for name, colour in (("chosen.jpg", "red"), ("dropped.png", "blue")):
        Image.new("RGB", (90, 60), colour).save(tmp_path / name)
    before = sources(browser)
    element(browser, "#file").send_keys(str(tmp_path / "chosen.jpg"))
    wait_for_result(browser, previous=before)
    assert pixel(browser)[0] > 200 > 50 > pixel(browser)[2]
    pressed = "return document.querySelectorAll('.examples [aria-pressed=true]').length"
    assert browser.execute_script(pressed) == 0
    before = sources(browser)
    drop(browser, tmp_path / "dropped.png")
    wait_for_result(browser, previous=before)
    assert pixel(browser)[2] > 200 > 50 > pixel(browser)[0]
    assert browser.current_url == demo  # the browser did not open the file itself


def pixel(browser):
    """Return the colour of the original's first pixel on the page."""
    return browser.execute_script(
        """const image = document.querySelector('#versions img');
        const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 1, 1).data];"""
    )


def drop(browser, path):
    """Drop a file onto the page, as a user does from another window."""
    where = element(browser, "h1").rect
    files = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": where["x"] + 5, "y": where["y"] + 5}
        browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "data": files, **place})


@needs_chromium
def test_other_files_are_reported_and_change_nothing(browser, demo, tmp_path):
    open_page(browser, demo)
    before = sources(browser)
    (tmp_path / "letter.jpg").write_text("Dear Sir")
    element(browser, "#file").send_keys(str(tmp_path / "letter.jpg"))
    wait(browser).until(lambda _: element(browser, "#status.error"))
    message = "This file cannot be shown: it is not a JPEG, PNG, WebP, TIFF or HEIC image."
    assert element(browser, "#status").text == message
    assert sources(browser) == before


@needs_chromium
def test_the_page_can_be_used_with_the_keyboard(browser, demo):
    open_page(browser, demo)
    visited = []
    for _ in range(30):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        active = browser.switch_to.active_element
        name = active.get_attribute("aria-label") or active.get_attribute("id") or active.tag_name
        before = sources(browser)
        if name == "Drawn face 3":
            active.send_keys(Keys.ENTER)
            wait_for_result(browser, previous=before)
            assert active.get_attribute("aria-pressed") == "true"
        elif active.get_attribute("type") == "radio":
            active.send_keys(Keys.ARROW_RIGHT)
            wait(browser).until(lambda _: captions(browser)[2] == "x'' (Smiling: no)")
            name = "radio"
        elif name == "redraw":
            count = num_responses(browser)
            active.send_keys(Keys.SPACE)
            wait(browser).until(lambda _, count=count: num_responses(browser) > count)
        visited.append(name)
        if name == "redraw":
            break
    assert visited[0] == "file"
    assert {"Drawn face 1", "Drawn face 3", "Drawn face 8", "radio", "redraw"} <= set(visited)


@needs_chromium
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_the_page_fits_narrow_and_wide_screens(width, browser, demo):
    open_page(browser, demo, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    images = browser.find_elements(By.CSS_SELECTOR, "#versions img")
    assert len(images) == 3
    for image in images:
        assert image.rect["width"] >= 80
        assert image.rect["x"] + image.rect["width"] <= width
    assert len({image.rect["y"] for image in images}) == 1


@needs_chromium
def test_the_page_says_when_the_server_has_ended(browser, run):
    with running_demo(run) as (process, address):
        open_page(browser, address)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    element(browser, "#redraw").click()
    wait(browser).until(lambda _: element(browser, "#status.error"))
    message = "No response: the command that serves this page has ended."
    assert element(browser, "#status").text == message
