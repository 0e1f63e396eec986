// On the manager's home: who looked last, whose access or authorisation ends soon.
import { LitElement, html, nothing } from "lit";
import { type AccountRow, accounts } from "./accounts-api";
import { type Look as Opened, Refused, type State, ask } from "./api";
import { type Key, t } from "./i18n";
import { DAY, dated, moment, shortDate } from "./time";

type Look = Opened & { person: string };

const REFRESH_MS = 30_000;
const LAST = 3; // looks shown; the journal has them all
const SHOWN = 365 * DAY; // who looked last is shown even when it is long ago
const SOON = 30 * DAY; // before the end of an authorisation: time enough to have it prolonged

export class AccessElement extends LitElement {
  static override properties = { data: { attribute: false }, rights: { attribute: false }, looks: { state: true }, people: { state: true } };
  declare data: State | null;
  declare rights: ReadonlySet<string> | null;
  declare looks: Look[] | null;
  declare people: AccountRow[];
  private timer = 0;
  private asked = false;

  constructor() {
    super();
    this.data = this.rights = this.looks = null;
    this.people = [];
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.timer);
    this.asked = false;
  }

  protected override updated(): void {
    if (this.asked || !this.data || !this.rights) return;
    this.asked = true;
    void this.poll();
  }

  private async poll(): Promise<void> {
    const now = this.data!.now_utc_us;
    try {
      if (this.rights?.has("looks")) {
        this.looks = ((await (await ask(`/api/v1/looks?from=${Math.max(0, now - SHOWN)}&to=${now + DAY}&limit=${LAST}`)).json()) as { looks: Look[] }).looks;
      }
      if (this.rights?.has("accounts")) this.people = (await accounts()).accounts;
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the pages of their own say what is wrong
    }
    if (this.isConnected) this.timer = window.setTimeout(() => void this.poll(), REFRESH_MS);
  }

  private ends(now: number) {
    const people = this.people.filter((each) => !each.revoked);
    const grants = people.filter((each) => each.grant && each.grant.until_us > now).map((each) => t("home.grant", { name: each.person, time: dated(each.grant!.until_us, now) }));
    const over = people.filter((each) => each.role !== "viewer" && each.until_us > now && each.until_us < now + SOON)
      .map((each) => t("home.authorisation", { name: each.person, date: shortDate(each.until_us - 1) }));
    return [...over, ...grants];
  }

  protected override render() {
    if (!this.data || this.looks === null) return nothing;
    const now = this.data.now_utc_us;
    const ends = this.ends(now);
    const look = (each: Look) => html`<li>${t("home.look", { time: moment(each.opened_us, now), who: each.person, reason: t(`reason.${each.reason}` as Key) })}</li>`;
    return html`<section class="card"><h2>${t("home.access")}</h2>
      ${this.looks.length === 0 ? html`<p>${t("home.noLook")}</p>` : html`<ul class="plain-list">${this.looks.map(look)}</ul>`}
      <p><a href="/consultations">${t("journal.title")}</a></p>
      ${ends.length === 0 ? nothing : html`<h3>${t("home.ends")}</h3><ul class="plain-list">${ends.map((each) => html`<li>${each}</li>`)}</ul><p><a href="/acces">${t("access.title")}</a></p>`}</section>`;
  }
}

customElements.define("t-access", AccessElement);
