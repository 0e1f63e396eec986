// The certificate of this page: what is served now, a request for the département's authority, and what it gave.
import { LitElement, html, nothing } from "lit";
import { type State, ask } from "./api";
import en from "./certificate-en.json";
import fr from "./certificate-fr.json";
import { language, put, said, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";
import { shortDate } from "./time";

/** As in the contract's schema CertificateTold. Times: UTC microseconds. */
interface Told {
  now_us: number;
  name: string | null;
  waiting: boolean;
  certificate: Served | null;
  faults: (Sentence & { code: string })[];
}

interface Served {
  subject: string;
  issuer: string;
  own: boolean;
  names: string[];
  from_us: number;
  until_us: number;
  fingerprint: string;
  words: string;
}

const PATH = "/api/v1/certificate";
const MOST = 128 << 10; // bytes that are read: more is no certificate, and is refused as such
const NAME = 100; // characters of what sentences call it

type Word = keyof typeof fr;
const english: Record<Word, string> = en;

/** The words of this screen come with it: the first page does without them. */
const w = (key: Word, values: Record<string, string | number> = {}): string => put(language() === "fr" ? fr[key] : english[key], values);

export class CertificateElement extends LitElement {
  static override properties = { data: { attribute: false }, told: { state: true }, asked: { state: true }, refusal: { state: true }, done: { state: true }, busy: { state: true } };
  declare data: State | null;
  declare told: Told | null;
  declare asked: string; // the request, PEM
  declare refusal: Sentence | null;
  declare done: Word | null;
  declare busy: boolean;
  private address = ""; // of the request, to be saved

  constructor() {
    super();
    this.data = this.told = this.refusal = this.done = null;
    this.asked = "";
    this.busy = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.try(null, async () => this.hear(await ask(PATH)));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.keep("");
  }

  private async hear(answer: Response): Promise<void> {
    this.told = (await answer.json()) as Told;
  }

  private keep(request: string): void {
    if (this.address) URL.revokeObjectURL(this.address);
    this.address = request ? URL.createObjectURL(new Blob([request], { type: "application/pkcs10" })) : "";
    this.asked = request;
  }

  /** Do it and say so, or say why not. */
  private async try(done: Word | null, work: () => Promise<void>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.refusal = this.done = null;
    this.refusal = await refusalOf(work).finally(() => (this.busy = false));
    if (!this.refusal) this.done = done;
    if (this.done || this.refusal) void this.updateComplete.then(() => this.querySelector("h1")?.scrollIntoView({ block: "nearest" })); // what came of it stands under it
  }

  private request(): void {
    void this.try("certificate.asked", async () => {
      this.keep(((await (await ask(`${PATH}/request`, {})).json()) as { request: string }).request);
      await this.hear(await ask(PATH));
    });
  }

  private install(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const typed = String(fields.get("text")).trim();
    const chosen = fields.get("chosen") as File;
    void this.try("certificate.installed", async () => {
      const pem = typed || (await chosen.slice(0, MOST).text());
      const given = typed || !chosen.name ? w("certificate.pasted") : chosen.name.replace(/[^\w .()-]/g, "_").slice(0, NAME);
      await this.hear(await ask(PATH, { given, pem }));
      this.keep("");
      form.reset();
    });
  }

  private served(served: Served) {
    const pairs = served.fingerprint.toUpperCase().match(/../g) ?? [];
    return html`<dl><dt>${w("certificate.names")}</dt><dd class="hint">${served.names.join(", ") || served.subject}</dd>
      <dt>${w("certificate.issuer")}</dt><dd class="hint">${served.own ? w("certificate.own") : served.issuer}</dd>
      <dt>${w("certificate.until")}</dt><dd class="hint">${shortDate(served.until_us)}</dd>
      <dt>${w("certificate.fingerprint")}</dt><dd><b class="words">${served.words}</b> <span class="hint">${pairs.join(":")}</span></dd></dl>
      <p class="hint">${w("certificate.compare")}</p>`;
  }

  /** What is stuck on the appliance: the only word that it gives on paper. */
  private label(served: Served, data: State) {
    const words = served.own ? html`<p>${w("certificate.check")}</p><p class="words">${served.words}</p>
      <p class="pairs">${(served.fingerprint.toUpperCase().match(/../g) ?? []).join(" ")}</p>` : nothing;
    return html`<section class="card"><h2>${w("certificate.label")}</h2><p>${w(served.own ? "certificate.labelText" : "certificate.labelIssued")}</p>
        <p><button @click=${() => window.print()}>${w("certificate.print")}</button></p></section>
      <article class="label" aria-label=${w("certificate.label")}><p><b>Témoin</b> · ${w("certificate.recorder")}</p><p class="place">${data.site.name}, ${data.site.place}</p>
        <p>${w("certificate.open")} <b>${location.origin}</b></p>${words}</article>`;
  }

  private asking(told: Told) {
    return html`<section class="card proof"><h2>${w("certificate.ask")}</h2><p>${w("certificate.askText")}</p>
      <p>${w("certificate.name")} <span class="hint">${told.name}</span></p>
      ${told.waiting && !this.asked ? html`<p>${w("certificate.waiting")}</p>` : nothing}
      ${this.asked === "" ? html`<p><button class="ask" ?disabled=${this.busy} @click=${() => this.request()}>${w(told.waiting ? "certificate.again" : "certificate.make")}</button></p>`
        : html`<label>${w("certificate.request")} <textarea class="request" readonly rows="6" spellcheck="false" .value=${this.asked}></textarea></label>
        <p><a class="button" download="demande.csr" href=${this.address}>${w("certificate.save")}</a></p>`}</section>`;
  }

  private installing() {
    return html`<section class="card"><h2>${w("certificate.install")}</h2><p>${w("certificate.installText")}</p>
      <form class="stacked" @submit=${(event: SubmitEvent) => this.install(event)}>
        <label>${w("certificate.chosen")} <input type="file" name="chosen" accept=".pem,.crt,.cer,.txt"></label>
        <label>${w("certificate.text")} <textarea name="text" rows="6" spellcheck="false" autocomplete="off"></textarea></label>
        <button class="primary" ?disabled=${this.busy}>${w("certificate.go")}</button></form></section>`;
  }

  protected override render() {
    const { told } = this;
    return html`<h1>${t("certificate.title")}</h1>
      ${refused(this.refusal)}<p role="status">${this.done ? w(this.done) : ""}</p>
      ${!told || !this.data ? nothing : html`<section class="card proof"><h2>${w("certificate.served")}</h2>
        ${told.faults.map((each) => html`<p class="refusal">${said(each)}</p>`)}
        ${told.certificate ? this.served(told.certificate) : html`<p>${w("certificate.none")}</p>`}</section>
        ${told.certificate ? html`${this.asking(told)}${this.installing()}${this.label(told.certificate, this.data)}` : nothing}`}`;
  }
}

customElements.define("t-certificate", CertificateElement);
