"""What the law has told to people who are filmed, as far as settings and nobody else can know it.

Sources: GDPR article 13 (who, why, how long, rights, complaint); CSI L.255-1 (places open to the public).
"""

from appliance.site.table import Table, Words


class NoticeSettings(Table):
    """`[notice]`, of the panel to print. `controller`: who answers for the cameras; `authorisation`: number and date of
    the prefect's order; `contact`: whom to write to or call to see pictures of oneself; `dpo`: the data protection
    officer. What is missing is said on the page instead of a panel that looks whole.
    """

    controller: Words | None = None
    authorisation: Words | None = None
    contact: Words | None = None
    dpo: Words | None = None
