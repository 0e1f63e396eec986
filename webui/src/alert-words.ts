// An alert in words: what happened, how long it lasted.
import type { Alert } from "./api";
import { keyOr, t } from "./i18n";
import { SECOND, length } from "./time";

/** What happened, in a sentence without the camera's name. */
export function what(alert: Alert): string {
  if (alert.source === "person") return t("alerts.reported", { by: alert.reported_by });
  return t(keyOr(`rule.${alert.rule}`, "rule.intrusion"), { label: labelled(alert.label) }) + (alert.zone ? t("alerts.inZone", { zone: alert.zone }) : "");
}

export function labelled(label: string): string {
  return t(keyOr(`label.${label}`, "label.something"));
}

export function lasted(alert: Alert): string {
  if (alert.closed_us === null) return t("alerts.active");
  return alert.source === "person" ? t("alerts.byHand") : length(Math.max(SECOND, alert.last_us - alert.opened_us));
}
