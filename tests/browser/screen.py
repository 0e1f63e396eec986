"""What the page shows, read from its pixels."""

import base64
from typing import Final

import numpy as np

from appliance.demo.counter import Burnt, read_burnt
from tests.browser.chromium import Page

SCREEN: Final = "document.querySelector('t-playback')"
"""The playback screen, in the page's own words."""


async def read_screen(page: Page) -> Burnt:
    """The counter in the picture that the page's large <video> shows."""
    return await read_picture(page, "document.querySelector('video')")


async def read_picture(page: Page, video: str) -> Burnt:
    """The counter in the picture of a <video> or <canvas> of the page, named by a JavaScript expression."""
    answer = await page.run(
        f"(() => {{ const video = {video};"
        """ const canvas = document.createElement('canvas');
        canvas.width = video.videoWidth ?? video.width; canvas.height = video.videoHeight ?? video.height;
        const draw = canvas.getContext('2d', { willReadFrequently: true });
        draw.drawImage(video, 0, 0);
        const rgba = draw.getImageData(0, 0, canvas.width, canvas.height).data;
        let text = '';
        for (let at = 0; at < rgba.length; at += 4) text += String.fromCharCode(rgba[at + 1]);
        return [canvas.width, canvas.height, btoa(text)]; })()"""
    )
    width, height, data = answer
    luma = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width)
    found = read_burnt(luma, width, height)
    assert found is not None, f"no counter in the picture of {width}x{height}"
    return found
