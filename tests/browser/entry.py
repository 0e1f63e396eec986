"""A browser that is logged in without typing: the cookie as the server would have set it."""

from appliance.accounts.desk import AccountDesk
from appliance.accounts.roles import Role
from appliance.web.who import COOKIE
from tests.browser.chromium import Page
from tests.peers.sign_in import token_of


async def sign_in(page: Page, base: str, staff: AccountDesk, who: Role | str | None = Role.MANAGER) -> None:
    """Give the browser a session of this role or account; None: take it away."""
    if who is None:
        await page.tab.context.clear_cookies()
    else:  # in the place of the one before: what the page asks meanwhile is somebody's
        token = await token_of(staff, who)
        # not Playwright's `add_cookies`: it names a domain, which a `__Host-` cookie may not have
        attributes = {"secure": True, "httpOnly": True, "sameSite": "Strict", "path": "/"}
        done = await page.call("Network.setCookie", name=COOKIE, value=token, url=base, **attributes)
        assert done["success"], "the browser does not take the cookie"
