"""What changes from the page: each control sends what it shows, and says what can't be."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from page_client import LITE, TURBO, Run, figure, is_live, preview
from playwright.sync_api import Locator, Page, expect

from livestyle.config import Config


def test_a_prompt_acts_while_one_types(page: Page) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        prompt = page.locator("#prompt")
        expect(prompt).to_have_value("oil painting")
        prompt.press("End")
        prompt.press_sequentially(" of a", delay=20)
        page.wait_for_timeout(500)
        prompt.press_sequentially(" cat", delay=20)
        expect(page.locator("#prompt-delay")).to_contain_text("key to picture")
        page.wait_for_timeout(500)
        said = [change["prompt"] for change in run.changes]
        assert said == ["oil painting of a", "oil painting of a cat"]  # what was typed in one go
        # from the last key: what one may still be typing, and a few pictures
        assert 150 <= int(page.locator("#prompt-delay").get_attribute("data-ms") or 0) < 1500


def test_the_last_of_what_is_typed_wins(page: Page) -> None:
    run = Run(TURBO)
    run.answer = lambda: None if run.number == 1 else ""  # the first one takes long
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.locator("#prompt").fill("a dog")
        page.wait_for_timeout(400)
        page.locator("#prompt").fill("a cat")
        page.wait_for_timeout(700)
        assert run.config.prompt == "a cat"
        page.locator("#prompt").blur()
        expect(page.locator("#prompt")).to_have_value("a cat")
        expect(page.locator('[data-error="prompt"]')).to_have_text("")


def test_sliders_are_made_from_what_may_change(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        values = {"detail": 0.3, "hold": 0, "colour": 1, "mix": 0.25}
        for name, value in values.items():
            page.get_by_label(name.capitalize(), exact=True).fill(str(value))
            expect(page.locator(f'output[for="set-{name}"]')).to_have_text(f"{value:.2f}")
        page.wait_for_timeout(500)
        assert run.sent == values
        expect(page.locator("#look-fields .field")).to_have_count(4)
        expect(page.locator("#prompt-form")).to_be_hidden()  # lite has no use for it
        page.locator("#advanced summary").click()
        expect(page.locator("#set-steps")).to_have_count(0)
        page.get_by_label("Aspect").select_option("fill")
        page.get_by_label("Cursor").uncheck()
        page.get_by_label("Fps").fill("25")
        page.wait_for_timeout(1200)  # it may still be typed
        assert run.sent == values | {"aspect": "fill", "cursor": False, "fps": 25}


def test_a_slider_that_is_drawn_sends_its_last_value(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        box = page.locator("#set-mix").bounding_box()
        assert box
        x, y = box["x"] + 8, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        for step in range(40):
            page.mouse.move(x + step * (box["width"] - 16) / 39, y)
        page.mouse.up()
        page.wait_for_timeout(700)
        assert run.config.mix == 1
        assert len(run.changes) < 40


def test_an_emptied_seed_is_random_and_may_be_typed_into(page: Page) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        seed = page.get_by_label("Seed", exact=True)
        expect(seed).to_have_value("7")
        seed.fill("")
        page.wait_for_timeout(600)
        assert run.sent == {"seed": "random"}
        expect(seed).to_have_value("")  # nothing comes under the fingers
        seed.press_sequentially("1x2")
        page.wait_for_timeout(400)
        expect(seed).to_have_value("12")
        assert run.config.seed == 12
        page.get_by_role("button", name="Another seed").click()
        expect(seed).not_to_have_value("12")
        seed.fill("99999999999")
        page.wait_for_timeout(400)
        assert run.config.seed == 4294967295


def _field_of_fps(page: Page, address: str) -> Locator:
    """Of the run that is shown at that address."""
    page.goto(address)
    is_live(page)
    page.locator("#advanced summary").click()
    return page.get_by_label("Fps")


def test_a_number_is_never_left_as_one_that_cannot_be_sent(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        fps = _field_of_fps(page, web.name)
        for typed, becomes in (("900", "240"), ("", "30"), ("0", "1")):
            fps.fill(typed)
            fps.blur()
            expect(fps).to_have_value(becomes)
        page.wait_for_timeout(500)
        assert run.config.fps == 1
        assert all(1 <= change["fps"] <= 240 for change in run.changes)


def test_a_number_that_is_typed_is_sent_whole(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        fps = _field_of_fps(page, web.name)
        fps.select_text()
        fps.press_sequentially("144", delay=150)
        page.wait_for_timeout(1500)
        assert run.changes == [{"fps": 144}]
        fps.select_text()
        fps.press_sequentially("25", delay=50)
        fps.press("Enter")
        page.wait_for_timeout(200)
        assert run.changes == [{"fps": 144}, {"fps": 25}]
        page.wait_for_timeout(1000)
        assert len(run.changes) == 2


def test_a_source_that_is_named_in_other_words_is_found_in_the_list(page: Page) -> None:
    run = Run(Config(source="screen", stylizer="lite", style="ink"))
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        pick = page.get_by_label("Source", exact=True)
        expect(pick).to_have_value("screen:1")
        assert page.locator("#source-pick > option").count() == 0


def test_a_refusal_is_said_where_it_happened(page: Page) -> None:
    run = Run(TURBO)
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        run.refusal = "strength 0.9: the steps are too few for it; raise --steps"
        page.get_by_label("Strength").fill("0.9")
        error = page.locator('[data-error="strength"]')
        expect(error).to_have_text(run.refusal)
        page.get_by_label("Strength").blur()
        expect(page.get_by_label("Strength")).to_have_value("0.5")  # what runs
        expect(page.locator('[data-error="prompt"]')).to_have_text("")
        run.refusal = ""
        page.get_by_label("Strength").fill("0.4")
        expect(error).to_have_text("")


def test_styles_are_cards_and_one_that_was_edited_says_so(page: Page) -> None:
    run = Run(TURBO)
    run.stylizer = {"ms": {"p50": None}}  # no frame yet
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        cards = page.locator("#cards button")
        expect(cards).to_have_count(3)
        images = [cards.nth(number).locator("img") for number in range(3)]
        expect(images[2]).to_have_js_property("naturalWidth", 0)
        run.stylizer = {"ms": {"p50": 149.0}}
        expect(images[2]).to_have_js_property("naturalWidth", 320)
        expect(cards.nth(0)).to_have_attribute("aria-pressed", "true")
        cards.nth(1).click()
        expect(cards.nth(1)).to_have_attribute("aria-pressed", "true")
        expect(cards.nth(0)).to_have_attribute("aria-pressed", "false")
        expect(page.locator("#style-name")).to_have_text("pencil")
        assert run.config.style == "pencil"
        page.get_by_label("Strength").fill("0.9")
        expect(page.locator("#style-name")).to_have_text("pencil, changed")
        page.locator("#cards button").nth(0).click()
        expect(page.locator("#style-name")).to_have_text("oil_painting")


def test_pictures_that_hold_up_the_run_are_made_when_they_are_asked_for(page: Page) -> None:
    run, painted = Run(TURBO), list[str]()
    run.stylizer = {"ms": {"p50": 151.0}}
    paint = run.style_picture
    run.style_picture = lambda name: painted.append(name) or paint(name)  # type: ignore[method-assign, func-returns-value]
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        page.wait_for_timeout(500)
        assert painted == []
        expect(page.locator("#cards button")).to_have_text(["oil painting", "pencil", "anime"])
        page.get_by_role("button", name="New pictures").click()
        expect(page.locator("#cards img").nth(2)).to_have_js_property("naturalWidth", 320)
        assert painted == ["oil_painting", "pencil", "anime"]


def test_off_is_said_and_on_again(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        switch, badge = page.get_by_role("switch"), page.locator("#badge")
        expect(badge).to_be_hidden()
        switch.click()
        expect(badge).to_have_text("Off: the source as it is")
        expect(switch).to_have_attribute("aria-checked", "false")
        assert run.config.off
        switch.click()
        expect(badge).to_be_hidden()
        assert not run.config.off


def test_the_source_and_the_outputs_are_picked(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        pick = page.get_by_label("Source", exact=True)
        expect(pick).to_have_value("screen:1")
        expect(pick.locator("optgroup")).to_have_count(3)
        pick.select_option("camera:0")
        page.wait_for_timeout(400)
        assert run.config.source == "camera:0"
        expect(page.get_by_label("This page")).to_be_disabled()
        page.get_by_label("Camera", exact=False).first.check()
        page.wait_for_timeout(400)
        assert run.config.sink == ("web", "v4l2:/dev/video9")


def test_a_recording_begins_shows_its_time_and_ends(page: Page) -> None:
    run = Run()
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        record = page.locator("#record")
        record.click()
        expect(record).to_have_attribute("aria-pressed", "true")
        assert run.recorded
        run.recorded = dataclasses.replace(run.recorded, seconds=65.4, bytes=12_300_000)
        expect(record).to_have_text("1:05 · 12.3 MB")
        expect(page.locator("#recording")).to_have_text("Recording livestyle.mp4")
        record.click()
        expect(record).to_have_text("Record")
        expect(page.locator("#recording")).to_have_text("Saved livestyle.mp4")
        assert run.recorded is None


@pytest.mark.parametrize("stylizer", ["lite", "turbo"])
def test_what_does_not_apply_is_not_there(page: Page, stylizer: str) -> None:
    with preview(Run(LITE if stylizer == "lite" else TURBO)) as web:
        page.goto(web.name)
        figure(page, "output.fps").to_have_text("30.0")
        expect(page.locator("#set-strength")).to_have_count(int(stylizer == "turbo"))
        expect(page.locator("#set-prompt-fade")).to_have_count(int(stylizer == "turbo"))
        expect(page.locator("#set-hold")).to_have_count(1)


def test_pictures_that_make_a_style_are_mixed(page: Page, tmp_path: Path) -> None:
    wood, glass = (tmp_path / name for name in ("wood.png", "C:glass.jpg"))
    for picture in (wood, glass):
        cv2.imwrite(str(picture), np.zeros((8, 8, 3), np.uint8))
    run = Run(dataclasses.replace(LITE, style=f"{wood}:3, {glass}"))
    with preview(run) as web:
        page.goto(web.name)
        is_live(page)
        expect(page.locator("#style-name")).to_contain_text("wood.png 75 %, C:glass.jpg 25 %")
        page.get_by_label("C:glass.jpg").fill("0.5")
        page.wait_for_timeout(400)
        assert run.config.style == f"{wood}:1,{glass}:0.5"
        expect(page.locator("#style-name")).to_contain_text("wood.png 67 %, C:glass.jpg 33 %")
        run.config = dataclasses.replace(LITE, style="ink")
        expect(page.locator("#blend")).to_be_hidden()
