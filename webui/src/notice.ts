// The notice panel: what people who are filmed must be told, from the settings in force, on a sheet to print.
import { LitElement, html, nothing } from "lit";
import { type Notice, type Panel, type State, notice } from "./api";
import { type Key, language, plural, t } from "./i18n";
import { type Sentence, refusalOf, refused } from "./refused";

const NEEDS: Record<keyof Pick<Notice, "controller" | "authorisation" | "contact" | "dpo">, Key> = {
  controller: "notice.needController", authorisation: "notice.needAuthorisation", contact: "notice.needContact", dpo: "notice.needDpo",
};

export class NoticeElement extends LitElement {
  static override properties = { data: { attribute: false }, told: { state: true }, refusal: { state: true } };
  declare data: State | null;
  declare told: Notice | null;
  declare refusal: Sentence | null;

  constructor() {
    super();
    this.data = this.told = null;
    this.refusal = null;
  }

  protected override createRenderRoot(): HTMLElement {
    return this;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    void refusalOf(async () => (this.told = await notice())).then((why) => (this.refusal = why));
  }

  protected override render() {
    const { told, data } = this;
    if (this.refusal) return html`<h1>${t("notice.title")}</h1>${refused(this.refusal)}`;
    if (!told || !data) return html`<p>${t("play.loading")}</p>`;
    const lacks = new Intl.ListFormat(language()).format(told.missing.map((each) => t(NEEDS[each])));
    return html`<div class="screen-only"><h1>${t("notice.title")}</h1><p>${t("notice.intro")}</p>
        ${lacks ? html`<p class="refusal" role="alert">${t("notice.missing", { what: lacks })}</p>` : nothing}
        <p><button class=${lacks ? "" : "primary"} @click=${() => window.print()}>${t("notice.print")}</button></p></div>
      ${told.panels.map((each) => this.panel(each, told, data))}`;
  }

  private panel(panel: Panel, told: Notice, data: State) {
    const given = (value: string | null) => value ?? html`<span class="blank">${t("notice.blank")}</span>`;
    return html`<article class="panel" aria-label=${t(`notice.${panel.law}`)}>
      <header class="panel-head"><svg viewBox="0 0 96 64" width="120" height="80" aria-hidden="true">
          <path d="M6 8h52l10 10v18H6zM68 22l20-10v30L68 32z"></path><circle cx="28" cy="22" r="8"></circle><path d="M26 36v12h-16v10h26V36z"></path></svg>
        <h2>${t(`notice.${panel.law}`)}</h2><p>${data.site.name} · ${plural("notice.cameras", panel.cameras)}</p></header>
      <dl>
        <dt>${t("notice.who")}</dt><dd><b>${given(told.controller)}</b></dd>
        <dt>${t("notice.why")}</dt><dd>${panel.purposes.length > 1 ? html`<ul>${panel.purposes.map((each) => html`<li>${each}</li>`)}</ul>` : panel.purposes}</dd>
        ${panel.law === "public" ? html`<dt>${t("notice.authorised")}</dt><dd>${given(told.authorisation)}<br>${t("notice.law")}</dd>` : nothing}
        <dt>${t("notice.days")}</dt><dd><b>${plural("notice.daysText", panel.days)}</b>${panel.outside_hours ? html`<br>${t("notice.outside")}` : nothing}</dd>
        <dt>${t("notice.look")}</dt><dd>${t("notice.lookText")}<br>${t("notice.never")}${panel.detection ? html`<br>${t("notice.detects")}` : nothing}</dd>
        <dt>${t("notice.rights")}</dt><dd>${t("notice.rightsText")}<br><b>${given(told.contact)}</b><br>
          ${t("notice.dpo")} ${given(told.dpo)}<br>${t("notice.cnil")}</dd>
      </dl></article>`;
  }
}

customElements.define("t-notice", NoticeElement);
