// Under the time line: what is missing in the stretch shown, as a table with causes, and the planned pauses.
import { html, nothing } from "lit";
import type { Camera, Gap, Timeline } from "./api";
import { plural, said, t } from "./i18n";
import type { Stretch } from "./stretch";
import { MINUTE, clock, dated, length, moment } from "./time";

const ROWS = 50; // of the table; more need a zoom

/** `go`: play on from an instant. */
export function gapTable(history: Timeline | null, camera: Camera | undefined, shown: Stretch, now: number, go: (at: number) => void) {
  const light = history?.light_only ?? [];
  const seen = [...(history?.gaps ?? []), ...light]
    .filter((gap) => gap.to_us > shown.from && gap.from_us < shown.to && gap.cause !== "NOT_KEPT").sort((a, b) => b.from_us - a.from_us);
  const gaps = seen.filter((gap) => gap.cause !== "PLANNED");
  const pauses = seen.filter((gap) => gap.cause === "PLANNED" && !light.includes(gap));
  const main = camera?.streams.sub ? camera.streams.main?.first_utc_us ?? null : null;
  const first = history?.first_us ?? null;
  const start = (gap: Gap): string => gap.from_us <= history!.from_us
    ? t("events.before", { time: dated(gap.from_us, now) }) : moment(gap.from_us, now);
  const row = (gap: Gap) => html`<tr><td data-label=${t("events.from")}>${start(gap)}</td>
    <td data-label=${t("events.to")}>${gap.open ? t("events.ongoing") : moment(gap.to_us, now)}</td>
    <td data-label=${t("events.length")}>${length(gap.to_us - gap.from_us)}</td>
    <td data-label=${t("events.cause")}>${light.includes(gap) ? t("events.lightOnly", { cause: said(gap) }) : said(gap)}</td>
    <td class="act">${gap.open ? nothing : html`<button @click=${() => go(gap.to_us)} aria-label=${t("events.goOf", { time: clock(gap.from_us) })}>${t("events.go")}</button>`}</td></tr>`;
  return html`<section class="events"><h2>${t("events.title")}</h2>${gaps.length === 0
    ? html`<p>${history?.spans.length ? t("events.none") : t("events.nothing")}</p>`
    : html`<table class="stack"><thead><tr><th scope="col">${t("events.from")}</th><th scope="col">${t("events.to")}</th><th scope="col">${t("events.length")}</th>
        <th scope="col">${t("events.cause")}</th><td></td></tr></thead><tbody>${gaps.slice(0, ROWS).map(row)}</tbody></table>
      ${gaps.length > ROWS ? html`<p>${plural("events.more", gaps.length - ROWS)}</p>` : nothing}`}
    ${pauses.length === 0 ? nothing : html`<h2>${t("events.pauses")}</h2><ul class="pauses">${pauses.slice(0, ROWS).map((gap) => html`<li>${
      gap.open ? t("events.pauseNow", { from: start(gap) })
        : t("events.pause", { from: start(gap), to: dated(gap.to_us, now), length: length(gap.to_us - gap.from_us) })}</li>`)}</ul>`}
    ${first === null ? nothing : html`<p class="hint">${t("events.first", { time: dated(first, now) })}${
      main !== null && main - first > MINUTE ? html` ${t("events.firstMain", { time: dated(main, now) })}` : nothing}</p>`}</section>`;
}
