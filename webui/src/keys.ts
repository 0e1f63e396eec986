// What the keyboard does on the playback screen, to be read there.
import { html } from "lit";
import { t } from "./i18n";

export function keyTable() {
  const shift = t("keys.shift");
  const rows: [string, string][] = [
    [t("keys.spaceName"), t("keys.space")], [",  .", t("keys.frame")], ["←  →", t("keys.second")], ["J  L", t("keys.ten")],
    [`${shift} ←  ${shift} →`, t("keys.gap")], ["+  −", t("keys.zoom")], ["G", t("keys.go")], ["B", t("keys.mark")], ["1  2  3  4", t("keys.tile")],
  ];
  return html`<details class="keys"><summary>${t("keys.title")}</summary><dl>${rows.map(([keys, words]) => html`<dt>${keys}</dt><dd>${words}</dd>`)}</dl></details>`;
}
