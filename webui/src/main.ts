// The frame of the page: site, language, state of the recorder, and which screen the address asks for.
import { LitElement, html, nothing } from "lit";
import { place, playback } from "./address";
import type { State } from "./api";
import type { Session } from "./session-api";
import { Refused, follow, state as fetchState } from "./api";
import { logOut, readNotices, session as fetchSession } from "./session-api";
import "./home";
import { type Key, type Language, language, said, setLanguage, t } from "./i18n";
import { QUIET_MS, spread } from "./patience";
import "./reason";
import { NOWHERE, SCREENS, type Screen, allowed, screenOf } from "./screens";
import { clock, dated, dayAndTime, moment, setZone } from "./time";

const REFRESH_MS = 2000;
const SILENT_MS = 6000; // without an event: the state is asked for

const SIGN_MS = 60_000; // between two words to the server that somebody sits here: a session left alone ends

class AppElement extends LitElement {
  static override properties = { data: { state: true }, down: { state: true }, over: { state: true }, address: { state: true }, mine: { state: true } };
  declare data: State | null;
  declare down: boolean;
  declare over: boolean; // the authorisation has ended while its session lasts
  declare address: URL;
  declare mine: Session | null | undefined; // null: nobody is logged in; undefined: not known yet
  private signed = 0;
  private unheard = 0; // ms of this page: since when the server says that the recorder does not answer; 0: it does
  private timer = 0;
  private events: EventSource | null = null;

  constructor() {
    super();
    this.data = null;
    this.down = this.over = false;
    this.address = new URL(location.href);
    this.mine = undefined;
  }

  private get rights(): ReadonlySet<string> {
    return new Set(this.mine?.rights);
  }

  /** The screen's address; who has no home begins at the pictures. */
  private get path(): string {
    const { pathname } = this.address;
    return pathname === "/" && this.inside && !this.rights.has("state") ? "/lecture" : pathname;
  }

  private get inside(): boolean {
    return Boolean(this.mine && this.mine.must.length === 0);
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    setLanguage(language());
    window.addEventListener("popstate", () => {
      this.address = new URL(location.href);
      this.listen();
    });
    this.addEventListener("click", this.onClick);
    document.addEventListener("keydown", this.onKey);
    this.addEventListener("jump", (event) => this.onJump((event as CustomEvent<{ camera: string; at: number }>).detail));
    this.addEventListener("go", (event) => this.go((event as CustomEvent<string>).detail));
    this.addEventListener("also", (event) => this.onAlso((event as CustomEvent<string[]>).detail));
    this.addEventListener("camera", (event) => this.onCamera((event as CustomEvent<string>).detail));
    this.addEventListener("entered", (event) => this.enter((event as CustomEvent<Session>).detail));
    for (const sign of ["pointerdown", "keydown"]) window.addEventListener(sign, this.onSign, { passive: true });
    document.addEventListener("visibilitychange", () => void this.poll());
    void this.poll();
  }

  /** Somebody is logged in, or has come further. */
  private enter(session: Session): void {
    this.mine = session;
    if (this.inside) void this.poll();
  }

  private async leave(): Promise<void> {
    try {
      await logOut();
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // over already
    }
    location.assign("/");
  }

  /** A key or a hand: the server is told that the session is not left alone. */
  private onSign = (): void => {
    if (!this.inside || performance.now() - this.signed < SIGN_MS) return;
    this.signed = performance.now();
    void this.again(fetchSession);
  };

  private async again(how: () => Promise<Session>): Promise<void> {
    try {
      this.mine = await how();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.problem.status === 401) this.mine = null;
    }
  }

  private async poll(): Promise<void> {
    clearTimeout(this.timer);
    try {
      if (!this.mine && this.over) return; // what is asked here would keep the session awake
      if (!this.mine) this.mine = await fetchSession();
      if (!this.inside) return;
      this.show(await fetchState());
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (error.problem.status === 401) this.mine = null;
      else if (error.problem.status === 403) this.over = true;
      else this.down = true;
    } finally {
      if (this.mine !== null) this.timer = window.setTimeout(() => void this.poll(), this.events ? SILENT_MS : REFRESH_MS);
      this.listen();
    }
  }

  private show(state: State): void {
    setZone(state.site.timezone);
    this.data = state;
    this.down = this.over = false;
    this.unheard = 0;
  }

  /** The server tells of no state: said once it has lasted, a recorder that starts anew is back by then. */
  private hush(): void {
    this.unheard ||= performance.now();
    this.down ||= performance.now() - this.unheard >= QUIET_MS;
  }

  /** Home is told the state by the server as long as somebody looks at it: a browser has six connections to one server
      for all its tabs. The other screens ask. */
  private listen = (): void => {
    const wanted = this.inside && this.address.pathname === "/" && !document.hidden;
    const again = (after: number): void => {
      clearTimeout(this.timer);
      this.timer = window.setTimeout(() => void this.poll(), after);
    };
    if (this.events && (!wanted || this.events.readyState === EventSource.CLOSED)) {
      this.events.close();
      this.events = null;
      if (this.mine) again(spread(REFRESH_MS));
    }
    if (!wanted || this.events) return;
    this.events = follow((state) => this.show(state), () => this.hush(), (well) => again(well ? SILENT_MS : spread(REFRESH_MS)));
  };

  private get playing(): boolean {
    return this.address.pathname === "/lecture";
  }

  private go(path: string): void {
    const before = this.address.pathname;
    history.pushState(null, "", path);
    this.address = new URL(location.href);
    window.scrollTo(0, 0);
    this.listen();
    if (this.address.pathname !== before) this.querySelector<HTMLElement>("main")?.focus(); // a reader begins at its top
  }

  /** "?" shows what the keys do; on the alerts' screen they have a window of their own. */
  private onKey = (event: KeyboardEvent): void => {
    if (event.key !== "?" || (event.target as Element).closest("input, select, textarea, dialog")) return;
    const keys = this.querySelector<HTMLDetailsElement>("details.keys");
    if (!keys) return;
    keys.open = true;
    keys.querySelector<HTMLElement>("summary")?.focus();
  };

  /** Links inside the page change the screen without loading it again. */
  private onClick = (event: MouseEvent): void => {
    const link = (event.target as Element).closest("a");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || link.hash || link.hasAttribute("download")) return;
    event.preventDefault();
    this.go(link.getAttribute("href") ?? "/");
  };

  private onJump(detail: { camera: string; at: number }): void {
    if (!this.playing) {
      this.go(playback({ ...detail, also: [] }));
      return;
    }
    const screen = this.querySelector("t-playback");
    if (screen && screen.camera === detail.camera) void screen.goTo(detail.at);
    else this.go(playback({ ...detail, also: place(this.address).also }));
  }

  /** On the playback screen another camera opens at the same instant; one of the group changes places with the large one. */
  private onCamera(camera: string): void {
    if (!this.playing) return;
    const now = place(this.address);
    const also = now.also.includes(camera) ? [...now.also, now.camera] : now.also;
    this.go(playback({ camera, also, at: this.querySelector("t-playback")?.at ?? null }));
  }

  private onAlso(also: string[]): void {
    const now = place(this.address);
    this.go(playback({ ...now, camera: now.camera || this.data?.cameras[0]?.id || "", also, at: this.querySelector("t-playback")?.at ?? null }));
  }

  private speak(chosen: Language): void {
    setLanguage(chosen);
    this.address = new URL(location.href); // words are not properties: every element below renders again
    for (const element of this.querySelectorAll("*")) if (element instanceof LitElement) element.requestUpdate();
  }

  /** The menu: what this account may do, and nothing else. */
  private menu(where: Screen["menu"]) {
    const here = screenOf(this.address.pathname);
    return SCREENS.filter((each) => each.menu === where && allowed(each, this.rights)).map((each) =>
      html`<a href=${each.path} aria-current=${each === here ? "page" : nothing}>${t(each.title)}</a>`);
  }

  /** On every screen: nobody has verified the time that all of it is told by. */
  private clock() {
    const state = this.data;
    if (!state?.clock || state.clock.state === "verified") return nothing;
    const { state: how, since_us: since } = state.clock;
    const head = since === null ? t("clock.unverified") : t("clock.since", { time: dated(since, state.now_utc_us) });
    return html`<p class="banner clock ${how}"><b role="status">${head}</b> ${said(state.clock)}
      ${t("clock.now", { time: dayAndTime(state.now_utc_us) })}${how === "doubtful" ? html` ${t("clock.hidden")}` : nothing}${this.rights.has("clock") && this.address.pathname !== "/heure" ? html` <a href="/heure">${t("clock.title")}</a>` : nothing}</p>`;
  }

  protected override render() {
    const site = this.data?.site;
    const screen = t(screenOf(this.path).title);
    document.title = site ? `${screen} · ${site.name} · ${t("app.name")}` : t("app.name");
    if (this.inside || !screenOf(this.path).right) void screenOf(this.path).load?.();
    if (this.mine !== undefined && !this.inside) void import("./login");
    const button = (each: Language) => html`<button lang=${each} aria-pressed=${language() === each} @click=${() => this.speak(each)}>${each === "fr" ? "Français" : "English"}</button>`;
    return html`<a class="skip" href="#content" @click=${() => this.querySelector<HTMLElement>("main")?.focus()}>${t("app.skip")}</a>
      <header><a class="brand" href="/"><img src="/favicon.svg" alt="" width="28" height="28"><span>${t("app.name")}</span></a>
        <span class="site">${site ? html`<b>${site.name}</b> <span>${site.place}</span>` : nothing}</span>
        <nav aria-label=${t("app.menu")}>${this.menu("top")}</nav>
        <div class="language" role="group" aria-label=${t("app.language")}>${button("fr")}${button("en")}</div>
        ${this.mine ? html`<p class="who">${this.inside ? html`<a href="/compte">${this.mine.who}</a>` : html`<span>${this.mine.who}</span>`} <button @click=${() => void this.leave()}>${t("login.out")}</button></p>` : nothing}${this.inside ? this.clock() : nothing}</header>
      <main id="content" tabindex="-1">
        ${this.down
          ? html`<section class="verdict attention" role="alert"><span class="mark" aria-hidden="true">!</span><div>${this.data && this.address.pathname !== "/" ? html`<h2>${t("down.title")}</h2>` : html`<h1>${t("down.title")}</h1>`}
              <p>${this.data ? t("down.text", { time: clock(this.data.now_utc_us) }) : t("down.never")}</p></div></section>`
          : nothing}
        ${this.told()}${this.inside && !this.over && this.rights.has("footage") ? html`<t-looks .data=${this.data}></t-looks>` : nothing}
        ${this.body()}
      </main>
      <footer><nav aria-label=${t("app.about")}>${this.menu("foot")}</nav></footer>`;
  }

  /** What managers are told of others' accounts, until they have read it. */
  private told() {
    const notices = this.mine?.notices ?? [];
    const newest = notices[0];
    if (!this.inside || !newest || !this.data) return nothing;
    const now = this.data.now_utc_us;
    return html`<section class="card told" role="status"><h2>${t("told.title")}</h2>
      <ul>${notices.map((each) => html`<li>${said(each)} <span class="hint">${moment(each.utc_us, now)}</span></li>`)}</ul>
      <button @click=${() => void this.again(() => readNotices(newest.number))}>${t("told.read")}</button></section>`;
  }

  /** There is nothing to see here, and where to go. */
  private stop(title: Key, text: Key) {
    return html`<section class="verdict waiting"><span class="mark" aria-hidden="true">?</span><div><h1>${t(title)}</h1><p>${t(text)}</p>
      <p><a href="/">${t("nowhere.home")}</a></p></div></section>`;
  }

  private body() {
    if (this.over) {
      return html`<section class="verdict waiting" role="alert"><span class="mark" aria-hidden="true">–</span><div><h1>${t("over.title")}</h1><p>${t("over.text")}</p></div></section>`;
    }
    const where = place(this.address);
    if (!this.inside && this.address.pathname !== "/accessibilite") {
      return this.mine === undefined ? html`<p class="verdict waiting">${t("login.checking")}</p>` : html`<t-login .mine=${this.mine}></t-login>`;
    }
    const { path } = this;
    const screen = screenOf(path);
    if (screen === NOWHERE) return this.stop("nowhere.title", "nowhere.text");
    if (this.inside && !allowed(screen, this.rights)) return this.stop("notYours.title", "notYours.text");
    if (this.down && !this.data && path !== "/accessibilite") return nothing; // that the recorder is silent is all there is to say
    switch (path) {
      case "/alertes":
        return html`<t-alerts .data=${this.data} .number=${Number(this.address.searchParams.get("n")) || null}></t-alerts>`;
      case "/lecture":
        return html`<t-playback .data=${this.data} .camera=${where.camera || (this.data?.cameras[0]?.id ?? "")}
          .also=${where.also} .start=${where.at}></t-playback>`;
      case "/acces":
        return html`<t-accounts .data=${this.data}></t-accounts>`;
      case "/consultations":
        return html`<t-journal .data=${this.data}></t-journal>`;
      case "/cadrage":
        return html`<t-aim .data=${this.data} .camera=${where.camera}></t-aim>`;
      case "/certificat":
        return html`<t-certificate .data=${this.data}></t-certificate>`;
      case "/heure":
        return html`<t-clock .data=${this.data}></t-clock>`;
      case "/compte":
        return html`<t-own .data=${this.data} .mine=${this.mine}></t-own>`;
      case "/affiche":
        return html`<t-notice .data=${this.data}></t-notice>`;
      case "/accessibilite":
        return html`<t-statement></t-statement>`;
      default:
        return html`<t-home class=${this.down ? "stale" : ""} .data=${this.data} .rights=${this.rights}></t-home>`;
    }
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "t-playback": import("./playback").PlaybackElement;
    "t-jump": import("./jump").JumpElement;
  }
}

customElements.define("t-app", AppElement);
