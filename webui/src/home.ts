// Home: is all well, what is wrong and what to do, and the way to an instant. No picture.
import { LitElement, html, nothing } from "lit";
import { type Camera, type Disk, type Issue, type Note, type Pause, Refused, type State, type Stream, alerts } from "./api";
import { locale, plural, said, t } from "./i18n";
import { suggested } from "./jump";
import { DAY, clock, dated, length, moment } from "./time";
import "./access";
import "./watch";

const COUNT_MS = 10_000;
const ICONS = { ok: "✓", starting: "…", attention: "!" } as const;

export class HomeElement extends LitElement {
  static override properties = { data: { attribute: false }, rights: { attribute: false }, waiting: { state: true }, suspended: { state: true } };
  declare data: State | null;
  declare rights: ReadonlySet<string> | null;
  declare waiting: number; // alerts that nobody has answered
  declare suspended: number; // cameras on which a person has suspended detection
  private timer = 0;
  private start: number | null = null; // what the fields offer: set once, so that they never change under a hand

  constructor() {
    super();
    this.data = this.rights = null;
    this.waiting = this.suspended = 0;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.timer = window.setInterval(() => void this.count(), COUNT_MS);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.timer);
  }

  protected override updated(changed: Map<string, unknown>): void {
    if (changed.has("data") && changed.get("data") === null) void this.count();
  }

  private async count(): Promise<void> {
    if (!this.data || (this.rights !== null && !this.rights.has("alerts"))) return;
    try {
      this.waiting = (await alerts(this.data.now_utc_us - 31 * DAY, this.data.now_utc_us + DAY, { limit: 1 })).waiting;
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // the watch's card says that detection does not answer
    }
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  protected override render() {
    const state = this.data;
    if (!state) return html`<p class="verdict waiting">${t("verdict.waiting")}</p>`;
    this.start ??= suggested(state.cameras[0], state.now_utc_us);
    return html`${this.verdict(state)}
      ${state.issues.length > 0 || this.waiting > 0 ? this.issues(state) : nothing}
      ${this.signs ? html`<t-second .data=${state}></t-second>` : nothing}
      ${state.notes.length > 0 ? this.notes(state) : nothing}
      <section class="card"><h2>${t("jump.title")}</h2>
        <t-jump .cameras=${state.cameras} camera=${state.cameras[0]?.id ?? ""} .at=${this.start}></t-jump></section>
      ${this.cameras(state)}<t-access .data=${state} .rights=${this.rights}></t-access><t-watch .data=${state} .rights=${this.rights} @suspended=${(event: CustomEvent<number>) => (this.suspended = event.detail)}></t-watch>${this.disks(state)}
      ${this.rights?.has("certificate") ? html`<p><a class="button" href="/certificat">${t("certificate.title")}</a></p>` : nothing}`;
  }

  /** May sign, or ask for another's signature: its script is loaded for those alone. */
  private get signs(): boolean {
    if (this.rights !== null && !this.rights.has("countersign")) return false;
    void import("./second");
    return true;
  }

  private verdict(state: State) {
    const words = state.verdict === "attention"
      ? plural("verdict.attention", state.issues.length)
      : t(state.verdict === "ok" ? "verdict.ok" : "verdict.starting");
    const whole = (camera: Camera): boolean => Object.values(camera.streams).every((each) => each.status === "recording");
    const working = state.disks.filter((disk) => !this.broken(state, disk));
    const paused = state.cameras.filter((camera) => camera.pause !== null).length;
    const aside = paused > 0 ? `, ${plural("verdict.paused", paused)}` : "";
    return html`<section class="verdict ${state.verdict}">
      <span class="mark" aria-hidden="true">${ICONS[state.verdict]}</span>
      <div><div role="status"><h1>${words}</h1></div>
        <p>${plural("verdict.cameras", state.cameras.filter(whole).length, { all: state.cameras.length })}${aside}, ${plural("verdict.disks", working.length, { all: state.disks.length })}.</p>
        ${this.suspended > 0 ? html`<p><b>${plural("verdict.unwatched", this.suspended)}</b></p>` : nothing}
        <p class="hint">${t("verdict.checked", { time: clock(state.now_utc_us) })}</p></div></section>`;
  }

  private broken(state: State, disk: Disk): boolean {
    return state.issues.some((issue) => issue.code === "DISK" && issue.place === disk.path);
  }

  /** Records, and shows nothing of use: covered, blurred, turned away, frozen. */
  private blind(state: State, camera: Camera): boolean {
    return state.issues.some((issue) => issue.camera === camera.id && issue.code.startsWith("SIGHT_"));
  }

  private issues(state: State) {
    const row = (issue: Issue) => html`<li>
      <p class="what">${said(issue)}${issue.since_us === null ? nothing : html` <span class="since">${t("issue.since", { time: dated(issue.since_us, state.now_utc_us) })}</span>`}</p>
      ${issue.place ? html`<p class="hint">${issue.place}</p>` : nothing}
      <p><strong>${t("issue.todo")}</strong> ${said({ fr: issue.todo_fr, en: issue.todo_en })}</p></li>`;
    return html`<section class="card issues"><h2>${t("issues.title")}</h2><ul>${state.issues.map(row)}
      ${this.waiting > 0 ? html`<li><p class="what"><a href="/alertes">${plural("home.alerts", this.waiting)}</a></p></li>` : nothing}</ul></section>`;
  }

  private notes(state: State) {
    const row = (note: Note) => html`<li><p class="what">${said(note)} <span class="since">${t("events.pause", {
      from: dated(note.from_us, state.now_utc_us), to: dated(note.to_us, state.now_utc_us), length: length(note.to_us - note.from_us) })}</span></p>
      <p>${said({ fr: note.todo_fr, en: note.todo_en })}</p></li>`;
    return html`<section class="card issues"><h2>${t("home.notes")}</h2><ul>${state.notes.map(row)}</ul></section>`;
  }

  private cameras(state: State) {
    const oldest = (camera: Camera): number | null => {
      const times = Object.values(camera.streams).map((each) => each.first_utc_us).filter((each) => each !== null);
      return times.length > 0 ? Math.min(...times) : null;
    };
    const time = (us: number | null | undefined) => (us == null ? "–" : moment(us, state.now_utc_us));
    const row = (camera: Camera) => html`<tr>
      <th scope="row"><span class="name">${camera.name}</span><span class="hint">${camera.place}</span></th>
      <td class="bare">${camera.pause ? this.pause(camera.pause) : this.streams(camera)}${this.blind(state, camera) ? html`<span class="hint warn">${t("cameras.sight")}</span>` : nothing}${camera.next_pause_us === null ? nothing
        : html`<span class="hint">${t("cameras.nextPause", { time: dated(camera.next_pause_us, state.now_utc_us) })}</span>`}</td>
      <td data-label=${t("cameras.oldest")}>${time(oldest(camera))}</td>
      <td data-label=${t("cameras.newest")}>${time((camera.streams.main ?? camera.streams.sub)?.durable_utc_us)}</td>
      <td class="act">${this.rights?.has("aim") ? html`<a class="button" href="/cadrage?cam=${camera.id}" aria-label=${t("aim.of", { name: camera.name })}>${t("aim.title")}</a>` : nothing}${this.rights !== null && !this.rights.has("footage") ? nothing : html`<a class="button" href="/lecture?cam=${camera.id}" aria-label=${t("cameras.openOf", { name: camera.name })}>${t("cameras.open")}</a>`}</td></tr>`;
    return html`<section class="card"><h2>${t("cameras.title")}</h2><table class="stack">
      <thead><tr><th scope="col">${t("cameras.name")}</th><th scope="col">${t("cameras.state")}</th>
        <th scope="col">${t("cameras.oldest")}</th><th scope="col">${t("cameras.newest")}</th><td></td></tr></thead>
      <tbody>${state.cameras.map(row)}</tbody></table></section>`;
  }

  private pause(pause: Pause) {
    const planned = pause.cause === "PLANNED";
    return html`<span class="state ${planned ? "paused" : "stopped"}"><span class="dot" aria-hidden="true"></span><span>${
      t("status.why", { status: t("status.paused"), cause: said(pause) })}</span></span>`;
  }

  /** Streams in the same state for the same cause are said once. */
  private streams(camera: Camera) {
    const groups = new Map<string, [Stream, string[]]>();
    for (const [name, stream] of Object.entries(camera.streams)) {
      const words = name === "main" || name === "sub" ? t(`stream.${name}`) : name;
      const size = stream.width && stream.height ? ` ${stream.width}×${stream.height}` : "";
      const reader = stream.reader === "compatible" ? ` (${t("stream.compatible")})` : "";
      const key = `${stream.status} ${stream.cause}`;
      const group = groups.get(key) ?? [stream, []];
      group[1].push(words + size + reader);
      groups.set(key, group);
    }
    return [...groups.values()].map(([stream, names]) => {
      const status = t(`status.${stream.status}`);
      return html`<span class="state ${stream.status}"><span class="dot" aria-hidden="true"></span><span>${
        stream.status === "stopped" ? t("status.why", { status, cause: said(stream) }) : status}
        <span class="hint">${names.join(", ")}</span></span></span>`;
    });
  }

  private disks(state: State) {
    if (state.disks.length === 0) return nothing;
    return html`<section class="card"><h2>${t("disks.title")}</h2><table class="stack">
      <thead><tr><th scope="col">${t("disks.path")}</th><th scope="col">${t("disks.use")}</th><th scope="col">${t("disks.mark")}</th></tr></thead>
      <tbody>${state.disks.map((disk) => html`<tr><th scope="row">${said(disk)}${said(disk) === disk.path ? nothing : html`<span class="hint">${disk.path}</span>`}${this.broken(state, disk) ? html`<span class="hint warn">${t("status.stopped")}</span>` : nothing}</th>
        <td data-label=${t("disks.use")}>${t("disks.useText", { share: share(disk) })}</td>
        <td data-label=${t("disks.mark")}>${disk.mark_utc_us === null ? "–" : moment(disk.mark_utc_us, state.now_utc_us)}</td></tr>`)}</tbody></table>
      ${state.room_us === null ? nothing : html`<p class="room">${t("disks.room", { length: state.room_us < 2 * DAY ? length(state.room_us) : plural("time.days", Math.floor(state.room_us / DAY)) })}</p>`}<p class="hint">${t("disks.full")}</p></section>`;
  }
}

function share(disk: Disk): string {
  const used = disk.chunks > 0 ? (disk.open + disk.closed) / disk.chunks : 0;
  return used.toLocaleString(locale(), { style: "percent", maximumFractionDigits: 0 });
}

customElements.define("t-home", HomeElement);
