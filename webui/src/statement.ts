// The accessibility statement (RGAA 4.1.2, its model of a declaration): what was checked, and what nobody has.
import { LitElement, html } from "lit";
import { Refused, notice } from "./api";
import { t } from "./i18n";

export class StatementElement extends LitElement {
  static override properties = { contact: { state: true } };
  declare contact: string | null;

  constructor() {
    super();
    this.contact = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    notice().then((told) => (this.contact = told.contact), (error: unknown) => {
      if (!(error instanceof Refused)) throw error; // without settings, the person in charge is the contact
    });
  }

  protected override render() {
    return html`<article class="card"><h1>${t("rgaa.title")}</h1>
      <h2>${t("rgaa.state")}</h2><p>${t("rgaa.stateText")}</p>
      <h2>${t("rgaa.done")}</h2><ul><li>${t("rgaa.done1")}</li><li>${t("rgaa.done2")}</li></ul>
      <h2>${t("rgaa.open")}</h2><ul><li>${t("rgaa.open1")}</li><li>${t("rgaa.open2")}</li></ul>
      <h2>${t("rgaa.contact")}</h2><p>${t("rgaa.contactText")} <b>${this.contact ?? t("rgaa.contactNone")}</b></p>
      <h2>${t("rgaa.appeal")}</h2><p>${t("rgaa.appealText")}</p>
      <p class="hint">${t("rgaa.made")}</p></article>`;
  }
}

customElements.define("t-statement", StatementElement);
