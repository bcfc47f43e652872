"""A headless Chromium for tests of the page; they skip where there is none."""
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

import pytest

WAIT = 90  # seconds, for machines that do much else


@contextmanager
def chromium(size: tuple = (1280, 1400)) -> Iterator[Any]:
    """A browser window, as Selenium's driver."""
    webdriver = pytest.importorskip('selenium.webdriver', reason='Selenium is not installed')
    paths = [shutil.which(name) for name in ('chromium', 'chromedriver')]
    if not all(paths):
        pytest.skip('no chromium and chromedriver on the PATH: apt-get install chromium-driver')
    options = webdriver.ChromeOptions()
    options.binary_location = paths[0]
    for argument in ('--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage',
                     f'--window-size={size[0]},{size[1]}', '--no-proxy-server'):
        options.add_argument(argument)
    options.set_capability('goog:loggingPrefs', {'performance': 'ALL', 'browser': 'ALL'})
    service = webdriver.ChromeService(paths[1])
    driver = webdriver.Chrome(options=options, service=service)
    try:
        driver.set_page_load_timeout(WAIT)
        yield driver
    finally:
        driver.quit()


def wait(what: Callable[[], Any], seconds: float = WAIT) -> Any:
    """The first true value; what the page does not have yet is asked for again."""
    end, last = time.time() + seconds, None
    while time.time() < end:
        try:
            value = what()
        except Exception as error:  # parts of the page come and go
            value, last = None, error
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f'nothing after {seconds} seconds: {last}')


def element(driver: Any, selector: str) -> Any:
    """The first element that a CSS selector finds, as soon as it is there."""
    return wait(lambda: driver.find_element('css selector', selector))


def shown(driver: Any, selector: str) -> str:
    """Its text as it is displayed."""
    return element(driver, selector).text
