// Bookmarks: instants in a few words, to be found again. They hold no picture and keep none for longer.
import { LitElement, html, nothing } from "lit";
import { type State, ask } from "./api";
import { NO_WORDS, type Words, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { clock, moment } from "./time";

const TEXT_MOST = 200; // characters

interface Mark {
  number: number;
  camera: string;
  at_us: number;
  text: string;
  who: string;
  person: string;
  made_us: number;
  removable: boolean;
}

const ROUTE = "/api/v1/bookmarks";

async function list(path: string, change?: object, method?: string): Promise<Mark[]> {
  return ((await (await ask(path, change, method)).json()) as { bookmarks: Mark[] }).bookmarks;
}

export class MarksElement extends LitElement {
  static override properties = { data: { attribute: false }, camera: {}, at: { attribute: false }, marks: { state: true }, refusal: { state: true }, done: { state: true } };
  declare data: State;
  declare camera: string;
  declare at: number | null; // the instant on screen
  declare marks: Mark[] | null;
  declare refusal: Sentence | null;
  declare done: Words;

  constructor() {
    super();
    this.refusal = null;
    this.camera = "";
    this.done = NO_WORDS;
    this.at = this.marks = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.change(() => list(ROUTE), NO_WORDS);
  }

  /** Put the keyboard into the words of a new one. */
  start(): void {
    this.querySelector<HTMLInputElement>("input[name=text]")?.focus();
  }

  private async change(how: () => Promise<Mark[]>, done: Words): Promise<boolean> {
    this.refusal = await refusalOf(async () => (this.marks = await how()));
    this.done = this.refusal ? NO_WORDS : done;
    return this.refusal === null;
  }

  private async set(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (this.at === null) return;
    const form = event.target as HTMLFormElement;
    const mark = { camera: this.camera, at_us: this.at, text: String(new FormData(form).get("text")).trim() };
    if (await this.change(() => list(ROUTE, mark), () => t("marks.set", { time: clock(mark.at_us) }))) form.reset();
  }

  private name(camera: string): string {
    return this.data.cameras.find((each) => each.id === camera)?.name ?? camera;
  }

  private row(mark: Mark) {
    const time = moment(mark.at_us, this.data.now_utc_us);
    const go = (): void => void this.dispatchEvent(new CustomEvent("jump", { detail: { camera: mark.camera, at: mark.at_us }, bubbles: true }));
    return html`<tr><td data-label=${t("marks.at")}>${time}</td><td data-label=${t("jump.camera")}>${this.name(mark.camera)}</td>
      <td data-label=${t("marks.text")}>${mark.text}</td><td data-label=${t("marks.by")}>${mark.person}</td>
      <td class="act"><button @click=${go} aria-label=${t("marks.goOf", { time, text: mark.text })}>${t("marks.go")}</button>
        ${mark.removable ? html`<button @click=${() => void this.change(() => list(`${ROUTE}/${mark.number}`, {}, "DELETE"), () => t("marks.removed"))} aria-label=${t("marks.removeOf", { time, text: mark.text })}>${t("marks.remove")}</button>` : nothing}</td></tr>`;
  }

  protected override render() {
    return html`<section class="marks"><h2>${t("marks.title")}</h2><p class="hint">${t("marks.hint")}</p>
      <form @submit=${(event: SubmitEvent) => void this.set(event)}>
        <label>${t("marks.text")} <input name="text" required maxlength=${TEXT_MOST} autocomplete="off" ?disabled=${this.at === null}></label>
        <button ?disabled=${this.at === null}>${t("marks.add")}</button></form>
      <p class="hint" role="status">${this.done()}</p>
      ${refused(this.refusal)}
      ${this.marks === null ? nothing : this.marks.length === 0 ? html`<p>${t("marks.none")}</p>`
        : html`<table class="stack"><thead><tr><th scope="col">${t("marks.at")}</th><th scope="col">${t("jump.camera")}</th><th scope="col">${t("marks.text")}</th>
          <th scope="col">${t("marks.by")}</th><td></td></tr></thead><tbody>${this.marks.map((each) => this.row(each))}</tbody></table>`}</section>`;
  }
}

declare global {
  interface HTMLElementTagNameMap {
    "t-marks": MarksElement;
  }
}

customElements.define("t-marks", MarksElement);
