"""experiments/demo.py on a judged run, in a real browser."""

import re
import signal
import time

import pytest
from chromium import console, needs_chromium, requests, set_width, wait
from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from demo_process import running_demo


@pytest.fixture(scope="module")
def demo(run):
    with running_demo(run) as (_, address):
        yield address


def open_page(browser, address, width=1200):
    set_width(browser, width)
    browser.get(address)
    answered(browser)


def answered(browser, than=None):
    """Wait until the outcome is shown, and another one than it was."""
    wait(browser).until(lambda _: element(browser, "#outcome").is_displayed())
    wait(browser).until(lambda _: sources(browser) != than)


def element(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def sources(browser):
    return browser.execute_script(
        "return [...document.querySelectorAll('#versions img')].map(image => image.src)"
    )


def captions(browser):
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, "#versions b")]


def table(browser):
    """Return the table of opinions, a list of texts for each row."""
    return browser.execute_script(
        "return [...document.querySelectorAll('#opinions tr')].map(row =>"
        " [...row.children].map(cell => cell.innerText.trim()))"
    )


def choose_value(browser, value):
    element(browser, f"#synthetic input[value='{value}']").click()


def draw_anew(browser):
    """Draw noise until it shows in the images' bytes."""
    before = sources(browser)
    for _ in range(20):
        asked = answers(browser)
        element(browser, "#again").click()
        wait(browser).until(lambda _, asked=asked: answers(browser) > asked)
        wait(browser).until(lambda _: element(browser, "#status").text == "")
        if sources(browser) != before:
            return
    raise AssertionError("twenty drawings were the same")


def answers(browser):
    """Return how often the page was answered."""
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    return sum(name.endswith("/censor") for name in browser.execute_script(script))


@needs_chromium
def test_a_face_is_shown_at_once_and_nothing_leaves_the_machine(browser, demo):
    open_page(browser, demo)
    time.sleep(1)  # whatever would be fetched later
    assert console(browser) == []
    asked = requests(browser, demo)
    assert f"{demo}censor" in asked
    assert all(address.startswith((demo, "data:")) for address in asked)
    assert [caption[:3] for caption in captions(browser)] == ["x", "x'", "x''"]
    assert browser.execute_script("return document.cookie + localStorage.length") == "0"


@needs_chromium
def test_adversary_and_classifiers_are_asked(browser, demo):
    open_page(browser, demo)
    head, *rows = table(browser)
    assert head == ["Attribute", "x", "x'", "x''"]
    who = [row[0].split("\n") for row in rows]
    assert who == [
        ["Smiling", "strongest adversary"],
        ["Smiling", "fixed classifier"],
        ["Male", "fixed classifier"],
    ]
    assert rows[0][1:3] == ["not asked", "not asked"]
    told = [*rows[0][3:], *rows[1][1:], *rows[2][1:]]
    assert all(re.fullmatch(r"(<1|\d{1,3})%", text) for text in told)
    measured = element(browser, "section[aria-labelledby=measured]").text
    assert re.search(r"asked here, (resnet10|inversion), was the best at telling Smiling", measured)


@needs_chromium
def test_the_value_is_chosen_and_noise_drawn_anew(browser, demo):
    open_page(browser, demo)
    for _ in range(20):  # with some noise so small a network makes the same bytes of both values
        choose_value(browser, 0)
        zero = sources(browser)
        assert captions(browser)[2] == "x'' with s' = 0"
        choose_value(browser, 1)
        one = sources(browser)
        assert captions(browser)[2] == "x'' with s' = 1"
        if one != zero:
            break
        draw_anew(browser)
    assert one[:2] == zero[:2]
    assert one[2] != zero[2]
    choose_value(browser, 0)
    assert sources(browser) == zero
    draw_anew(browser)
    assert sources(browser)[0] == zero[0]
    assert sources(browser)[1:] != zero[1:]
    assert captions(browser)[2] == "x'' with s' = 0"  # as it was chosen
    choose_value(browser, "random")
    seen = set()
    for _ in range(30):
        draw_anew(browser)
        seen.add(captions(browser)[2])
        if len(seen) == 2:
            return
    raise AssertionError("s' was the same thirty times")


@needs_chromium
def test_a_photograph_is_chosen_or_dropped(browser, demo, tmp_path):
    open_page(browser, demo)
    for name, colour in (("chosen.jpg", "red"), ("dropped.png", "blue")):
        Image.new("RGB", (90, 60), colour).save(tmp_path / name)
    before = sources(browser)
    element(browser, "#file").send_keys(str(tmp_path / "chosen.jpg"))
    answered(browser, than=before)
    assert pixel(browser)[0] > 200 > 50 > pixel(browser)[2]
    pressed = "return document.querySelectorAll('.examples [aria-pressed=true]').length"
    assert browser.execute_script(pressed) == 0
    before = sources(browser)
    drop(browser, tmp_path / "dropped.png")
    answered(browser, than=before)
    assert pixel(browser)[2] > 200 > 50 > pixel(browser)[0]
    assert browser.current_url == demo  # the browser did not open the file itself


def pixel(browser):
    """Return the colour of the original's first pixel, as it is shown."""
    return browser.execute_script(
        """const image = document.querySelector('#versions img');
        const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
        const pen = canvas.getContext('2d');
        pen.drawImage(image, 0, 0);
        return [...pen.getImageData(0, 0, 1, 1).data];"""
    )


def drop(browser, path):
    """Let a file fall onto the page, as a hand would from another window."""
    where = element(browser, "h1").rect
    files = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": where["x"] + 5, "y": where["y"] + 5}
        browser.execute_cdp_cmd("Input.dispatchDragEvent", {"type": kind, "data": files, **place})


@needs_chromium
def test_what_is_no_photograph_is_said_and_changes_nothing(browser, demo, tmp_path):
    open_page(browser, demo)
    before = sources(browser)
    (tmp_path / "letter.jpg").write_text("Dear Sir")
    element(browser, "#file").send_keys(str(tmp_path / "letter.jpg"))
    wait(browser).until(lambda _: element(browser, "#status.wrong"))
    told = "This file cannot be shown: it is not a JPEG, PNG or WebP image."
    assert element(browser, "#status").text == told
    assert sources(browser) == before


@needs_chromium
def test_keys_alone_are_enough(browser, demo):
    open_page(browser, demo)
    done = []
    for _ in range(30):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        active = browser.switch_to.active_element
        name = active.get_attribute("aria-label") or active.get_attribute("id") or active.tag_name
        before = sources(browser)
        if name == "Drawn face 3":
            active.send_keys(Keys.ENTER)
            answered(browser, than=before)
            assert active.get_attribute("aria-pressed") == "true"
        elif active.get_attribute("type") == "radio":
            active.send_keys(Keys.ARROW_RIGHT)
            wait(browser).until(lambda _: captions(browser)[2] == "x'' with s' = 0")
            name = "radio"
        elif name == "again":
            asked = answers(browser)
            active.send_keys(Keys.SPACE)
            wait(browser).until(lambda _, asked=asked: answers(browser) > asked)
        done.append(name)
        if name == "again":
            break
    assert done[0] == "file"
    assert {"Drawn face 1", "Drawn face 3", "Drawn face 8", "radio", "again"} <= set(done)


@needs_chromium
@pytest.mark.parametrize("width", [320, 390, 1440])
def test_nothing_is_wider_than_the_screen(width, browser, demo):
    open_page(browser, demo, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    images = browser.find_elements(By.CSS_SELECTOR, "#versions img")
    assert len(images) == 3
    for image in images:
        assert image.rect["width"] >= 80
        assert image.rect["x"] + image.rect["width"] <= width
    assert len({image.rect["y"] for image in images}) == 1


@needs_chromium
def test_a_command_that_ended_is_missed(browser, run):
    with running_demo(run) as (process, address):
        open_page(browser, address)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    element(browser, "#again").click()
    wait(browser).until(lambda _: element(browser, "#status.wrong"))
    told = "Nobody answers: the command that shows this page has ended."
    assert element(browser, "#status").text == told
