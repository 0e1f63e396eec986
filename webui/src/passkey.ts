// Security keys (WebAuthn): what a browser asks them, and one's own list of them. Bytes travel as base64url.
import { LitElement, html, nothing } from "lit";
import { type PasskeyAsked, Refused, ask } from "./api";
import type { PasskeyAnswer } from "./session-api";
import { type Key, NO_WORDS, type Words, said, t } from "./i18n";
import { having } from "./login";
import { type Sentence, refusalOf, refused } from "./refused";
import { when } from "./time";

interface PasskeyCreation extends PasskeyAsked {
  user: { id: string; name: string; display: string };
  algorithms: number[];
}

/** Times: UTC microseconds. `here`: it answers for the name of this page. */
interface PasskeyRow {
  id: string;
  name: string;
  party: string;
  here: boolean;
  made_us: number;
  used_us: number | null;
}

interface Passkeys {
  now_us: number;
  why_not: { fr: string; en: string } | null;
  keys: PasskeyRow[];
}

const PATH = "/api/v1/session/keys";

const WORDS: Record<string, Key> = { InvalidStateError: "passkey.twice", SecurityError: "passkey.page" };
const UNTRUSTED = /certificate/i; // Chromium says so under the name of a refusal by the person

function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (each) => each.charCodeAt(0));
}

function text(data: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(data))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** What a key says, or in words why it says nothing. */
async function heard(asked: () => Promise<Credential | null> | undefined): Promise<PublicKeyCredential> {
  let words: Key = "passkey.silent";
  try {
    const found = await asked();
    if (found) return found as PublicKeyCredential;
    words = "passkey.page"; // no such thing on a page that the browser does not trust
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    words = UNTRUSTED.test(error.message) ? "passkey.page" : (WORDS[error.name] ?? words);
  }
  throw new Refused({ status: 0, code: "key-silent", fr: t(words), en: t(words) });
}

const descriptors = (asked: PasskeyAsked): PublicKeyCredentialDescriptor[] => asked.keys.map((each) => ({ type: "public-key", id: bytes(each) }));

/** The answer of one of the keys at a log-in. */
export async function answer(asked: PasskeyAsked): Promise<PasskeyAnswer> {
  const found = await heard(() => navigator.credentials?.get({ publicKey: {
    challenge: bytes(asked.challenge), rpId: asked.party, allowCredentials: descriptors(asked), userVerification: "preferred", timeout: asked.lasts_ms,
  } }));
  const told = found.response as AuthenticatorAssertionResponse;
  return { challenge: asked.challenge, id: found.id, client_data: text(told.clientDataJSON), authenticator_data: text(told.authenticatorData), signature: text(told.signature) };
}

async function add(name: string, asked: PasskeyCreation): Promise<Passkeys> {
  const found = await heard(() => navigator.credentials?.create({ publicKey: {
    challenge: bytes(asked.challenge), rp: { id: asked.party, name: "Témoin" },
    user: { id: bytes(asked.user.id), name: asked.user.name, displayName: asked.user.display },
    pubKeyCredParams: asked.algorithms.map((alg) => ({ type: "public-key", alg })), excludeCredentials: descriptors(asked),
    authenticatorSelection: { residentKey: "discouraged", userVerification: "preferred" }, attestation: "none", timeout: asked.lasts_ms,
  } }));
  const told = found.response as AuthenticatorAttestationResponse;
  const what = { name, challenge: asked.challenge, id: found.id, client_data: text(told.clientDataJSON), attestation: text(told.attestationObject) };
  return (await (await ask(PATH, what)).json()) as Passkeys;
}

export class PasskeysElement extends LitElement {
  static override properties = { account: {}, told: { state: true }, refusal: { state: true }, done: { state: true }, busy: { state: true } };
  declare account: string;
  declare told: Passkeys | null;
  declare refusal: Sentence | null;
  declare done: Words;
  declare busy: boolean;

  constructor() {
    super();
    this.account = "";
    this.done = NO_WORDS;
    this.refusal = null;
    this.told = null;
    this.busy = false;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void this.try(NO_WORDS, async () => (await (await ask(PATH)).json()) as Passkeys);
  }

  /** Do it and show the list that comes of it, or say why not. */
  private async try(done: Words, work: () => Promise<Passkeys>): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    this.refusal = null;
    this.done = NO_WORDS;
    this.refusal = await refusalOf(async () => (this.told = await work())).finally(() => (this.busy = false));
    if (!this.refusal) this.done = done;
  }

  private add(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const field = (name: string) => String(fields.get(name)).trim();
    void this.try(() => t("passkey.added"), async () => {
      const asked = (await (await ask(`${PATH}/challenge`, { password: String(fields.get("old")), code: field("code") })).json()) as PasskeyCreation;
      const told = await add(field("key"), asked);
      form.reset();
      return told;
    });
  }

  private row(each: PasskeyRow, now: number) {
    const remove = () => void this.try(() => t("passkey.removed"), async () => (await (await ask(`${PATH}/${each.id}`, {}, "DELETE")).json()) as Passkeys);
    return html`<li><b>${each.name}</b>, ${t("passkey.made", { time: when(each.made_us, now) })},
      ${each.used_us === null ? t("passkey.unused") : t("passkey.used", { time: when(each.used_us, now) })}
      ${each.here ? nothing : html`<span class="hint">${t("passkey.elsewhere", { name: each.party })}</span>`}
      <button ?disabled=${this.busy} @click=${remove}>${t("passkey.remove", { name: each.name })}</button></li>`;
  }

  private adding() {
    return html`<details class="report"><summary>${t("passkey.add")}</summary><form class="stacked" @submit=${(event: SubmitEvent) => this.add(event)}>
      <label>${t("passkey.name")} <input name="key" required maxlength="40" autocomplete="off"></label>
      ${having(t("own.old"), this.account)}
      <label>${t("login.code")} <input name="code" required maxlength="40" autocomplete="one-time-code" spellcheck="false"></label>
      <p class="hint">${t("passkey.fresh")}</p><button class="primary" ?disabled=${this.busy}>${t("passkey.go")}</button></form></details>`;
  }

  protected override render() {
    const { told } = this;
    return html`<section class="card"><h2>${t("passkey.title")}</h2><p>${t("passkey.text")}</p>
      ${refused(this.refusal)}<p role="status">${this.done()}</p>
      ${told === null ? nothing : html`<ul>${told.keys.map((each) => this.row(each, told.now_us))}</ul>
        ${told.why_not === null ? this.adding() : html`<p class="hint">${said(told.why_not)}</p>`}`}</section>`;
  }
}

customElements.define("t-passkeys", PasskeysElement);
