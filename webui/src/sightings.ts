// What was seen, drawn over the picture it was seen on.
import { html, nothing } from "lit";
import { labelled } from "./alert-words";
import type { Sighting } from "./api";
import { t } from "./i18n";
import { SECOND, clock } from "./time";

/** The boxes seen around an instant, drawn over the picture in its own proportions. */
export function drawn(boxes: Sighting[], at: number | null, camera: string, width: number, height: number) {
  if (at === null || boxes.length === 0) return nothing;
  const nearest = new Map<string, Sighting>();
  for (const each of boxes) {
    if (each.camera !== camera || !each.box || Math.abs(each.utc_us - at) > 0.6 * SECOND) continue;
    const name = `${each.label}${each.track}`;
    const other = nearest.get(name);
    if (!other || Math.abs(each.utc_us - at) < Math.abs(other.utc_us - at)) nearest.set(name, each);
  }
  const draw = (each: Sighting) => {
    const [x, y, w, h] = each.box!;
    return html`<svg class="boxes" viewBox="0 0 ${width} ${height}" role="img" aria-label=${t("alerts.box", { label: labelled(each.label), time: clock(each.utc_us) })}>
      <rect x=${x * width} y=${y * height} width=${w * width} height=${h * height}></rect></svg>`;
  };
  return [...nearest.values()].map(draw);
}
