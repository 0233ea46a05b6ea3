"""The report's page in a real browser."""

import base64
import io
import time

import numpy as np
import pypdfium2
import pytest
from chromium import console, needs_chromium, requests, set_width, wait
from PIL import Image
from sample_results import learning_curve, learning_curves, write_run
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from test_report import write_faces

from privacy_gan.reporting.report import make_report

pytestmark = needs_chromium
TRADE_OFF, LEARNING = "[data-panel] .plot", "[data-learning] .plot"
HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Write a report on several mechanisms, budgets and seeds; some names are hostile."""
    folder = tmp_path_factory.mktemp("sweep")
    for epsilon, leaks, ending in ((0.001, 0.85, "done"), (0.01, 0.7, "max_epochs")):
        for seed in (0, 1):
            more = {"data": "celeba-64", "epsilon": epsilon, "seed": seed}
            curves = learning_curves(ending)
            write_faces(write_run(folder, leaks=leaks, baseline=0.88, curves=curves, **more))
            run = write_run(folder, "generator", leaks=0.87, setup={"hostile": HOSTILE}, **more)
            write_faces(run, ("x", "x''  s'=0", "x''  s'=1"))
    hostile = write_run(folder, HOSTILE.replace("/", ":"), data="celeba-64", leaks=0.8, curves={})
    assert hostile.exists()
    make_report(folder, folder / "report", with_faces=True)
    return (folder / "report" / "report.html").as_uri()


def open_page(browser, address, width=1440):
    set_width(browser, width)
    browser.get(address)
    wait(browser).until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".plot .point"))


def count_curves(browser):
    """Return the number of curves, without the star of the originals."""
    return len(browser.find_elements(By.CSS_SELECTOR, f"{TRADE_OFF} .scatterlayer .trace")) - 1


def point_positions(browser):
    """Return the horizontal positions of the points of all curves."""
    script = "return document.querySelector('.plot').data.map(trace => trace.x)"
    return browser.execute_script(script)


def details(browser):
    return browser.find_element(By.CSS_SELECTOR, ".details")


def test_the_page_loads_without_errors_and_without_requests(browser, address):
    open_page(browser, address)
    time.sleep(1)  # for requests that would come later
    assert console(browser) == []
    urls = requests(browser, address)
    assert address in urls
    assert all(url == address or url.startswith("data:") for url in urls)
    script = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert all(name.startswith("data:") for name in browser.execute_script(script))


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_is_wider_than_the_screen(width, browser, address):
    open_page(browser, address, width)
    select = Select(browser.find_element(By.CSS_SELECTOR, "[data-learning] select"))
    select.select_by_index(2)
    browser.find_elements(By.CSS_SELECTOR, "button[data-point]")[0].click()
    page_width = browser.execute_script("return document.documentElement.scrollWidth")
    assert page_width <= width
    plot = browser.find_element(By.CSS_SELECTOR, ".plot .main-svg").size
    assert 300 < plot["width"] <= width
    hints = browser.execute_script("""
        return [...document.querySelectorAll(".scroll")]
          .filter((box) => box.scrollWidth > box.clientWidth + 1)
          .map((box) => getComputedStyle(box, "::before").content)""")
    assert all("scroll to the right" in hint for hint in hints)
    assert bool(hints) or width > 390


def test_hovering_over_a_point_shows_its_numbers(browser, address):
    open_page(browser, address)
    point = browser.find_elements(By.CSS_SELECTOR, ".plot .point")[1]  # the hostile curve has one
    ActionChains(browser).move_to_element(point).perform()
    wait(browser).until(lambda _: browser.find_elements(By.CSS_SELECTOR, ".hovertext"))
    tooltip = browser.find_element(By.CSS_SELECTOR, ".hovertext").text
    for text in (
        "epsilon",
        "privacy loss",
        "utility score 80.0%",
        "distortion 0.01000",
        "2 seeds",
    ):
        assert text in tooltip


def test_a_click_on_a_point_shows_faces_and_configuration(browser, address):
    open_page(browser, address)
    assert not details(browser).is_displayed()
    point = browser.find_elements(By.CSS_SELECTOR, ".plot .point")[1]  # the hostile curve has one
    ActionChains(browser).move_to_element(point).click().perform()
    wait(browser).until(lambda _: details(browser).is_displayed())
    assert "at epsilon 0.001" in details(browser).text
    top = "return arguments[0].getBoundingClientRect().top"
    assert -1 <= browser.execute_script(top, details(browser)) < 50  # its top is visible
    images = details(browser).find_elements(By.TAG_NAME, "img")
    assert len(images) == 2  # of two seeds
    assert all(
        browser.execute_script("return arguments[0].naturalWidth", image) for image in images
    )
    details(browser).find_element(By.TAG_NAME, "summary").click()
    assert "epsilon=0.001" in details(browser).find_element(By.TAG_NAME, "pre").text


def test_curves_can_be_hidden_and_adversaries_selected(browser, address):
    open_page(browser, address)
    total = count_curves(browser)
    assert total == 4
    box = browser.find_element(By.CSS_SELECTOR, ".controls input")
    box.click()
    wait(browser).until(lambda _: count_curves(browser) == total - 1)
    box.click()
    wait(browser).until(lambda _: count_curves(browser) == total)
    before = point_positions(browser)
    select = Select(browser.find_element(By.CSS_SELECTOR, ".controls select"))
    assert [each.text for each in select.options] == [
        "strongest",
        "the paper's adversary",
        "resnet10",
        "resnet18",
    ]
    marks = "return document.querySelector('.plot').layout.shapes.length"
    assert browser.execute_script(marks) == 2  # the baselines
    select.select_by_visible_text("the paper's adversary")
    wait(browser).until(lambda _: browser.execute_script(marks) == 2 + 4)  # Table 3's budgets
    select.select_by_visible_text("resnet10")
    wait(browser).until(lambda _: point_positions(browser) != before)
    for strongest, selected in zip(before[:total], point_positions(browser), strict=False):
        assert np.allclose(np.subtract(strongest, selected), 0.02)


def plotted(browser, plot, name):
    """Return the traces of a plot by their names."""
    script = "return document.querySelector(arguments[0]).data"
    return [trace for trace in browser.execute_script(script, plot) if trace["name"] == name]


def test_points_of_adversaries_that_were_not_done_are_hollow_and_say_at_least(browser, address):
    open_page(browser, address)
    (trace,) = plotted(browser, TRADE_OFF, "filter_generator-entropy")
    filled, hollow = trace["marker"]["color"]
    assert filled == trace["line"]["color"]
    assert hollow == "#fff"
    done, not_done = trace["hovertext"]
    assert "privacy loss (accuracy) 85.0%" in done
    assert "privacy loss (accuracy) at least 70.0%" in not_done
    rows = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "[data-panel] tbody tr")]
    assert [("at least" in row) for row in rows if " 70.0%" in row or " 85.0%" in row] == [
        False,
        True,
    ]
    browser.find_elements(By.CSS_SELECTOR, "button[data-point]")[2].click()
    assert "at least 70.0% [69.0, 71.0%]" in details(browser).text
    assert "utility score 80.0%" in details(browser).text


def test_learning_curves_have_the_values_of_the_result(browser, address):
    open_page(browser, address)
    expected = learning_curve("done", first_bits=0.2).stages
    (trace,) = plotted(browser, LEARNING, "resnet18: done")
    assert trace["x"] == [stage.epochs for stage in expected]
    assert trace["y"] == [stage.bits.value for stage in expected]
    for side in ("array", "arrayminus"):
        assert np.allclose(trace["error_y"][side], 0.01)
    originals = plotted(browser, LEARNING, "on original images")
    assert [trace["showlegend"] for trace in originals] == [True, False]
    axis = browser.execute_script(
        "return document.querySelector(arguments[0]).layout.xaxis", LEARNING
    )
    assert (axis["type"], axis["ticktext"]) == ("log", ["1", "2", "4"])


def test_the_selected_evaluation_has_its_curves_table_and_notes(browser, address):
    open_page(browser, address)
    article = browser.find_element(By.CSS_SELECTOR, "[data-learning]")
    assert "The adversaries were done." in article.text
    title = "filter_generator-entropy at epsilon 0.01, seed 0"
    Select(article.find_element(By.TAG_NAME, "select")).select_by_visible_text(title)
    wait(browser).until(lambda _: article.find_element(By.TAG_NAME, "h4").text == title)
    assert plotted(browser, LEARNING, "resnet18: not done")
    assert "The adversaries were not done: they learn at least this much." in article.text
    row = article.find_element(By.CSS_SELECTOR, "tbody tr").text
    assert row == (
        "resnet18 not done (max_epochs) 4 4,000 0.263 [0.253, 0.273] +0.013 [+0.003, +0.022]"
    )
    assert "evaluations have no learning curves" in article.text


def test_the_page_works_with_the_keyboard_alone(browser, address):
    open_page(browser, address)
    seen = []
    for _ in range(60):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        active = browser.switch_to.active_element
        seen.append(active.tag_name)
        if active.tag_name == "input" and "space" not in seen:
            before = count_curves(browser)
            active.send_keys(Keys.SPACE)
            wait(browser).until(lambda _, before=before: count_curves(browser) == before - 1)
            seen.append("space")
        if active.tag_name == "button":
            break
    assert {"a", "select", "input", "button"} <= set(seen)
    active.send_keys(Keys.ENTER)
    wait(browser).until(lambda _: details(browser).is_displayed())
    assert browser.switch_to.active_element == details(browser)


def test_hostile_names_are_shown_as_text(browser, address):
    open_page(browser, address)  # an alert would have raised
    button = next(
        button
        for button in browser.find_elements(By.CSS_SELECTOR, "button[data-point]")
        if "generator at" in button.get_attribute("aria-label")
        and "filter" not in button.get_attribute("aria-label")
    )
    button.click()
    details(browser).find_element(By.TAG_NAME, "summary").click()
    assert HOSTILE in details(browser).find_element(By.TAG_NAME, "pre").text
    assert browser.execute_script("return document.querySelectorAll('img[src=x]').length") == 0
    assert len(browser.find_elements(By.TAG_NAME, "script")) == 3


def test_page_and_chart_have_a_dark_mode(browser, address):
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    open_page(browser, address)
    picture = base64.b64decode(browser.get_screenshot_as_base64())
    values = np.asarray(Image.open(io.BytesIO(picture)).convert("L"))
    assert np.median(values) < 60


def test_the_printed_page_has_text_and_charts_without_controls(browser, address):
    open_page(browser, address)
    printed = browser.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
    document = pypdfium2.PdfDocument(base64.b64decode(printed["data"]))
    text = "".join(page.get_textpage().get_text_bounded() for page in document)
    assert "Privacy against utility" in text
    assert "Table 3" in text
    assert "utility score" in text  # including the chart's axis
    assert "Curves" not in text
    assert len(document) < 15
